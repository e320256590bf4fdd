import { type AudienceEntry, readAudience, strings, writeAudience } from "../analysis/audience-pick";
import { allOf, tokenize } from "../analysis/query-tokens";
import { oneOf, readGroups, record, text, unless, whole } from "../analysis/read";
import type { EntityKey, FunnelQuery, GroupBy } from "../analysis/requests";
import type { SearchCodec } from "../app/search";

export interface FunnelStep {
  /** Search queries, any of which makes the step. */
  any: string[];
  /** What must hold beside. */
  where: string;
}

export interface FunnelState {
  steps: FunnelStep[];
  entity: EntityKey;
  /** `24h`, `7d`, or empty for no limit. */
  window: string;
  counting: "unique" | "total";
  filter: string;
  groups: GroupBy[];
  audience: AudienceEntry[];
  show: "steps" | "time";
  view: "chart" | "table";
  people: { step: number; outcome: "conversion" | "drop-off" } | null;
}

export const WINDOWS: Record<string, { label: string; ms: number }> = {
  "30m": { label: "30 minutes", ms: 1_800_000 },
  "1h": { label: "1 hour", ms: 3_600_000 },
  "24h": { label: "24 hours", ms: 86_400_000 },
  "7d": { label: "7 days", ms: 7 * 86_400_000 },
  "14d": { label: "14 days", ms: 14 * 86_400_000 },
  "30d": { label: "30 days", ms: 30 * 86_400_000 },
};

/** Most steps that a funnel may have. */
export const MOST_STEPS = 16;

const ENTITIES = ["@session.id", "@usr.id", "@account.id"] as const;

export function usualWindow(entity: EntityKey): string {
  return entity === "@session.id" ? "" : "24h";
}

export const funnelCodec: SearchCodec<FunnelState> = {
  read: (search) => {
    const entity = oneOf(search.entity, ENTITIES, "@usr.id");
    return {
      steps: readSteps(search.steps),
      entity,
      window: search.window === "none" ? "" : oneOf(search.window, Object.keys(WINDOWS), usualWindow(entity)),
      counting: oneOf(search.counting, ["unique", "total"], "unique"),
      filter: text(search.q),
      groups: readGroups(search.by, 1),
      audience: readAudience(search).filter((entry) => entry.role !== "vs"),
      show: oneOf(search.show, ["steps", "time"], "steps"),
      view: oneOf(search.view, ["chart", "table"], "chart"),
      people: readPeople(search.people),
    };
  },
  write: (state) => ({
    steps: state.steps.length > 0 ? state.steps : undefined,
    entity: unless(state.entity, "@usr.id"),
    window: unless(state.window || "none", usualWindow(state.entity) || "none"),
    counting: unless(state.counting, "unique"),
    q: state.filter || undefined,
    by: state.groups.length > 0 ? state.groups : undefined,
    ...writeAudience(state.audience),
    show: unless(state.show, "steps"),
    view: unless(state.view, "chart"),
    people: state.people ?? undefined,
  }),
};

/** A step is an object, or simply a query. */
function readSteps(value: unknown): FunnelStep[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, MOST_STEPS).map((step) => {
    if (typeof step === "string") return { any: [step], where: "" };
    const any = strings(record(step).any);
    return { any: any.length > 0 ? any : [""], where: text(record(step).where) };
  });
}

function readPeople(value: unknown): FunnelState["people"] {
  const people = record(value);
  if (people.step === undefined) return null;
  return {
    step: whole(people.step, 0, MOST_STEPS - 1, 0),
    outcome: oneOf(people.outcome, ["conversion", "drop-off"], "conversion"),
  };
}

export function stepQuery(step: FunnelStep): string {
  const alternatives = step.any.map((query) => query.trim()).filter((query) => query !== "");
  const any =
    alternatives.length > 1
      ? alternatives.map((query) => `(${query})`).join(" OR ")
      : (alternatives[0] ?? "");
  return allOf(any, step.where);
}

/** What a step is called: the names in it, or its query. */
export function stepLabel(step: FunnelStep): string {
  const names = step.any.map((query) => {
    const values = tokenize(query).filter((token) => token.kind === "value" || token.kind === "quoted");
    const last = values.at(-1)?.text.replace(/^"|"$/g, "");
    return last ?? query;
  });
  return names.filter((name) => name !== "").join(" or ") || "any event";
}

export function funnelQuery(state: FunnelState, audience: FunnelQuery["audience"]): FunnelQuery {
  return {
    steps: state.steps.map(stepQuery),
    entity: state.entity,
    windowMs: WINDOWS[state.window]?.ms,
    counting: state.counting,
    filter: state.filter,
    groupBy: state.groups[0],
    audience,
  };
}

/** A list with one item moved, as by dragging it. */
export function moved<T>(list: T[], from: number, to: number): T[] {
  const item = list[from];
  if (item === undefined || from === to || to < 0 || to >= list.length) return list;
  const rest = list.filter((_, index) => index !== from);
  return [...rest.slice(0, to), item, ...rest.slice(to)];
}
