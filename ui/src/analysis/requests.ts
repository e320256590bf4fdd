/** What the analysis pages ask: their state on one side, the API's requests on the other. Pure functions. */
import { allOf } from "./query-tokens";

export interface TimeRange {
  /** Epoch ms, inclusive. */
  from: number;
  /** Epoch ms, exclusive. */
  to: number;
}

export type EventType = "all" | "view" | "action" | "server" | "session";

export interface Measure {
  aggregation: string;
  /** A facet; none for `count`. */
  metric?: string | undefined;
}

export interface GroupBy {
  facet: string;
  limit: number;
  order?: "asc" | "desc" | undefined;
  /** `user` or `account`: an attribute of the profile instead of one of the event. */
  source?: "user" | "account" | undefined;
  /** Leaves out events that do not carry it; else they are a group of their own. */
  presentOnly?: boolean | undefined;
}

export interface Audience {
  /** Segments that people must be in, all of them. */
  in: string[];
  /** Segments that people must not be in. */
  notIn: string[];
}

export const NO_AUDIENCE: Audience = { in: [], notIn: [] };

export interface AudienceFilters {
  segments: { name: string; segment_id: string }[];
  formula: string;
}

/** Segments as an audience: `s1 AND s2 AND NOT s3`. */
export function audienceFilters(audience: Audience): { audience_filters?: AudienceFilters } {
  const named = [
    ...audience.in.map((segment_id, at) => ({ name: `in${at + 1}`, segment_id, term: `in${at + 1}` })),
    ...audience.notIn.map((segment_id, at) => ({
      name: `out${at + 1}`,
      segment_id,
      term: `NOT out${at + 1}`,
    })),
  ];
  if (named.length === 0) return {};
  return {
    audience_filters: {
      segments: named.map(({ name, segment_id }) => ({ name, segment_id })),
      formula: named.map(({ term }) => term).join(" AND "),
    },
  };
}

export function typedQuery(type: EventType, ...queries: (string | undefined)[]): string {
  return allOf(type === "all" ? "" : `@type:${type}`, ...queries);
}

export function baseQuery(query: string) {
  return { data_source: "product_analytics", search: { query } };
}

export const UNIQUE_USERS: Measure = { aggregation: "cardinality", metric: "@usr.id" };

/** "unique users", "average of @context.total". */
export function measureName(measure: Measure): string {
  const { aggregation, metric = "" } = measure;
  if (aggregation === "count") return "events";
  if (aggregation === "cardinality") {
    const known: Record<string, string> = {
      "@usr.id": "unique users",
      "@account.id": "unique accounts",
      "@session.id": "unique sessions",
    };
    return known[metric] ?? `different ${metric}`;
  }
  const names: Record<string, string> = {
    sum: "sum",
    avg: "average",
    min: "minimum",
    max: "maximum",
    median: "median",
  };
  return `${names[aggregation] ?? `p${aggregation.replace(/^pc/, "")}`} of ${metric}`;
}

export interface ExplorerQuery {
  query: string;
  measure: Measure;
  groupBy: GroupBy[];
  audience: Audience;
}

function groupByRequest(groups: GroupBy[], measure: Measure) {
  return groups.map((group) => ({
    facet: group.facet,
    limit: group.limit,
    sort: {
      aggregation: measure.aggregation,
      ...(measure.metric ? { metric: measure.metric } : {}),
      order: group.order ?? "desc",
    },
    ...(group.presentOnly ? { should_exclude_missing: true } : {}),
    ...(group.source ? { source: `product_analytics_audience_filters.${group.source}s` } : {}),
  }));
}

function analyticsQuery(explorer: ExplorerQuery, intervalMs?: number) {
  return {
    query: baseQuery(explorer.query),
    compute: {
      aggregation: explorer.measure.aggregation,
      ...(explorer.measure.metric ? { metric: explorer.measure.metric } : {}),
      ...(intervalMs ? { interval: intervalMs } : {}),
    },
    ...(explorer.groupBy.length > 0 ? { group_by: groupByRequest(explorer.groupBy, explorer.measure) } : {}),
    ...audienceFilters(explorer.audience),
  };
}

export interface ApiRequest {
  /** Below the API's base. */
  path: string;
  type: string;
  attributes: Record<string, unknown>;
}

export function bodyOf(request: ApiRequest) {
  return { data: { type: request.type, attributes: request.attributes } };
}

export function scalarRequest(range: TimeRange, explorer: ExplorerQuery): ApiRequest {
  return {
    path: "/analytics/scalar",
    type: "formula_analytics_extended_request",
    attributes: { ...range, query: analyticsQuery(explorer) },
  };
}

