import { quoteValue } from "../analysis/query-tokens";
import { viewQuery } from "../analysis/requests";

/** The event that a node stands for. With actions among the nodes, a name may be of either. */
export function placeQuery(name: string, actions: boolean): string {
  if (!actions || name.startsWith("/")) return viewQuery(name);
  return `@view.name:${quoteValue(name)} OR @action.name:${quoteValue(name)}`;
}
