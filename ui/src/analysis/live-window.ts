/** Turning the fixed dates of a chart's range back into "the last 30 days", so that a segment made of it lives on. */

/** `30d`, `24h`…: the ranges that end now. */
export function isLive(rangeText: string): boolean {
  return /^\d{1,5}[smhdw]$/.test(rangeText);
}

/** The definition with `{from, to}` windows that are the chart's range replaced by `{last}`. */
export function keepLive(
  definition: unknown,
  rangeText: string,
  range: { from: number; to: number },
): unknown {
  if (Array.isArray(definition)) return definition.map((one) => keepLive(one, rangeText, range));
  if (typeof definition !== "object" || definition === null) return definition;
  const members = definition as Record<string, unknown>;
  if (isWindow(members) && sameInstant(members.from, range.from) && sameInstant(members.to, range.to))
    return { last: rangeText };
  return Object.fromEntries(
    Object.entries(members).map(([name, value]) => [name, keepLive(value, rangeText, range)]),
  );
}

function isWindow(members: Record<string, unknown>): boolean {
  return "from" in members && "to" in members;
}

function sameInstant(value: unknown, ms: number): boolean {
  if (typeof value === "number") return value === ms;
  return typeof value === "string" && Date.parse(value) === ms;
}
