/**
 * The one date range of the app, as text in the URL (`range`):
 * `7d`, `24h` (the last so much), `today`, `yesterday`, `this-week`, `last-month`…, or `2026-11-01..2026-11-08`
 * (dates in the time zone, the second one not included; either may carry a time as in `2026-11-01T08:30`).
 */
export interface DateRange {
  /** As in the URL. */
  text: string;
  /** IANA name. */
  timezone: string;
}

export interface Instants {
  /** Epoch milliseconds; half-open. */
  from: number;
  to: number;
}

export const DEFAULT_RANGE = "30d";

export const PRESETS: { text: string; label: string }[] = [
  { text: "1h", label: "Last hour" },
  { text: "24h", label: "Last 24 hours" },
  { text: "7d", label: "Last 7 days" },
  { text: "30d", label: "Last 30 days" },
  { text: "90d", label: "Last 90 days" },
  { text: "today", label: "Today" },
  { text: "yesterday", label: "Yesterday" },
  { text: "this-week", label: "This week" },
  { text: "last-week", label: "Last week" },
  { text: "this-month", label: "This month" },
  { text: "last-month", label: "Last month" },
  { text: "this-year", label: "This year" },
];

const UNIT_MS: Record<string, number> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};
const UNIT_WORDS: Record<string, string> = { s: "second", m: "minute", h: "hour", d: "day", w: "week" };
const RELATIVE = /^(\d{1,5})([smhdw])$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2})?$/;
const CALENDAR = /^(today|yesterday|(this|last)-(week|month|quarter|year))$/;

export function isRange(text: unknown): text is string {
  if (typeof text !== "string") return false;
  if (RELATIVE.test(text)) return Number.parseInt(text, 10) > 0;
  if (CALENDAR.test(text)) return true;
  const [from, to, more] = text.split("..");
  if (from === undefined || to === undefined || more !== undefined) return false;
  return MOMENT.test(from) && MOMENT.test(to) && from < to;
}

/** For people. */
export function rangeLabel(text: string): string {
  const preset = PRESETS.find((preset) => preset.text === text);
  if (preset) return preset.label;
  const relative = RELATIVE.exec(text);
  if (relative) {
    const [, count, unit = "d"] = relative;
    return `Last ${count} ${UNIT_WORDS[unit]}${count === "1" ? "" : "s"}`;
  }
  if (CALENDAR.test(text)) return (text.charAt(0).toUpperCase() + text.slice(1)).replace("-", " ");
  const [from = "", to = ""] = text.split("..");
  return `${momentLabel(from)} – ${momentLabel(to)}`;
}

function momentLabel(moment: string): string {
  const date = new Date(`${moment.slice(0, 10)}T00:00:00Z`);
  const day = date.toLocaleDateString("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
    timeZone: "UTC",
  });
  return moment.length > 10 ? `${day} ${moment.slice(11)}` : day;
}

/** What a range comes to at the instant `now` (epoch milliseconds). `weekStart`: 0 is Sunday, 1 Monday. */
export function resolveRange({ text, timezone }: DateRange, now: number, weekStart = 1): Instants {
  const relative = RELATIVE.exec(text);
  if (relative) {
    const span = Number(relative[1]) * (UNIT_MS[relative[2] ?? "d"] ?? 0);
    return { from: now - span, to: now };
  }
  if (CALENDAR.test(text)) {
    const { from, to } = calendarDays(text, civilOf(now, timezone), weekStart);
    return { from: instantOf(from, timezone), to: Math.min(instantOf(to, timezone), now) };
  }
  const [from = "", to = ""] = text.split("..");
  return { from: instantOf(readMoment(from), timezone), to: instantOf(readMoment(to), timezone) };
}

/** A reading of calendar and clock, without a zone: milliseconds as if it were UTC. */
type Civil = number;

function readMoment(moment: string): Civil {
  return Date.parse(moment.length > 10 ? `${moment}:00Z` : `${moment}T00:00:00Z`);
}

function calendarDays(text: string, now: Civil, weekStart: number): { from: Civil; to: Civil } {
  const date = new Date(now);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  const at = (y: number, m: number, d: number): Civil => Date.UTC(y, m, d);
  if (text === "today") return { from: at(year, month, day), to: at(year, month, day + 1) };
  if (text === "yesterday") return { from: at(year, month, day - 1), to: at(year, month, day) };
  const [which, unit] = text.split("-");
  const back = which === "last" ? 1 : 0;
  if (unit === "week") {
    const first = day - ((date.getUTCDay() - weekStart + 7) % 7) - 7 * back;
    return { from: at(year, month, first), to: at(year, month, first + 7) };
  }
  const months = unit === "month" ? 1 : unit === "quarter" ? 3 : 12;
  const first = month - (month % months) - months * back;
  return { from: at(year, first, 1), to: at(year, first + months, 1) };
}

const formats = new Map<string, Intl.DateTimeFormat>();

function civilOf(instant: number, timezone: string): Civil {
  let format = formats.get(timezone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: timezone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(timezone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(instant)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The instant at which the zone's clocks read `civil`; in a gap, the instant as far after it. */
export function instantOf(civil: Civil, timezone: string): number {
  const first = civil - (civilOf(civil, timezone) - civil);
  return civil - (civilOf(first, timezone) - first);
}

/** `2026-11-01` in the zone, for inputs. */
export function dateIn(instant: number, timezone: string): string {
  return new Date(civilOf(instant, timezone)).toISOString().slice(0, 10);
}

export function isTimezone(name: unknown): name is string {
  if (typeof name !== "string" || name === "") return false;
  try {
    Intl.DateTimeFormat("en-US", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
