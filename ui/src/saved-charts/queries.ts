import { useQuery } from "@tanstack/react-query";
import type { ChartAttributes } from "../analysis/save-chart";
import { type Many, request } from "../api/client";

const PAGE_LIMIT = 1000;

export function useCharts() {
  return useQuery({
    queryKey: ["charts"],
    retry: false,
    queryFn: async ({ signal }) => {
      const charts: Many<ChartAttributes>["data"] = [];
      let cursor: string | undefined;
      do {
        const page = await request<Many<ChartAttributes>>("GET", "/charts", {
          query: { "page[limit]": PAGE_LIMIT, "page[cursor]": cursor },
          signal,
        });
        charts.push(...page.data);
        cursor = page.meta?.page?.next;
      } while (cursor);
      return charts;
    },
  });
}
