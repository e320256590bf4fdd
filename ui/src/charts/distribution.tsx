import { bin } from "d3-array";
import { seriesColor } from "./colors";
import { formatCompact, formatCount } from "./format";
import { useMarks, useWidth } from "./marks";
import { linear } from "./scale";
import { spoken, Tooltip, type TooltipContent } from "./tooltip";

export interface Bin {
  /** Inclusive. */
  from: number;
  /** Exclusive, but for the last. */
  to: number;
  count: number;
}

/** Equal bins over all the values; every value is in exactly one. */
export function bins(values: number[], wanted = 24): Bin[] {
  if (values.length === 0) return [];
  return bin()
    .thresholds(wanted)(values)
    .filter((one) => one.x0 !== undefined && one.x1 !== undefined)
    .map((one) => ({ from: one.x0!, to: one.x1!, count: one.length }));
}

interface Props {
  label: string;
  bins: Bin[];
  /** What is counted, such as "users". */
  counted: string;
  /** What lies along the axis, such as "events per user". */
  measured: string;
  height?: number;
  onOpen?: (bin: Bin, anchor: Element) => void;
}

const MARGIN = { top: 12, right: 16, bottom: 40, left: 52 };

export function Distribution({ label, bins: all, counted, measured, height = 280, onOpen }: Props) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const marks = all.map((one, col) => ({ ...one, row: 0, col }));
  const handle = useMarks(marks, onOpen);
  const x = linear(
    [all[0]?.from ?? 0, all.at(-1)?.to ?? 1],
    [MARGIN.left, Math.max(MARGIN.left + 1, width - MARGIN.right)],
  );
  const y = linear([0, Math.max(1, ...all.map((one) => one.count))], [height - MARGIN.bottom, MARGIN.top], 4);
  const describe = (one: Bin): TooltipContent => ({
    title: one.from === one.to ? formatCount(one.from) : `${formatCount(one.from)} to ${formatCount(one.to)}`,
    facts: [[counted, formatCount(one.count)]],
    note: measured,
  });
  return (
    <figure className="chart" ref={ref}>
      {width > 0 && (
        <svg width={width} height={height} role="group" aria-label={label}>
          {y.ticks(4).map((tick) => (
            <g key={tick} aria-hidden="true">
              <line className="grid" x1={MARGIN.left} x2={width - MARGIN.right} y1={y(tick)} y2={y(tick)} />
              <text
                className="soft"
                x={MARGIN.left - 8}
                y={y(tick)}
                textAnchor="end"
                dominantBaseline="central"
              >
                {formatCompact(tick)}
              </text>
            </g>
          ))}
          {x.ticks(Math.max(2, Math.floor(width / 90))).map((tick) => (
            <text
              key={tick}
              aria-hidden="true"
              className="soft"
              x={x(tick)}
              y={height - 24}
              textAnchor="middle"
            >
              {formatCompact(tick)}
            </text>
          ))}
          <text
            aria-hidden="true"
            className="soft"
            x={(MARGIN.left + width - MARGIN.right) / 2}
            y={height - 6}
            textAnchor="middle"
          >
            {measured}
          </text>
          {marks.map((one, index) => {
            const left = x(one.from);
            const wide = Math.max(1, x(one.to) - left - 1);
            return (
              <g key={one.from} {...handle.props(index)} aria-label={spoken(describe(one))}>
                <rect
                  x={left}
                  y={MARGIN.top}
                  width={wide + 1}
                  height={height - MARGIN.bottom - MARGIN.top}
                  fill="transparent"
                />
                <rect
                  x={left}
                  y={y(one.count)}
                  width={wide}
                  height={Math.max(0, y(0) - y(one.count))}
                  rx={1.5}
                  fill={seriesColor(0)}
                />
                <rect
                  className="ring"
                  x={left - 1}
                  y={y(one.count) - 2}
                  width={wide + 2}
                  height={Math.max(4, y(0) - y(one.count) + 3)}
                  rx={3}
                />
              </g>
            );
          })}
        </svg>
      )}
      {width === 0 && <div style={{ height }} />}
      {handle.active && (
        <Tooltip
          x={x((handle.active.from + handle.active.to) / 2)}
          y={y(handle.active.count)}
          width={width}
          content={describe(handle.active)}
        />
      )}
    </figure>
  );
}
