import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useEffect, useState } from "react";
import type { FacetValueAttributes } from "../analysis/answers";
import { type Many, request } from "../api/client";
import { formatCompact } from "../charts/format";
import { Suggest } from "../ui/suggest";

/** The page where paths start or end; a name or a pattern of names. */
export function AnchorPick({
  value,
  direction,
  onCommit,
}: {
  value: string;
  direction: "start" | "end";
  onCommit: (value: string) => void;
}) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const typed = useDeferredValue(/[*?]/.test(text) ? "" : text);
  const views = useQuery({
    queryKey: ["facet-values", "event", "@view.name", typed],
    staleTime: 60_000,
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      request<Many<FacetValueAttributes>>("GET", "/facets/values", {
        query: { facet: "@view.name", "filter[kind]": "event", "filter[q]": typed, "page[limit]": 20 },
        signal,
      }),
  });
  return (
    <Suggest
      label={direction === "start" ? "Page where paths start" : "Page where paths end"}
      placeholder="any page, or /product/*"
      className="w-56"
      mono
      value={text}
      onChange={setText}
      onCommit={(next) => onCommit(next.trim())}
      loading={views.isPending}
      suggestions={(views.data?.data ?? []).map(({ attributes }) => ({
        value: String(attributes.value),
        hint: formatCompact(attributes.count),
      }))}
    />
  );
}
