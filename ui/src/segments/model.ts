/**
 * A definition as rows that can be edited one by one. Every definition that the API accepts survives
 * `write(read(definition))` unchanged: what has no form stays as a row of code.
 */
import type { Condition, Definition, Entity, Measure, Op, Performed, Window } from "./definition";
import { AGGREGATIONS, OPS } from "./definition";

export interface Model {
  entity: Entity;
  root: Group;
}

export interface Group {
  kind: "group";
  id: string;
  op: "all" | "any";
  negated: boolean;
  nodes: Node[];
  /** At the root, for a definition that is one bare condition: with one row it is written as that row alone. */
  bare?: boolean;
}

export interface PerformedRow {
  kind: "performed";
  id: string;
  negated: boolean;
  steps: StepRow[];
  order: "ordered" | "any";
  within?: string;
  during?: Window;
  times?: { op: Op; value: number };
  per: "occurrence" | "day" | "session";
  measure?: Measure;
}

export interface StepRow {
  id: string;
  /** A search query over events. */
  event: string;
  negative: boolean;
  within?: string;
}

export interface ProfileRow {
  kind: "profile";
  id: string;
  negated: boolean;
  /** A search query over profile attributes. */
  query: string;
}

export interface SegmentRow {
  kind: "segment";
  id: string;
  negated: boolean;
  segment: string;
}

/** A condition that no form shows. */
export interface CodeRow {
  kind: "code";
  id: string;
  json: Condition;
}

export type Node = Group | PerformedRow | ProfileRow | SegmentRow | CodeRow;

let made = 0;
/** An id for a row, known to this page alone. */
export function newId(): string {
  made += 1;
  return `r${made}`;
}

export function readDefinition(definition: Definition): Model {
  const node = readCondition(definition.where);
  const isGroup = node.kind === "group" && !node.negated;
  const root: Group = isGroup
    ? node
    : { kind: "group", id: newId(), op: "all", negated: false, nodes: [node], bare: true };
  return { entity: definition.entity, root };
}

function readCondition(condition: Condition): Node {
  const inner = "not" in condition ? condition.not : condition;
  const negated = inner !== condition;
  const node = readPlain(inner, negated);
  return node ?? { kind: "code", id: newId(), json: condition };
}

/** Undefined for what has no form: a double negation, a member that this page does not know. */
function readPlain(condition: Condition, negated: boolean): Node | undefined {
  if (typeof condition !== "object" || condition === null || Object.keys(condition).length !== 1)
    return undefined;
  const id = newId();
  if ("all" in condition && Array.isArray(condition.all)) {
    return { kind: "group", id, op: "all", negated, nodes: condition.all.map(readCondition) };
  }
  if ("any" in condition && Array.isArray(condition.any)) {
    return { kind: "group", id, op: "any", negated, nodes: condition.any.map(readCondition) };
  }
  if ("profile" in condition && typeof condition.profile === "string") {
    return { kind: "profile", id, negated, query: condition.profile };
  }
  if ("segment" in condition && typeof condition.segment === "string") {
    return { kind: "segment", id, negated, segment: condition.segment };
  }
  if ("performed" in condition) {
    const row = readPerformed(condition.performed, negated);
    return row && sameJson(writePerformed(row), withDefaultsLeftOut(condition.performed)) ? row : undefined;
  }
  return undefined;
}

function readPerformed(performed: Performed, negated: boolean): PerformedRow | undefined {
  if (typeof performed !== "object" || performed === null || !Array.isArray(performed.steps))
    return undefined;
  const { times, measure } = performed;
  if (times && !(OPS.includes(times.op) && Number.isFinite(times.value))) return undefined;
  if (measure && !(AGGREGATIONS.includes(measure.aggregation) && OPS.includes(measure.op))) return undefined;
  if (performed.steps.some((step) => typeof step?.event !== "string")) return undefined;
  return {
    kind: "performed",
    id: newId(),
    negated,
    steps: performed.steps.map((step) => ({
      id: newId(),
      event: step.event,
      negative: step.not === true,
      within: step.within,
    })),
    order: performed.order ?? "ordered",
    within: performed.within,
    during: performed.during,
    times,
    per: performed.per ?? "occurrence",
    measure,
  };
}

export function writeDefinition(model: Model): Definition {
  return { entity: model.entity, where: writeRoot(model.root) };
}

function writeRoot(root: Group): Condition {
  const only = root.nodes[0];
  return isBare(root) && only ? writeNode(only) : writeNode(root);
}

function isBare(root: Group): boolean {
  return root.bare === true && root.nodes.length === 1;
}

