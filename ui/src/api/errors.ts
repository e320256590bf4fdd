/** One entry of the API's `errors[]`. */
export interface Fault {
  status?: string;
  title?: string;
  detail: string;
  source?: { pointer?: string; parameter?: string };
  meta?: { offset?: number; length?: number; users?: { type: string; id: string; name: string }[] };
}

/** An answer that is not 2xx. `status` 0: the server could not be reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly faults: Fault[];

  constructor(status: number, faults: Fault[]) {
    super(faults.map((fault) => fault.detail).join("; ") || `the server answered ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.faults = faults;
  }
}

/** The Datadog-compatible paths answer strings, our own objects. */
export function readFaults(body: unknown, status: number): Fault[] {
  const errors = typeof body === "object" && body !== null && "errors" in body ? body.errors : undefined;
  if (!Array.isArray(errors) || errors.length === 0) {
    return [{ detail: `The server answered ${status} without saying why.` }];
  }
  return errors.map((error): Fault => {
    if (typeof error === "string") return { detail: error };
    return { ...error, detail: String(error?.detail ?? error?.title ?? `The server answered ${status}.`) };
  });
}

/** A request that was given up on purpose. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
