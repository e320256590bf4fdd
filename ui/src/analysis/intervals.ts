import type { TimeRange } from "./requests";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The time steps that can be chosen, and their lengths. */
export const STEPS = {
  minute: MINUTE_MS,
  "5m": 5 * MINUTE_MS,
  "15m": 15 * MINUTE_MS,
  hour: HOUR_MS,
  "4h": 4 * HOUR_MS,
  day: DAY_MS,
  week: 7 * DAY_MS,
} as const;

export type Step = keyof typeof STEPS;

export const STEP_NAMES: Record<Step, string> = {
  minute: "1 minute",
  "5m": "5 minutes",
  "15m": "15 minutes",
  hour: "1 hour",
  "4h": "4 hours",
  day: "1 day",
  week: "1 week",
};

/** More buckets than this are no picture any more. */
export const MOST_BUCKETS = 750;

/** The smallest step that gives at most some 60 buckets. */
export function automaticStep(range: TimeRange): Step {
  const length = range.to - range.from;
  const fitting = (Object.keys(STEPS) as Step[]).find((step) => length / STEPS[step] <= 62);
  return fitting ?? "week";
}

/** Steps that make a readable number of buckets of this range. */
export function stepsFor(range: TimeRange): Step[] {
  const length = range.to - range.from;
  return (Object.keys(STEPS) as Step[]).filter(
    (step) => length / STEPS[step] <= MOST_BUCKETS && length > STEPS[step],
  );
}