export function writeNode(node: Node): Condition {
  if (node.kind === "code") return node.json;
  const plain = writePlain(node);
  return node.negated ? { not: plain } : plain;
}

function writePlain(node: Exclude<Node, CodeRow>): Condition {
  switch (node.kind) {
    case "group": {
      const parts = node.nodes.map(writeNode);
      return node.op === "all" ? { all: parts } : { any: parts };
    }
    case "performed":
      return { performed: writePerformed(node) };
    case "profile":
      return { profile: node.query };
    case "segment":
      return { segment: node.segment };
  }
}

/** Defaults are left out, as the server writes them. */
function writePerformed(row: PerformedRow): Performed {
  return withoutUndefined({
    steps: row.steps.map((step) =>
      withoutUndefined({ event: step.event, not: step.negative || undefined, within: step.within }),
    ),
    order: row.order === "any" ? row.order : undefined,
    within: row.within,
    during: row.during,
    times: row.times,
    per: row.per === "occurrence" ? undefined : row.per,
    measure: row.measure,
  });
}

function withDefaultsLeftOut(performed: Performed): unknown {
  return withoutUndefined({
    ...performed,
    steps: performed.steps.map((step) => withoutUndefined({ ...step, not: step.not || undefined })),
    order: performed.order === "ordered" ? undefined : performed.order,
    per: performed.per === "occurrence" ? undefined : performed.per,
  });
}

function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/** Equal as JSON, whatever the order of members. */
export function sameJson(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/**
 * JSON pointer into the written definition → the row there. The server's counts are by pointer; a negated row's own
 * pointer is that of its `not`, and the clause inside has one more segment.
 */
export function pointersOf(model: Model): Map<string, string> {
  const pointers = new Map<string, string>();
  const visit = (node: Node, pointer: string) => {
    pointers.set(pointer, node.id);
    if (node.kind === "code") return;
    const inner = node.negated ? `${pointer}/not` : pointer;
    pointers.set(inner, node.id);
    if (node.kind === "group")
      for (const [index, child] of node.nodes.entries()) visit(child, `${inner}/${node.op}/${index}`);
  };
  const only = model.root.nodes[0];
  if (isBare(model.root) && only) visit(only, "/where");
  else visit(model.root, "/where");
  return pointers;
}

/** The row at the pointer, or the nearest one around it. */
export function rowAt(pointers: Map<string, string>, pointer: string): string | undefined {
  let at = pointer.replace(/^\/data\/attributes\/definition/, "");
  for (;;) {
    const id = pointers.get(at);
    if (id !== undefined || at === "") return id;
    at = at.slice(0, at.lastIndexOf("/"));
  }
}

/** The first pointer of each row (the outermost). */
export function pointerOfRow(pointers: Map<string, string>, id: string): string | undefined {
  for (const [pointer, row] of pointers) if (row === id) return pointer;
  return undefined;
}

// Edits. All return new trees and leave the old ones alone, which is what undo keeps.

export function replaceNode(group: Group, id: string, change: (node: Node) => Node | undefined): Group {
  return {
    ...group,
    nodes: group.nodes.flatMap((node) => {
      if (node.id === id) return change(node) ?? [];
      return node.kind === "group" ? [replaceNode(node, id, change)] : [node];
    }),
  };
}

export function addNode(group: Group, groupId: string, added: Node): Group {
  if (group.id === groupId) return { ...group, nodes: [...group.nodes, added] };
  return {
    ...group,
    nodes: group.nodes.map((node) => (node.kind === "group" ? addNode(node, groupId, added) : node)),
  };
}

export function moveNode(group: Group, id: string, by: -1 | 1): Group {
  const at = group.nodes.findIndex((node) => node.id === id);
  if (at < 0) {
    return {
      ...group,
      nodes: group.nodes.map((node) => (node.kind === "group" ? moveNode(node, id, by) : node)),
    };
  }
  return { ...group, nodes: moved(group.nodes, at, by) };
}

export function moved<T>(list: T[], at: number, by: -1 | 1): T[] {
  const other = at + by;
  const [a, b] = [list[at], list[other]];
  if (a === undefined || b === undefined) return list;
  return list.map((item, index) => (index === at ? b : index === other ? a : item));
}

export function newPerformed(event = "@type:view"): PerformedRow {
  return {
    kind: "performed",
    id: newId(),
    negated: false,
    steps: [{ id: newId(), event, negative: false }],
    order: "ordered",
    during: { last: "30d" },
    per: "occurrence",
  };
}

export function newModel(entity: Entity = "user"): Model {
  return {
    entity,
    root: { kind: "group", id: newId(), op: "all", negated: false, nodes: [newPerformed()], bare: true },
  };
}
