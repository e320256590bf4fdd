import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import type { Envelope, SegmentFromAnswer } from "../analysis/answers";
import { ask } from "../analysis/ask";
import { curlOf } from "../analysis/curl";
import { FacetPick } from "../analysis/facet-pick";
import { queryError } from "../analysis/query-error";
import { type ApiRequest, segmentFromRequest } from "../analysis/requests";
import { SaveSegment } from "../analysis/save-segment";
import { SearchBar } from "../analysis/search-bar";
import { useSearchState, useShared } from "../app/search";
import { useMay } from "../app/session";
import { downloadText, toCsv } from "../charts/export";
import { formatCount } from "../charts/format";
import { Button, IconButton } from "../ui/button";
import { copyText } from "../ui/copy";
import { AsOf, Empty, ErrorBox, SkeletonRows } from "../ui/feedback";
import { Menu } from "../ui/menu";
import { Page } from "../ui/page";
import { type Column, DataTable } from "../ui/table";
import { toastError } from "../ui/toast";
import { columnName, type Kind, type ProfilesState, profilesCodec, USUAL_COLUMNS } from "./state";
import { valueText } from "./value";

type Hit = Record<string, unknown>;

const PAGE = 200;
/** More rows than that are for an export, not for the eye. */
const MOST_SHOWN = 10_000;

function profilesRequest(kind: Kind, state: ProfilesState, limit: number): ApiRequest {
  const columns = [`${kind}_id`, `${kind}_name`, ...state.columns];
  return {
    path: `/${kind}s/query`,
    type: kind === "user" ? "query_users_request" : "query_account_request",
    attributes: {
      ...(state.query ? { query: state.query } : {}),
      ...(state.term ? { wildcard_search_term: state.term } : {}),
      select_columns: [...new Set(columns)],
      sort: { field: state.sort.field, order: state.sort.order },
      limit,
    },
  };
}

/** Users or accounts, found by what is known of them. */
export function ProfileList({ kind }: { kind: Kind }) {
  const [state, setState] = useSearchState(profilesCodec[kind]);
  const { range } = useShared();
  const [limit, setLimit] = useState(PAGE);
  const [segment, setSegment] = useState<SegmentFromAnswer | null>(null);
  const mayWrite = useMay("write");
  const navigate = useNavigate();
  const set = (part: Partial<ProfilesState>, history?: "push") => setState({ ...state, ...part }, history);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another question starts at its first page
  useEffect(() => setLimit(PAGE), [state.query, state.term, state.sort.field, state.sort.order]);

  const request = profilesRequest(kind, state, limit);
  const answer = useQuery({
    queryKey: ["profiles", kind, request.attributes],
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      ask<{ hits: Hit[]; total: number }>(request, signal) as Promise<
        Envelope<{ hits: Hit[]; total: number }>
      >,
  });
  const hits = answer.data?.data.attributes.hits ?? [];
  const total = answer.data?.data.attributes.total;
  const makeSegment = useMutation({
    mutationFn: () =>
      ask<SegmentFromAnswer>(
        segmentFromRequest({ kind: "users_query", request: { ...request.attributes, entity: kind } }),
      ),
    onSuccess: (answered) => setSegment(answered.data.attributes),
    onError: (error) => toastError("This filter can't become a segment", error),
  });
  const noun = kind === "user" ? "users" : "accounts";
  const columns = tableColumns(kind, state, range.timezone);
  const csv = () => {
    const names = [`${kind}_id`, `${kind}_name`, ...state.columns];
    const rows = hits.map((hit) =>
      names.map((name) =>
        typeof hit[name] === "number"
          ? (hit[name] as number)
          : hit[name] === undefined || hit[name] === null
            ? null
            : String(hit[name]),
      ),
    );
    downloadText(toCsv({ columns: names.map((name) => ({ name })), rows }), `${noun}.csv`, "text/csv");
  };
  return (
    <Page
      title={kind === "user" ? "Users" : "Accounts"}
      subtitle={
        kind === "user"
          ? "Everybody who is identified, with what is known of them."
          : "Organisations that events name, with their people."
      }
      actions={
        <>
          {mayWrite && (
            <Button icon="segments" busy={makeSegment.isPending} onClick={() => makeSegment.mutate()}>
              Create segment
            </Button>
          )}
          <Menu
            align="end"
            trigger={<IconButton icon="more" label="More" />}
            entries={[
              { label: "Save these rows as CSV", icon: "download", disabled: hits.length === 0, run: csv },
              {
                label: "Copy as curl",
                icon: "code",
                run: () => void copyText(curlOf(request, location.origin), "curl"),
              },
            ]}
          />
        </>
      }
    >
      <div className="mb-3 flex flex-wrap items-start gap-2">
        <Find value={state.term} label={`Find ${noun}`} onChange={(term) => set({ term })} />
        <SearchBar
          className="flex-1 basis-72"
          kind={kind}
          label="Filter"
          placeholder={
            kind === "user"
              ? "Filter, such as last_country_code:BR session_count:>=3"
              : "Filter, such as user_count:>=5"
          }
          value={state.query}
          error={queryError(answer.error, "/query")}
          onCommit={(query) => query !== state.query && set({ query }, "push")}
        />
        <FacetPick
          label="Column to add"
          kinds={[kind]}
          trigger={<Button icon="plus">Column</Button>}
          onPick={(name) => !state.columns.includes(name) && set({ columns: [...state.columns, name] })}
        />
        <Menu
          align="end"
          trigger={<IconButton icon="table" label="Columns" look="secondary" />}
          entries={[
            ...state.columns.map((name) => ({
              label: `Remove ${columnName(name).toLowerCase()}`,
              icon: "close" as const,
              disabled: state.columns.length === 1,
              run: () => set({ columns: state.columns.filter((one) => one !== name) }),
            })),
            "separator" as const,
            {
              label: "The usual columns",
              icon: "undo" as const,
              run: () => set({ columns: USUAL_COLUMNS[kind] }),
            },
          ]}
        />
      </div>
      <section className="card min-w-0" aria-label={noun} aria-busy={answer.isFetching || undefined}>
        <p className="flex h-10 items-center gap-3 border-b border-line px-3" aria-live="polite">
          <span className="num font-semibold">
            {total === undefined ? " " : `${formatCount(total)} ${noun}`}
          </span>
          <AsOf at={answer.data?.meta?.as_of ?? (answer.dataUpdatedAt || undefined)} />
        </p>
        {answer.error ? (
          <div className="p-4">
            <ErrorBox
              error={answer.error}
              title={`The ${noun} can't be listed`}
              retry={() => void answer.refetch()}
            />
          </div>
        ) : answer.isPending ? (
          <SkeletonRows rows={12} />
        ) : (
          <DataTable
            label={noun}
            rows={hits}
            columns={columns}
            rowKey={(hit, index) => String(hit[`${kind}_id`] ?? index)}
            maxHeight={680}
            sort={{ id: state.sort.field, descending: state.sort.order === "DESC" }}
            onSort={({ id, descending }) => set({ sort: { field: id, order: descending ? "DESC" : "ASC" } })}
            onRowClick={(hit) =>
              void navigate({
                to: kind === "user" ? "/users/$id" : "/accounts/$id",
                params: { id: String(hit[`${kind}_id`]) },
              } as never)
            }
            onEnd={() => {
              if (hits.length === limit && limit < MOST_SHOWN && !answer.isFetching)
                setLimit(Math.min(MOST_SHOWN, limit + PAGE));
            }}
            empty={
              <Empty icon={kind === "user" ? "users" : "accounts"} title={`No ${noun}`}>
                {state.query || state.term
                  ? "Nobody fits the filter. Take a condition away."
                  : kind === "user"
                    ? "Users appear when events carry usr.id: call setUser in the browser SDK, or send usr.id with your own events."
                    : "Accounts appear when events carry account.id."}
              </Empty>
            }
          />
        )}
      </section>
      {segment && (
        <SaveSegment
          open
          onClose={() => setSegment(null)}
          suggestedName={state.query || state.term || `All ${noun}`}
          definition={segment.definition}
          echo={[segment.echo, ...segment.notes].join(" ")}
        />
      )}
    </Page>
  );
}

