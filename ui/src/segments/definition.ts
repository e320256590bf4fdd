/** A segment definition as the API takes it. */
export interface Definition {
  entity: Entity;
  where: Condition;
}

export type Entity = "user" | "account";

export type Condition =
  | { all: Condition[] }
  | { any: Condition[] }
  | { not: Condition }
  | { performed: Performed }
  | { profile: string }
  | { segment: string };

export type Op = ">" | ">=" | "=" | "<=" | "<";
export const OPS: readonly Op[] = [">=", ">", "=", "<", "<="];

export type Aggregation = "sum" | "avg" | "min" | "max" | "cardinality";
export const AGGREGATIONS: readonly Aggregation[] = ["sum", "avg", "min", "max", "cardinality"];

export interface Step {
  event: string;
  not?: boolean;
  within?: string;
}

export interface Performed {
  steps: Step[];
  order?: "ordered" | "any";
  within?: string;
  during?: Window;
  times?: { op: Op; value: number };
  per?: "occurrence" | "day" | "session";
  measure?: Measure;
}

export interface Measure {
  aggregation: Aggregation;
  facet: string;
  op: Op;
  value: number;
}

export interface Window {
  last?: string;
  since_first_seen?: string;
  calendar?: string;
  week_start?: string;
  from?: string | number;
  to?: string | number;
  timezone?: string;
}

export const MAX_STEPS = 16;

/** Looks like a definition: enough of it to be shown; the server judges the rest. */
export function isDefinition(value: unknown): value is Definition {
  if (typeof value !== "object" || value === null) return false;
  const { entity, where } = value as Partial<Definition>;
  return (entity === "user" || entity === "account") && typeof where === "object" && where !== null;
}
