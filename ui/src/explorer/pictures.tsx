import { lazy, Suspense } from "react";
import { Bars } from "../charts/bars";
import { bins, Distribution } from "../charts/distribution";
import type { Table } from "../charts/export";
import { Pie, slices } from "../charts/pie";
import { TableTwin } from "../charts/table-twin";
import { TreeMap } from "../charts/tree-map";
import { Skeleton } from "../ui/feedback";
import type { ValueRow } from "./answer";
import type { Visual } from "./state";

// The map's shapes weigh more than all else on the page.
const WorldMap = lazy(() => import("../charts/world-map").then((module) => ({ default: module.WorldMap })));

interface Props {
  visual: Visual;
  rows: ValueRow[];
  table: Table;
  title: string;
  measure: string;
  /** What a distribution counts: "users". */
  counted: string;
  /** Additive measures have shares. */
  additive: boolean;
  format: (value: number | null) => string;
  onOpen: (row: ValueRow, anchor: Element) => void;
}

/** A scalar answer as a picture. */
export function ValuePicture({
  visual,
  rows,
  table,
  title,
  measure,
  counted,
  additive,
  format,
  onOpen,
}: Props) {
  const byKey = new Map(rows.map((row) => [row.key, row]));
  const open = (mark: { key: string }, anchor: Element) => {
    const row = byKey.get(mark.key);
    if (row) onOpen(row, anchor);
  };
  const filled = rows.filter((row): row is ValueRow & { value: number } => row.value !== null);
  switch (visual) {
    case "distribution":
      return (
        <Distribution
          label={title}
          bins={bins(filled.map((row) => row.value))}
          counted={counted}
          measured={`${measure} each`}
        />
      );
    case "treemap":
      return <TreeMap label={title} leaves={filled} format={format} onOpen={open} />;
    case "pie":
      return <Pie label={title} slices={slices(filled)} format={format} onOpen={open} />;
    case "map":
      return (
        <Suspense fallback={<Skeleton className="h-96" />}>
          <WorldMap
            label={title}
            countries={filled.map((row) => ({ key: row.key, country: row.tags[0] ?? "", value: row.value }))}
            format={format}
            onOpen={open}
          />
        </Suspense>
      );
    case "table":
      return (
        <TableTwin
          caption={title}
          table={table}
          format={format}
          onOpen={(at, anchor) => {
            const row = rows[at];
            if (row) onOpen(row, anchor);
          }}
        />
      );
    default:
      return (
        <Bars
          label={title}
          bars={rows}
          total={additive ? filled.reduce((sum, row) => sum + row.value, 0) : undefined}
          format={format}
          onOpen={open}
        />
      );
  }
}
