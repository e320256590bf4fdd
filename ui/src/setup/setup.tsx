import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { oneOf, unless } from "../analysis/read";
import { type SearchCodec, useSearchState } from "../app/search";
import { useMay } from "../app/session";
import { formatCount } from "../charts/format";
import { NewKey } from "../settings/keys";
import { useStatus } from "../settings/queries";
import { Button, buttonClass } from "../ui/button";
import { copyText } from "../ui/copy";
import { Badge, ErrorBox } from "../ui/feedback";
import { Icon } from "../ui/icons";
import { Card, Page } from "../ui/page";
import { Segmented } from "../ui/tabs";
import { KEY_PLACEHOLDER, type Snippet, snippets } from "./snippets";
import { type TailEvent, useTail } from "./tail";

const codec: SearchCodec<{ way: Snippet["id"] }> = {
  read: (search) => ({ way: oneOf(search.way, ["browser", "server", "file"], "browser") }),
  write: ({ way }) => ({ way: unless(way, "browser") }),
};

export function Setup() {
  const [{ way }, set] = useSearchState(codec);
  const [secret, setSecret] = useState<string | null>(null);
  const [making, setMaking] = useState(false);
  const [listening, setListening] = useState(true);
  const admin = useMay("admin");
  const status = useStatus(3000);
  const tail = useTail(listening);
  const all = snippets(location.origin, secret ?? KEY_PLACEHOLDER);
  const snippet = all.find((one) => one.id === way);
  const events = status.data?.data.attributes.store.events;
  return (
    <Page title="Set up" subtitle="Send events from pages, servers or files, and watch them arrive.">
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <div className="min-w-0 space-y-4">
          <Card title="1. A key to send with">
            {secret ? (
              <>
                <p className="mb-2 text-ink-2">
                  It is in the snippet below. Copy it now: it can't be shown again.
                </p>
                <div className="flex items-center gap-2">
                  <code className="min-w-0 flex-1 rounded-md bg-sunken px-3 py-2 font-mono text-xs break-all select-all">
                    {secret}
                  </code>
                  <Button icon="copy" onClick={() => void copyText(secret, "Key")}>
                    Copy
                  </Button>
                </div>
              </>
            ) : (
              <div className="flex flex-wrap items-center gap-3">
                <p className="min-w-0 flex-1 basis-64 text-ink-2">
                  Pages and servers send events with a key of the scope <em>ingest</em>. It can do nothing
                  else, so it may stand in a public page.
                </p>
                {admin ? (
                  <Button look="primary" icon="plus" onClick={() => setMaking(true)}>
                    Make an ingest key
                  </Button>
                ) : (
                  <Badge>An admin can make one</Badge>
                )}
              </div>
            )}
          </Card>
          <Card
            title="2. Send events"
            actions={
              <Segmented
                label="From where"
                value={way}
                choices={all.map(({ id, label }) => ({ value: id, label }))}
                onChange={(next) => set({ way: next })}
              />
            }
          >
            <pre
              role="region"
              tabIndex={0}
              aria-label="Snippet"
              className="max-h-96 overflow-auto rounded-md bg-sunken p-3 font-mono text-xs leading-5"
            >
              {snippet?.text}
            </pre>
            <div className="mt-3 flex items-center gap-2">
              <Button icon="copy" onClick={() => snippet && void copyText(snippet.text, "Snippet")}>
                Copy
              </Button>
              {!secret && (
                <span className="text-xs text-ink-3">Put your key in the place of {KEY_PLACEHOLDER}.</span>
              )}
            </div>
          </Card>
          <Card title="3. Did it work?">
            <FirstEvent
              events={events}
              arrived={tail.rows.some((row) => row.kind === "event")}
              rejected={tail.rows.filter((row) => row.kind === "rejected").length}
            />
          </Card>
        </div>
        <Card
          title="Arriving now"
          flush
          actions={
            <>
              <Badge
                tone={
                  !listening
                    ? "neutral"
                    : tail.state === "open"
                      ? "good"
                      : tail.state === "failed"
                        ? "bad"
                        : "neutral"
                }
              >
                {!listening
                  ? "paused"
                  : tail.state === "open"
                    ? "listening"
                    : tail.state === "failed"
                      ? "not connected"
                      : "connecting"}
              </Badge>
              <Button size="sm" onClick={() => setListening(!listening)}>
                {listening ? "Pause" : "Listen"}
              </Button>
            </>
          }
        >
          {tail.state === "failed" && (
            <div className="p-3">
              <ErrorBox error={tail.error} title="What arrives can't be watched" />
            </div>
          )}
          {tail.rows.length === 0 ? (
            <p className="px-4 py-16 text-center text-ink-2">
              Nothing yet. Whatever arrives shows up here within a second, and so does what was refused, with
              the reason.
            </p>
          ) : (
            <ol aria-live="off" className="max-h-160 overflow-y-auto">
              {tail.rows.map((row) => (
                <TailRow key={row.key} row={row} />
              ))}
            </ol>
          )}
          {tail.skipped > 0 && (
            <p className="border-t border-line px-4 py-2 text-xs text-ink-3">
              {formatCount(tail.skipped)} more came too fast to be shown. All of them are kept.
            </p>
          )}
        </Card>
      </div>
      <NewKey
        open={making}
        onClose={() => setMaking(false)}
        onMade={({ data }) => {
          setMaking(false);
          setSecret(data.attributes.secret ?? null);
        }}
      />
    </Page>
  );
}

