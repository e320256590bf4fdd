import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { envelope, type One, request } from "../api/client";
import { AsOf, Empty, ErrorBox, Skeleton } from "../ui/feedback";
import { Icon } from "../ui/icons";
import { count, percent } from "../ui/number";
import { Card } from "../ui/page";
import { Pick } from "../ui/pick";
import { Chip } from "./builder/filters";
import type { Condition, Definition, Entity } from "./definition";
import { People } from "./people";
import { useSegments } from "./queries";

interface Comparison {
  entity: Entity;
  segments: { id: string; name: string; version: number; size: number }[];
  pairs: { segment_ids: [string, string]; intersection: number; union: number; jaccard: number | null }[];
  regions?: { segment_ids: string[]; count: number }[];
}

const MOST = 20;

/** How much segments share: sizes, every two of them, and up to five every region. Each number opens its people. */
export function CompareView({
  ids,
  onIds,
  fixed,
}: {
  ids: string[];
  onIds: (ids: string[]) => void;
  fixed?: string;
}) {
  const segments = useSegments();
  const [people, setPeople] = useState<{ definition: Definition; title: string }>();
  const comparison = useQuery({
    queryKey: ["segments", "compare", ids],
    enabled: ids.length >= 2,
    queryFn: ({ signal }) => {
      const body = envelope("segment_comparison", { segment_ids: ids });
      return request<One<Comparison>>("POST", "/segments/compare", { body, signal });
    },
  });
  const all = segments.data ?? [];
  const nameOf = (id: string) => all.find((segment) => segment.id === id)?.attributes.name ?? id;
  const entity = all.find(({ id }) => id === ids[0])?.attributes.entity;
  const offered = all.filter(
    ({ id, attributes }) => !ids.includes(id) && (!entity || attributes.entity === entity),
  );
  const answer = comparison.data?.data.attributes;
  const open = (inside: string[], outside: string[]) => {
    const parts: Condition[] = [
      ...inside.map((segment) => ({ segment })),
      ...outside.map((segment) => ({ not: { segment } })),
    ];
    const title = `In ${inside.map(nameOf).join(" and ")}${outside.length > 0 ? " alone" : ""}`;
    setPeople({ title, definition: { entity: answer?.entity ?? "user", where: { all: parts } } });
  };
  return (
    <div className="space-y-4">
      <div className="flex flex-wrap items-center gap-1.5">
        {ids.map((id) =>
          id === fixed ? (
            <span key={id} className="rounded bg-sunken px-2 py-0.5 font-medium">
              {nameOf(id)}
            </span>
          ) : (
            <Chip key={id} text={nameOf(id)} onRemove={() => onIds(ids.filter((other) => other !== id))} />
          ),
        )}
        {ids.length < MOST && (
          <Pick
            label="Add a segment"
            items={offered.map(({ id, attributes }) => ({
              value: id,
              label: attributes.name,
              hint: count(attributes.size),
            }))}
            onPick={(id) => onIds([...ids, id])}
            empty="No other segment of this kind."
            trigger={
              <button
                type="button"
                className="inline-flex h-7 items-center gap-1 rounded-md border border-dashed border-line-strong px-2 text-ink-2 hover:bg-hover"
              >
                <Icon name="plus" size={14} />
                Add a segment
              </button>
            }
          />
        )}
        <AsOf at={comparison.data?.meta.as_of} className="ml-auto" />
      </div>
      {ids.length < 2 && (
        <Empty icon="segments" title="Choose segments to compare">
          Two to {MOST} about the same kind of entity. Up to five, every region is counted.
        </Empty>
      )}
      {comparison.isError && (
        <ErrorBox
          error={comparison.error}
          retry={() => comparison.refetch()}
          title="These can't be compared"
        />
      )}
      {ids.length >= 2 && comparison.isPending && <Skeleton className="h-48" />}
      {answer && (
        <>
          {answer.regions && <Regions comparison={answer} open={open} />}
          <Pairs comparison={answer} open={open} />
        </>
      )}
      {people && <People {...people} onClose={() => setPeople(undefined)} />}
    </div>
  );
}

