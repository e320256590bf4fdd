import { seriesColor } from "./colors";
import { formatCount, formatRate } from "./format";
import { useMarks, useWidth } from "./marks";
import { shortened, spoken, Tooltip, type TooltipContent } from "./tooltip";

export interface Bar {
  key: string;
  label: string;
  value: number | null;
  /** The series that it belongs to, where segments are compared. */
  series?: number;
}

interface Props {
  label: string;
  bars: Bar[];
  /** What all of them are parts of; a share is shown when given. */
  total?: number;
  format?: (value: number | null) => string;
  onOpen?: (bar: Bar, anchor: Element) => void;
}

const ROW_PX = 30;

/** A top list: one horizontal bar per value, the largest on top. */
export function Bars({ label, bars, total, format = formatCount, onOpen }: Props) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const marks = bars.map((bar, row) => ({ ...bar, row, col: 0 }));
  const handle = useMarks(marks, onOpen);
  const highest = Math.max(1e-12, ...bars.map((bar) => bar.value ?? 0));
  const labelWidth = Math.min(260, Math.max(96, width * 0.34));
  const valueWidth = 84;
  const room = Math.max(10, width - labelWidth - valueWidth);
  const describe = (bar: Bar): TooltipContent => ({
    title: bar.label,
    facts: [
      ["Value", format(bar.value)],
      ...(total && bar.value !== null
        ? ([["Share", formatRate(bar.value / total)]] as [string, string][])
        : []),
    ],
  });
  return (
    <figure className="chart" ref={ref}>
      {width > 0 && (
        <svg width={width} height={bars.length * ROW_PX} role="group" aria-label={label}>
          {marks.map((bar, index) => (
            <g key={bar.key} {...handle.props(index)} aria-label={spoken(describe(bar))}>
              <rect x={0} y={index * ROW_PX} width={width} height={ROW_PX} fill="transparent" />
              <text
                x={labelWidth - 12}
                y={index * ROW_PX + ROW_PX / 2}
                textAnchor="end"
                dominantBaseline="central"
              >
                {shortened(bar.label, labelWidth - 16)}
              </text>
              <rect
                x={labelWidth}
                y={index * ROW_PX + 5}
                width={Math.max(bar.value ? 2 : 0, (room * Math.max(0, bar.value ?? 0)) / highest)}
                height={ROW_PX - 10}
                rx={3}
                fill={seriesColor(bar.series ?? 0)}
              />
              <text
                x={labelWidth + (room * Math.max(0, bar.value ?? 0)) / highest + 8}
                y={index * ROW_PX + ROW_PX / 2}
                dominantBaseline="central"
                className="soft"
              >
                {format(bar.value)}
              </text>
              <rect
                className="ring"
                x={1}
                y={index * ROW_PX + 1}
                width={width - 2}
                height={ROW_PX - 2}
                rx={5}
              />
            </g>
          ))}
        </svg>
      )}
      {width === 0 && <div style={{ height: bars.length * ROW_PX }} />}
      {handle.active && (
        <Tooltip
          x={labelWidth + (room * Math.max(0, handle.active.value ?? 0)) / highest}
          y={handle.active.row * ROW_PX + ROW_PX / 2}
          width={width}
          content={describe(handle.active)}
        />
      )}
    </figure>
  );
}
