import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type AnswerMeta, envelope, type One, request } from "../api/client";
import { useShared } from "../app/search";
import { AsOf, Empty, ErrorBox, Skeleton } from "../ui/feedback";
import { count, percent } from "../ui/number";
import { Card } from "../ui/page";
import { Select } from "../ui/select";
import type { Definition } from "./definition";
import { People } from "./people";
import type { Segment } from "./queries";
import { writeValue } from "./query-text";

interface Column {
  name: string;
  type: "group" | "number";
  values: (string | number)[];
}

const FACETS = [
  { value: "@geo.country", label: "Country" },
  { value: "@geo.city", label: "City" },
  { value: "@device.type", label: "Device" },
  { value: "@browser.name", label: "Browser" },
  { value: "@os.name", label: "Operating system" },
  { value: "@view.name", label: "Page viewed" },
  { value: "@action.name", label: "Action" },
  { value: "@usr.plan", label: "Plan" },
];

const SHOWN = 12;
const MISSING = "N/A";

interface Question {
  facet: string;
  from: number;
  to: number;
  metric: string;
  segment?: string;
  limit: number;
}

function ask({ facet, from, to, metric, segment, limit }: Question, signal: AbortSignal) {
  const audience = segment ? { segments: [{ name: "members", segment_id: segment }] } : undefined;
  const query = {
    query: { data_source: "product_analytics", search: { query: "*" } },
    compute: { aggregation: "cardinality", metric },
    group_by: facet ? [{ facet, limit }] : undefined,
    audience_filters: audience,
  };
  const body = envelope("formula_analytics_extended_request", { from, to, query });
  return request<One<{ columns: Column[] }, AnswerMeta>>("POST", "/analytics/scalar", { body, signal });
}

function read(columns: Column[]): Map<string, number> {
  const [group, number] = columns;
  return new Map(group?.values.map((value, index) => [String(value), Number(number?.values[index] ?? 0)]));
}

/** What members are like, beside everyone: a share per value over the range's events. */
export function CompositionView({ segment }: { segment: Segment }) {
  const { instants, range } = useShared();
  const [facet, setFacet] = useState("@geo.country");
  const [people, setPeople] = useState<{ definition: Definition; title: string }>();
  const { entity } = segment.attributes;
  const answer = useQuery({
    queryKey: ["segments", segment.id, "composition", facet, instants],
    queryFn: async ({ signal }) => {
      const question = {
        ...instants,
        facet,
        metric: entity === "user" ? "@usr.id" : "@account.id",
        limit: SHOWN,
      };
      const [members, everyone, allMembers, all] = await Promise.all([
        ask({ ...question, segment: segment.id }, signal),
        ask({ ...question, limit: 1000 }, signal),
        ask({ ...question, facet: "", segment: segment.id }, signal),
        ask({ ...question, facet: "" }, signal),
      ]);
      const total = (one: typeof all) => Number(one.data.attributes.columns.at(-1)?.values[0] ?? 0);
      return {
        members: read(members.data.attributes.columns),
        everyone: read(everyone.data.attributes.columns),
        memberTotal: total(allMembers),
        total: total(all),
        as_of: members.meta.as_of,
      };
    },
  });
  const data = answer.data;
  const open = (value: string) => {
    const event = value === MISSING ? `-${facet}:*` : `${facet}:${writeValue(value)}`;
    const during = { from: new Date(instants.from).toISOString(), to: new Date(instants.to).toISOString() };
    // Distinct ids leave out those who have none.
    const known = entity === "user" ? [{ profile: "is_anonymous:false" }] : [];
    setPeople({
      title: `${segment.attributes.name}: ${value}`,
      definition: {
        entity,
        where: { all: [{ segment: segment.id }, ...known, { performed: { steps: [{ event }], during } }] },
      },
    });
  };
  return (
    <Card
      title="Members beside everyone"
      actions={
        <>
          <AsOf at={data?.as_of} />
          <Select label="Attribute" value={facet} onChange={setFacet} choices={FACETS} />
        </>
      }
    >
      {answer.isError && (
        <ErrorBox error={answer.error} retry={() => answer.refetch()} title="No composition" />
      )}
      {answer.isPending && <Skeleton className="h-64" />}
      {data && data.members.size === 0 && (
        <Empty icon="explorer" title="Members did nothing in this range">
          Choose a longer range above. Shares are of those who did something in it.
        </Empty>
      )}
      {data && data.members.size > 0 && (
        <div className="overflow-x-auto">
          <table className="w-full min-w-96">
            <caption className="mb-2 text-left text-xs text-ink-3">
              Of {count(data.memberTotal)} {entity === "user" && "identified "}members and {count(data.total)}{" "}
              in all who did something in the range; one may count under several values. Time zone{" "}
              {range.timezone}.
            </caption>
            <thead className="text-left text-xs text-ink-3">
              <tr>
                <th scope="col" className="py-1 font-medium">
                  Value
                </th>
                <th scope="col" className="py-1 text-right font-medium">
                  Members
                </th>
                <th scope="col" className="py-1 pl-4 font-medium">
                  Share
                </th>
                <th scope="col" className="py-1 text-right font-medium">
                  Everyone
                </th>
                <th scope="col" className="py-1 text-right font-medium">
                  Times as often
                </th>
              </tr>
            </thead>
            <tbody>
              {[...data.members].map(([value, members]) => (
                <CompositionRow
                  key={value}
                  value={value}
                  members={members}
                  share={members / data.memberTotal}
                  everyone={(data.everyone.get(value) ?? 0) / data.total}
                  open={() => open(value)}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {people && <People {...people} onClose={() => setPeople(undefined)} />}
    </Card>
  );
}

function CompositionRow({
  value,
  members,
  share,
  everyone,
  open,
}: {
  value: string;
  members: number;
  share: number;
  everyone: number;
  open: () => void;
}) {
  return (
    <tr className="border-t border-line">
      <th scope="row" className="max-w-56 truncate py-1.5 pr-3 text-left font-normal">
        {value}
      </th>
      <td className="num py-1.5 text-right">
        <button
          type="button"
          onClick={open}
          className="rounded font-medium hover:text-accent-ink hover:underline"
        >
          {count(members)}
        </button>
      </td>
      <td className="w-2/5 py-1.5 pl-4">
        <div className="flex items-center gap-2">
          <div aria-hidden="true" className="relative h-3 flex-1">
            <div
              className="absolute inset-y-0 left-0 rounded-sm bg-accent/85"
              style={{ width: `${100 * share}%` }}
            />
            <div className="absolute inset-y-0 w-0.5 bg-ink" style={{ left: `${100 * everyone}%` }} />
          </div>
          <span className="num w-14 text-right">{percent(share)}</span>
        </div>
      </td>
      <td className="num py-1.5 text-right text-ink-2">{percent(everyone)}</td>
      <td className="num py-1.5 text-right">{everyone > 0 ? `${(share / everyone).toFixed(2)} ×` : "–"}</td>
    </tr>
  );
}
