import { line } from "d3-shape";

/** A size over time, as a word among words. Its numbers stand beside it, so it is for the eye alone. */
export function Sparkline({
  values,
  width = 88,
  height = 24,
}: {
  values: number[];
  width?: number;
  height?: number;
}) {
  if (values.length < 2) return <svg width={width} height={height} aria-hidden="true" />;
  const low = Math.min(...values);
  const span = Math.max(1e-12, Math.max(...values) - low);
  const points = values.map((value, at): [number, number] => [
    2 + (at * (width - 4)) / (values.length - 1),
    height - 3 - ((value - low) * (height - 6)) / span,
  ]);
  const last = points.at(-1)!;
  return (
    <svg width={width} height={height} aria-hidden="true">
      <path
        d={line()(points) ?? ""}
        fill="none"
        stroke="var(--chart-1)"
        strokeWidth={1.5}
        strokeLinejoin="round"
      />
      <circle cx={last[0]} cy={last[1]} r={2} fill="var(--chart-1)" />
    </svg>
  );
}
