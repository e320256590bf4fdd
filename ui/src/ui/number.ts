const whole = new Intl.NumberFormat("en-US");
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const fraction = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });

/** `8,412`; fractions with two digits. */
export function count(value: number): string {
  return Number.isInteger(value) ? whole.format(value) : fraction.format(value);
}

/** `8.4K`, for axes and tight places; the exact number belongs beside it or into a title. */
export function short(value: number): string {
  return Math.abs(value) < 10_000 ? count(value) : compact.format(value);
}

/** `12.3 %` of a share between 0 and 1; `–` for none. */
export function percent(share: number | null | undefined, digits = 1): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  if (share > 0 && share < 0.5 * 10 ** -(digits + 2)) return `<${(10 ** -digits).toFixed(digits)} %`;
  return `${(share * 100).toFixed(digits).replace(/\.0+$/, "")} %`;
}

/** `+12`, `−3`, `0`. */
export function signed(value: number): string {
  return value > 0 ? `+${count(value)}` : value < 0 ? `−${count(-value)}` : "0";
}

/** `1 person`, `2 people`. */
export function plural(n: number, one: string, many: string): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
