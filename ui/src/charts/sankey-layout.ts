/** Where a pathway's nodes and links lie. Pure: the same answer always gives the same picture. */

export interface PathNode {
  id: string;
  name: string;
  column: number;
  type: "regular" | "other" | "dropoff";
  value: number;
  incoming_value: number;
  outgoing_value: number;
  dropoff_value: number;
  /** How it is called in the picture, if not by its name. */
  label?: string;
  aggregated_nodes?: {
    id: string;
    name: string;
    value: number;
    incoming_value: number;
    outgoing_value: number;
  }[];
}

export interface PathLink {
  id: string;
  column: number;
  source: string;
  target: string;
  value: number;
}

export interface PlacedNode extends PathNode {
  x: number;
  y: number;
  width: number;
  height: number;
  /** What ends here and no link shows; drawn as a tail at the node's foot. */
  endsHere: number;
  row: number;
  col: number;
}

export interface PlacedLink extends PathLink {
  from: PlacedNode;
  to: PlacedNode;
  /** The ribbon's upper edge at both ends, and its thickness. */
  y0: number;
  y1: number;
  thickness: number;
}

export interface Layout {
  nodes: PlacedNode[];
  links: PlacedLink[];
  columns: number;
  /** Pixels per entity. */
  scale: number;
}

const NODE_WIDTH_PX = 14;
const GAP_PX = 22;
const ORDER = { regular: 0, other: 1, dropoff: 2 };

/**
 * Columns side by side, in each the largest node on top; "others" and drop-offs come last. Heights of nodes and ribbons
 * share one scale, so that what flows in and out of a node can be compared by eye.
 */
export function layoutPathways(
  nodes: PathNode[],
  links: PathLink[],
  width: number,
  height: number,
  labelWidth: number,
): Layout {
  const columns = nodes.reduce((most, node) => Math.max(most, node.column + 1), 0);
  const byColumn = Array.from({ length: columns }, (_, column) =>
    nodes
      .filter((node) => node.column === column)
      .sort((a, b) => ORDER[a.type] - ORDER[b.type] || b.value - a.value || a.name.localeCompare(b.name)),
  );
  const scale = Math.max(
    0,
    Math.min(
      ...byColumn
        .filter((column) => column.length > 0)
        .map((column) => (height - GAP_PX * column.length) / sum(column)),
    ),
  );
  const pitch = columns > 1 ? (width - labelWidth - NODE_WIDTH_PX) / (columns - 1) : 0;
  const dropoffs = new Set(nodes.filter((node) => node.type === "dropoff").map((node) => node.id));
  const shownEnds = totals(
    links.filter((link) => dropoffs.has(link.target)),
    (link) => link.source,
  );
  const placed = new Map<string, PlacedNode>();
  for (const [col, column] of byColumn.entries()) {
    let y = GAP_PX;
    for (const [row, node] of column.entries()) {
      const nodeHeight = Math.max(2, node.value * scale);
      const endsHere = Math.max(0, node.dropoff_value - (shownEnds.get(node.id) ?? 0));
      placed.set(node.id, {
        ...node,
        x: col * pitch,
        y,
        width: NODE_WIDTH_PX,
        height: nodeHeight,
        endsHere,
        row,
        col,
      });
      y += nodeHeight + GAP_PX;
    }
  }
  return { nodes: [...placed.values()], links: placeLinks(links, placed, scale), columns, scale };
}

function placeLinks(links: PathLink[], placed: Map<string, PlacedNode>, scale: number): PlacedLink[] {
  const whole = links.flatMap((link) => {
    const from = placed.get(link.source);
    const to = placed.get(link.target);
    return from && to
      ? [{ ...link, from, to, y0: 0, y1: 0, thickness: Math.max(1, link.value * scale) }]
      : [];
  });
  stack(
    whole,
    (link) => link.from,
    (link) => link.to,
    (link, y) => (link.y0 = y),
  );
  stack(
    whole,
    (link) => link.to,
    (link) => link.from,
    (link, y) => (link.y1 = y),
  );
  return whole.sort((a, b) => b.value - a.value);
}

/** Lays the ribbons of one side of each node below one another, in the order of their other ends. */
function stack(
  links: PlacedLink[],
  near: (link: PlacedLink) => PlacedNode,
  far: (link: PlacedLink) => PlacedNode,
  put: (link: PlacedLink, y: number) => void,
) {
  const next = new Map<string, number>();
  for (const link of [...links].sort((a, b) => far(a).y - far(b).y)) {
    const node = near(link);
    const y = next.get(node.id) ?? node.y;
    put(link, y);
    next.set(node.id, y + link.thickness);
  }
}

function totals(links: PathLink[], key: (link: PathLink) => string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const link of links) sums.set(key(link), (sums.get(key(link)) ?? 0) + link.value);
  return sums;
}

function sum(nodes: PathNode[]): number {
  return Math.max(
    1,
    nodes.reduce((total, node) => total + node.value, 0),
  );
}

/** How a node is called in the picture: what stands for many says how many. */
export function nodeLabel(node: PathNode): string {
  if (node.label) return node.label;
  const others = node.aggregated_nodes?.length ?? 0;
  if (node.type !== "other" || others === 0) return node.name;
  return others === 1 ? (node.aggregated_nodes?.[0]?.name ?? node.name) : `${others} others`;
}

/** A ribbon between two nodes, as an SVG path. */
export function ribbon(link: PlacedLink): string {
  const x0 = link.from.x + link.from.width;
  const x1 = link.to.x;
  const middle = (x0 + x1) / 2;
  const { y0, y1, thickness } = link;
  return `M${x0},${y0}C${middle},${y0} ${middle},${y1} ${x1},${y1}L${x1},${y1 + thickness}C${middle},${y1 + thickness} ${middle},${y0 + thickness} ${x0},${y0 + thickness}Z`;
}

/** The picture read from right to left: for paths that end at a page, so that time still flows to the right. */
export function mirrored(nodes: PathNode[], links: PathLink[]): { nodes: PathNode[]; links: PathLink[] } {
  const last = nodes.reduce((most, node) => Math.max(most, node.column), 0);
  return {
    nodes: nodes.map((node) => ({
      ...node,
      column: last - node.column,
      incoming_value: node.outgoing_value,
      outgoing_value: node.incoming_value,
      // What ended when read backwards began here.
      dropoff_value: 0,
      ...(node.type === "dropoff" ? { label: "Began here" } : {}),
    })),
    links: links.map((link) => ({
      ...link,
      column: last - 1 - link.column,
      source: link.target,
      target: link.source,
    })),
  };
}

/** Nodes where more or less flows out than in: an answer is only drawn when there are none. */
export function unbalanced(nodes: PathNode[], links: PathLink[]): PathNode[] {
  const into = totals(links, (link) => link.target);
  return nodes.filter((node) => {
    const arrives = node.column === 0 || !into.has(node.id) ? node.value : into.get(node.id)!;
    return arrives !== node.value || node.outgoing_value + node.dropoff_value > node.value;
  });
}
