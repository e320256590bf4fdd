import { expect, test } from "vitest";
import type { SearchCodec } from "../app/search";
import { seriesOf, valuesOf, valuesTable } from "../explorer/answer";
import { questionsOf } from "../explorer/questions";
import { explorerCodec } from "../explorer/state";
import { funnelCodec, moved, stepLabel, stepQuery } from "../funnel/state";
import { pathwayCodec } from "../pathways/state";
import { bySession } from "../profiles/sessions";
import { profilesCodec } from "../profiles/state";
import { curves, gridRows, gridTable } from "../retention/answer";
import { retentionCodec } from "../retention/state";
import { EMPTY_TAIL, heard } from "../setup/tail";
import { isLive, keepLive } from "./live-window";

/** A page's address leads back to the page, and an empty one to its defaults. */
function check<T>(codec: SearchCodec<T>, searches: Record<string, unknown>[]) {
  for (const search of searches) {
    const state = codec.read(search);
    const written = JSON.parse(JSON.stringify(codec.write(state)));
    expect(codec.read(written)).toEqual(state);
  }
  expect(Object.values(codec.write(codec.read({}))).every((value) => value === undefined)).toBe(true);
}

const NONSENSE = {
  steps: 7,
  by: "x",
  in: [1, {}],
  people: [],
  view: {},
  measure: 3,
  columns: [],
  sort: {},
  viz: "cube",
  window: -1,
};

test("what a page shows is in its address", () => {
  check(explorerCodec, [
    {},
    NONSENSE,
    {
      q: "@a:1 OR @b:2",
      type: "view",
      measure: "pc95:@view.loading_time",
      by: [
        { facet: "@geo.country", limit: 7, order: "asc" },
        { facet: "user_plan", limit: 3, source: "user", presentOnly: true },
      ],
      step: "hour",
      shape: "bars",
      viz: "pie",
      in: ["a"],
      not: ["b"],
      vs: ["c", "d"],
      view: "table",
      people: { series: 1, tags: ["Brazil"], at: 5 },
    },
  ]);
  check(funnelCodec, [
    {},
    NONSENSE,
    {
      steps: ["@a:1", { any: ["@b:1", "@b:2"], where: "@c:3" }],
      entity: "@session.id",
      counting: "total",
      people: { step: 1, outcome: "drop-off" },
    },
    { entity: "@usr.id", window: "none" },
  ]);
  check(retentionCodec, [
    {},
    NONSENSE,
    { cohort: "@a:1", unit: "month", condition: "conversion_on_or_after", people: { cohort: 2, period: 1 } },
  ]);
  check(pathwayCodec, [
    {},
    NONSENSE,
    {
      anchor: "/product/*",
      direction: "end",
      steps: 3,
      entries: 7,
      actions: true,
      people: { column: 1, source: "/a", target: "/b" },
    },
  ]);
  check(profilesCodec.user, [
    {},
    NONSENSE,
    { q: "session_count:>3", term: "ada", columns: "user_plan", sort: "user_id" },
  ]);
});

test("a segment that is compared gets a question of its own", () => {
  const state = explorerCodec.read({ in: ["a"], not: ["b"], vs: ["c", "d"], viz: "bars" });
  const { audiences } = questionsOf(state, { from: 0, to: 1000 }, "s");
  expect(audiences).toEqual([
    { in: ["s", "a", "c"], notIn: ["b"] },
    { in: ["s", "a", "d"], notIn: ["b"] },
  ]);
});

test("compared values keep their segment and lose nothing", () => {
  const answer = (values: [string, number][]) => ({
    columns: [
      { name: "@geo.country", type: "group" as const, values: values.map(([name]) => name) },
      { name: "query", type: "number" as const, values: values.map(([, value]) => value) },
    ],
  });
  const compared = [{ label: "A" }, { label: "B" }];
  const rows = valuesOf(
    [
      answer([
        ["Brazil", 5],
        ["France", 2],
      ]),
      answer([
        ["France", 4],
        ["Spain", 1],
      ]),
    ],
    compared,
    "events",
  );
  expect(rows.map((row) => `${row.label} ${row.value}`)).toEqual([
    "Brazil · A 5",
    "France · A 2",
    "France · B 4",
    "Spain · B 1",
  ]);
  expect(valuesTable(rows, ["@geo.country"], compared, "events").rows[1]).toEqual(["France", "A", 2]);
});

test("series of different times stand over all times", () => {
  const answer = (times: number[]) => ({
    times,
    series: [{ group_tags: [], query_index: 0 }],
    values: [times.map((time) => time * 10)],
  });
  const drawn = seriesOf([answer([1, 2]), answer([2, 3])], [{ label: "A" }, { label: "B" }], "events");
  expect(drawn.times).toEqual([1, 2, 3]);
  expect(drawn.series.map((one) => one.values)).toEqual([
    [10, 20, null],
    [null, 20, 30],
  ]);
});

