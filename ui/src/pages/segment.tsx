import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { urlOf } from "../api/client";
import { type SearchCodec, useSearchState, useShared } from "../app/search";
import { useMay } from "../app/session";
import { CompareView } from "../segments/compare";
import { CompositionView } from "../segments/composition";
import { DeleteDialog } from "../segments/delete-dialog";
import { Members } from "../segments/members";
import { type Segment, useSegment } from "../segments/queries";
import { VersionsView } from "../segments/versions";
import { WhyView } from "../segments/why";
import { Button, buttonClass } from "../ui/button";
import { Badge, Empty, ErrorBox, Skeleton, SkeletonRows, Warning } from "../ui/feedback";
import { Icon } from "../ui/icons";
import { Menu } from "../ui/menu";
import { count } from "../ui/number";
import { Card, Page } from "../ui/page";
import { Tabs } from "../ui/tabs";
import { Change, Freshness } from "./segments";

// Brings the charts with it.
const HistoryView = lazy(() =>
  import("../segments/history").then((module) => ({ default: module.HistoryView })),
);

const TABS = ["members", "history", "composition", "overlap", "why", "versions"] as const;

interface DetailState {
  tab: (typeof TABS)[number];
  /** Of whom the page tells why. */
  who: string;
  /** Compared with these. */
  ids: string[];
}

const CODEC: SearchCodec<DetailState> = {
  read: ({ tab, who, ids }) => ({
    tab: TABS.find((known) => known === tab) ?? "members",
    who: typeof who === "string" || typeof who === "number" ? String(who) : "",
    ids: Array.isArray(ids) ? ids.filter((id): id is string => typeof id === "string") : [],
  }),
  write: ({ tab, who, ids }) => ({
    tab: tab === "members" ? undefined : tab,
    who: who || undefined,
    ids: ids.length > 0 ? ids : undefined,
  }),
};

export default function SegmentPage() {
  const { id } = useParams({ strict: false });
  const segment = useSegment(id);
  if (segment.isError) {
    return (
      <Page title="Segment">
        <ErrorBox error={segment.error} retry={() => segment.refetch()} title="The segment can't be read" />
      </Page>
    );
  }
  if (!segment.data) {
    return (
      <Page title="Segment">
        <div className="card">
          <SkeletonRows />
        </div>
      </Page>
    );
  }
  return <Detail key={segment.data.data.id} segment={segment.data.data} />;
}

function Detail({ segment }: { segment: Segment }) {
  const { attributes } = segment;
  const [state, setState] = useSearchState(CODEC);
  return (
    <Page
      title={attributes.name}
      subtitle={attributes.description || undefined}
      actions={<Actions segment={segment} />}
    >
      <div className="space-y-4">
        <Summary segment={segment} />
        {attributes.warnings?.map((warning) => (
          <Warning key={warning.pointer + warning.message}>{warning.message}</Warning>
        ))}
        {attributes.state && attributes.state.kind !== "fresh" && attributes.state.reason && (
          <Warning>{attributes.state.reason}</Warning>
        )}
        <Tabs
          value={state.tab}
          onChange={(tab) => setState({ ...state, tab })}
          tabs={[
            { value: "members", label: "Members", panel: () => <MembersCard segment={segment} /> },
            {
              value: "history",
              label: "Size over time",
              panel: () => (
                <Suspense fallback={<Skeleton className="h-72" />}>
                  <HistoryView id={segment.id} />
                </Suspense>
              ),
            },
            {
              value: "composition",
              label: "Composition",
              panel: () => <CompositionView segment={segment} />,
            },
            {
              value: "overlap",
              label: "Overlap",
              panel: () => (
                <CompareView
                  fixed={segment.id}
                  ids={[segment.id, ...state.ids.filter((id) => id !== segment.id)]}
                  onIds={(ids) => setState({ ...state, ids: ids.filter((id) => id !== segment.id) })}
                />
              ),
            },
            {
              value: "why",
              label: "Check a person",
              panel: () => (
                <WhyCard segment={segment} who={state.who} onWho={(who) => setState({ ...state, who })} />
              ),
            },
            { value: "versions", label: "Versions", panel: () => <VersionsView segment={segment} /> },
          ]}
        />
      </div>
    </Page>
  );
}

