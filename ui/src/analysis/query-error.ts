import { ApiError, type Fault } from "../api/errors";
import { errorPosition } from "./query-tokens";

export interface QueryError {
  message: string;
  /** Offset of the character that is wrong, if the server says so. */
  position: number | null;
}

/**
 * What the server says about one query of a request, found by the end of its pointer. The Datadog-compatible paths put
 * the pointer into the sentence.
 */
export function queryError(error: unknown, pointerEnd: string): QueryError | null {
  if (!(error instanceof ApiError)) return null;
  const fault = error.faults.find((one) => pointerOf(one)?.endsWith(pointerEnd));
  if (!fault) return null;
  const message = fault.detail.replace(/ \(at \/[^)]*\)$/, "");
  return { message, position: fault.meta?.offset ?? errorPosition(fault.detail) };
}

function pointerOf(fault: Fault): string | undefined {
  return fault.source?.pointer ?? /\(at (\/[^)]*)\)$/.exec(fault.detail)?.[1];
}
