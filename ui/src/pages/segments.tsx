import { Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useDeferredValue, useMemo, useState } from "react";
import { type SearchCodec, useSearchState } from "../app/search";
import { useMay } from "../app/session";
import { Sparkline } from "../charts/sparkline";
import { DeleteDialog } from "../segments/delete-dialog";
import { type Segment, useSegments } from "../segments/queries";
import { Button, buttonClass } from "../ui/button";
import { AsOf, Badge, Empty, ErrorBox, SkeletonRows } from "../ui/feedback";
import { Icon } from "../ui/icons";
import { count, signed } from "../ui/number";
import { Page } from "../ui/page";
import { Select } from "../ui/select";
import { type Column, DataTable, type SortState } from "../ui/table";

interface ListState {
  q: string;
  tag: string;
  kind: "all" | "dynamic" | "static";
}

const CODEC: SearchCodec<ListState> = {
  read: ({ q, tag, kind }) => ({
    q: typeof q === "string" || typeof q === "number" ? String(q) : "",
    tag: typeof tag === "string" ? tag : "",
    kind: kind === "dynamic" || kind === "static" ? kind : "all",
  }),
  write: ({ q, tag, kind }) => ({
    q: q || undefined,
    tag: tag || undefined,
    kind: kind === "all" ? undefined : kind,
  }),
};

export default function SegmentsPage() {
  const segments = useSegments();
  const mayWrite = useMay("write");
  return (
    <Page
      title="Segments"
      subtitle="Groups of users or accounts by what they did, who they are, or a list."
      actions={
        mayWrite && (
          <>
            <Link to="/segments/import" className={buttonClass()}>
              <Icon name="upload" />
              From a list
            </Link>
            <Link to="/segments/new" className={buttonClass("primary")}>
              <Icon name="plus" />
              New segment
            </Link>
          </>
        )
      }
    >
      {segments.isError && (
        <ErrorBox error={segments.error} retry={() => segments.refetch()} title="Segments can't be listed" />
      )}
      {segments.isPending && (
        <div className="card">
          <SkeletonRows />
        </div>
      )}
      {segments.data && <List all={segments.data} mayWrite={mayWrite} />}
    </Page>
  );
}

function List({ all, mayWrite }: { all: Segment[]; mayWrite: boolean }) {
  const navigate = useNavigate();
  const [state, setState] = useSearchState(CODEC);
  const [sort, setSort] = useState<SortState | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [deleting, setDeleting] = useState(false);
  const q = useDeferredValue(state.q.toLowerCase());
  const tags = useMemo(() => [...new Set(all.flatMap(({ attributes }) => attributes.tags))].sort(), [all]);
  const shown = useMemo(
    () =>
      sorted(
        all.filter((segment) => fits(segment, q, state)),
        sort,
      ),
    [all, q, state, sort],
  );
  const chosenSegments = all.filter(({ id }) => chosen.has(id));
  const toggle = useCallback(
    (id: string) =>
      setChosen((old) => {
        const next = new Set(old);
        if (!next.delete(id)) next.add(id);
        return next;
      }),
    [],
  );
  const columns = useMemo(() => columnsOf(chosen, toggle, mayWrite), [chosen, toggle, mayWrite]);
  if (all.length === 0) return <FirstSegment />;
  const compare = () =>
    void navigate({
      to: "/segments/compare",
      search: (old: Record<string, unknown>) => ({ ...old, ids: [...chosen] }),
    } as never);
  return (
    <div className="card">
      <div className="flex flex-wrap items-center gap-2 border-b border-line p-3">
        <input
          data-search
          type="search"
          aria-label="Search segments"
          placeholder="Search by name, description, tag…"
          value={state.q}
          onChange={(event) => setState({ ...state, q: event.target.value })}
          className="field w-72 max-w-full"
        />
        <Select
          label="Kind"
          value={state.kind}
          onChange={(kind) => setState({ ...state, kind })}
          choices={[
            { value: "all", label: "All kinds" },
            { value: "dynamic", label: "Dynamic" },
            { value: "static", label: "Static" },
          ]}
        />
        {tags.length > 0 && (
          <Select
            label="Tag"
            value={state.tag}
            onChange={(tag) => setState({ ...state, tag })}
            choices={[{ value: "", label: "All tags" }, ...tags.map((tag) => ({ value: tag, label: tag }))]}
          />
        )}
        <span className="num text-ink-2">
          {shown.length === all.length ? count(all.length) : `${count(shown.length)} of ${count(all.length)}`}
        </span>
        <div className="flex-1" />
        {chosen.size > 0 && (
          <>
            <span className="num text-ink-2">{chosen.size} chosen</span>
            <Button size="sm" disabled={chosen.size < 2 || chosen.size > 20} onClick={compare}>
              Compare
            </Button>
            {mayWrite && (
              <Button size="sm" look="danger" icon="trash" onClick={() => setDeleting(true)}>
                Delete
              </Button>
            )}
          </>
        )}
      </div>
      <DataTable
        label="Segments"
        rows={shown}
        columns={columns}
        rowKey={({ id }) => id}
        rowHeight={52}
        maxHeight={720}
        sort={sort}
        onSort={setSort}
        onRowClick={({ id }) => void navigate({ to: "/segments/$id", params: { id } })}
        empty={
          <Empty icon="search" title="No segment fits">
            Try another word, or clear the filters.
          </Empty>
        }
      />
      {deleting && (
        <DeleteDialog
          segments={chosenSegments}
          onClose={() => setDeleting(false)}
          onDone={() => {
            setDeleting(false);
            setChosen(new Set());
          }}
        />
      )}
    </div>
  );
}

