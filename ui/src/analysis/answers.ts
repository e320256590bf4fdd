/** The shapes of the analysis endpoints' answers, as far as the app reads them. */
import type { PathLink, PathNode } from "../charts/sankey-layout";

export interface Envelope<A> {
  data: { id: string; type: string; attributes: A };
  meta?: { as_of?: string; watermark?: number; elapsed_ms?: number; partial?: boolean; total?: number };
}

export interface ScalarAnswer {
  columns: { name: string; type: "number" | "group"; values: (string | number | null)[] }[];
}

export interface TimeseriesAnswer {
  times: number[];
  series: { group_tags: string[]; query_index: number }[];
  values: (number | null)[][];
  intervals?: { type: string; milliseconds: number; start_time: number; times: number[] }[];
}

export interface ListAnswer {
  records: Record<string, unknown>[];
  total_count: number;
}

export interface Elapsed {
  min: number;
  max: number;
  avg: number;
}

export interface FunnelAnswer {
  initial_count: number;
  end_to_end_conversion_rate: number | null;
  end_to_end_elapsed_time: Elapsed;
  funnel_steps: {
    label: string;
    value: number;
    unit: string;
    elapsed_time_to_next_step: Elapsed;
    groups: {
      group_tags: string[];
      value: number;
      conversion_count: number;
      elapsed_time_to_next_step: Elapsed;
    }[];
  }[];
}

export interface JourneyListAnswer extends ListAnswer {
  entity: "session" | "user" | "account";
}

export interface RetentionAnswer {
  retention_entity: string;
  retention_periods: { unit: string; value: number }[];
  cohorts: RetentionCohort[];
}

export interface RetentionCohort {
  type: "raw" | "aggregated";
  name: string;
  cohort_index: number;
  cohort_size: number;
  cohort_start_time?: number;
  cohort_end_time?: number;
  group_tags: string[];
  cells: {
    type: "raw" | "aggregated";
    return_period_index: number;
    cell_count?: number;
    cell_rate: number | null;
    cell_value: number | null;
    is_partial_data?: boolean;
  }[];
}

export interface SankeyAnswer {
  nodes: PathNode[];
  links: PathLink[];
}

export interface SuggestionsAnswer {
  suggestions: { query: string; label: string; type: string; count: number; rate: number }[];
}

export interface SegmentFromAnswer {
  definition: Record<string, unknown>;
  echo: string;
  exact: boolean;
  notes: string[];
}

export interface FacetAttributes {
  name: string;
  kind: "event" | "user" | "account";
  value_type: "string" | "number" | "boolean" | "list" | "mixed";
  count: number;
}

export interface FacetValueAttributes {
  value: string;
  count: number;
}

/** A scalar answer's rows: the group's values in order, and the number. */
export interface Row {
  tags: string[];
  value: number | null;
}

export function rowsOf(answer: ScalarAnswer): Row[] {
  const groups = answer.columns.filter((column) => column.type === "group");
  const number = answer.columns.find((column) => column.type === "number");
  return (number?.values ?? []).map((value, at) => ({
    tags: groups.map((group) => String(group.values[at] ?? "N/A")),
    value: typeof value === "number" ? value : null,
  }));
}