/** Asks once the typing pauses. */
function Find({
  value,
  label,
  onChange,
}: {
  value: string;
  label: string;
  onChange: (value: string) => void;
}) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => onChange(text), 250);
    return () => clearTimeout(timer);
  });
  return (
    <input
      type="search"
      aria-label={label}
      placeholder="Name, address or id"
      className="field w-56 max-sm:w-full"
      value={text}
      onChange={(event) => setText(event.target.value)}
    />
  );
}

function tableColumns(kind: Kind, state: ProfilesState, timezone: string): Column<Hit>[] {
  const who: Column<Hit> = {
    id: `${kind}_id`,
    header: kind === "user" ? "User" : "Account",
    width: "minmax(12rem,2fr)",
    sortable: true,
    cell: (hit) => {
      const id = String(hit[`${kind}_id`] ?? "");
      const name = hit[`${kind}_name`];
      return (
        <Link
          to={kind === "user" ? "/users/$id" : "/accounts/$id"}
          params={{ id }}
          className="font-medium text-accent-ink hover:underline"
        >
          {name ? String(name) : id}
          {name ? <span className="ml-2 font-normal text-ink-3">{id}</span> : null}
        </Link>
      );
    },
  };
  const numeric = (name: string) => /(_count|_time|_id_count)$/.test(name);
  return [
    who,
    ...state.columns.map(
      (name): Column<Hit> => ({
        id: name,
        header: columnName(name),
        width: /email$/.test(name)
          ? "minmax(13rem,1.5fr)"
          : /_seen$|_at$|created$/.test(name)
            ? "11.5rem"
            : numeric(name)
              ? "8rem"
              : "minmax(8rem,1fr)",
        sortable: true,
        align: numeric(name) ? "right" : "left",
        cell: (hit) => (
          <span className={/_seen$|_at$/.test(name) ? "num" : undefined}>
            {valueText(name, hit[name], timezone)}
          </span>
        ),
      }),
    ),
  ];
}
