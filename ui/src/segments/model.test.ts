import { describe, expect, it } from "vitest";
import type { Condition, Definition } from "./definition";
import { pointersOf, readDefinition, rowAt, writeDefinition } from "./model";

function check(where: unknown, entity: "user" | "account" = "user") {
  const definition = { entity, where } as Definition;
  expect(writeDefinition(readDefinition(definition))).toEqual(definition);
}

const view = (name: string) => ({ performed: { steps: [{ event: `@type:view @view.name:${name}` }] } });

describe("definitions survive the form", () => {
  it("of every kind of condition", () => {
    check({ all: [] });
    check({ any: [] });
    check({ profile: "user_plan:pro" });
    check({ segment: "01a2" }, "account");
    check({ not: { profile: "user_plan:pro" } });
    check({ not: { all: [view("/a"), { any: [{ not: view("/b") }] }] } });
    check({ not: { not: view("/a") } });
    check({ all: [{ all: [view("/a")] }] });
    check(view("/a"));
  });

  it("with every member of performed", () => {
    const steps = [
      { event: "@type:view" },
      { event: "@type:action (a OR b)", not: true, within: "1h" },
      { event: "CIDR(@session.ip, 10.0.0.0/8)", within: "2d" },
    ];
    check({
      performed: {
        steps,
        within: "session",
        during: { last: "7d" },
        times: { op: "<", value: 3 },
        per: "day",
      },
    });
    check({ performed: { steps: [{ event: "*" }, { event: "a" }], order: "any", within: "90s" } });
    check({
      performed: {
        steps: [{ event: "*" }],
        measure: { aggregation: "sum", facet: "@context.total", op: ">", value: 1.5 },
      },
    });
    for (const during of [
      { from: "2026-11-01", to: 1794000000000, timezone: "Europe/Berlin" },
      { since_first_seen: "7d" },
      { calendar: "this week", week_start: "sunday", timezone: "UTC" },
    ]) {
      check({ performed: { steps: [{ event: "*" }], during } });
    }
  });

  it("with what this page does not know, as code", () => {
    const unknown = { performed: { steps: [{ event: "*", later: 1 }] } };
    check({ all: [unknown, view("/a")] });
    const model = readDefinition({ entity: "user", where: unknown as Condition });
    expect(model.root.nodes[0]?.kind).toBe("code");
    check({ future: true });
  });

  it("in random trees", () => {
    let seed = 7;
    const random = (n: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % n;
    };
    const tree = (depth: number): Condition => {
      const kind = random(depth > 3 ? 3 : 6);
      const parts = () => Array.from({ length: random(4) }, () => tree(depth + 1));
      if (kind === 0) return view(`/${random(9)}`);
      if (kind === 1) return { profile: "a:b" };
      if (kind === 2) return { segment: "s" };
      if (kind === 3) return { all: parts() };
      if (kind === 4) return { any: parts() };
      return { not: tree(depth + 1) };
    };
    for (let round = 0; round < 500; round += 1) check(tree(0));
  });
});

describe("pointers", () => {
  it("lead to the rows that the server counts", () => {
    const model = readDefinition({
      entity: "user",
      where: { all: [view("/a"), { not: { any: [view("/b"), view("/c")] } }] },
    });
    const pointers = pointersOf(model);
    const [first, second] = model.root.nodes;
    expect(rowAt(pointers, "/where/all/0")).toBe(first?.id);
    expect(rowAt(pointers, "/data/attributes/definition/where/all/0/performed/steps/0/event")).toBe(
      first?.id,
    );
    expect(rowAt(pointers, "/where/all/1/not")).toBe(second?.id);
    expect(second?.kind === "group" && rowAt(pointers, "/where/all/1/not/any/1")).toBe(
      second?.kind === "group" && second.nodes[1]?.id,
    );
  });

  it("know a bare condition", () => {
    const model = readDefinition({ entity: "user", where: { not: view("/a") } });
    expect(rowAt(pointersOf(model), "/where/not")).toBe(model.root.nodes[0]?.id);
  });
});
