import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useDeferredValue, useMemo, useState } from "react";
import { type AnswerMeta, envelope, type Many, request } from "../api/client";
import { AsOf, Empty, ErrorBox, SkeletonRows } from "../ui/feedback";
import { count } from "../ui/number";
import { type Column, DataTable, type SortState } from "../ui/table";
import type { Definition, Entity } from "./definition";

/** Whose members: a saved segment's, or those of a definition that is not saved. */
export type MembersOf = { id: string } | { definition: Definition };

type Profile = Record<string, unknown>;
type Page = Many<Profile, AnswerMeta & { total: number; page: { next?: string } }>;

const PAGE_LIMIT = 200;

function membersPage(
  of: MembersOf,
  q: string,
  sort: string | undefined,
  cursor: string | undefined,
  signal: AbortSignal,
): Promise<Page> {
  if ("id" in of) {
    const query = {
      "filter[q]": q,
      include: "profile",
      sort,
      "page[limit]": PAGE_LIMIT,
      "page[cursor]": cursor,
    };
    return request<Page>("GET", `/segments/${encodeURIComponent(of.id)}/members`, { query, signal });
  }
  const attributes = {
    definition: of.definition,
    cursor,
    limit: PAGE_LIMIT,
    sort,
    q: q || undefined,
    include: ["profile"],
  };
  return request<Page>("POST", "/segments/members", {
    body: envelope("segment_members_request", attributes),
    signal,
  });
}

/** Members with search and sorting, loaded as they come into view. */
export function Members({ of, entity, empty }: { of: MembersOf; entity: Entity; empty?: string }) {
  const [text, setText] = useState("");
  const [sort, setSort] = useState<SortState | null>(null);
  const q = useDeferredValue(text.trim());
  const order = sort ? `${sort.descending ? "-" : ""}${sort.id}` : undefined;
  const members = useInfiniteQuery({
    queryKey: ["members", of, q, order],
    initialPageParam: undefined as string | undefined,
    placeholderData: keepPreviousData,
    queryFn: ({ pageParam, signal }) => membersPage(of, q, order, pageParam, signal),
    getNextPageParam: (page) => page.meta.page?.next,
  });
  const rows = useMemo(() => members.data?.pages.flatMap((page) => page.data) ?? [], [members.data]);
  const meta = members.data?.pages[0]?.meta;
  const segmentId = "id" in of ? of.id : undefined;
  const columns = useMemo(() => columnsOf(entity, segmentId), [entity, segmentId]);
  const noun = entity === "user" ? "people" : "accounts";
  return (
    <div>
      <div className="flex flex-wrap items-center gap-3 px-4 py-3">
        <input
          type="search"
          aria-label={`Search ${noun}`}
          placeholder={entity === "user" ? "Search by id…" : "Search accounts by id…"}
          value={text}
          onChange={(event) => setText(event.target.value)}
          className="field w-64 max-w-full"
        />
        {meta && (
          <span className="num text-ink-2">
            {count(meta.total)} {noun}
          </span>
        )}
        <AsOf at={meta?.as_of} />
      </div>
      {members.isError && (
        <div className="px-4 pb-4">
          <ErrorBox
            error={members.error}
            retry={() => members.refetch()}
            title={`The ${noun} can't be listed`}
          />
        </div>
      )}
      {members.isPending ? (
        <SkeletonRows />
      ) : members.isError ? null : (
        <DataTable
          label="Members"
          rows={rows}
          columns={columns}
          rowKey={(row) => row.id}
          sort={sort}
          onSort={setSort}
          onEnd={() => members.hasNextPage && !members.isFetching && members.fetchNextPage()}
          empty={<Empty icon="users" title={q ? "Nobody is called that" : (empty ?? "Nobody is in it")} />}
        />
      )}
    </div>
  );
}

type Member = { id: string; attributes: Profile };

function columnsOf(entity: Entity, segmentId: string | undefined): Column<Member>[] {
  const text = (id: string, header: string, ...names: string[]): Column<Member> => ({
    id,
    header,
    sortable: true,
    width: "minmax(7rem,1fr)",
    cell: (row) => show(names.map((name) => row.attributes[name]).find((value) => value !== undefined)),
  });
  const first: Column<Member> = {
    id: "id",
    header: entity === "user" ? "User" : "Account",
    width: "minmax(12rem,2fr)",
    sortable: true,
    cell: (row) => (
      <Link
        to={entity === "user" ? "/users/$id" : "/accounts/$id"}
        params={{ id: row.id }}
        className="font-medium text-accent-ink hover:underline"
      >
        {row.id}
      </Link>
    ),
  };
  const why: Column<Member>[] = segmentId
    ? [
        {
          id: "why",
          header: "",
          width: "4rem",
          align: "right",
          cell: (row) => (
            <Link
              to="/segments/$id"
              params={{ id: segmentId }}
              search={((old: Record<string, unknown>) => ({ ...old, tab: "why", who: row.id })) as never}
              aria-label={`Why is ${row.id} in it?`}
              className="text-accent-ink hover:underline"
            >
              why?
            </Link>
          ),
        },
      ]
    : [];
  if (entity === "account") {
    return [
      first,
      text("account_name", "Name", "account_name"),
      text("user_count", "Users", "user_count"),
      text("first_seen", "First seen", "first_seen"),
      text("last_seen", "Last seen", "last_seen"),
      ...why,
    ];
  }
  return [
    first,
    text("user_email", "E-mail", "user_email"),
    text("last_country_code", "Country", "last_country_code", "country_code"),
    text("last_device_type", "Device", "last_device_type"),
    text("session_count", "Sessions", "session_count"),
    text("last_seen", "Last seen", "last_seen"),
    ...why,
  ];
}

const INSTANT = /^\d{4}-\d{2}-\d{2}T/;

function show(value: unknown): string {
  if (value === undefined || value === null) return "–";
  if (typeof value === "number") return count(value);
  if (typeof value === "string" && INSTANT.test(value)) return value.slice(0, 16).replace("T", " ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