export function timeseriesRequest(range: TimeRange, explorer: ExplorerQuery, intervalMs: number): ApiRequest {
  return {
    path: "/analytics/timeseries",
    type: "formula_analytics_extended_request",
    attributes: { ...range, query: analyticsQuery(explorer, intervalMs) },
  };
}

export function listRequest(
  range: TimeRange,
  query: string,
  audience: Audience,
  columns: string[],
  limit: number,
  sort?: { facet: string; order: "asc" | "desc" },
): ApiRequest {
  return {
    path: "/analytics/list",
    type: "formula_analytics_extended_list_request",
    attributes: {
      ...range,
      query: {
        query: baseQuery(query),
        columns,
        limit,
        ...(sort ? { sort } : {}),
        ...audienceFilters(audience),
      },
    },
  };
}

export type EntityKey = "@session.id" | "@usr.id" | "@account.id";

export const ENTITY_NAMES: Record<EntityKey, { one: string; many: string }> = {
  "@session.id": { one: "session", many: "sessions" },
  "@usr.id": { one: "user", many: "users" },
  "@account.id": { one: "account", many: "accounts" },
};

export interface FunnelQuery {
  /** One search query per step; alternatives are written with OR. */
  steps: string[];
  entity: EntityKey;
  /** How long a conversion may take; none for sessions. */
  windowMs?: number | undefined;
  counting: "unique" | "total";
  filter?: string | undefined;
  groupBy?: GroupBy | undefined;
  audience: Audience;
}

export function stepAlias(index: number): string {
  return `step${index + 1}`;
}

export function journeySearch(funnel: FunnelQuery) {
  const aliases = funnel.steps.map((_, index) => stepAlias(index));
  const filters = {
    ...(funnel.filter?.trim() ? { string_filter: funnel.filter.trim() } : {}),
    ...audienceFilters(funnel.audience),
    ...(funnel.windowMs
      ? { graph_filters: [{ name: "__dd.time_to_convert", operator: "<=", value: funnel.windowMs }] }
      : {}),
  };
  return {
    expression: aliases.join(" -> "),
    node_objects: Object.fromEntries(
      funnel.steps.map((query, index) => [stepAlias(index), baseQuery(query)]),
    ),
    join_keys: { primary: funnel.entity },
    ...(Object.keys(filters).length > 0 ? { filters } : {}),
  };
}

function journeyGroupBy(funnel: FunnelQuery) {
  return funnel.groupBy
    ? {
        group_by: [
          {
            facet: funnel.groupBy.facet,
            limit: funnel.groupBy.limit,
            target: { type: "node", value: stepAlias(0) },
          },
        ],
      }
    : {};
}

/** `count` is of conversions in total, `cardinality` of different entities. */
function journeyCompute(funnel: FunnelQuery) {
  return funnel.counting === "total"
    ? { aggregation: "count", metric: "__dd.conversion" }
    : { aggregation: "cardinality", metric: "__dd.conversion" };
}

export function funnelRequest(range: TimeRange, funnel: FunnelQuery): ApiRequest {
  const compute =
    funnel.counting === "total"
      ? { aggregation: "count", metric: funnel.entity }
      : { aggregation: "cardinality", metric: funnel.entity };
  return {
    path: "/journey/funnel",
    type: "journey_request",
    attributes: { ...range, query: { search: journeySearch(funnel), compute, ...journeyGroupBy(funnel) } },
  };
}

export function journeyTimeseriesRequest(
  range: TimeRange,
  funnel: FunnelQuery,
  intervalMs: number,
  metric: "conversion" | "rate",
): ApiRequest {
  const compute =
    metric === "rate"
      ? { aggregation: "cardinality", metric: "__dd.conversion_rate" }
      : journeyCompute(funnel);
  return {
    path: "/journey/timeseries",
    type: "formula_journey_request",
    attributes: {
      ...range,
      query: {
        search: journeySearch(funnel),
        compute: { ...compute, interval: intervalMs },
        ...journeyGroupBy(funnel),
      },
    },
  };
}

/** Who reached step `step` (from 0), or who reached the one before and not this. */
export function journeyListRequest(
  range: TimeRange,
  funnel: FunnelQuery,
  step: number,
  outcome: "conversion" | "drop-off",
  limit: number,
): ApiRequest {
  const target =
    outcome === "conversion" || step === 0
      ? { type: "node", value: stepAlias(step) }
      : { type: "path", start: stepAlias(step - 1), end: stepAlias(step) };
  return {
    path: "/journey/list",
    type: "journey_list_request",
    attributes: {
      ...range,
      query: {
        search: journeySearch(funnel),
        target,
        conversion_type: outcome,
        ...(outcome === "conversion" ? { computed_columns: [{ name: "first_conversion_timestamps" }] } : {}),
        limit,
      },
    },
  };
}

