import type { SVGProps } from "react";

/** Drawn on a 16-pixel grid in the text's colour. */
const PATHS = {
  segments: "M6 2.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7Zm4 4a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7Z",
  explorer: "M2 13.5h12M3.5 11V8m3 3V4.5m3 6.5V6.5m3 4.5V3",
  pathways: "M2 3.5h3c3 0 3 9 6 9h3M2 12.5h3c3 0 3-9 6-9h3",
  funnel: "M2 3h12l-4.5 5.5V13l-3-1.5v-3L2 3Z",
  retention: "M2.5 2.5h3v3h-3zm4 0h3v3h-3zm4 0h3v3h-3zm-8 4h3v3h-3zm4 0h3v3h-3zm-4 4h3v3h-3z",
  users: "M8 8a2.75 2.75 0 1 0 0-5.5A2.75 2.75 0 0 0 8 8Zm-5 5.5c.5-2.5 2.5-3.5 5-3.500s4.5 1 5 3.5",
  accounts: "M3 13.500v-11h6v11m0-7h4v7M2 13.500h12M5 5h2M5 7.500h2M5 10h2",
  charts: "M2.5 2.500h11v11h-11zm0 4h11m-6.5 0v7",
  setup: "M5.5 4.5 2 8l3.5 3.500m5-7L14 8l-3.5 3.500M9 3l-2 10",
  settings:
    "M8 5.750a2.25 2.25 0 1 0 0 4.5 2.25 2.25 0 0 0 0-4.500ZM8 1.750v1.500m0 9.500v1.500M1.75 8h1.500m9.5 0h1.500M3.6 3.600l1 1m6.8 6.8 1 1m0-8.8-1 1M4.6 11.400l-1 1",
  search: "M7 2.500a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Zm3.5 8L14 14",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  close: "m4 4 8 8m0-8-8 8",
  check: "m3 8.5 3.5 3.500L13 4.5",
  down: "m4 6.5 4 4 4-4",
  up: "m4 9.5 4-4 4 4",
  left: "m9.5 4-4 4 4 4",
  right: "m6.5 4 4 4-4 4",
  calendar: "M2.5 4h11v9.500h-11zm0 3h11M5.5 2v3m5-3v3",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  copy: "M5.5 5.500h8v8h-8zm-2.5 5h-.500v-8h8v.5",
  code: "M5.5 4.5 2 8l3.5 3.500m5-7L14 8l-3.5 3.5",
  undo: "M5.5 3 2.5 6l3 3M2.5 6h7a4 4 0 0 1 0 8H6",
  redo: "m10.5 3 3 3-3 3m3-3h-7a4 4 0 0 0 0 8H10",
  trash: "M2.5 4.500h11m-9 0 .75 9h5.500l.75-9m-5.5 0v-2h4v2",
  edit: "M10.5 3 13 5.500l-7.5 7.500H3v-2.500L10.5 3Z",
  download: "M8 2.500v7.500m-3-3 3 3 3-3M2.5 13.500h11",
  upload: "M8 10.500V3m-3 3 3-3 3 3M2.5 13.500h11",
  warning: "M8 2.5 14.5 13.500h-13L8 2.500Zm0 4v3.500m0 1.750v.01",
  info: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 5.250v3.750M8 5v.01",
  moon: "M13 9.500A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.500Z",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6Zm0-3.500v1m0 11v1M1.5 8h1m11 0h1M3.5 3.500l.7.7m7.6 7.6.7.7m0-9-.7.7m-7.6 7.6-.7.7",
  menu: "M2.5 4h11m-11 4h11m-11 4h11",
  user: "M8 8a2.75 2.75 0 1 0 0-5.500A2.75 2.75 0 0 0 8 8Zm-5 5.500c.5-2.5 2.5-3.5 5-3.500s4.5 1 5 3.5",
  table: "M2.5 3h11v10h-11zm0 3.500h11m-11 3.250h11M6.5 3v10",
  link: "M6.5 9.5 9.5 6.500M7 4.500l1-1a3 3 0 0 1 4.25 4.250l-1 1M9 11.500l-1 1a3 3 0 0 1-4.25-4.250l1-1",
  refresh: "M13 5.500A5.5 5.5 0 0 0 3 6m0-3v3h3m-3 4.500a5.5 5.5 0 0 0 10-.500m0 3v-3h-3",
  filter: "M2 3.500h12M4.5 8h7m-4.5 4.500h2",
  drag: "M6 4h.010M10 4h.010M6 8h.010M10 8h.010M6 12h.010M10 12h.01",
  group: "M2.5 5V2.500H5m6 0h2.500V5m0 6v2.500H11m-6 0H2.500V11M5.5 5.500h5v5h-5z",
  list: "M5.5 4h8m-8 4h8m-8 4h8M2.5 4h.010M2.5 8h.010M2.5 12h.01",
  branch: "M4.5 2.500v11m0-5c0-3 7-1 7-4V3",
  keyboard: "M1.5 4h13v8h-13zm3 2.500h.010m2.5 0h.010m2.5 0h.010m2.5 0h.010M5 9.500h6",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({
  name,
  size = 16,
  ...props
}: { name: IconName; size?: number } & SVGProps<SVGSVGElement>) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === "more" || name === "drag" ? 2 : 1.4}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
      className="shrink-0"
      {...props}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
