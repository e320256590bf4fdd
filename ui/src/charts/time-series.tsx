import { area, curveMonotoneX, line } from "d3-shape";
import { type KeyboardEvent, type PointerEvent, useId, useMemo, useRef, useState } from "react";
import { seriesColor } from "./colors";
import { formatBucket, formatCompact, formatCount } from "./format";
import { useWidth } from "./marks";
import { labelled, linear } from "./scale";
import { Legend, shortened, spoken, Tooltip, type TooltipContent } from "./tooltip";

export interface Series {
  key: string;
  label: string;
  /** One per time; null where there is no value. */
  values: (number | null)[];
}

export interface TimeSeriesPoint {
  series: number;
  index: number;
}

interface Props {
  label: string;
  /** Starts of the buckets, epoch ms, rising. */
  times: number[];
  intervalMs: number;
  timezone: string;
  series: Series[];
  /** Until when the numbers reach: a bucket that ends later is still filling, and is drawn dashed. */
  asOfMs?: number;
  format?: (value: number | null) => string;
  formatAxis?: (value: number | null) => string;
  /** For what is no calendar time, such as the weeks since somebody came: what stands at the axis and in the tooltip. */
  timeLabel?: (time: number) => string;
  shape?: "line" | "bars";
  height?: number;
  onOpen?: (point: TimeSeriesPoint, anchor: Element) => void;
}

const DAY_MS = 86_400_000;
const MARGIN = { top: 12, right: 16, bottom: 26, left: 52 };

/** Lines over time, or stacked bars. Left and right move along the time, up and down between the series. */
export function TimeSeries(props: Props) {
  const {
    label,
    times,
    intervalMs,
    timezone,
    series,
    format = formatCount,
    shape = "line",
    height = 280,
    onOpen,
  } = props;
  const { ref, width } = useWidth<HTMLDivElement>();
  const pointRef = useRef<SVGGElement>(null);
  const [at, setAt] = useState<TimeSeriesPoint>({ series: 0, index: 0 });
  const [shown, setShown] = useState(false);
  const clipId = useId();
  const plot = useMemo(
    () => geometry(times, intervalMs, series, shape, width, height),
    [times, intervalMs, series, shape, width, height],
  );
  const partial =
    props.asOfMs === undefined ? times.length : times.findIndex((time) => time + intervalMs > props.asOfMs!);
  const firstPartial = partial < 0 ? times.length : partial;
  const point = {
    series: Math.min(at.series, series.length - 1),
    index: Math.min(at.index, times.length - 1),
  };
  const some = series.length > 0 && times.length > 0;
  const content = some ? describe(props, point, firstPartial, format) : null;

  function follow(event: PointerEvent<SVGSVGElement>) {
    const box = event.currentTarget.getBoundingClientRect();
    setAt(plot.nearest(event.clientX - box.left, event.clientY - box.top));
    setShown(true);
  }
  /** At the point itself, not at the line through it. */
  function open() {
    const anchor = pointRef.current?.querySelector(".ring");
    if (onOpen && some && anchor) onOpen(point, anchor);
  }
  function onKeyDown(event: KeyboardEvent) {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      open();
      return;
    }
    const next = step(point, event.key, series.length, times.length);
    if (!next) return;
    event.preventDefault();
    setAt(next);
  }

  return (
    <figure className="chart" ref={ref}>
      {width > 0 && (
        <svg
          width={width}
          height={height}
          role="group"
          aria-label={label}
          onPointerMove={some ? follow : undefined}
          onPointerLeave={() => setShown(false)}
          onClick={open}
        >
          <Axes
            plot={plot}
            width={width}
            height={height}
            intervalMs={intervalMs}
            timezone={timezone}
            format={props.formatAxis ?? formatCompact}
            timeLabel={props.timeLabel}
          />
          <clipPath id={clipId}>
            <rect
              x={MARGIN.left - 4}
              y={0}
              width={Math.max(0, width - MARGIN.left - MARGIN.right + 8)}
              height={height - MARGIN.bottom + 2}
            />
          </clipPath>
          <g clipPath={`url(#${clipId})`} aria-hidden="true">
            {shape === "bars" ? (
              <Bars plot={plot} series={series} firstPartial={firstPartial} />
            ) : (
              <Lines plot={plot} series={series} firstPartial={firstPartial} />
            )}
          </g>
          {some && content && (
            <g
              ref={pointRef}
              tabIndex={0}
              data-mark=""
              role={onOpen ? "button" : "img"}
              aria-label={spoken(content)}
              onKeyDown={onKeyDown}
              onFocus={() => setShown(true)}
              onBlur={() => setShown(false)}
            >
              <Cursor plot={plot} point={point} series={series} height={height} shown={shown} />
            </g>
          )}
        </svg>
      )}
      {width > 0 && shown && content && (
        <Tooltip
          x={plot.x(times[point.index]!)}
          y={plot.y(plot.top(point) ?? 0)}
          width={width}
          content={content}
        />
      )}
      {width === 0 && <div style={{ height }} />}
      {series.length > 1 && (
        <Legend items={series.map((one, index) => ({ label: one.label, color: seriesColor(index) }))} />
      )}
    </figure>
  );
}

