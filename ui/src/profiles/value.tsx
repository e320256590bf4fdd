import { formatCount, formatDuration, formatInstant, NO_VALUE } from "../charts/format";

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/;

/** One attribute of a profile or an event, as people read it. */
export function valueText(name: string, value: unknown, timezone: string): string {
  if (value === null || value === undefined || value === "") return NO_VALUE;
  if (Array.isArray(value)) return value.map(String).join(", ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  // Durations are nanoseconds wherever they come from a browser.
  if (typeof value === "number")
    return /(loading_time|time_spent)$/.test(name) ? formatDuration(value / 1e6) : formatCount(value);
  if (typeof value === "object") return JSON.stringify(value);
  const text = String(value);
  return INSTANT.test(text) ? formatInstant(text, timezone) : text;
}