type Open = (inside: string[], outside: string[]) => void;

function Regions({ comparison, open }: { comparison: Comparison; open: Open }) {
  const regions = (comparison.regions ?? [])
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count);
  const most = Math.max(1, ...regions.map((region) => region.count));
  return (
    <Card title="In exactly these">
      <div className="overflow-x-auto">
        <table className="w-full">
          <thead className="text-xs text-ink-3">
            <tr>
              {comparison.segments.map((segment) => (
                <th key={segment.id} scope="col" className="max-w-32 truncate px-1 py-1 font-medium">
                  <Link
                    to="/segments/$id"
                    params={{ id: segment.id }}
                    className="hover:text-accent-ink hover:underline"
                  >
                    {segment.name}
                  </Link>
                </th>
              ))}
              <th scope="col" className="px-3 py-1 text-right font-medium">
                {comparison.entity === "user" ? "People" : "Accounts"}
              </th>
              <th scope="col" className="w-1/3 py-1">
                <span className="sr-only">Bar</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {regions.map((region) => (
              <tr key={region.segment_ids.join()} className="border-t border-line">
                {comparison.segments.map(({ id }) => {
                  const inside = region.segment_ids.includes(id);
                  return (
                    <td key={id} className="py-1.5 text-center">
                      <span
                        aria-hidden="true"
                        className={`inline-block size-3 rounded-full ${inside ? "bg-accent" : "bg-line-strong/60"}`}
                      />
                      <span className="sr-only">{inside ? "in" : "not in"}</span>
                    </td>
                  );
                })}
                <td className="num px-3 text-right">
                  <button
                    type="button"
                    className="rounded font-medium hover:text-accent-ink hover:underline"
                    onClick={() =>
                      open(
                        region.segment_ids,
                        comparison.segments
                          .map(({ id }) => id)
                          .filter((id) => !region.segment_ids.includes(id)),
                      )
                    }
                  >
                    {count(region.count)}
                  </button>
                </td>
                <td aria-hidden="true">
                  <div
                    className="h-3 rounded-sm bg-accent/85"
                    style={{ width: `${(100 * region.count) / most}%` }}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Pairs({ comparison, open }: { comparison: Comparison; open: Open }) {
  const { segments, pairs } = comparison;
  const size = new Map(segments.map((segment) => [segment.id, segment]));
  return (
    <Card title="Every two">
      <div className="overflow-x-auto">
        <table className="w-full">
          <thead className="text-left text-xs text-ink-3">
            <tr>
              <th scope="col" className="py-1 font-medium">
                Segments
              </th>
              <th scope="col" className="py-1 text-right font-medium">
                In both
              </th>
              <th scope="col" className="py-1 text-right font-medium">
                Of the first
              </th>
              <th scope="col" className="py-1 text-right font-medium">
                Of the second
              </th>
              <th scope="col" className="py-1 text-right font-medium">
                Of either (Jaccard)
              </th>
            </tr>
          </thead>
          <tbody>
            {pairs.map(({ segment_ids: [a, b], intersection, jaccard }) => (
              <tr key={`${a} ${b}`} className="border-t border-line">
                <th scope="row" className="py-1.5 pr-3 text-left font-normal">
                  {size.get(a)?.name}{" "}
                  <span className="num text-ink-3">({count(size.get(a)?.size ?? 0)})</span> and{" "}
                  {size.get(b)?.name}{" "}
                  <span className="num text-ink-3">({count(size.get(b)?.size ?? 0)})</span>
                </th>
                <td className="num text-right">
                  <button
                    type="button"
                    onClick={() => open([a, b], [])}
                    className="rounded font-medium hover:text-accent-ink hover:underline"
                  >
                    {count(intersection)}
                  </button>
                </td>
                <td className="num text-right">{percent(intersection / (size.get(a)?.size ?? 0))}</td>
                <td className="num text-right">{percent(intersection / (size.get(b)?.size ?? 0))}</td>
                <td className="num text-right">{percent(jaccard)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
