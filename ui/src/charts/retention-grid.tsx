import { type KeyboardEvent, useRef, useState } from "react";
import { heatStep } from "./colors";
import { formatCount, formatRate } from "./format";
import { neighbour } from "./marks";

export interface RetentionRow {
  key: string;
  name: string;
  size: number;
  /** The weighted mean over the cohorts, instead of one. */
  mean?: boolean;
  cells: { period: number; count: number | null; rate: number | null; partial: boolean }[];
}

interface Props {
  label: string;
  unit: string;
  rows: RetentionRow[];
  periods: number;
  show: "rate" | "count";
  onOpen?: (row: RetentionRow, period: number, anchor: Element) => void;
}

/** A table of cohorts and periods. Arrow keys go from cell to cell; a dashed cell's period is not over yet. */
export function RetentionGrid({ label, unit, rows, periods, show, onOpen }: Props) {
  const positions = rows.flatMap((row, at) => row.cells.map((cell) => ({ row: at, col: cell.period })));
  const [focusable, setFocusable] = useState(0);
  const grid = useRef<HTMLTableElement>(null);
  function onKeyDown(event: KeyboardEvent, index: number) {
    const next = neighbour(positions, index, event.key);
    if (next === index) return;
    event.preventDefault();
    setFocusable(next);
    grid.current?.querySelector<HTMLElement>(`[data-cell="${next}"]`)?.focus();
  }
  let index = -1;
  return (
    <div className="chart overflow-x-auto">
      <table className="retention" ref={grid} aria-label={label}>
        <thead>
          <tr>
            <th scope="col">Cohort</th>
            <th scope="col">Size</th>
            {Array.from({ length: periods }, (_, period) => (
              <th key={period} scope="col">
                {periodName(unit, period)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key} className={row.mean ? "mean" : undefined}>
              <th scope="row">{row.name}</th>
              <th className="numeric">{row.mean ? "" : formatCount(row.size)}</th>
              {row.cells.map((cell) => {
                index++;
                const mine = index;
                const text = show === "rate" || row.mean ? formatRate(cell.rate) : formatCount(cell.count);
                const count =
                  cell.count === null ? "" : `, ${formatCount(cell.count)} of ${formatCount(row.size)}`;
                return (
                  <td key={cell.period}>
                    <button
                      type="button"
                      data-cell={mine}
                      tabIndex={mine === focusable ? 0 : -1}
                      className={`cell heat-${heatStep(cell.rate)}${cell.partial ? " partial" : ""}`}
                      aria-label={`${row.name}, ${periodName(unit, cell.period)}: ${formatRate(cell.rate)}${count}${cell.partial ? ", not over yet" : ""}`}
                      aria-disabled={row.mean || !onOpen}
                      title={
                        cell.partial ? "This period is not over yet: the number can still grow." : undefined
                      }
                      onFocus={() => setFocusable(mine)}
                      onKeyDown={(event) => onKeyDown(event, mine)}
                      onClick={(event) => !row.mean && onOpen?.(row, cell.period, event.currentTarget)}
                    >
                      {text}
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function periodName(unit: string, period: number): string {
  return `${unit[0]?.toUpperCase()}${unit.slice(1)} ${period}`;
}
