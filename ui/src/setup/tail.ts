import { useEffect, useReducer } from "react";
import { apiFetch, urlOf } from "../api/client";
import { isAbort } from "../api/errors";
import { EventParser, type ServerEvent } from "../api/stream";

export interface TailEvent {
  kind: "event" | "rejected";
  key: number;
  received_at: string;
  source: string;
  type?: string;
  id?: string;
  ts?: string;
  user?: string;
  name?: string;
  line?: number;
  reason?: string;
  excerpt?: string;
}

export interface Tail {
  state: "connecting" | "open" | "failed";
  error: unknown;
  /** Newest first. */
  rows: TailEvent[];
  /** Events that came too fast to be shown. */
  skipped: number;
}

/** Rows kept on screen. */
const MOST_ROWS = 200;

type Change = { opened: true } | { failed: unknown } | { heard: ServerEvent };

export const EMPTY_TAIL: Tail = { state: "connecting", error: null, rows: [], skipped: 0 };

let numbered = 0;

export function heard(tail: Tail, change: Change): Tail {
  if ("opened" in change) return { ...tail, state: "open", error: null };
  if ("failed" in change) return { ...tail, state: "failed", error: change.failed };
  const { event, data } = change.heard;
  const open: Tail = { ...tail, state: "open", error: null };
  let body: Record<string, unknown>;
  try {
    body = JSON.parse(data) as Record<string, unknown>;
  } catch {
    return open;
  }
  if (event === "skipped") return { ...open, skipped: open.skipped + Number(body.count ?? 0) };
  if (event !== "event" && event !== "rejected") return open;
  const row = { ...(body as unknown as TailEvent), kind: event, key: numbered++ } as TailEvent;
  return { ...open, rows: [row, ...open.rows].slice(0, MOST_ROWS) };
}

const RETRY_MS = 3000;

/** One connection, until it ends. */
async function hear(signal: AbortSignal, change: (change: Change) => void) {
  const response = await apiFetch(urlOf("/events/tail"), {
    headers: { Accept: "text/event-stream" },
    signal,
  });
  change({ opened: true });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const event of parser.push(value)) change({ heard: event });
  }
}

/** What arrives, while it arrives; reconnects when the connection is lost. */
export function useTail(on: boolean): Tail {
  const [tail, change] = useReducer(heard, EMPTY_TAIL);
  useEffect(() => {
    if (!on) return;
    const stop = new AbortController();
    const listen = async () => {
      while (!stop.signal.aborted) {
        try {
          await hear(stop.signal, change);
        } catch (error) {
          if (isAbort(error) || stop.signal.aborted) return;
          change({ failed: error });
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    };
    void listen();
    return () => stop.abort();
  }, [on]);
  return tail;
}
