import { type AudienceEntry, readAudience, writeAudience } from "../analysis/audience-pick";
import { STEPS, type Step } from "../analysis/intervals";
import { oneOf, readGroups, readMeasure, record, text, unless, whole, writeMeasure } from "../analysis/read";
import type { EventType, GroupBy, Measure } from "../analysis/requests";
import type { SearchCodec } from "../app/search";

export const VISUALS = [
  "timeseries",
  "bars",
  "table",
  "distribution",
  "treemap",
  "pie",
  "map",
  "list",
] as const;
export type Visual = (typeof VISUALS)[number];

export const EVENT_TYPES: { value: EventType; label: string }[] = [
  { value: "all", label: "All events" },
  { value: "view", label: "Views" },
  { value: "action", label: "Actions" },
  { value: "server", label: "Server events" },
  { value: "session", label: "Sessions" },
];

/** Whose people are shown: a series, a group's values, and a bucket of time if one was clicked. */
export interface PeopleTarget {
  series: number;
  tags: string[];
  at?: number | undefined;
}

export interface ExplorerState {
  query: string;
  type: EventType;
  measure: Measure;
  groups: GroupBy[];
  step: Step | "auto";
  shape: "line" | "bars";
  visual: Visual;
  audience: AudienceEntry[];
  view: "chart" | "table";
  people: PeopleTarget | null;
}

const COUNT: Measure = { aggregation: "count" };

export const explorerCodec: SearchCodec<ExplorerState> = {
  read: (search) => ({
    query: text(search.q),
    type: oneOf(
      search.type,
      EVENT_TYPES.map((one) => one.value),
      "all",
    ),
    measure: readMeasure(search.measure, COUNT),
    groups: readGroups(search.by, 3),
    step: oneOf(search.step, [...(Object.keys(STEPS) as Step[]), "auto" as const], "auto"),
    shape: oneOf(search.shape, ["line", "bars"], "line"),
    visual: oneOf(search.viz, VISUALS, "timeseries"),
    audience: readAudience(search),
    view: oneOf(search.view, ["chart", "table"], "chart"),
    people: readTarget(search.people),
  }),
  write: (state) => ({
    q: state.query || undefined,
    type: unless(state.type, "all"),
    measure: unless(writeMeasure(state.measure), "count"),
    by: state.groups.length > 0 ? state.groups : undefined,
    step: unless(state.step, "auto"),
    shape: unless(state.shape, "line"),
    viz: unless(state.visual, "timeseries"),
    ...writeAudience(state.audience),
    view: unless(state.view, "chart"),
    people: state.people ?? undefined,
  }),
};

function readTarget(value: unknown): PeopleTarget | null {
  const target = record(value);
  if (!Array.isArray(target.tags)) return null;
  return {
    series: whole(target.series, 0, 100, 0),
    tags: target.tags.map(text),
    ...(typeof target.at === "number" ? { at: target.at } : {}),
  };
}
