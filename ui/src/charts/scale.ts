import { nice, ticks } from "d3-array";

export interface Linear {
  (value: number): number;
  invert: (position: number) => number;
  ticks: (count: number) => number[];
}

/** A straight scale; with `rounded` steps, the domain is widened to whole ticks. */
export function linear([d0, d1]: [number, number], [r0, r1]: [number, number], rounded?: number): Linear {
  const [from, to] = rounded === undefined ? [d0, d1] : nice(d0, d1, rounded);
  const span = to - from || 1;
  const scale = (value: number) => r0 + ((value - from) / span) * (r1 - r0);
  return Object.assign(scale, {
    invert: (position: number) => from + ((position - r0) / (r1 - r0 || 1)) * span,
    ticks: (count: number) => ticks(from, to, count),
  });
}

/** So many buckets apart are labels easy to follow: whole hours, days, weeks. */
const STRIDES = [1, 2, 3, 4, 6, 7, 8, 12, 14, 24, 28, 48, 56, 96, 144, 168, 288, 336, 720, 1440];

/** Which buckets to label, at most `most` of them; a midnight among them gets one if it is known which those are. */
export function labelled(
  times: number[],
  most: number,
  isMidnight: (time: number) => boolean = () => false,
): number[] {
  const stride =
    STRIDES.find((one) => times.length / one <= most) ?? Math.ceil(times.length / Math.max(1, most));
  const midnight = times.findIndex(isMidnight);
  const offset = midnight < 0 ? 0 : midnight % stride;
  return times.filter((_, at) => at % stride === offset);
}
