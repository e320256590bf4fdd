import { expect, test } from "vitest";
import { heatStep } from "./colors";
import { bins } from "./distribution";
import { project, unbroken } from "./equal-earth";
import { toCsv } from "./export";
import { formatCount, formatDuration, formatRate } from "./format";
import { neighbour } from "./marks";
import { slices } from "./pie";
import { layoutPathways, type PathLink, type PathNode, unbalanced } from "./sankey-layout";
import { labelled, linear } from "./scale";
import { step } from "./time-series";
import { tiles } from "./tree-map";
import { atlasName } from "./world-map";

/** A generator of numbers that is the same in every run. */
function random(seed: number) {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

/** Sessions walk through pages; what comes out is balanced by construction. */
function pathways(seed: number, sessions: number, columns: number): { nodes: PathNode[]; links: PathLink[] } {
  const next = random(seed);
  const nodes = new Map<string, PathNode>();
  const links = new Map<string, PathLink>();
  for (let s = 0; s < sessions; s++) {
    const length = 1 + Math.floor(next() * columns);
    let before: PathNode | undefined;
    for (let column = 0; column < length; column++) {
      const name = `/p${Math.floor(next() * 4)}`;
      const id = `${column} ${name}`;
      const node = nodes.get(id) ?? {
        id,
        name,
        column,
        type: "regular",
        value: 0,
        incoming_value: 0,
        outgoing_value: 0,
        dropoff_value: 0,
      };
      nodes.set(id, node);
      node.value++;
      if (before) {
        node.incoming_value++;
        before.outgoing_value++;
        const key = `${before.id}>${id}`;
        const link = links.get(key) ?? {
          id: key,
          column: column - 1,
          source: before.id,
          target: id,
          value: 0,
        };
        link.value++;
        links.set(key, link);
      }
      before = node;
    }
    if (before) before.dropoff_value++;
  }
  return { nodes: [...nodes.values()], links: [...links.values()] };
}

test("a pathway's picture keeps what flows in and out", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { nodes, links } = pathways(seed, 200, 5);
    expect(unbalanced(nodes, links)).toEqual([]);
    const layout = layoutPathways(nodes, links, 1200, 480, 150);
    expect(layout.nodes).toHaveLength(nodes.length);
    expect(layout.links).toHaveLength(links.length);
    for (const node of layout.nodes) {
      const out = layout.links.filter((link) => link.source === node.id);
      const into = layout.links.filter((link) => link.target === node.id);
      const total = (side: typeof out) => side.reduce((sum, link) => sum + link.value, 0);
      expect(total(out) + node.endsHere).toBe(node.value);
      if (node.column > 0) expect(total(into)).toBe(node.value);
      for (const link of out)
        expect(link.y0 + link.thickness).toBeLessThanOrEqual(node.y + node.height + out.length + 0.01);
      expect(node.y + node.height).toBeLessThanOrEqual(480 + 0.01);
    }
    // In a column nodes do not overlap, and the largest is on top.
    for (let column = 0; column < layout.columns; column++) {
      const inColumn = layout.nodes.filter((node) => node.column === column).sort((a, b) => a.row - b.row);
      inColumn.slice(1).forEach((node, at) => {
        const above = inColumn[at];
        if (!above) return;
        expect(node.y).toBeGreaterThan(above.y + above.height);
        expect(node.value).toBeLessThanOrEqual(above.value);
      });
    }
  }
});

test("an unbalanced pathway is noticed", () => {
  const { nodes, links } = pathways(3, 50, 4);
  const [first] = links;
  if (first) first.value += 1;
  expect(unbalanced(nodes, links)).not.toEqual([]);
});

test("tiles fill the tree map in proportion", () => {
  const leaves = [50, 30, 15, 5, 0].map((value, at) => ({ key: String(at), label: String(at), value }));
  const placed = tiles(leaves, 400, 300);
  expect(placed).toHaveLength(4);
  for (const tile of placed) {
    expect((tile.x1 - tile.x0) * (tile.y1 - tile.y0)).toBeCloseTo((tile.value / 100) * 400 * 300, 4);
  }
});

test("slices lose nothing", () => {
  const all = Array.from({ length: 30 }, (_, at) => ({ key: String(at), label: String(at), value: at }));
  const shown = slices(all, 8);
  expect(shown).toHaveLength(8);
  expect(shown.reduce((sum, slice) => sum + slice.value, 0)).toBe((29 * 30) / 2);
  expect(shown.at(-1)?.rest).toBe(true);
});