/** The point that an arrow key leads to, or null for other keys. */
export function step(
  at: TimeSeriesPoint,
  key: string,
  seriesCount: number,
  timeCount: number,
): TimeSeriesPoint | null {
  const clamp = (value: number, end: number) => Math.max(0, Math.min(end - 1, value));
  switch (key) {
    case "ArrowLeft":
      return { ...at, index: clamp(at.index - 1, timeCount) };
    case "ArrowRight":
      return { ...at, index: clamp(at.index + 1, timeCount) };
    case "ArrowUp":
      return { ...at, series: clamp(at.series - 1, seriesCount) };
    case "ArrowDown":
      return { ...at, series: clamp(at.series + 1, seriesCount) };
    case "Home":
      return { ...at, index: 0 };
    case "End":
      return { ...at, index: clamp(timeCount - 1, timeCount) };
    default:
      return null;
  }
}

function describe(
  props: Props,
  point: TimeSeriesPoint,
  firstPartial: number,
  format: (value: number | null) => string,
): TooltipContent {
  const time = props.times[point.index]!;
  const order = [point.series, ...props.series.keys()]
    .filter((series, at, all) => all.indexOf(series) === at)
    .slice(0, 8);
  return {
    title: props.timeLabel?.(time) ?? formatBucket(time, props.intervalMs, props.timezone),
    facts: order.map((series) => [
      props.series[series]!.label,
      format(props.series[series]!.values[point.index] ?? null),
    ]),
    ...(point.index >= firstPartial ? { note: "not over yet" } : {}),
  };
}

interface Plot {
  x: (time: number) => number;
  y: (value: number) => number;
  yTicks: number[];
  barWidth: number;
  /** Where a stacked bar's piece begins; 0 for lines. */
  base: (point: TimeSeriesPoint) => number;
  top: (point: TimeSeriesPoint) => number | null;
  nearest: (x: number, y: number) => TimeSeriesPoint;
  times: number[];
}

function geometry(
  times: number[],
  intervalMs: number,
  series: Series[],
  shape: "line" | "bars",
  width: number,
  height: number,
): Plot {
  const first = times[0] ?? 0;
  const last = times.at(-1) ?? 1;
  const left = MARGIN.left;
  const right = Math.max(left + 1, width - MARGIN.right);
  const pad = shape === "bars" ? intervalMs / 2 : 0;
  const start = first === last ? first - intervalMs / 2 : first - pad;
  const end = first === last ? last + intervalMs / 2 : last + pad;
  const x = linear([start, end], [left, right]);
  const base = ({ series: upTo, index }: TimeSeriesPoint) =>
    shape === "bars" ? series.slice(0, upTo).reduce((sum, one) => sum + (one.values[index] ?? 0), 0) : 0;
  const top = (point: TimeSeriesPoint) => {
    const value = series[point.series]?.values[point.index] ?? null;
    return value === null ? null : base(point) + value;
  };
  let highest = 0;
  for (let s = 0; s < series.length; s++)
    for (let i = 0; i < times.length; i++) highest = Math.max(highest, top({ series: s, index: i }) ?? 0);
  const y = linear([0, highest || 1], [height - MARGIN.bottom, MARGIN.top], 4);
  return {
    x,
    y,
    times,
    yTicks: y.ticks(4),
    barWidth: Math.max(1, ((right - left) / Math.max(1, times.length)) * 0.72),
    base,
    top,
    nearest: (px, py) => {
      const time = x.invert(px);
      let index = 0;
      for (let i = 1; i < times.length; i++)
        if (Math.abs(times[i]! - time) < Math.abs(times[index]! - time)) index = i;
      let best = 0;
      let distance = Number.POSITIVE_INFINITY;
      for (let s = 0; s < series.length; s++) {
        const value = top({ series: s, index });
        const away = value === null ? Number.POSITIVE_INFINITY : Math.abs(y(value) - py);
        if (away < distance) [best, distance] = [s, away];
      }
      return { series: best, index };
    },
  };
}

