import type { Table } from "./export";
import { formatCount } from "./format";

interface Props {
  caption: string;
  table: Table;
  /** A row's numbers can be opened: the people behind them. */
  onOpen?: (row: number, anchor: Element) => void;
  /** How a number is written, by column. */
  format?: (value: number | null, column: number) => string;
}

/** The same numbers as the chart beside it, for reading, copying and screen readers. */
export function TableTwin({ caption, table, onOpen, format = (value) => formatCount(value) }: Props) {
  const opens = onOpen ? table.columns.findIndex((column) => column.numeric) : -1;
  return (
    // Scrolls, so the keyboard has to reach it.
    <div className="chart-scroll" tabIndex={0} role="region" aria-label={caption}>
      <table className="chart-table">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr>
            {table.columns.map((column, at) => (
              <th key={at} scope="col" className={column.numeric ? "numeric" : undefined}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, at) => {
                const numeric = table.columns[at]?.numeric;
                const text =
                  typeof cell === "number" || (numeric && cell === null)
                    ? format(cell as number | null, at)
                    : (cell ?? "–");
                return (
                  <td key={at} className={numeric ? "numeric" : undefined}>
                    {at === opens ? (
                      <button type="button" onClick={(event) => onOpen?.(index, event.currentTarget)}>
                        {text}
                      </button>
                    ) : (
                      text
                    )}
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
