import { useQuery } from "@tanstack/react-query";
import { type Many, type One, request } from "../api/client";

export interface KeyAttributes {
  name: string;
  scope: "ingest" | "read" | "write" | "admin";
  /** The first characters of the secret. */
  prefix: string;
  created_at: string;
  last_used_at: string | null;
  revoked_at: string | null;
  expires_at: string | null;
  application_id?: string | null;
  origins?: string[];
  requests_per_minute?: number | null;
  /** Only in the answer that makes the key. */
  secret?: string;
}

export interface PersonAttributes {
  email: string;
  name: string;
  role: "viewer" | "editor" | "admin";
  created_at: string;
  last_login_at: string | null;
}

export interface AuditAttributes {
  at: string;
  actor: { kind: string; id: string; name: string };
  action: string;
  path: string;
  target: string | null;
}

export interface StatusAttributes {
  version: string;
  started_at: string;
  store: {
    watermark: number;
    events: number;
    unflushed_events: number;
    log_bytes: number;
    parts: number;
    resident_bytes?: number;
    attribute_paths?: number;
    now?: string;
    table?: {
      covered: number;
      written: { flushes: number; events: number; rows: number; bytes: number };
      parts: { file: string; rows: number; bytes: number; earliest: string; latest: string }[];
    };
  };
  since_start: Record<string, number>;
}

/** A whole collection, page by page. */
function useAll<A>(path: string, enabled = true) {
  return useQuery({
    queryKey: ["collection", path],
    enabled,
    retry: false,
    queryFn: async ({ signal }) => {
      const all: Many<A>["data"] = [];
      let cursor: string | undefined;
      do {
        const page = await request<Many<A>>("GET", path, {
          query: { "page[cursor]": cursor, "page[limit]": 1000 },
          signal,
        });
        all.push(...page.data);
        cursor = page.meta?.page?.next;
      } while (cursor);
      return all;
    },
  });
}

export const useKeys = (enabled = true) => useAll<KeyAttributes>("/keys", enabled);
export const usePeople = () => useAll<PersonAttributes>("/people");

export function useStatus(everyMs?: number) {
  return useQuery({
    queryKey: ["status"],
    retry: false,
    refetchInterval: everyMs,
    queryFn: ({ signal }) => request<One<StatusAttributes>>("GET", "/status", { signal }),
  });
}

export function useAudit() {
  return useQuery({
    queryKey: ["audit"],
    retry: false,
    queryFn: ({ signal }) =>
      request<Many<AuditAttributes>>("GET", "/audit", { query: { "page[limit]": 200 }, signal }),
  });
}
