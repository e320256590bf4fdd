import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { type Many, request } from "../api/client";
import { formatDuration } from "../charts/format";
import { Button } from "../ui/button";
import { cx } from "../ui/cx";
import { AsOf, Badge, Empty, ErrorBox, SkeletonRows } from "../ui/feedback";
import { Card } from "../ui/page";
import { bySession, type Session, type TimelineEvent } from "./sessions";
import { valueText } from "./value";

interface EventAttributes {
  type: string;
  ts: string;
  attributes: Record<string, unknown>;
}

type TimelineAnswer = Many<EventAttributes, { as_of?: string; page?: { next?: string } }>;

const PAGE = 100;

/** What somebody did, the newest first, session by session. */
export function Timeline({
  path,
  timezone,
  showUser,
}: {
  path: string;
  timezone: string;
  showUser: boolean;
}) {
  const timeline = useInfiniteQuery({
    queryKey: ["timeline", path],
    retry: false,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      request<TimelineAnswer>("GET", `${path}/timeline`, {
        query: { "page[limit]": PAGE, "page[cursor]": pageParam },
        signal,
      }),
    getNextPageParam: (page) => page.meta.page?.next,
  });
  const events: TimelineEvent[] =
    timeline.data?.pages.flatMap((page) => page.data.map(({ id, attributes }) => ({ id, ...attributes }))) ??
    [];
  const sessions = bySession(events);
  return (
    <Card title="Timeline" actions={<AsOf at={timeline.data?.pages[0]?.meta.as_of} />} flush>
      {timeline.error ? (
        <div className="p-4">
          <ErrorBox
            error={timeline.error}
            title="The timeline can't be shown"
            retry={() => void timeline.refetch()}
          />
        </div>
      ) : timeline.isPending ? (
        <SkeletonRows rows={10} />
      ) : sessions.length === 0 ? (
        <Empty icon="list" title="No events">
          Events that name this id show up here within a second.
        </Empty>
      ) : (
        <ol>
          {sessions.map((session) => (
            <SessionBlock key={session.key} session={session} timezone={timezone} showUser={showUser} />
          ))}
        </ol>
      )}
      {timeline.hasNextPage && (
        <div className="grid place-items-center border-t border-line py-3">
          <Button busy={timeline.isFetchingNextPage} onClick={() => void timeline.fetchNextPage()}>
            Earlier events
          </Button>
        </div>
      )}
    </Card>
  );
}

function SessionBlock({
  session,
  timezone,
  showUser,
}: {
  session: Session;
  timezone: string;
  showUser: boolean;
}) {
  const [open, setOpen] = useState(true);
  const facts = [session.device, session.browser, session.country].filter(Boolean).join(" · ");
  return (
    <li className="border-b border-line last:border-0">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex w-full flex-wrap items-baseline gap-x-3 gap-y-0.5 bg-sunken/60 px-4 py-2 text-left hover:bg-hover"
      >
        <span className="font-semibold">{day(session.newest, timezone)}</span>
        <span className="text-ink-2">
          {session.key.startsWith("session ") ? "Session" : "Without a session"}, {session.events.length}{" "}
          {session.events.length === 1 ? "event" : "events"}
          {session.newest !== session.oldest &&
            `, ${formatDuration(Date.parse(session.newest) - Date.parse(session.oldest))}`}
        </span>
        <span className="ml-auto text-xs text-ink-3">{facts}</span>
      </button>
      {open && (
        <ol>
          {session.events.map((event) => (
            <EventRow
              key={`${event.type} ${event.id}`}
              event={event}
              timezone={timezone}
              showUser={showUser}
            />
          ))}
        </ol>
      )}
    </li>
  );
}

const TONES = { view: "neutral", action: "accent", server: "good" } as const;

function EventRow({
  event,
  timezone,
  showUser,
}: {
  event: TimelineEvent;
  timezone: string;
  showUser: boolean;
}) {
  const [open, setOpen] = useState(false);
  const { attributes } = event;
  const name =
    attributes["action.name"] ??
    attributes["event.name"] ??
    attributes["view.name"] ??
    attributes["view.url_path"] ??
    event.id;
  const spent = attributes["view.time_spent"];
  const user = attributes["usr.id"];
  return (
    <li className="border-t border-line/60 first:border-0">
      <div className="flex items-baseline gap-3 px-4 py-1.5">
        <time dateTime={event.ts} className="num w-16 shrink-0 text-xs text-ink-3">
          {clock(event.ts, timezone)}
        </time>
        <span className="w-14 shrink-0">
          <Badge tone={TONES[event.type as keyof typeof TONES] ?? "neutral"}>{event.type}</Badge>
        </span>
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className="min-w-0 flex-1 truncate text-left hover:underline"
        >
          {String(name)}
        </button>
        {showUser && typeof user === "string" && (
          <Link
            to="/users/$id"
            params={{ id: user }}
            className="max-w-40 truncate text-accent-ink hover:underline"
          >
            {user}
          </Link>
        )}
        {event.type === "view" && typeof spent === "number" && spent > 0 && (
          <span className="num text-xs text-ink-3">{formatDuration(spent / 1e6)}</span>
        )}
      </div>
      {open && (
        <dl className={cx("mx-4 mb-2 max-h-72 overflow-y-auto rounded-md bg-sunken p-2 text-xs")}>
          {Object.keys(attributes)
            .sort()
            .map((key) => (
              <div key={key} className="flex gap-2 py-0.5">
                <dt className="w-48 shrink-0 font-mono break-all text-ink-2">@{key}</dt>
                <dd className="min-w-0 break-all">{valueText(key, attributes[key], timezone)}</dd>
              </div>
            ))}
        </dl>
      )}
    </li>
  );
}

function day(ts: string, timezone: string): string {
  return new Date(ts).toLocaleString("en-GB", {
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    timeZone: timezone,
  });
}

function clock(ts: string, timezone: string): string {
  return new Date(ts).toLocaleTimeString("en-GB", { timeZone: timezone });
}
