import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { short } from "../ui/number";
import type { Suggestion } from "../ui/suggest";
import { type Many, request } from "./client";
import { ApiError } from "./errors";

export type FacetKind = "event" | "user" | "account";

export interface Facet {
  name: string;
  kind: FacetKind;
  value_type: "string" | "number" | "boolean" | "list" | "mixed";
  count: number;
}

interface FacetValue {
  value: string | number | boolean;
  count: number;
}

const FACETS_SHOWN = 50;
const VALUES_SHOWN = 20;

/** Names of facets that hold `q`, well-known ones first. */
export function useFacets(kind: FacetKind, q: string, enabled = true) {
  return useQuery({
    queryKey: ["facets", kind, q],
    enabled,
    staleTime: 60_000,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      const query = { "filter[q]": q, "filter[kind]": kind, "page[limit]": FACETS_SHOWN };
      return request<Many<Facet>>("GET", "/facets", { query, signal });
    },
  });
}

/** The most frequent values of a facet that hold `q`. */
export function useFacetValues(facet: string, kind: FacetKind, q: string, enabled = true) {
  return useQuery({
    queryKey: ["facet-values", facet, kind, q],
    enabled: enabled && facet !== "",
    staleTime: 60_000,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      const query = { facet, "filter[kind]": kind, "filter[q]": q, "page[limit]": VALUES_SHOWN };
      return request<Many<FacetValue>>("GET", "/facets/values", { query, signal });
    },
  });
}

export function facetSuggestions(page: Many<Facet> | undefined): Suggestion[] {
  return (page?.data ?? []).map(({ attributes }) => ({
    value: attributes.name,
    hint: short(attributes.count),
  }));
}

export function valueSuggestions(page: Many<FacetValue> | undefined): Suggestion[] {
  return (page?.data ?? []).map(({ attributes }) => ({
    value: String(attributes.value),
    hint: short(attributes.count),
  }));
}

/** What to say where suggestions would stand. */
export function noSuggestions(error: unknown): string {
  return error instanceof ApiError
    ? error.message
    : "Nothing like that has been seen; it can be used all the same.";
}