test("alternatives and filters make one query per step", () => {
  expect(stepQuery({ any: ["@a:1"], where: "" })).toBe("@a:1");
  expect(stepQuery({ any: ["@a:1", "@b:2 @c:3"], where: "@d:4" })).toBe("((@a:1) OR (@b:2 @c:3)) @d:4");
  expect(stepLabel({ any: ["@type:view @view.name:/cart", '@action.name:"Add to cart"'], where: "" })).toBe(
    "/cart or Add to cart",
  );
  expect(moved([1, 2, 3], 0, 2)).toEqual([2, 3, 1]);
  expect(moved([1, 2, 3], 2, 3)).toEqual([1, 2, 3]);
});

test("a range that ends now lives on in a segment", () => {
  const range = { from: Date.parse("2026-11-01T00:00:00Z"), to: Date.parse("2026-11-08T00:00:00Z") };
  const during = (window: unknown) => ({
    where: { all: [{ performed: { steps: [{ event: "@a:1" }], during: window } }] },
  });
  const fixed = during({ from: "2026-11-01T00:00:00Z", to: "2026-11-08T00:00:00Z" });
  expect(isLive("7d")).toBe(true);
  expect(isLive("2026-11-01..2026-11-08")).toBe(false);
  expect(keepLive(fixed, "7d", range)).toEqual(during({ last: "7d" }));
  const other = during({ from: "2026-11-02T00:00:00Z", to: "2026-11-08T00:00:00Z" });
  expect(keepLive(other, "7d", range)).toEqual(other);
});

test("a session is one block, and every event is in one", () => {
  const event = (id: string, session: string | null) => ({
    id,
    type: "view",
    ts: `2026-11-01T00:00:0${id}Z`,
    attributes: session ? { "session.id": session } : {},
  });
  const sessions = bySession([
    event("5", "a"),
    event("4", "a"),
    event("3", null),
    event("2", "b"),
    event("1", "a"),
  ]);
  expect(sessions.map((session) => session.events.map(({ id }) => id).join(""))).toEqual([
    "54",
    "3",
    "2",
    "1",
  ]);
});

test("the mean comes first, and cells keep what is not over", () => {
  const cell = (period: number, rate: number | null, partial: boolean) => ({
    type: "raw" as const,
    return_period_index: period,
    cell_count: 5,
    cell_rate: rate,
    cell_value: rate,
    is_partial_data: partial,
  });
  const rows = gridRows(
    {
      retention_entity: "@usr.id",
      retention_periods: [],
      cohorts: [
        {
          type: "raw",
          name: "nobody",
          cohort_index: 1,
          cohort_size: 0,
          cohort_start_time: 7 * 86_400_000,
          group_tags: [],
          cells: [cell(0, 0, true)],
        },
        {
          type: "raw",
          name: "w",
          cohort_index: 0,
          cohort_size: 10,
          cohort_start_time: 0,
          group_tags: [],
          cells: [cell(0, 1, false), cell(1, 0.5, true)],
        },
        {
          type: "aggregated",
          name: "all",
          cohort_index: 0,
          cohort_size: 10,
          group_tags: [],
          cells: [cell(0, 1, false)],
        },
      ],
    },
    "week",
    "UTC",
  );
  expect(rows.map((row) => row.name)).toEqual(["Weighted mean", "8 Jan", "1 Jan"]);
  expect(rows[1]?.cells[0]?.rate).toBeNull();
  expect(rows[2]?.cells[1]?.partial).toBe(true);
  expect(curves(rows, 2)[0]?.values).toEqual([1, null]);
  expect(gridTable(rows, "week", 2, "rate").rows).toEqual([
    ["Weighted mean", null, 1, null],
    ["8 Jan", 0, null, null],
    ["1 Jan", 10, 1, 0.5],
  ]);
});

test("the tail shows the newest first and counts what it skips", () => {
  const hear = (event: string, data: unknown) => ({ heard: { event, data: JSON.stringify(data) } });
  let tail = heard(EMPTY_TAIL, hear("event", { name: "/cart" }));
  tail = heard(tail, hear("rejected", { reason: "no time" }));
  tail = heard(tail, hear("skipped", { count: 12 }));
  tail = heard(tail, { heard: { event: "event", data: "not json" } });
  expect(tail.rows.map((row) => row.kind)).toEqual(["rejected", "event"]);
  expect(tail.skipped).toBe(12);
  expect(tail.state).toBe("open");
});
