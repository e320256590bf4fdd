import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { type One, request } from "../api/client";
import { Badge, ErrorBox, Skeleton } from "../ui/feedback";
import { count } from "../ui/number";
import { type Definition, isDefinition } from "./definition";

interface Witness {
  occurrence: number;
  step: number;
  event_id: string;
  type: string;
  ts: string;
}

interface Miss {
  short_by?: number;
  over_by?: number;
  steps_done?: number;
  done: Witness[];
  reason?: string;
  step?: number;
  event?: Witness;
}

interface Leaf {
  pointer: string;
  holds: boolean;
  observed: unknown;
  bound?: { op: string; value: unknown };
  window?: { from?: string; to?: string };
  witnesses: Witness[];
  nearest_miss?: Miss;
}

interface Why {
  member: boolean;
  leaves: Leaf[];
  leaves_at?: string | null;
  stays_until?: string;
}

const REASONS: Record<string, string> = {
  never: "never happened",
  broken: "was broken by another event",
  too_late: "came too late",
  other_session: "came in another session",
  outside_window: "lies outside of the window",
  not_together: "did not come together with the rest",
};

/** Why somebody is in a segment or is not: each clause with what was seen, what it takes and the events that show it. */
export function WhyView({ id, entity, definition }: { id: string; entity: string; definition: unknown }) {
  const why = useQuery({
    queryKey: ["segments", id, "why", entity],
    queryFn: ({ signal }) =>
      request<One<Why>>("GET", `/segments/${id}/members/${encodeURIComponent(entity)}/why`, { signal }),
  });
  const parts = useMemo(() => (isDefinition(definition) ? definition : undefined), [definition]);
  if (why.isError) return <ErrorBox error={why.error} title={`“${entity}” can't be explained`} />;
  if (!why.data) return <Skeleton className="h-24" />;
  const { member, leaves, leaves_at, stays_until } = why.data.data.attributes;
  return (
    <section aria-label="Why" className="space-y-3">
      <p className="text-base">
        <strong>{entity}</strong> is <Badge tone={member ? "good" : "bad"}>{member ? "in" : "not in"}</Badge>{" "}
        this segment.
      </p>
      <ol className="space-y-2">
        {leaves.map((leaf) => (
          <LeafView key={leaf.pointer} leaf={leaf} clause={parts && clauseAt(parts, leaf.pointer)} />
        ))}
      </ol>
      {member && leaves_at && (
        <p className="text-ink-2">
          If nothing more happens, {entity} leaves on <strong>{instant(leaves_at)}</strong>.
        </p>
      )}
      {member && !leaves_at && stays_until && (
        <p className="text-ink-2">
          If nothing more happens, {entity} stays at least until {instant(stays_until)}.
        </p>
      )}
    </section>
  );
}

function LeafView({ leaf, clause }: { leaf: Leaf; clause: string | undefined }) {
  const { observed, bound, nearest_miss: miss } = leaf;
  return (
    <li className="rounded-lg border border-line p-3">
      <div className="flex flex-wrap items-center gap-2">
        <Badge tone={leaf.holds ? "good" : "bad"}>{leaf.holds ? "holds" : "does not hold"}</Badge>
        <code className="min-w-0 font-mono text-xs break-all text-ink-2">{clause ?? leaf.pointer}</code>
      </div>
      <p className="mt-1.5">
        Seen: <strong>{observedText(observed)}</strong>
        {bound && (
          <>
            {" "}
            · needed: {bound.op} {String(bound.value)}
          </>
        )}
      </p>
      {leaf.witnesses.length > 0 && <Witnesses title="By these events" witnesses={leaf.witnesses} />}
      {miss && (
        <div className="mt-2 rounded-md bg-sunken p-2">
          <p>{missText(miss)}</p>
          {miss.done.length > 0 && <Witnesses title="Done so far" witnesses={miss.done} />}
          {miss.event && <Witnesses title="In the way" witnesses={[miss.event]} />}
        </div>
      )}
    </li>
  );
}

function Witnesses({ title, witnesses }: { title: string; witnesses: Witness[] }) {
  return (
    <div className="mt-1.5">
      <h4 className="text-xs text-ink-3">{title}</h4>
      <ul>
        {witnesses.map((witness) => (
          <li
            key={`${witness.occurrence} ${witness.step} ${witness.event_id}`}
            className="num flex flex-wrap gap-x-2"
          >
            <span>{instant(witness.ts)}</span>
            <span>{witness.type}</span>
            <span className="text-ink-3">step {witness.step + 1}</span>
            <code className="font-mono text-xs break-all text-ink-3">{witness.event_id}</code>
          </li>
        ))}
      </ul>
    </div>
  );
}

function missText(miss: Miss): string {
  const parts: string[] = [];
  if (miss.short_by !== undefined) parts.push(`${count(miss.short_by)} more would do`);
  if (miss.over_by !== undefined) parts.push(`${count(miss.over_by)} too many`);
  if (miss.steps_done !== undefined) parts.push(`got through ${miss.steps_done} of the steps`);
  if (miss.reason) {
    const step = miss.step === undefined ? "the next step" : `step ${miss.step + 1}`;
    parts.push(`${step} ${REASONS[miss.reason] ?? miss.reason}`);
  }
  return parts.length > 0 ? `Nearest miss: ${parts.join("; ")}.` : "Nearest miss.";
}

function observedText(observed: unknown): string {
  if (typeof observed === "number") return count(observed);
  if (observed === null || observed === undefined) return "nothing";
  if (typeof observed === "boolean") return observed ? "yes" : "no";
  if (typeof observed !== "object") return String(observed);
  const pairs = Object.entries(observed).map(
    ([name, value]) => `${name} ${value === null ? "is not set" : JSON.stringify(value)}`,
  );
  return pairs.join(", ") || "nothing";
}

function instant(text: string): string {
  return text.slice(0, 19).replace("T", " ");
}

/** The clause that the pointer names, short enough for one line. */
function clauseAt(definition: Definition, pointer: string): string | undefined {
  let value: unknown = definition;
  for (const part of pointer.split("/").slice(1)) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  if (typeof value !== "object" || value === null) return undefined;
  const clause = value as {
    profile?: string;
    segment?: string;
    performed?: { steps: { event: string; not?: boolean }[] };
  };
  if (clause.profile !== undefined) return `profile ${clause.profile}`;
  if (clause.segment !== undefined) return `segment ${clause.segment}`;
  return clause.performed?.steps.map((step) => `${step.not ? "not " : ""}${step.event}`).join(" → ");
}
