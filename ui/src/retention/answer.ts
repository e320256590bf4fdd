import type { RetentionAnswer, RetentionCohort } from "../analysis/answers";
import type { Table } from "../charts/export";
import { formatBucket } from "../charts/format";
import type { RetentionRow } from "../charts/retention-grid";
import { periodName } from "../charts/retention-grid";
import type { Series } from "../charts/time-series";

export interface GridRow extends RetentionRow {
  /** As the API counts cohorts. */
  index: number;
}

const UNIT_MS: Record<string, number> = { day: 86_400_000, week: 7 * 86_400_000, month: 28 * 86_400_000 };

/** The cohorts in order of time, under the mean over all of them. */
export function gridRows(answer: RetentionAnswer, unit: string, timezone: string): GridRow[] {
  const name = (cohort: RetentionCohort) => {
    const start =
      cohort.cohort_start_time === undefined
        ? cohort.name
        : formatBucket(cohort.cohort_start_time, UNIT_MS[unit] ?? 0, timezone);
    return [start, ...cohort.group_tags].join(" · ");
  };
  // A rate of nobody is no number.
  const anybody = new Set(
    answer.cohorts.flatMap((cohort) =>
      cohort.type === "raw" && cohort.cohort_size > 0
        ? cohort.cells.map((cell) => cell.return_period_index)
        : [],
    ),
  );
  const rows = answer.cohorts.map((cohort, at) => ({
    key: `${at}`,
    index: cohort.cohort_index,
    name: cohort.type === "aggregated" ? ["Weighted mean", ...cohort.group_tags].join(" · ") : name(cohort),
    size: cohort.cohort_size,
    mean: cohort.type === "aggregated",
    cells: cohort.cells.map((cell) => ({
      period: cell.return_period_index,
      count: cell.cell_count ?? null,
      rate: (cohort.type === "raw" ? cohort.cohort_size > 0 : anybody.has(cell.return_period_index))
        ? cell.cell_rate
        : null,
      partial: cell.is_partial_data ?? false,
    })),
  }));
  return [...rows.filter((row) => row.mean), ...rows.filter((row) => !row.mean)];
}

export function periodsOf(rows: RetentionRow[]): number {
  return rows.reduce((most, row) => Math.max(most, ...row.cells.map((cell) => cell.period + 1)), 0);
}

/** The mean as a curve over the periods, and the cohorts beside it if they are few. */
export function curves(rows: GridRow[], periods: number): Series[] {
  const means = rows.filter((row) => row.mean);
  const cohorts = rows.filter((row) => !row.mean);
  return [...means, ...(cohorts.length <= 7 ? cohorts : [])].map((row) => ({
    key: row.key,
    label: row.name,
    values: Array.from(
      { length: periods },
      (_, period) => row.cells.find((cell) => cell.period === period)?.rate ?? null,
    ),
  }));
}

export function gridTable(rows: GridRow[], unit: string, periods: number, values: "rate" | "count"): Table {
  return {
    columns: [
      { name: "cohort" },
      { name: "size", numeric: true },
      ...Array.from({ length: periods }, (_, period) => ({ name: periodName(unit, period), numeric: true })),
    ],
    rows: rows.map((row) => [
      row.name,
      row.mean ? null : row.size,
      ...Array.from({ length: periods }, (_, period) => {
        const cell = row.cells.find((one) => one.period === period);
        return (values === "rate" || row.mean ? cell?.rate : cell?.count) ?? null;
      }),
    ]),
  };
}
