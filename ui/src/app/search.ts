import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useRef } from "react";
import {
  type DateRange,
  DEFAULT_RANGE,
  type Instants,
  isRange,
  isTimezone,
  resolveRange,
} from "../time/range";
import { useSession } from "./session";

/** What every page's URL may carry beside its own parameters. */
export interface SharedSearch {
  /** See `time/range.ts`; absent: the last 30 days. */
  range?: string;
  /** IANA name; absent: the workspace's. */
  tz?: string;
  /** The segment that numbers are about; absent: everyone. */
  segment?: string;
}

export function readShared(search: Record<string, unknown>): SharedSearch {
  return {
    range: isRange(search.range) ? search.range : undefined,
    tz: isTimezone(search.tz) ? search.tz : undefined,
    segment: typeof search.segment === "string" && search.segment ? search.segment : undefined,
  };
}

export interface Shared {
  range: DateRange;
  /** What the range comes to; fixed until the range changes or {@link Shared.refresh} is called. */
  instants: Instants;
  segment: string | undefined;
  setRange: (range: { text?: string; timezone?: string }) => void;
  setSegment: (id: string | undefined) => void;
}

const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/** How long "now" stands still, so that a range does not ask anew on every render. */
const NOW_STEP_MS = 60_000;

/** The one date range and segment of the app, from the URL. */
export function useShared(): Shared {
  const search = useSearch({ strict: false }) as SharedSearch;
  const navigate = useNavigate();
  const { workspace } = useSession();
  const text = search.range ?? DEFAULT_RANGE;
  const timezone = search.tz ?? workspace.timezone;
  const now = Math.floor(Date.now() / NOW_STEP_MS) * NOW_STEP_MS;
  const weekStart = Math.max(0, WEEKDAYS.indexOf(workspace.week_start));
  const range = useMemo(() => ({ text, timezone }), [text, timezone]);
  const instants = useMemo(() => resolveRange(range, now, weekStart), [range, now, weekStart]);
  const change = useCallback(
    (part: SharedSearch) =>
      navigate({
        to: ".",
        search: (previous: Record<string, unknown>) => ({ ...previous, ...part }),
      } as never),
    [navigate],
  );
  return {
    range,
    instants,
    segment: search.segment,
    setRange: (next) => {
      const tz = next.timezone ?? timezone;
      change({
        range: (next.text ?? text) === DEFAULT_RANGE ? undefined : (next.text ?? text),
        tz: tz === workspace.timezone ? undefined : tz,
      });
    },
    setSegment: (segment) => change({ segment }),
  };
}

/** How a page's state is read from its URL and written there. */
export interface SearchCodec<T> {
  /** Never throws: what can't be read falls back to the default. */
  read: (search: Record<string, unknown>) => T;
  /** `undefined` removes a parameter; values may be JSON. */
  write: (state: T) => Record<string, unknown>;
}

/**
 * A page's state, kept in the URL. `replace` (default) changes the current entry of the history; with `push` Back undoes
 * the step.
 */
export function useSearchState<T>(
  codec: SearchCodec<T>,
): [T, (next: T, history?: "replace" | "push") => void] {
  const search = useSearch({ strict: false }) as Record<string, unknown>;
  const navigate = useNavigate();
  const key = JSON.stringify(search);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the search
  const state = useMemo(() => codec.read(search), [key, codec]);
  const latest = useRef(codec);
  latest.current = codec;
  const set = useCallback(
    (next: T, history: "replace" | "push" = "replace") =>
      void navigate({
        to: ".",
        replace: history === "replace",
        search: (previous: Record<string, unknown>) => ({ ...previous, ...latest.current.write(next) }),
      } as never),
    [navigate],
  );
  return [state, set];
}
