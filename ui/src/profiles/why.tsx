import { useQuery } from "@tanstack/react-query";
import { type One, request } from "../api/client";
import { useShared } from "../app/search";
import { formatInstant } from "../charts/format";
import { Dialog } from "../ui/dialog";
import { AsOf, Badge, ErrorBox, SkeletonRows } from "../ui/feedback";
import { valueText } from "./value";

interface Leaf {
  pointer: string;
  holds: boolean;
  observed: unknown;
  bound?: { op: string; value: unknown };
  witnesses: { event_id: string; type: string; ts: string; step: number; occurrence: number }[];
  nearest_miss?: { short_by?: number; over_by?: number; reason?: string; done?: unknown[] };
}

interface WhyAnswer {
  member: boolean;
  leaves: Leaf[];
  leaves_at?: string | null;
}

const REASONS: Record<string, string> = {
  never: "the next step did not happen after the ones before",
  broken: "a step that must not happen came in between",
  too_late: "the next step came after the time was up",
  other_session: "the next step came in another session",
  outside_window: "it happened outside of the time that counts",
  not_together: "the steps did not happen together",
};

/** Clause by clause: what was seen, what was asked for, and which events speak for it. */
export function WhyDialog({
  segment,
  entity,
  onClose,
}: {
  segment: { id: string; name: string };
  entity: string;
  onClose: () => void;
}) {
  const { range } = useShared();
  const why = useQuery({
    queryKey: ["why", segment.id, entity],
    retry: false,
    queryFn: ({ signal }) =>
      request<One<WhyAnswer>>("GET", `/segments/${segment.id}/members/${encodeURIComponent(entity)}/why`, {
        signal,
      }),
  });
  const answer = why.data?.data.attributes;
  return (
    <Dialog
      open
      onClose={onClose}
      title={answer ? `${answer.member ? "In" : "Not in"} “${segment.name}”` : segment.name}
      description={
        answer?.member
          ? answer.leaves_at
            ? `Would leave on ${formatInstant(answer.leaves_at, range.timezone)} if nothing more happened.`
            : "Stays, whatever time passes."
          : undefined
      }
    >
      <ErrorBox error={why.error} title="This can't be explained" />
      {why.isPending && <SkeletonRows rows={3} />}
      <ul className="space-y-3">
        {answer?.leaves.map((leaf) => (
          <li key={leaf.pointer} className="rounded-md border border-line p-3">
            <p className="flex flex-wrap items-center gap-2">
              <Badge tone={leaf.holds ? "good" : "bad"}>{leaf.holds ? "holds" : "does not hold"}</Badge>
              <code className="font-mono text-xs text-ink-3">{leaf.pointer || "/"}</code>
            </p>
            <p className="mt-1.5">
              Seen: <span className="font-medium">{observedText(leaf.observed, range.timezone)}</span>
              {leaf.bound && (
                <>
                  , asked for{" "}
                  <span className="font-medium">
                    {leaf.bound.op} {String(leaf.bound.value)}
                  </span>
                </>
              )}
            </p>
            {leaf.nearest_miss && <p className="mt-1 text-ink-2">{missText(leaf.nearest_miss)}</p>}
            {leaf.witnesses.length > 0 && (
              <ol className="mt-2 space-y-0.5 text-xs text-ink-2">
                {leaf.witnesses.slice(0, 8).map((witness) => (
                  <li key={`${witness.event_id} ${witness.step} ${witness.occurrence}`} className="num">
                    {formatInstant(witness.ts, range.timezone)} · {witness.type} · step {witness.step + 1}
                  </li>
                ))}
              </ol>
            )}
          </li>
        ))}
      </ul>
      <p className="mt-3">
        <AsOf at={why.data?.meta.as_of} />
      </p>
    </Dialog>
  );
}

function observedText(observed: unknown, timezone: string): string {
  if (typeof observed !== "object" || observed === null || Array.isArray(observed))
    return valueText("", observed, timezone);
  return Object.entries(observed)
    .map(([name, value]) => `${name} ${valueText(name, value, timezone)}`)
    .join(", ");
}

function missText(miss: NonNullable<Leaf["nearest_miss"]>): string {
  if (miss.short_by !== undefined) return `${miss.short_by} too few.`;
  if (miss.over_by !== undefined) return `${miss.over_by} too many.`;
  const reason = miss.reason ? (REASONS[miss.reason] ?? miss.reason) : "the steps were not finished";
  return `Closest: ${Array.isArray(miss.done) ? `${miss.done.length} steps done, then ` : ""}${reason}.`;
}
