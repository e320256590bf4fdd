import { sharedAudience } from "../analysis/audience-pick";
import { automaticStep, STEPS, stepsFor } from "../analysis/intervals";
import {
  type ApiRequest,
  type Audience,
  type ExplorerQuery,
  scalarRequest,
  type TimeRange,
  timeseriesRequest,
  typedQuery,
} from "../analysis/requests";
import type { ExplorerState } from "./state";

/** How many values a distribution is made of at most. */
export const DISTRIBUTION_VALUES = 10_000;

export interface Questions {
  /** One per compared segment, in their order. */
  requests: ApiRequest[];
  /** The audience of each. */
  audiences: Audience[];
  intervalMs: number;
  query: ExplorerQuery;
}

/** What the page asks: one question, or one per segment that is compared. */
export function questionsOf(state: ExplorerState, range: TimeRange, segment: string | undefined): Questions {
  const shared = sharedAudience(state.audience, segment);
  const compared = state.audience.filter((entry) => entry.role === "vs").map((entry) => entry.id);
  const audiences =
    compared.length > 0 ? compared.map((id) => ({ ...shared, in: [...shared.in, id] })) : [shared];
  const step =
    state.step !== "auto" && stepsFor(range).includes(state.step) ? state.step : automaticStep(range);
  const intervalMs = STEPS[step];
  const query: ExplorerQuery = {
    query: typedQuery(state.type, state.query),
    measure: state.measure,
    groupBy: groupsOf(state),
    audience: shared,
  };
  const requests = audiences.map((audience) =>
    state.visual === "timeseries"
      ? timeseriesRequest(range, { ...query, audience }, intervalMs)
      : scalarRequest(range, { ...query, audience }),
  );
  return { requests, audiences, intervalMs, query };
}

/** Some pictures are of a grouping by their nature. */
export function groupsOf(state: ExplorerState): ExplorerState["groups"] {
  if (state.visual === "distribution") {
    const [first] = state.groups;
    return [{ ...(first ?? { facet: "@usr.id" }), limit: DISTRIBUTION_VALUES, presentOnly: true }];
  }
  if (state.visual === "map") {
    const country = state.groups.find((group) => /country/.test(group.facet));
    return [country ?? { facet: "@geo.country", limit: 250 }];
  }
  return state.groups;
}

/** Whether the measure still lacks its attribute. */
export function incomplete(state: ExplorerState): boolean {
  return state.measure.aggregation !== "count" && !state.measure.metric;
}
