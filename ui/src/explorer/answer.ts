/** What the explorer's answers come to: one list of values, or of series, over all compared segments. */
import { type Row, rowsOf, type ScalarAnswer, type TimeseriesAnswer } from "../analysis/answers";
import type { Table } from "../charts/export";
import { formatBucket } from "../charts/format";
import type { Series } from "../charts/time-series";

/** A segment that is compared, or everyone. */
export interface Compared {
  label: string;
}

export interface ValueRow extends Row {
  key: string;
  label: string;
  /** Which compared segment. */
  series: number;
}

export function valuesOf(
  answers: (ScalarAnswer | undefined)[],
  compared: Compared[],
  measure: string,
): ValueRow[] {
  const many = compared.length > 1;
  const rows = answers.flatMap((answer, series) =>
    (answer ? rowsOf(answer) : []).map((row) => {
      const own = row.tags.join(" · ");
      const who = compared[series]?.label ?? "";
      return {
        ...row,
        series,
        key: `${series} ${own}`,
        label: many ? (own ? `${own} · ${who}` : who) : own || measure,
      };
    }),
  );
  if (!many) return rows;
  // The same value of all segments stands together, ordered by the first one that has it.
  const order = new Map<string, number>();
  for (const row of rows)
    if (!order.has(row.tags.join("\u0000"))) order.set(row.tags.join("\u0000"), order.size);
  const place = (row: ValueRow) => order.get(row.tags.join("\u0000")) ?? 0;
  return rows.sort((a, b) => place(a) - place(b) || a.series - b.series);
}

export interface DrawnSeries extends Series {
  tags: string[];
  /** Which compared segment. */
  series: number;
}

export interface Drawn {
  times: number[];
  series: DrawnSeries[];
}

/** Series of all answers over one list of times; where an answer has no bucket there is no value. */
export function seriesOf(
  answers: (TimeseriesAnswer | undefined)[],
  compared: Compared[],
  measure: string,
): Drawn {
  const times = [...new Set(answers.flatMap((answer) => answer?.times ?? []))].sort((a, b) => a - b);
  const many = compared.length > 1;
  const series = answers.flatMap((answer, at) => {
    if (!answer) return [];
    const place = new Map(answer.times.map((time, index) => [time, index]));
    return answer.series.map((one, index) => {
      const own = one.group_tags.join(" · ");
      const who = compared[at]?.label ?? "";
      return {
        key: `${at} ${own}`,
        label: many ? (own ? `${own} · ${who}` : who) : own || measure,
        tags: one.group_tags,
        series: at,
        values: times.map((time) => answer.values[index]?.[place.get(time) ?? -1] ?? null),
      };
    });
  });
  return { times, series };
}

export function valuesTable(
  rows: ValueRow[],
  groups: string[],
  compared: Compared[],
  measure: string,
): Table {
  const many = compared.length > 1;
  return {
    columns: [
      ...groups.map((name) => ({ name })),
      ...(many || groups.length === 0 ? [{ name: many ? "segment" : "what" }] : []),
      { name: measure, numeric: true },
    ],
    rows: rows.map((row) => [
      ...groups.map((_, at) => row.tags[at] ?? ""),
      ...(many || groups.length === 0 ? [many ? (compared[row.series]?.label ?? "") : row.label] : []),
      row.value,
    ]),
  };
}

export function seriesTable(drawn: Drawn, intervalMs: number, timezone: string): Table {
  return {
    columns: [{ name: "time" }, ...drawn.series.map((one) => ({ name: one.label, numeric: true }))],
    rows: drawn.times.map((time, at) => [
      formatBucket(time, intervalMs, timezone),
      ...drawn.series.map((one) => one.values[at] ?? null),
    ]),
  };
}
