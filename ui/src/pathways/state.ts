import { type AudienceEntry, readAudience, writeAudience } from "../analysis/audience-pick";
import { oneOf, record, text, unless, whole } from "../analysis/read";
import type { EntityKey } from "../analysis/requests";
import type { SearchCodec } from "../app/search";

export type PathTarget =
  | { column: number; name: string }
  | { column: number; source: string; target: string };

export interface PathwayState {
  /** A view's name, `*` and `?` allowed; empty: wherever sessions begin. */
  anchor: string;
  direction: "start" | "end";
  steps: number;
  entries: number;
  actions: boolean;
  entity: EntityKey;
  filter: string;
  audience: AudienceEntry[];
  view: "chart" | "table";
  people: PathTarget | null;
}

export const USUAL_STEPS = 4;
export const LEAST_STEPS = 3;
export const USUAL_ENTRIES = 5;

export const pathwayCodec: SearchCodec<PathwayState> = {
  read: (search) => ({
    anchor: text(search.anchor),
    direction: oneOf(search.direction, ["start", "end"], "start"),
    steps: whole(search.steps, LEAST_STEPS, 10, USUAL_STEPS),
    entries: whole(search.entries, 1, 10, USUAL_ENTRIES),
    actions: search.actions === true,
    entity: oneOf(search.entity, ["@session.id", "@usr.id", "@account.id"], "@session.id"),
    filter: text(search.q),
    audience: readAudience(search).filter((entry) => entry.role !== "vs"),
    view: oneOf(search.view, ["chart", "table"], "chart"),
    people: readTarget(search.people),
  }),
  write: (state) => ({
    anchor: state.anchor || undefined,
    direction: unless(state.direction, "start"),
    steps: unless(state.steps, USUAL_STEPS),
    entries: unless(state.entries, USUAL_ENTRIES),
    actions: state.actions || undefined,
    entity: unless(state.entity, "@session.id"),
    q: state.filter || undefined,
    ...writeAudience(state.audience),
    view: unless(state.view, "chart"),
    people: state.people ?? undefined,
  }),
};

function readTarget(value: unknown): PathTarget | null {
  const target = record(value);
  const column = whole(target.column, 0, 20, 0);
  if (typeof target.name === "string") return { column, name: target.name };
  if (typeof target.source === "string" && typeof target.target === "string")
    return { column, source: target.source, target: target.target };
  return null;
}
