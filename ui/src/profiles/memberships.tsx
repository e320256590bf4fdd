import { useQueries, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { type Many, request } from "../api/client";
import { useShared } from "../app/search";
import { formatInstant } from "../charts/format";
import { Button } from "../ui/button";
import { AsOf, ErrorBox, Skeleton } from "../ui/feedback";
import { Card } from "../ui/page";
import type { Kind } from "./state";
import { WhyDialog } from "./why";

type SegmentsAnswer = Many<{ name: string; version: number }, { as_of?: string }>;

/** At how many instants of the range memberships are looked at. */
const POINTS = 15;

interface Props {
  kind: Kind;
  id: string;
  /** Before it there is nobody to ask about; none until it is known. */
  firstSeen: string | undefined;
}

/** The segments somebody is in: now, and over the range. */
export function Memberships({ kind, id, firstSeen }: Props) {
  const { range, instants } = useShared();
  const [why, setWhy] = useState<{ id: string; name: string } | null>(null);
  const path = `/${kind}s/${encodeURIComponent(id)}/segments`;
  const now = useQuery({
    queryKey: ["memberships", kind, id],
    retry: false,
    queryFn: ({ signal }) => request<SegmentsAnswer>("GET", path, { signal }),
  });
  const times = Array.from({ length: POINTS }, (_, at) =>
    Math.round(instants.from + ((instants.to - instants.from) * (at + 1)) / POINTS),
  );
  const past = useQueries({
    queries: times.map((at) => ({
      queryKey: ["memberships", kind, id, at],
      retry: false,
      staleTime: Number.POSITIVE_INFINITY,
      enabled: firstSeen !== undefined && at > Date.parse(firstSeen),
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        request<SegmentsAnswer>("GET", path, { query: { at: new Date(at).toISOString() }, signal }),
    })),
  });
  const current = now.data?.data ?? [];
  const names = new Map<string, string>();
  for (const segment of [...current, ...past.flatMap((point) => point.data?.data ?? [])])
    names.set(segment.id, segment.attributes.name);
  const isIn = (at: number, segment: string) =>
    past[at]?.data?.data.some((one) => one.id === segment) ?? false;
  return (
    <Card title="Segments" actions={<AsOf at={now.data?.meta.as_of} />} flush>
      {now.error ? (
        <div className="p-4">
          <ErrorBox error={now.error} title="The segments can't be shown" />
        </div>
      ) : now.isPending ? (
        <Skeleton className="m-4 h-16" />
      ) : names.size === 0 ? (
        <p className="p-4 text-ink-2">In no segment, now or in this range.</p>
      ) : (
        <ul>
          {[...names].map(([segment, name]) => {
            const member = current.some((one) => one.id === segment);
            return (
              <li key={segment} className="border-b border-line px-4 py-2 last:border-0">
                <div className="flex items-center gap-2">
                  <Link
                    to="/segments/$id"
                    params={{ id: segment }}
                    className="min-w-0 flex-1 truncate font-medium text-accent-ink hover:underline"
                  >
                    {name}
                  </Link>
                  <Button size="sm" look="ghost" onClick={() => setWhy({ id: segment, name })}>
                    {member ? "Why?" : "Why not?"}
                  </Button>
                </div>
                <Strip
                  times={times}
                  isIn={(at) => isIn(at, segment)}
                  member={member}
                  timezone={range.timezone}
                />
              </li>
            );
          })}
        </ul>
      )}
      {why && <WhyDialog segment={why} entity={id} onClose={() => setWhy(null)} />}
    </Card>
  );
}

/** Filled while a member. */
function Strip({
  times,
  isIn,
  member,
  timezone,
}: {
  times: number[];
  isIn: (at: number) => boolean;
  member: boolean;
  timezone: string;
}) {
  const width = 100 / times.length;
  const first = times.findIndex((_, at) => isIn(at));
  const said = `${member ? "A member now" : "Not a member now"}; ${first < 0 ? "not seen in it earlier in this range" : `in it by ${formatInstant(times[first], timezone)}`}`;
  return (
    <svg
      className="mt-1 block h-2 w-full"
      preserveAspectRatio="none"
      viewBox="0 0 100 8"
      role="img"
      aria-label={said}
    >
      <title>{said}</title>
      {times.map((time, at) => (
        <rect
          key={time}
          x={at * width + 0.3}
          width={width - 0.6}
          height="8"
          rx="1"
          fill={isIn(at) ? "var(--series-2)" : "var(--line)"}
        />
      ))}
    </svg>
  );
}
