import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useRef } from "react";
import { cx } from "./cx";
import { Icon } from "./icons";

export interface Column<T> {
  id: string;
  header: string;
  cell: (row: T) => ReactNode;
  /** A CSS grid track, such as `minmax(8rem,2fr)` (default) or `6rem`. */
  width?: string;
  align?: "left" | "right";
  /** Offers sorting by this column. */
  sortable?: boolean;
  /** Left out on narrow screens. */
  wide?: boolean;
}

export interface SortState {
  id: string;
  descending: boolean;
}

export interface DataTableProps<T> {
  /** Its accessible name. */
  label: string;
  rows: T[];
  columns: Column<T>[];
  rowKey: (row: T, index: number) => string;
  /** In pixels. */
  rowHeight?: number;
  /** In pixels: beyond it the rows scroll. */
  maxHeight?: number;
  sort?: SortState | null;
  onSort?: (sort: SortState) => void;
  onRowClick?: (row: T) => void;
  /** Called when the last rows come into view. */
  onEnd?: () => void;
  empty?: ReactNode;
}

/** A table that draws the rows in view only, however many there are. Works with keyboard and screen readers. */
export function DataTable<T>(props: DataTableProps<T>) {
  const {
    label,
    rows,
    columns,
    rowKey,
    rowHeight = 40,
    maxHeight = 560,
    sort,
    onSort,
    onRowClick,
    onEnd,
  } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    onChange: (instance) => {
      const last = instance.getVirtualItems().at(-1);
      if (onEnd && last && last.index >= rows.length - 10) onEnd();
    },
  });
  const tracks = {
    gridTemplateColumns: columns.map((column) => column.width ?? "minmax(8rem,2fr)").join(" "),
  };
  const items = virtual.getVirtualItems();
  return (
    <div
      ref={scroller}
      className="overflow-auto"
      style={{ maxHeight }}
      tabIndex={0}
      role="group"
      aria-label={label}
    >
      <div role="table" aria-label={label} aria-rowcount={rows.length + 1} className="min-w-full w-max">
        <div role="rowgroup" className="sticky top-0 z-10 bg-surface">
          <div role="row" aria-rowindex={1} style={tracks} className="grid items-center border-b border-line">
            {columns.map((column) => (
              <Header key={column.id} column={column} sort={sort} onSort={onSort} />
            ))}
          </div>
        </div>
        <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the row repeats the link in its first cell
              <div
                role="row"
                key={rowKey(row, item.index)}
                aria-rowindex={item.index + 2}
                style={{ ...tracks, height: item.size, transform: `translateY(${item.start}px)` }}
                className={cx(
                  "absolute inset-x-0 grid items-center border-b border-line/70 hover:bg-hover",
                  onRowClick && "cursor-pointer",
                )}
                onClick={(event) => {
                  const onControl =
                    event.target instanceof Element && event.target.closest("a,button,input,label");
                  if (!onControl) onRowClick?.(row);
                }}
              >
                {columns.map((column) => (
                  <div
                    role="cell"
                    key={column.id}
                    className={cx("min-w-0 truncate px-3", column.align === "right" && "num text-right")}
                  >
                    {column.cell(row)}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      {rows.length === 0 && props.empty}
    </div>
  );
}

function Header<T>({
  column,
  sort,
  onSort,
}: {
  column: Column<T>;
  sort?: SortState | null;
  onSort?: (sort: SortState) => void;
}) {
  const sorted = sort?.id === column.id ? (sort.descending ? "descending" : "ascending") : undefined;
  const right = column.align === "right";
  return (
    <div
      role="columnheader"
      aria-sort={sorted}
      className={cx("flex h-9 items-center px-3 text-xs font-medium text-ink-3", right && "justify-end")}
    >
      {column.sortable && onSort ? (
        <button
          type="button"
          className="inline-flex items-center gap-1 rounded hover:text-ink"
          onClick={() => onSort({ id: column.id, descending: sorted ? sorted === "ascending" : right })}
        >
          {column.header}
          {sorted && <Icon name={sorted === "descending" ? "down" : "up"} size={12} />}
        </button>
      ) : (
        <span className="truncate">{column.header}</span>
      )}
    </div>
  );
}