function FirstEvent({
  events,
  arrived,
  rejected,
}: {
  events: number | undefined;
  arrived: boolean;
  rejected: number;
}) {
  const works = arrived || (events ?? 0) > 0;
  return (
    <div className="flex flex-wrap items-center gap-3" role="status">
      <span
        className={`grid size-8 place-items-center rounded-full ${works ? "bg-good-soft text-good" : "bg-sunken text-ink-3"}`}
      >
        <Icon name={works ? "check" : "refresh"} />
      </span>
      <p className="min-w-0 flex-1">
        {arrived
          ? "Yes: events are arriving right now."
          : works
            ? `${formatCount(events)} events are here. New ones show up beside this.`
            : "Waiting for the first event."}
        {rejected > 0 && (
          <span className="block text-bad">{rejected} refused, see the reasons beside this.</span>
        )}
      </p>
      {works && (
        <Link to="/explorer" className={buttonClass()}>
          Explore them
        </Link>
      )}
    </div>
  );
}

function TailRow({ row }: { row: TailEvent }) {
  const time = new Date(row.received_at).toLocaleTimeString("en-GB");
  if (row.kind === "rejected")
    return (
      <li className="border-b border-line bg-bad-soft/50 px-4 py-2 last:border-0">
        <p className="flex items-baseline gap-3">
          <span className="num text-xs text-ink-3">{time}</span>
          <Badge tone="bad">refused</Badge>
          <span className="min-w-0 flex-1 break-words">
            {row.reason}
            {row.line !== undefined && ` (line ${row.line})`}
          </span>
          <span className="text-xs text-ink-3">{row.source}</span>
        </p>
        {row.excerpt && (
          <code className="mt-1 block overflow-x-auto font-mono text-xs whitespace-pre text-ink-2">
            {row.excerpt}
          </code>
        )}
      </li>
    );
  return (
    <li className="flex items-baseline gap-3 border-b border-line px-4 py-1.5 last:border-0">
      <span className="num text-xs text-ink-3">{time}</span>
      <Badge tone={row.type === "action" ? "accent" : row.type === "server" ? "good" : "neutral"}>
        {row.type}
      </Badge>
      <span className="min-w-0 flex-1 truncate">{row.name ?? row.id}</span>
      {row.user && (
        <Link
          to="/users/$id"
          params={{ id: row.user }}
          className="max-w-40 truncate text-accent-ink hover:underline"
        >
          {row.user}
        </Link>
      )}
      <span className="text-xs text-ink-3">{row.source}</span>
    </li>
  );
}
