/** Taking a chart along: its numbers as CSV, its picture as PNG. */

export interface Table {
  columns: { name: string; numeric?: boolean }[];
  rows: (string | number | null)[][];
}

/** RFC 4180. Text that a spreadsheet would run as a formula gets an apostrophe in front. */
export function toCsv(table: Table): string {
  const line = (cells: (string | number | null)[]) => cells.map(csvCell).join(",");
  const lines = [line(table.columns.map((column) => column.name)), ...table.rows.map(line)];
  return lines.map((one) => `${one}\r\n`).join("");
}

function csvCell(cell: string | number | null): string {
  if (cell === null) return "";
  if (typeof cell === "number") return String(cell);
  const harmless = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

export function downloadText(text: string, name: string, type: string) {
  download(new Blob([text], { type }), name);
}

function download(blob: Blob, name: string) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** What a picture needs of the page's styles. */
const COPIED_STYLES = [
  "fill",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "stroke-linejoin",
  "stroke-linecap",
  "opacity",
  "fill-opacity",
  "stroke-opacity",
  "font-family",
  "font-size",
  "font-weight",
  "text-anchor",
  "dominant-baseline",
  "visibility",
];

/** Draws the chart's SVG at twice its size, over the page's background, and saves it. */
export async function downloadPng(svg: SVGSVGElement, name: string): Promise<void> {
  const { width, height } = svg.getBoundingClientRect();
  const copy = svg.cloneNode(true) as SVGSVGElement;
  copyStyles(svg, copy);
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  const source = new XMLSerializer().serializeToString(copy);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  const scale = 2;
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser cannot draw the picture.");
  context.fillStyle = backgroundOf(svg);
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("This browser cannot write the picture.");
  download(blob, name);
}

function copyStyles(from: Element, to: Element) {
  const computed = getComputedStyle(from);
  for (const property of COPIED_STYLES) {
    const value = computed.getPropertyValue(property);
    if (value) to.setAttribute(property, value);
  }
  for (let i = 0; i < from.children.length; i++) copyStyles(from.children[i]!, to.children[i]!);
}

/** The colour behind an element: that of its nearest ancestor that has one. */
function backgroundOf(element: Element): string {
  for (let at: Element | null = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (colour && colour !== "transparent" && !/rgba\(.*, 0\)/.test(colour)) return colour;
  }
  return "#fff";
}

/** A file's name made of a chart's title. */
export function fileName(title: string, extension: string): string {
  const stem = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return `${stem || "chart"}.${extension}`;
}
