import { useQuery } from "@tanstack/react-query";
import { type Many, type One, type Resource, request } from "../api/client";

export interface UsedIn {
  type: string;
  id: string;
  name: string;
}

export interface Note {
  pointer: string;
  message: string;
}

/** A segment as the API shows it. */
export interface SegmentAttributes {
  name: string;
  description: string;
  tags: string[];
  kind: "dynamic" | "static";
  entity: "user" | "account";
  /** Absent for a static one. */
  definition?: unknown;
  /** What a static one lists. */
  key?: "usr.id" | "usr.email";
  owner?: string;
  version: number;
  size: number;
  size_as_of: string;
  created_at: string;
  modified_at: string;
  echo: string;
  used_in: UsedIn[];
  warnings?: Note[];
  /** Up to 8 recorded points, oldest first. */
  recent?: { at: string; size: number }[];
  change_7d?: number;
  state?: { kind: "fresh" | "failed"; since?: string; reason?: string };
}

export type Segment = Resource<SegmentAttributes>;

const PAGE_LIMIT = 1000;

/** Every segment, page by page. */
async function allSegments(signal: AbortSignal): Promise<Segment[]> {
  const segments: Segment[] = [];
  let cursor: string | undefined;
  do {
    const query = { "page[limit]": PAGE_LIMIT, "page[cursor]": cursor };
    const page = await request<Many<SegmentAttributes>>("GET", "/segments", { query, signal });
    segments.push(...page.data);
    cursor = page.meta.page?.next;
  } while (cursor);
  return segments;
}

export function useSegments() {
  return useQuery({ queryKey: ["segments"], queryFn: ({ signal }) => allSegments(signal) });
}

export function useSegment(id: string | undefined) {
  return useQuery({
    queryKey: ["segments", id],
    enabled: id !== undefined,
    queryFn: ({ signal }) =>
      request<One<SegmentAttributes>>("GET", `/segments/${encodeURIComponent(id ?? "")}`, { signal }),
  });
}
