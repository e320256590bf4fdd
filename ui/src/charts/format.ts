/** How numbers, rates, durations and instants are written, everywhere in the app's charts. */

const counts = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const rates = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });

/** What stands where there is no value. */
export const NO_VALUE = "–";

export function formatCount(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? NO_VALUE : counts.format(value);
}

/** Short, for axes and labels inside of marks: 12.3K. */
export function formatCompact(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? NO_VALUE : compact.format(value);
}

/** A fraction 0…1 as a percentage. A rate of nothing is no number, never 0 %. */
export function formatRate(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? NO_VALUE : rates.format(value);
}

const DURATION_UNITS: [string, number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
];

/** The two largest units: `2 d 4 h`, `3 min 5 s`, `840 ms`. */
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return NO_VALUE;
  const largest = DURATION_UNITS.findIndex(([, size]) => ms >= size);
  if (largest < 0) return `${Math.round(ms)} ms`;
  const [unit, size] = DURATION_UNITS[largest]!;
  const whole = Math.floor(ms / size);
  const next = DURATION_UNITS[largest + 1];
  if (!next) return `${(ms / size).toFixed(ms < 10_000 ? 1 : 0)} ${unit}`;
  const rest = Math.floor((ms - whole * size) / next[1]);
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${next[0]}`;
}

const DAY_MS = 86_400_000;

/** A bucket's start, as precise as its length asks for. */
export function formatBucket(startMs: number, intervalMs: number, timezone: string): string {
  const date = new Date(startMs);
  const options: Intl.DateTimeFormatOptions =
    intervalMs >= 27 * DAY_MS
      ? { month: "short", year: "numeric" }
      : intervalMs >= DAY_MS
        ? { day: "numeric", month: "short" }
        : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return formatter({ ...options, timeZone: timezone }).format(date);
}

/** An instant in full. */
export function formatInstant(value: number | string | null | undefined, timezone: string): string {
  if (value === null || value === undefined || value === "") return NO_VALUE;
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return String(value);
  return formatter({ dateStyle: "medium", timeStyle: "medium", timeZone: timezone, hourCycle: "h23" }).format(
    date,
  );
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Formatters are costly to make, so each is made once. */
function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify(options);
  let made = formatters.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat("en-GB", options);
    formatters.set(key, made);
  }
  return made;
}
