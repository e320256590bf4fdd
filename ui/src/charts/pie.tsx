import { arc, pie } from "d3-shape";
import { seriesColor } from "./colors";
import { formatCount, formatRate } from "./format";
import { useMarks, useWidth } from "./marks";
import { spoken, Tooltip, type TooltipContent } from "./tooltip";

export interface Slice {
  key: string;
  label: string;
  value: number;
  /** What the largest ones leave over; grey. */
  rest?: boolean;
}

/** The largest slices, and one for all others together, so that nothing is lost. */
export function slices(all: Slice[], limit = 8): Slice[] {
  const sorted = all.filter((slice) => slice.value > 0).sort((a, b) => b.value - a.value);
  if (sorted.length <= limit) return sorted;
  const others = sorted.slice(limit - 1);
  return [
    ...sorted.slice(0, limit - 1),
    {
      key: "\u0000others",
      label: `${others.length} others`,
      value: others.reduce((sum, slice) => sum + slice.value, 0),
      rest: true,
    },
  ];
}

interface Props {
  label: string;
  slices: Slice[];
  format?: (value: number | null) => string;
  onOpen?: (slice: Slice, anchor: Element) => void;
}

const SIZE = 280;

/** A ring with a list beside it; the list carries the names. */
export function Pie({ label, slices: all, format = formatCount, onOpen }: Props) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const total = all.reduce((sum, slice) => sum + slice.value, 0);
  const arcs = pie<Slice>()
    .value((slice) => slice.value)
    .sort(null)
    .padAngle(0.008)(all);
  const shape = arc<(typeof arcs)[number]>().innerRadius(78).outerRadius(130).cornerRadius(3);
  const ring = arc<(typeof arcs)[number]>().innerRadius(75).outerRadius(134).cornerRadius(3);
  const marks = all.map((slice, row) => ({ ...slice, row, col: row }));
  const handle = useMarks(marks, (mark, anchor) => !mark.rest && onOpen?.(mark, anchor));
  const beside = width > SIZE + 220;
  const listX = beside ? SIZE + 32 : 0;
  const listY = beside ? Math.max(0, SIZE / 2 - (all.length * 24) / 2) : SIZE + 16;
  const color = (slice: Slice, index: number) => (slice.rest ? "var(--chart-other)" : seriesColor(index));
  const describe = (slice: Slice): TooltipContent => ({
    title: slice.label,
    facts: [
      ["Value", format(slice.value)],
      ["Share", formatRate(slice.value / total)],
    ],
  });
  const height = beside ? Math.max(SIZE, all.length * 24) : SIZE + 16 + all.length * 24;
  return (
    <figure className="chart" ref={ref}>
      {width > 0 && (
        <svg width={width} height={height} role="group" aria-label={label}>
          <g transform={`translate(${SIZE / 2}, ${SIZE / 2})`}>
            {arcs.map((one, index) => (
              <g key={one.data.key} {...handle.props(index)} aria-label={spoken(describe(one.data))}>
                <path d={shape(one) ?? ""} fill={color(one.data, index)} />
                <path className="ring" d={ring(one) ?? ""} />
              </g>
            ))}
            <text
              textAnchor="middle"
              dominantBaseline="central"
              fontWeight={600}
              fontSize={18}
              aria-hidden="true"
            >
              {format(total)}
            </text>
          </g>
          <g transform={`translate(${listX}, ${listY})`} aria-hidden="true">
            {all.map((slice, index) => (
              <g key={slice.key} transform={`translate(0, ${index * 24 + 12})`}>
                <rect y={-5} width={10} height={10} rx={2} fill={color(slice, index)} />
                <text x={18} dominantBaseline="central">
                  {slice.label}
                  <tspan className="soft" dx={8}>
                    {format(slice.value)} · {formatRate(slice.value / total)}
                  </tspan>
                </text>
              </g>
            ))}
          </g>
        </svg>
      )}
      {width === 0 && <div style={{ height: SIZE }} />}
      {handle.active && <Tooltip x={SIZE / 2} y={SIZE / 2} width={width} content={describe(handle.active)} />}
    </figure>
  );
}
