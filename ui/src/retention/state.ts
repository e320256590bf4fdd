import { type AudienceEntry, readAudience, writeAudience } from "../analysis/audience-pick";
import { oneOf, readGroups, record, text, unless, whole } from "../analysis/read";
import type { CalendarUnit, GroupBy, RetentionQuery, TimeRange } from "../analysis/requests";
import type { SearchCodec } from "../app/search";

export interface RetentionState {
  cohort: string;
  /** Empty: the same event as the cohort's. */
  returned: string;
  unit: CalendarUnit | "auto";
  entity: "@usr.id" | "@account.id";
  condition: RetentionQuery["condition"];
  filter: string;
  groups: GroupBy[];
  audience: AudienceEntry[];
  show: "grid" | "curve";
  values: "rate" | "count";
  view: "chart" | "table";
  people: { cohort: number; period: number } | null;
}

export const retentionCodec: SearchCodec<RetentionState> = {
  read: (search) => ({
    cohort: text(search.cohort),
    returned: text(search.returned),
    unit: oneOf(search.unit, ["auto", "day", "week", "month"], "auto"),
    entity: oneOf(search.entity, ["@usr.id", "@account.id"], "@usr.id"),
    condition: oneOf(search.condition, ["conversion_on", "conversion_on_or_after"], "conversion_on"),
    filter: text(search.q),
    groups: readGroups(search.by, 1),
    audience: readAudience(search).filter((entry) => entry.role !== "vs"),
    show: oneOf(search.show, ["grid", "curve"], "grid"),
    values: oneOf(search.values, ["rate", "count"], "rate"),
    view: oneOf(search.view, ["chart", "table"], "chart"),
    people: readPeople(search.people),
  }),
  write: (state) => ({
    cohort: state.cohort || undefined,
    returned: state.returned || undefined,
    unit: unless(state.unit, "auto"),
    entity: unless(state.entity, "@usr.id"),
    condition: unless(state.condition, "conversion_on"),
    q: state.filter || undefined,
    by: state.groups.length > 0 ? state.groups : undefined,
    ...writeAudience(state.audience),
    show: unless(state.show, "grid"),
    values: unless(state.values, "rate"),
    view: unless(state.view, "chart"),
    people: state.people ?? undefined,
  }),
};

function readPeople(value: unknown): RetentionState["people"] {
  const people = record(value);
  if (people.cohort === undefined) return null;
  return { cohort: whole(people.cohort, 0, 10_000, 0), period: whole(people.period, 0, 10_000, 0) };
}

const DAY_MS = 86_400_000;

/** Days up to a month, weeks up to half a year, then months. */
export function automaticUnit(range: TimeRange): CalendarUnit {
  const days = (range.to - range.from) / DAY_MS;
  if (days <= 14) return "day";
  return days <= 190 ? "week" : "month";
}

export function retentionQuery(
  state: RetentionState,
  range: TimeRange,
  timezone: string,
  audience: RetentionQuery["audience"],
): RetentionQuery {
  return {
    cohort: state.cohort,
    returned: state.returned,
    unit: state.unit === "auto" ? automaticUnit(range) : state.unit,
    entity: state.entity,
    condition: state.condition,
    timezone,
    filter: state.filter,
    groupBy: state.groups[0],
    audience,
  };
}
