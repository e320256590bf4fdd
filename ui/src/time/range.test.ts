import { describe, expect, it } from "vitest";
import { isRange, rangeLabel, resolveRange } from "./range";

const NOW = Date.parse("2026-11-24T15:30:00Z");

function check(text: string, timezone: string, from: string, to: string) {
  const instants = resolveRange({ text, timezone }, NOW);
  expect([new Date(instants.from).toISOString(), new Date(instants.to).toISOString()]).toEqual([from, to]);
}

describe("date ranges", () => {
  it("come to instants", () => {
    check("24h", "UTC", "2026-11-23T15:30:00.000Z", "2026-11-24T15:30:00.000Z");
    check("today", "America/Sao_Paulo", "2026-11-24T03:00:00.000Z", "2026-11-24T15:30:00.000Z");
    check("yesterday", "UTC", "2026-11-23T00:00:00.000Z", "2026-11-24T00:00:00.000Z");
    check("last-week", "UTC", "2026-11-16T00:00:00.000Z", "2026-11-23T00:00:00.000Z");
    check("last-month", "Europe/Berlin", "2026-09-30T22:00:00.000Z", "2026-10-31T23:00:00.000Z");
    check("this-quarter", "UTC", "2026-10-01T00:00:00.000Z", "2026-11-24T15:30:00.000Z");
    check(
      "2026-11-01..2026-11-08",
      "America/New_York",
      "2026-11-01T04:00:00.000Z",
      "2026-11-08T05:00:00.000Z",
    );
  });

  it("are known by their text", () => {
    for (const text of [
      "7d",
      "1h",
      "today",
      "last-quarter",
      "2026-11-01..2026-11-02",
      "2026-11-01T08:00..2026-11-01T09:00",
    ]) {
      expect(isRange(text), text).toBe(true);
    }
    for (const text of ["", "0d", "7x", "tomorrow", "2026-11-02..2026-11-01", "..", 7, undefined]) {
      expect(isRange(text), String(text)).toBe(false);
    }
  });

  it("have names", () => {
    expect(rangeLabel("7d")).toBe("Last 7 days");
    expect(rangeLabel("45d")).toBe("Last 45 days");
    expect(rangeLabel("2026-11-01..2026-11-08")).toBe("1 Nov 2026 – 8 Nov 2026");
  });
});
