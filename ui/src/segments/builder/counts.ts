import type { Model, Node } from "../model";
import { pointerOfRow, pointersOf } from "../model";
import type { ClauseCount } from "../preview";

export interface RowCount {
  /** How many meet this row by itself. */
  count: number;
  /** How many are left after this row and those before it. */
  kept?: number;
  /** How many this row took away from those before it. */
  removed?: number;
  steps?: number[];
}

/** The server's counts by row. A negated row stands for everyone but those of the clause inside. */
export function countsByRow(model: Model, clauses: ClauseCount[], population: number): Map<string, RowCount> {
  const pointers = pointersOf(model);
  const byPointer = new Map(clauses.map((clause) => [clause.pointer, clause]));
  const counts = new Map<string, RowCount>();
  const visit = (node: Node) => {
    const pointer = pointerOfRow(pointers, node.id);
    const own = pointer === undefined ? undefined : byPointer.get(pointer);
    const negated = node.kind !== "code" && node.negated;
    const inner = negated ? byPointer.get(`${pointer}/not`) : undefined;
    if (own) counts.set(node.id, { count: own.count, kept: own.kept, steps: own.steps ?? inner?.steps });
    else if (inner)
      counts.set(node.id, { count: population - inner.count, kept: inner.kept, steps: inner.steps });
    if (node.kind === "group") for (const child of node.nodes) visit(child);
  };
  visit(model.root);
  const { root } = model;
  if (root.op === "all") {
    let before: number | undefined = population;
    for (const node of root.nodes) {
      const count = counts.get(node.id);
      const kept: number | undefined = count?.kept ?? (before === population ? count?.count : undefined);
      if (count && kept !== undefined && before !== undefined) {
        counts.set(node.id, { ...count, kept, removed: before - kept });
      }
      before = kept;
    }
  }
  return counts;
}