function fits({ attributes }: Segment, q: string, { tag, kind }: ListState): boolean {
  if (kind !== "all" && attributes.kind !== kind) return false;
  if (tag && !attributes.tags.includes(tag)) return false;
  const text = [attributes.name, attributes.description, attributes.owner ?? "", ...attributes.tags].join(
    "\n",
  );
  return q.split(/\s+/).every((word) => text.toLowerCase().includes(word));
}

function sorted(segments: Segment[], sort: SortState | null): Segment[] {
  if (!sort) return segments;
  const by: Record<string, (segment: Segment) => string | number> = {
    name: ({ attributes }) => attributes.name.toLowerCase(),
    size: ({ attributes }) => attributes.size,
    change: ({ attributes }) => attributes.change_7d ?? Number.NEGATIVE_INFINITY,
    owner: ({ attributes }) => attributes.owner ?? "",
    modified: ({ attributes }) => attributes.modified_at,
  };
  const key = by[sort.id];
  if (!key) return segments;
  const order = sort.descending ? -1 : 1;
  return [...segments].sort((a, b) => (key(a) < key(b) ? -order : key(a) > key(b) ? order : 0));
}

function columnsOf(
  chosen: ReadonlySet<string>,
  toggle: (id: string) => void,
  mayWrite: boolean,
): Column<Segment>[] {
  const columns: Column<Segment>[] = [
    {
      id: "choose",
      header: "",
      width: "2.5rem",
      cell: ({ id, attributes }) => (
        <label className="grid size-6 place-items-center">
          <input
            type="checkbox"
            aria-label={`Choose ${attributes.name}`}
            checked={chosen.has(id)}
            onChange={() => toggle(id)}
            className="size-4 accent-(--accent)"
          />
        </label>
      ),
    },
    {
      id: "name",
      header: "Name",
      width: "minmax(14rem,3fr)",
      sortable: true,
      cell: ({ id, attributes }) => (
        <div className="leading-tight">
          <div className="flex items-center gap-1.5">
            <Link
              to="/segments/$id"
              params={{ id }}
              className="truncate font-medium hover:text-accent-ink hover:underline"
            >
              {attributes.name}
            </Link>
            {attributes.kind === "static" && <Badge>static</Badge>}
            {attributes.entity === "account" && <Badge>accounts</Badge>}
            {attributes.tags.slice(0, 2).map((tag) => (
              <Badge key={tag}>{tag}</Badge>
            ))}
          </div>
          <div className="truncate text-xs text-ink-3" title={attributes.echo}>
            {attributes.description || attributes.echo}
          </div>
        </div>
      ),
    },
    {
      id: "size",
      header: "Size",
      width: "6rem",
      align: "right",
      sortable: true,
      cell: ({ attributes }) => <span className="font-medium">{count(attributes.size)}</span>,
    },
    {
      id: "change",
      header: "7 days",
      width: "5rem",
      align: "right",
      sortable: true,
      cell: ({ attributes }) => <Change by={attributes.change_7d} />,
    },
    {
      id: "recent",
      header: "Recently",
      width: "7rem",
      cell: ({ attributes }) =>
        attributes.recent && attributes.recent.length > 1 ? (
          <Sparkline values={attributes.recent.map(({ size }) => size)} />
        ) : (
          <span className="text-ink-3">–</span>
        ),
    },
    {
      id: "fresh",
      header: "Freshness",
      width: "9rem",
      cell: ({ attributes }) => <Freshness segment={attributes} />,
    },
    {
      id: "used",
      header: "Used in",
      width: "7rem",
      cell: ({ attributes }) =>
        attributes.used_in.length > 0 ? (
          <span title={attributes.used_in.map(({ name }) => name).join(", ")} className="truncate">
            {attributes.used_in.length === 1
              ? attributes.used_in[0]?.name
              : `${attributes.used_in.length} places`}
          </span>
        ) : (
          <span className="text-ink-3">–</span>
        ),
    },
    {
      id: "owner",
      header: "Owner",
      width: "7rem",
      sortable: true,
      cell: ({ attributes }) => attributes.owner ?? "–",
    },
    {
      id: "modified",
      header: "Changed",
      width: "7rem",
      sortable: true,
      cell: ({ attributes }) => <span className="num text-ink-2">{attributes.modified_at.slice(0, 10)}</span>,
    },
  ];
  return mayWrite ? columns : columns.filter(({ id }) => id !== "choose");
}

export function Change({ by }: { by: number | undefined }) {
  if (by === undefined) return <span className="text-ink-3">–</span>;
  return <span className={by > 0 ? "text-good" : by < 0 ? "text-bad" : "text-ink-3"}>{signed(by)}</span>;
}

export function Freshness({ segment }: { segment: Segment["attributes"] }) {
  const state = segment.state;
  if (state && state.kind !== "fresh") {
    const tone = state.kind === "failed" ? "bad" : "warn";
    return (
      <Badge tone={tone} title={state.reason}>
        {state.kind}
      </Badge>
    );
  }
  return <AsOf at={segment.size_as_of} />;
}

function FirstSegment() {
  return (
    <div className="card">
      <Empty
        icon="segments"
        title="Describe your first group of people"
        action={
          <>
            <Link to="/segments/new" className={buttonClass("primary")}>
              New segment
            </Link>
            <Link to="/segments/import" className={buttonClass()}>
              From a list
            </Link>
          </>
        }
      >
        For example: who viewed the cart and then did not check out in the same session. Whodid counts while
        you write.
      </Empty>
    </div>
  );
}
