/** Reading a page's state from its URL: whatever can't be read becomes the default. */
import type { GroupBy, Measure } from "./requests";

export function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

export function oneOf<T extends string>(value: unknown, known: readonly T[], otherwise: T): T {
  return known.find((one) => one === value) ?? otherwise;
}

export function whole(value: unknown, least: number, most: number, otherwise: number): number {
  const number = Number(value);
  return value !== undefined && Number.isInteger(number)
    ? Math.min(most, Math.max(least, number))
    : otherwise;
}

export function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

/** `count`, `cardinality:@usr.id`, `pc95:@view.loading_time`. */
export function readMeasure(value: unknown, otherwise: Measure): Measure {
  if (typeof value !== "string" || !/^[a-z_]+[\d.]*(:.+)?$/.test(value)) return otherwise;
  const colon = value.indexOf(":");
  if (colon < 0) return { aggregation: value };
  return { aggregation: value.slice(0, colon), metric: value.slice(colon + 1) };
}

export function writeMeasure(measure: Measure): string {
  return measure.metric ? `${measure.aggregation}:${measure.metric}` : measure.aggregation;
}

export function readGroups(value: unknown, most: number): GroupBy[] {
  if (!Array.isArray(value)) return [];
  return value
    .map(record)
    .filter((group) => typeof group.facet === "string" && group.facet !== "")
    .slice(0, most)
    .map((group) => ({
      facet: String(group.facet),
      limit: whole(group.limit, 1, 10_000, 10),
      ...(group.order === "asc" ? { order: "asc" as const } : {}),
      ...(group.presentOnly === true ? { presentOnly: true } : {}),
      ...(group.source === "user" || group.source === "account" ? { source: group.source } : {}),
    }));
}

/** `undefined` leaves the default out of the URL. */
export function unless<T>(value: T, usual: T): T | undefined {
  return value === usual ? undefined : value;
}