function Summary({ segment: { attributes } }: { segment: Segment }) {
  return (
    <div className="card flex flex-wrap items-start gap-x-8 gap-y-3 p-4">
      <div>
        <div className="text-xs text-ink-3">{attributes.entity === "user" ? "People" : "Accounts"}</div>
        <div data-testid="size" className="num text-3xl font-semibold tracking-tight">
          {count(attributes.size)}
        </div>
        <Freshness segment={attributes} />
      </div>
      {attributes.change_7d !== undefined && (
        <div>
          <div className="text-xs text-ink-3">In 7 days</div>
          <div className="num text-lg font-semibold">
            <Change by={attributes.change_7d} />
          </div>
        </div>
      )}
      <div className="min-w-0 flex-1 basis-80">
        <div className="text-xs text-ink-3">Definition</div>
        <p className="text-base break-words">
          {attributes.echo || `A list of ${attributes.key ?? "identifiers"}`}
        </p>
        <div className="mt-1.5 flex flex-wrap items-center gap-1.5">
          <Badge tone="accent">{attributes.kind}</Badge>
          <Badge>version {attributes.version}</Badge>
          {attributes.owner && <Badge>{attributes.owner}</Badge>}
          {attributes.tags.map((tag) => (
            <Badge key={tag}>{tag}</Badge>
          ))}
        </div>
      </div>
      {attributes.used_in.length > 0 && (
        <div className="min-w-40">
          <div className="text-xs text-ink-3">Used in</div>
          <ul className="leading-6">
            {attributes.used_in.map((user) => (
              <li key={user.id}>
                {user.type === "segment" ? (
                  <Link
                    to="/segments/$id"
                    params={{ id: user.id }}
                    className="text-accent-ink hover:underline"
                  >
                    {user.name}
                  </Link>
                ) : (
                  <Link to="/charts" className="text-accent-ink hover:underline">
                    {user.name} <span className="text-ink-3">({user.type})</span>
                  </Link>
                )}
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

function Actions({ segment }: { segment: Segment }) {
  const navigate = useNavigate();
  const { setSegment, segment: current } = useShared();
  const mayWrite = useMay("write");
  const [deleting, setDeleting] = useState(false);
  const isList = segment.attributes.kind === "static";
  const save = (format: string) => {
    const link = document.createElement("a");
    link.href = urlOf(`/segments/${segment.id}/members.${format}`);
    link.download = `${segment.attributes.name}.${format}`;
    link.click();
  };
  return (
    <>
      <Button
        icon="filter"
        disabled={current === segment.id}
        onClick={() => setSegment(segment.id)}
        title="Every page shows this segment's numbers"
      >
        Use as filter
      </Button>
      <Menu
        align="end"
        trigger={<Button icon="download">Export</Button>}
        entries={[
          { label: "CSV", run: () => save("csv") },
          { label: "NDJSON", run: () => save("ndjson") },
          { label: "Parquet", run: () => save("parquet") },
        ]}
      />
      {mayWrite && (
        <>
          <Button look="danger" icon="trash" onClick={() => setDeleting(true)}>
            Delete
          </Button>
          <Link
            to={isList ? "/segments/import" : "/segments/$id/edit"}
            params={{ id: segment.id }}
            search={
              ((old: Record<string, unknown>) => (isList ? { ...old, into: segment.id } : old)) as never
            }
            className={buttonClass("primary")}
          >
            <Icon name={isList ? "upload" : "edit"} />
            {isList ? "Change the list" : "Edit"}
          </Link>
        </>
      )}
      {deleting && (
        <DeleteDialog
          segments={[segment]}
          onClose={() => setDeleting(false)}
          onDone={() => void navigate({ to: "/segments" })}
        />
      )}
    </>
  );
}

function MembersCard({ segment }: { segment: Segment }) {
  return (
    <Card flush>
      <Members of={{ id: segment.id }} entity={segment.attributes.entity} empty="Nobody is in it now" />
    </Card>
  );
}

function WhyCard({ segment, who, onWho }: { segment: Segment; who: string; onWho: (who: string) => void }) {
  const [text, setText] = useState(who);
  const noun = segment.attributes.entity === "user" ? "User" : "Account";
  return (
    <Card title="Why in, why out">
      <form
        className="mb-4 flex flex-wrap items-end gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          onWho(text.trim());
        }}
      >
        <input
          aria-label={`${noun} id`}
          placeholder={`${noun} id`}
          value={text}
          onChange={(event) => setText(event.target.value)}
          className="field w-72 max-w-full"
        />
        <Button type="submit" look="primary" disabled={!text.trim()}>
          Check
        </Button>
      </form>
      {who ? (
        <WhyView key={who} id={segment.id} entity={who} definition={segment.attributes.definition} />
      ) : (
        <Empty icon="user" title="Anyone can be checked, in or out">
          Each clause shows what was seen, what it takes, and the events that prove it.
        </Empty>
      )}
    </Card>
  );
}
