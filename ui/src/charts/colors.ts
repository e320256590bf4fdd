/** Series colours are CSS variables (charts.css): they follow light and dark, and keep 3:1 against the page. */

export const PALETTE_SIZE = 8;

export function seriesColor(index: number): string {
  return `var(--chart-${(index % PALETTE_SIZE) + 1})`;
}

/** One hue in `steps` strengths, for grids and maps: 0 is no value's background, `steps` the strongest. */
export const HEAT_STEPS = 8;

/** Which strength stands for a fraction 0…1 (`null`: none). Zero has the weakest, and only zero. */
export function heatStep(fraction: number | null): number {
  if (fraction === null || Number.isNaN(fraction) || fraction <= 0) return 0;
  return Math.min(HEAT_STEPS, Math.max(1, Math.ceil(fraction * HEAT_STEPS)));
}
