import { useEffect, useRef, useState } from "react";
import { type AnswerMeta, envelope, initOf, type One, urlOf } from "../api/client";
import { ApiError, isAbort, readFaults } from "../api/errors";
import { eventsOf } from "../api/stream";
import type { Definition } from "./definition";
import type { Note } from "./queries";

export interface ClauseCount {
  pointer: string;
  count: number;
  /** How many remain after this clause and those before it in the same `all`. */
  kept?: number;
  /** How many get as far as each positive step. */
  steps?: number[];
}

export interface PreviewAnswer {
  count: number;
  population: number;
  clauses: ClauseCount[];
  /** The parts of an `all` that are more than one clause. */
  groups?: ClauseCount[];
  sample: string[];
  echo: string;
  warnings: Note[];
}

/** A growing estimate: with 95 % confidence between `low` and `high`. */
export interface Estimate {
  count: number;
  low: number;
  high: number;
  /** Of the entities, looked at so far. */
  fraction: number;
  population: number;
  clauses: ClauseCount[];
}

export interface PreviewState {
  /** Of the definition before, while the next is being counted. */
  answer?: PreviewAnswer;
  meta?: AnswerMeta;
  estimate?: Estimate;
  error?: unknown;
  pending: boolean;
}

/** How long typing has to pause. */
const PAUSE_MS = 250;
const SAMPLE_SIZE = 20;

/** Counts a definition while it is being written; a newer one cancels the older, here and on the server. */
export function usePreview(definition: Definition): PreviewState & { retry: () => void } {
  const [state, setState] = useState<PreviewState>({ pending: true });
  const [round, setRound] = useState(0);
  const [editor] = useState(() => crypto.randomUUID());
  const body = JSON.stringify({ definition });
  const first = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another round asks the same again
  useEffect(() => {
    const stop = new AbortController();
    const ask = async () => {
      try {
        for await (const part of previewOf(body, editor, stop.signal)) {
          if (stop.signal.aborted) return;
          setState((previous) => ({ ...previous, error: undefined, ...part }));
        }
      } catch (error) {
        if (!isAbort(error) && !stop.signal.aborted) {
          setState((previous) => ({ ...previous, estimate: undefined, error, pending: false }));
        }
      }
    };
    setState((previous) => ({ ...previous, pending: true }));
    const timer = setTimeout(ask, first.current ? 0 : PAUSE_MS);
    first.current = false;
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [body, editor, round]);
  return { ...state, retry: () => setRound((n) => n + 1) };
}

async function* previewOf(body: string, editor: string, signal: AbortSignal): AsyncGenerator<PreviewState> {
  const attributes = { ...JSON.parse(body), editor, sample_size: SAMPLE_SIZE };
  const init = initOf("POST", { body: envelope("segment_preview", attributes), signal });
  for await (const event of eventsOf(urlOf("/segments/preview"), init))
    yield stateOf(event.event, event.data);
}

function stateOf(event: string, data: string): PreviewState {
  const parsed = JSON.parse(data || "null");
  switch (event) {
    case "estimate":
      return { estimate: parsed, pending: true };
    case "result": {
      const { data: resource, meta } = parsed as One<PreviewAnswer>;
      return { answer: resource.attributes, meta, estimate: undefined, pending: false };
    }
    case "error":
      throw new ApiError(400, readFaults(parsed, 400));
    default:
      return { pending: true };
  }
}