function Axes({
  plot,
  width,
  height,
  intervalMs,
  timezone,
  format,
  timeLabel,
}: {
  plot: Plot;
  width: number;
  height: number;
  intervalMs: number;
  timezone: string;
  format: (value: number | null) => string;
  timeLabel: ((time: number) => string) | undefined;
}) {
  const midnight = (time: number) =>
    intervalMs < DAY_MS && !timeLabel && /00:00$/.test(formatBucket(time, intervalMs, timezone));
  return (
    <g aria-hidden="true">
      {plot.yTicks.map((tick) => (
        <g key={tick}>
          <line
            className="grid"
            x1={MARGIN.left}
            x2={width - MARGIN.right}
            y1={plot.y(tick)}
            y2={plot.y(tick)}
          />
          <text
            className="soft"
            x={MARGIN.left - 8}
            y={plot.y(tick)}
            dominantBaseline="central"
            textAnchor="end"
          >
            {format(tick)}
          </text>
        </g>
      ))}
      {labelled(plot.times, Math.floor(width / 84), midnight).map((tick) => (
        <text key={tick} className="soft" x={plot.x(tick)} y={height - 8} textAnchor="middle">
          {shortened(timeLabel ? timeLabel(tick) : axisLabel(tick, intervalMs, timezone), 90)}
        </text>
      ))}
    </g>
  );
}

/** On the axis a midnight is its day, another tick its time. */
function axisLabel(tick: number, intervalMs: number, timezone: string): string {
  const full = formatBucket(tick, intervalMs, timezone);
  if (intervalMs >= DAY_MS) return full;
  const [day, time] = full.split(", ");
  return time === undefined || time === "00:00" ? day! : time;
}

function Lines({ plot, series, firstPartial }: { plot: Plot; series: Series[]; firstPartial: number }) {
  return series.map((one, index) => {
    const points = one.values.map((value, at) => ({ at, value }));
    const draw = line<{ at: number; value: number | null }>()
      .defined((point) => point.value !== null)
      .x((point) => plot.x(plot.times[point.at]!))
      .y((point) => plot.y(point.value ?? 0))
      .curve(curveMonotoneX);
    const under = area<{ at: number; value: number | null }>()
      .defined((point) => point.value !== null)
      .x((point) => plot.x(plot.times[point.at]!))
      .y0(plot.y(0))
      .y1((point) => plot.y(point.value ?? 0))
      .curve(curveMonotoneX);
    const whole = points.slice(0, firstPartial);
    const color = seriesColor(index);
    return (
      <g key={one.key}>
        {series.length === 1 && <path d={under(points) ?? ""} fill={color} fillOpacity={0.08} />}
        <path d={draw(whole) ?? ""} fill="none" stroke={color} strokeWidth={2} strokeLinejoin="round" />
        <path
          d={draw(points.slice(Math.max(0, firstPartial - 1))) ?? ""}
          fill="none"
          stroke={color}
          strokeWidth={2}
          strokeDasharray="3 4"
        />
        {lonely(whole).map((at) => (
          <circle key={at} cx={plot.x(plot.times[at]!)} cy={plot.y(one.values[at]!)} r={3} fill={color} />
        ))}
      </g>
    );
  });
}

/** Values without a neighbour: a line alone would not show them. */
function lonely(points: { at: number; value: number | null }[]): number[] {
  return points
    .filter(
      ({ value }, i) =>
        value !== null && (points[i - 1]?.value ?? null) === null && (points[i + 1]?.value ?? null) === null,
    )
    .map(({ at }) => at);
}

function Bars({ plot, series, firstPartial }: { plot: Plot; series: Series[]; firstPartial: number }) {
  return series.map((one, index) =>
    one.values.map((value, at) => {
      if (!value) return null;
      const base = plot.y(plot.base({ series: index, index: at }));
      const top = plot.y(plot.top({ series: index, index: at }) ?? 0);
      return (
        <rect
          key={`${one.key} ${at}`}
          x={plot.x(plot.times[at]!) - plot.barWidth / 2}
          y={top}
          width={plot.barWidth}
          height={Math.max(0, base - top)}
          rx={1.5}
          fill={seriesColor(index)}
          fillOpacity={at >= firstPartial ? 0.45 : 1}
        />
      );
    }),
  );
}

function Cursor({
  plot,
  point,
  series,
  height,
  shown,
}: {
  plot: Plot;
  point: TimeSeriesPoint;
  series: Series[];
  height: number;
  shown: boolean;
}) {
  const x = plot.x(plot.times[point.index]!);
  return (
    <g visibility={shown ? "visible" : "hidden"}>
      <line
        x1={x}
        x2={x}
        y1={MARGIN.top}
        y2={height - MARGIN.bottom}
        stroke="var(--chart-soft)"
        strokeDasharray="2 3"
      />
      {series.map((one, index) => {
        const top = plot.top({ series: index, index: point.index });
        if (top === null) return null;
        const chosen = index === point.series;
        return (
          <circle
            key={one.key}
            cx={x}
            cy={plot.y(top)}
            r={chosen ? 5.5 : 3}
            fill={seriesColor(index)}
            stroke={chosen ? "var(--chart-ink)" : "var(--chart-page)"}
            strokeWidth={2}
          />
        );
      })}
      <circle cx={x} cy={plot.y(plot.top(point) ?? 0)} r={9} className="ring" />
    </g>
  );
}