export function suggestionsRequest(range: TimeRange, funnel: FunnelQuery): ApiRequest {
  return {
    path: "/journey/suggestions",
    type: "journey_suggestions_request",
    attributes: { ...range, query: { search: journeySearch(funnel) }, limit: 8 },
  };
}

export type CalendarUnit = "day" | "week" | "month";

export interface RetentionQuery {
  cohort: string;
  /** Empty: the same event as the cohort's. */
  returned: string;
  unit: CalendarUnit;
  entity: "@usr.id" | "@account.id";
  condition: "conversion_on" | "conversion_on_or_after";
  timezone: string;
  filter?: string | undefined;
  groupBy?: GroupBy | undefined;
  audience: Audience;
}

export function retentionSearch(retention: RetentionQuery) {
  const time_interval = { type: "calendar", value: { type: retention.unit, timezone: retention.timezone } };
  const filters = {
    ...(retention.filter?.trim() ? { string_filter: retention.filter.trim() } : {}),
    ...audienceFilters(retention.audience),
  };
  return {
    cohort_criteria: { base_query: baseQuery(retention.cohort), time_interval },
    retention_entity: retention.entity,
    return_condition: retention.condition,
    ...(retention.returned.trim()
      ? { return_criteria: { base_query: baseQuery(retention.returned), time_interval } }
      : {}),
    ...(Object.keys(filters).length > 0 ? { filters } : {}),
  };
}

export function retentionGridRequest(range: TimeRange, retention: RetentionQuery): ApiRequest {
  return {
    path: "/retention/grid",
    type: "retention_grid_request",
    attributes: {
      ...range,
      query: {
        search: retentionSearch(retention),
        compute: { aggregation: "cardinality", metric: "__dd.retention_rate" },
        ...(retention.groupBy
          ? {
              group_by: [
                { facet: retention.groupBy.facet, limit: retention.groupBy.limit, target: "cohort" },
              ],
            }
          : {}),
      },
    },
  };
}

export function retentionListRequest(
  range: TimeRange,
  retention: RetentionQuery,
  cohort: number,
  period: number,
  limit: number,
): ApiRequest {
  return {
    path: "/retention/list",
    type: "retention_list_request",
    attributes: {
      ...range,
      query: {
        search: retentionSearch(retention),
        computation_scope: {
          type: "cell",
          cohort_target: { type: "index", value: cohort },
          return_period_target: { type: "index", value: period },
        },
        limit,
      },
    },
  };
}

export interface PathwayQuery {
  /** A view's name, wildcards allowed; empty: from anywhere. */
  anchor: string;
  direction: "start" | "end";
  /** Columns of the picture, 3 at least. */
  steps: number;
  entries: number;
  actions: boolean;
  entity: EntityKey;
  filter: string;
  audience: Audience;
}

export function sankeyRequest(range: TimeRange, pathway: PathwayQuery): ApiRequest {
  const facet = "@view.name";
  return {
    path: "/sankey",
    type: "sankey_request",
    attributes: {
      time: { ...range },
      definition: {
        source: facet,
        target: facet,
        // The API counts what lies between the first and the last column.
        number_of_steps: pathway.steps - 2,
        entries_per_step: pathway.entries,
        dropoff_nodes: true,
        mode: pathway.direction === "start" ? "source" : "target",
        ...(pathway.anchor ? { anchor: viewQuery(pathway.anchor) } : {}),
        ...(pathway.actions ? { include_actions: true } : {}),
      },
      search: {
        query: pathway.filter,
        join_keys: { primary: pathway.entity },
        ...audienceFilters(pathway.audience),
      },
    },
  };
}

/** A page, by its name or a pattern of names. */
export function viewQuery(name: string): string {
  return `@type:view @view.name:${/[*?]/.test(name) ? name.replace(/[\s:()"\\]/g, "\\$&") : quoted(name)}`;
}

function quoted(value: string): string {
  return /^[\w./-]+$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

export type SegmentSource = {
  kind:
    | "funnel_step"
    | "retention_cell"
    | "pathway_node"
    | "pathway_link"
    | "users_query"
    | "analytics_group";
  /** The attributes of the request that drew the number. */
  request: Record<string, unknown>;
  target?: Record<string, unknown>;
};

/** The definition behind a number. */
export function segmentFromRequest(source: SegmentSource): ApiRequest {
  return { path: "/segments/from", type: "segment_from", attributes: { ...source } };
}