test("every value is in exactly one bin", () => {
  const next = random(7);
  const values = Array.from({ length: 500 }, () => Math.floor(next() * next() * 90));
  expect(bins(values).reduce((sum, one) => sum + one.count, 0)).toBe(500);
  expect(bins([])).toEqual([]);
  expect(bins([4, 4, 4]).reduce((sum, one) => sum + one.count, 0)).toBe(3);
});

test("arrow keys lead to the nearest mark", () => {
  const marks = [
    { row: 0, col: 0 },
    { row: 0, col: 1 },
    { row: 1, col: 0 },
    { row: 1, col: 1 },
  ];
  expect(neighbour(marks, 0, "ArrowRight")).toBe(1);
  expect(neighbour(marks, 0, "ArrowDown")).toBe(2);
  expect(neighbour(marks, 3, "ArrowRight")).toBe(3);
  expect(neighbour(marks, 3, "Home")).toBe(0);
  expect(neighbour(marks, 1, "a")).toBe(1);
  expect(step({ series: 0, index: 2 }, "ArrowLeft", 2, 5)).toEqual({ series: 0, index: 1 });
  expect(step({ series: 1, index: 4 }, "ArrowDown", 2, 5)).toEqual({ series: 1, index: 4 });
  expect(step({ series: 1, index: 4 }, "x", 2, 5)).toBeNull();
});

test("numbers are written for people", () => {
  expect(formatCount(12_345)).toBe("12,345");
  expect(formatCount(null)).toBe("–");
  expect(formatRate(0.1234)).toBe("12.3%");
  expect(formatRate(null)).toBe("–");
  expect(formatDuration(840)).toBe("840 ms");
  expect(formatDuration(185_000)).toBe("3 min 5 s");
  expect(formatDuration(4_500)).toBe("4.5 s");
  expect(formatDuration(90_000_000)).toBe("1 d 1 h");
});

test("only nothing has the colour of nothing", () => {
  expect(heatStep(null)).toBe(0);
  expect(heatStep(0)).toBe(0);
  expect(heatStep(0.0001)).toBe(1);
  expect(heatStep(1)).toBe(8);
});

test("a CSV is safe to open", () => {
  const table = {
    columns: [{ name: "a" }, { name: "n", numeric: true }],
    rows: [
      ["=1+1", -3],
      ['x,"y"', null],
    ] as [string, number | null][],
  };
  expect(toCsv(table)).toBe('a,n\r\n\'=1+1,-3\r\n"x,""y""",\r\n');
});

test("countries are found by name and by code", () => {
  expect(atlasName("BR")).toBe("brazil");
  expect(atlasName("United States")).toBe("united states of america");
  expect(atlasName("us")).toBe("united states of america");
  expect(atlasName("Germany")).toBe("germany");
});

test("a rounded scale holds its values and comes back", () => {
  const scale = linear([0, 97], [200, 0], 4);
  expect(scale(0)).toBe(200);
  expect(scale(97)).toBeGreaterThanOrEqual(0);
  expect(scale.ticks(4)).toEqual([0, 20, 40, 60, 80, 100]);
  expect(scale.invert(scale(33))).toBeCloseTo(33);
});

test("labels are few, evenly spaced, and on midnights", () => {
  const hour = 3_600_000;
  const times = Array.from({ length: 72 }, (_, at) => (at + 5) * hour);
  const ticks = labelled(times, 8, (time) => (time / hour) % 24 === 0);
  expect(ticks.length).toBeLessThanOrEqual(8);
  expect(ticks.map((time) => (time / hour) % 12)).toEqual(ticks.map(() => 0));
});

test("the map is as Equal Earth says", () => {
  // Values of the projection's own paper: the equator is 2.706 times as long on each side as the radius.
  expect(project(180, 0)[0]).toBeCloseTo(2.70663, 4);
  expect(project(0, 90)[1]).toBeCloseTo(-1.31736, 4);
  expect(project(-45, 30)[0]).toBeCloseTo(-project(45, 30)[0], 10);
});

test("a country across the 180th meridian stays whole", () => {
  const longitudes = (ring: number[][]) => unbroken(ring).map(([longitude]) => longitude);
  expect(
    longitudes([
      [170, 60],
      [-175, 60],
      [-175, 65],
      [170, 65],
      [170, 60],
    ]),
  ).toEqual([170, 185, 185, 170, 170]);
  expect(
    longitudes([
      [-179, 0],
      [179, 0],
      [179, 1],
      [-179, 0],
    ]),
  ).toEqual([181, 179, 179, 181]);
  expect(
    longitudes([
      [-10, 0],
      [10, 0],
      [0, 5],
    ]),
  ).toEqual([-10, 10, 0]);
});
