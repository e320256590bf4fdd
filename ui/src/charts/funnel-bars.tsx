import { seriesColor } from "./colors";
import { formatCompact, formatCount, formatDuration, formatRate } from "./format";
import { useMarks, useWidth } from "./marks";
import { linear } from "./scale";
import { Legend, shortened, spoken, Tooltip, type TooltipContent } from "./tooltip";

export interface FunnelSeries {
  key: string;
  label: string;
  /** How many reached each step. */
  values: number[];
}

export interface FunnelMark {
  step: number;
  series: number;
  outcome: "conversion" | "drop-off";
}

interface Props {
  label: string;
  steps: { label: string; averageMsToNext: number | null }[];
  series: FunnelSeries[];
  counted: string;
  height?: number;
  onOpen?: (mark: FunnelMark, anchor: Element) => void;
}

const MARGIN = { top: 14, right: 8, bottom: 62, left: 48 };
const STEP_MIN_PX = 132;

/** A pair of marks per step and series: who got there, and above it who was lost since the step before. */
export function FunnelBars({ label, steps, series, counted, height = 340, onOpen }: Props) {
  const { ref, width: room } = useWidth<HTMLDivElement>();
  const width = Math.max(
    room,
    MARGIN.left + MARGIN.right + steps.length * Math.max(STEP_MIN_PX, series.length * 26 + 40),
  );
  const highest = Math.max(1, ...series.map((one) => one.values[0] ?? 0));
  const y = linear([0, highest], [height - MARGIN.bottom, MARGIN.top], 4);
  const pitch = (width - MARGIN.left - MARGIN.right) / Math.max(1, steps.length);
  const barWidth = Math.max(10, Math.min(150, (pitch * 0.62) / Math.max(1, series.length) - 4));
  const left = (step: number, at: number) => MARGIN.left + step * pitch + 6 + at * (barWidth + 4);
  const marks = series.flatMap((one, at) =>
    one.values.flatMap((value, step) => {
      const before = step === 0 ? value : (one.values[step - 1] ?? 0);
      const reached = {
        step,
        series: at,
        outcome: "conversion" as const,
        value,
        top: y(value),
        foot: y(0),
        row: 1,
        col: left(step, at),
      };
      const lost = {
        step,
        series: at,
        outcome: "drop-off" as const,
        value: before - value,
        top: y(before),
        foot: y(value),
        row: 0,
        col: left(step, at),
      };
      return step === 0 || lost.value <= 0 ? [reached] : [reached, lost];
    }),
  );
  const handle = useMarks(marks, onOpen);
  const describe = (mark: (typeof marks)[number]): TooltipContent =>
    describeMark(mark, steps, series, counted);
  return (
    <figure className="chart" ref={ref}>
      <div className="overflow-x-auto">
        {room > 0 && (
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
            {series.length === 1 && (
              <Flow
                values={series[0]?.values ?? []}
                left={(step) => left(step, 0)}
                barWidth={barWidth}
                y={y}
              />
            )}
            {marks.map((mark, index) => (
              <g
                key={`${mark.series} ${mark.step} ${mark.outcome}`}
                {...handle.props(index)}
                aria-label={spoken(describe(mark))}
              >
                <rect
                  x={mark.col}
                  y={mark.top}
                  width={barWidth}
                  height={Math.max(1, mark.foot - mark.top)}
                  rx={3}
                  fill={seriesColor(mark.series)}
                  fillOpacity={mark.outcome === "conversion" ? 1 : 0.16}
                  stroke={mark.outcome === "conversion" ? "none" : seriesColor(mark.series)}
                  strokeOpacity={0.55}
                  strokeDasharray={mark.outcome === "conversion" ? undefined : "3 3"}
                />
                <rect
                  className="ring"
                  x={mark.col - 2}
                  y={mark.top - 2}
                  width={barWidth + 4}
                  height={Math.max(4, mark.foot - mark.top + 4)}
                  rx={5}
                />
              </g>
            ))}
            {steps.map((step, at) => (
              <StepLabel
                key={at}
                x={MARGIN.left + at * pitch + 6}
                y={height - MARGIN.bottom + 18}
                room={pitch - 12}
                step={step}
                at={at}
                series={series}
                last={at === steps.length - 1}
              />
            ))}
          </svg>
        )}
        {room === 0 && <div style={{ height }} />}
      </div>
      {handle.active && (
        <Tooltip
          x={handle.active.col + barWidth}
          y={(handle.active.top + handle.active.foot) / 2}
          width={width}
          content={describe(handle.active)}
        />
      )}
      {series.length > 1 && (
        <Legend items={series.map((one, at) => ({ label: one.label, color: seriesColor(at) }))} />
      )}
    </figure>
  );
}

/** What leads from one bar to the next, for the eye. */
function Flow({
  values,
  left,
  barWidth,
  y,
}: {
  values: number[];
  left: (step: number) => number;
  barWidth: number;
  y: (value: number) => number;
}) {
  return (
    <g aria-hidden="true">
      {values.slice(1).map((value, at) => {
        const [from, to] = [left(at) + barWidth, left(at + 1)];
        return (
          <path
            key={at}
            d={`M${from},${y(values[at] ?? 0)}L${to},${y(value)}V${y(0)}H${from}Z`}
            fill="var(--chart-1)"
            fillOpacity={0.07}
          />
        );
      })}
    </g>
  );
}

function StepLabel(props: {
  x: number;
  y: number;
  room: number;
  step: Props["steps"][number];
  at: number;
  series: FunnelSeries[];
  last: boolean;
}) {
  const { x, y, room, step, at, series, last } = props;
  const only = series.length === 1 ? series[0] : undefined;
  const rate = only && at > 0 && (only.values[0] ?? 0) > 0 ? (only.values[at] ?? 0) / only.values[0]! : null;
  return (
    <g aria-hidden="true">
      <text x={x} y={y} fontWeight={600}>
        {shortened(`${at + 1}. ${step.label}`, room)}
      </text>
      {only && (
        <text className="soft" x={x} y={y + 17}>
          {formatCount(only.values[at])}
          {at > 0 && ` · ${formatRate(rate)}`}
        </text>
      )}
      {!last && step.averageMsToNext !== null && (
        <text className="soft" x={x} y={y + (only ? 34 : 17)}>
          {shortened(`→ ${formatDuration(step.averageMsToNext)} on average`, room)}
        </text>
      )}
    </g>
  );
}

function describeMark(
  mark: FunnelMark & { value: number },
  steps: Props["steps"],
  series: FunnelSeries[],
  counted: string,
): TooltipContent {
  const one = series[mark.series]!;
  const first = one.values[0] ?? 0;
  const before = mark.step === 0 ? first : (one.values[mark.step - 1] ?? 0);
  const what =
    mark.outcome === "conversion"
      ? `Reached ${steps[mark.step]!.label}`
      : `Lost before ${steps[mark.step]!.label}`;
  const facts: [string, string][] = [[counted, formatCount(mark.value)]];
  if (mark.step > 0) {
    facts.push(["of the step before", formatRate(before === 0 ? null : mark.value / before)]);
    facts.push(["of the first step", formatRate(first === 0 ? null : mark.value / first)]);
  }
  return { title: series.length > 1 ? `${what} · ${one.label}` : what, facts };
}
