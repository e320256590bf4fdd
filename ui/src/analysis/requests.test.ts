import { expect, test } from "vitest";
import { rowsOf } from "./answers";
import { automaticStep, MOST_BUCKETS, STEPS, stepsFor } from "./intervals";
import {
  audienceFilters,
  type FunnelQuery,
  funnelRequest,
  journeyListRequest,
  measureName,
  NO_AUDIENCE,
  retentionListRequest,
  scalarRequest,
  timeseriesRequest,
  typedQuery,
  viewQuery,
} from "./requests";

const RANGE = { from: 1_700_000_000_000, to: 1_700_600_000_000 };

test("segments in and not in become one formula over names", () => {
  expect(audienceFilters(NO_AUDIENCE)).toEqual({});
  expect(audienceFilters({ in: ["a", "b"], notIn: ["c"] })).toEqual({
    audience_filters: {
      segments: [
        { name: "in1", segment_id: "a" },
        { name: "in2", segment_id: "b" },
        { name: "out1", segment_id: "c" },
      ],
      formula: "in1 AND in2 AND NOT out1",
    },
  });
});

test("the people of a segment by their events", () => {
  const request = scalarRequest(RANGE, {
    query: "",
    measure: { aggregation: "count" },
    groupBy: [{ facet: "@usr.id", limit: 100 }],
    audience: { in: ["s"], notIn: [] },
  });
  expect(request.attributes).toEqual({
    ...RANGE,
    query: {
      query: { data_source: "product_analytics", search: { query: "" } },
      compute: { aggregation: "count" },
      group_by: [{ facet: "@usr.id", limit: 100, sort: { aggregation: "count", order: "desc" } }],
      audience_filters: { segments: [{ name: "in1", segment_id: "s" }], formula: "in1" },
    },
  });
});

test("a series has its interval, profile groups their source", () => {
  const { attributes } = timeseriesRequest(
    RANGE,
    {
      query: "@a:1",
      measure: { aggregation: "cardinality", metric: "@usr.id" },
      groupBy: [{ facet: "user_plan", limit: 5, order: "asc", source: "user" }],
      audience: NO_AUDIENCE,
    },
    3_600_000,
  );
  expect(attributes).toMatchObject({
    query: {
      compute: { aggregation: "cardinality", metric: "@usr.id", interval: 3_600_000 },
      group_by: [{ source: "product_analytics_audience_filters.users", sort: { order: "asc" } }],
    },
  });
});

const FUNNEL: FunnelQuery = {
  steps: ["@a:1", "@a:2 OR @a:3", "@a:4"],
  entity: "@usr.id",
  windowMs: 86_400_000,
  counting: "unique",
  audience: NO_AUDIENCE,
};

test("a funnel's steps are named in order, and its window bounds attempts", () => {
  expect(funnelRequest(RANGE, FUNNEL).attributes).toEqual({
    ...RANGE,
    query: {
      search: {
        expression: "step1 -> step2 -> step3",
        node_objects: {
          step1: { data_source: "product_analytics", search: { query: "@a:1" } },
          step2: { data_source: "product_analytics", search: { query: "@a:2 OR @a:3" } },
          step3: { data_source: "product_analytics", search: { query: "@a:4" } },
        },
        join_keys: { primary: "@usr.id" },
        filters: { graph_filters: [{ name: "__dd.time_to_convert", operator: "<=", value: 86_400_000 }] },
      },
      compute: { aggregation: "cardinality", metric: "@usr.id" },
    },
  });
});

test("who got to a step, and who was lost before it", () => {
  expect(journeyListRequest(RANGE, FUNNEL, 2, "conversion", 50).attributes).toMatchObject({
    query: { target: { type: "node", value: "step3" }, conversion_type: "conversion", limit: 50 },
  });
  expect(journeyListRequest(RANGE, FUNNEL, 2, "drop-off", 50).attributes).toMatchObject({
    query: { target: { type: "path", start: "step2", end: "step3" }, conversion_type: "drop-off" },
  });
});

test("a cell of a retention grid names cohort and period", () => {
  const { attributes } = retentionListRequest(
    RANGE,
    {
      cohort: "@a:1",
      returned: "",
      unit: "week",
      entity: "@usr.id",
      condition: "conversion_on",
      timezone: "Europe/Berlin",
      audience: NO_AUDIENCE,
    },
    3,
    1,
    0,
  );
  expect(attributes).toMatchObject({
    query: {
      computation_scope: {
        type: "cell",
        cohort_target: { type: "index", value: 3 },
        return_period_target: { type: "index", value: 1 },
      },
    },
  });
});

test("a name with blanks is quoted, one with wildcards is a pattern", () => {
  expect(viewQuery("/cart")).toBe("@type:view @view.name:/cart");
  expect(viewQuery("My page")).toBe('@type:view @view.name:"My page"');
  expect(viewQuery("/product/*")).toBe("@type:view @view.name:/product/*");
  expect(typedQuery("view", "@a:1 OR @b:2")).toBe("@type:view (@a:1 OR @b:2)");
});

test("measures are named in words", () => {
  expect(measureName({ aggregation: "count" })).toBe("events");
  expect(measureName({ aggregation: "pc95", metric: "@view.loading_time" })).toBe(
    "p95 of @view.loading_time",
  );
});

test("rows keep groups and number together", () => {
  const columns = [
    { name: "@geo.country", type: "group" as const, values: ["Brazil", "N/A"] },
    { name: "query", type: "number" as const, values: [3, null] },
  ];
  expect(rowsOf({ columns })).toEqual([
    { tags: ["Brazil"], value: 3 },
    { tags: ["N/A"], value: null },
  ]);
});

test("steps keep a chart readable", () => {
  const day = 86_400_000;
  for (const length of [day / 24, day, 7 * day, 30 * day, 400 * day]) {
    const range = { from: 0, to: length };
    expect(length / STEPS[automaticStep(range)]).toBeLessThanOrEqual(62);
    for (const step of stepsFor(range)) expect(length / STEPS[step]).toBeLessThanOrEqual(MOST_BUCKETS);
  }
  expect(automaticStep({ from: 0, to: 30 * day })).toBe("day");
});
