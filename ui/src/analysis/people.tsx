import { Dialog as Base } from "@base-ui/react/dialog";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useRef, useState } from "react";
import { apiFetch, BASE, initOf, type Many, request } from "../api/client";
import { downloadText, fileName } from "../charts/export";
import { formatCount } from "../charts/format";
import { rangeLabel } from "../time/range";
import { Button, IconButton } from "../ui/button";
import { copyText } from "../ui/copy";
import { AsOf, Empty, ErrorBox, SkeletonRows, Warning } from "../ui/feedback";
import { toastError } from "../ui/toast";
import type { SegmentFromAnswer } from "./answers";
import { useAsk } from "./ask";
import { capitalised } from "./chart-card";
import { curlOf } from "./curl";
import { isLive, keepLive } from "./live-window";
import { type SegmentSource, segmentFromRequest } from "./requests";
import { SaveSegment } from "./save-segment";

export interface People {
  title: string;
  source: SegmentSource;
  /** The chart's range, to make what is saved of it live. */
  rangeText: string;
  range: { from: number; to: number };
  /** Rows that say more than who: the conversions of a funnel's step, for one. */
  detail?: { label: string; element: ReactNode };
}

interface MemberAttributes {
  since?: string;
  [attribute: string]: unknown;
}

type MembersAnswer = Many<MemberAttributes, { total?: number; as_of?: string; page?: { next?: string } }>;

const PAGE = 50;

/** The people behind a number: a drawer with the list, its export, and its way into a segment. */
export function PeopleDrawer({ people, onClose }: { people: People | null; onClose: () => void }) {
  const popup = useRef<HTMLDivElement>(null);
  return (
    <Base.Root open={people !== null} onOpenChange={(open) => !open && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-black/40" />
        <Base.Popup
          ref={popup}
          initialFocus={popup}
          className="popup fixed inset-y-0 right-0 z-50 flex w-full max-w-2xl flex-col rounded-none border-y-0 border-r-0"
        >
          {people && <Drawer people={people} onClose={onClose} />}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

function Drawer({ people, onClose }: { people: People; onClose: () => void }) {
  const [saving, setSaving] = useState(false);
  const [view, setView] = useState<"people" | "detail">("people");
  const fromRequest = segmentFromRequest(people.source);
  const from = useAsk<SegmentFromAnswer>(fromRequest);
  const found = from.data?.data.attributes;
  const moving =
    found && isLive(people.rangeText)
      ? keepLive(found.definition, people.rangeText, people.range)
      : undefined;
  // Only a definition with the range's own dates in it can move on with the clock.
  const live = moving && JSON.stringify(moving) !== JSON.stringify(found?.definition) ? moving : undefined;
  const members = useMembers(found?.definition);
  const total = members.data?.pages[0]?.meta.total;
  const rows = members.data?.pages.flatMap((page) => page.data) ?? [];
  const exporting = useMutation({
    mutationFn: async () => {
      const body = {
        data: {
          type: "segment_members_request",
          attributes: { definition: found?.definition, include: ["profile"] },
        },
      };
      const answer = await apiFetch(`${BASE}/segments/members.csv`, initOf("POST", { body }));
      downloadText(await answer.text(), fileName(people.title, "csv"), "text/csv");
    },
    onError: (error) => toastError("The list could not be saved", error),
  });
  return (
    <>
      <header className="border-b border-line px-5 pt-4 pb-3">
        <div className="flex items-start gap-3">
          <div className="min-w-0 flex-1">
            <Base.Title className="text-lg font-semibold break-words">{capitalised(people.title)}</Base.Title>
            <Base.Description className="mt-0.5 text-ink-2">{found?.echo ?? " "}</Base.Description>
          </div>
          <IconButton icon="close" label="Close" onClick={onClose} />
        </div>
        <div className="mt-3 flex flex-wrap items-center gap-2">
          <span className="num mr-auto font-semibold" aria-live="polite">
            {total === undefined ? " " : `${formatCount(total)} ${total === 1 ? "person" : "people"}`}
            <AsOf at={members.data?.pages[0]?.meta.as_of} className="ml-2 font-normal" />
          </span>
          {people.detail && (
            <Button size="sm" onClick={() => setView(view === "people" ? "detail" : "people")}>
              {view === "people" ? people.detail.label : "People"}
            </Button>
          )}
          <Button
            size="sm"
            icon="code"
            onClick={() => void copyText(curlOf(fromRequest, location.origin), "curl")}
          >
            curl
          </Button>
          <Button
            size="sm"
            icon="download"
            disabled={!found}
            busy={exporting.isPending}
            onClick={() => exporting.mutate()}
          >
            CSV
          </Button>
          <Button size="sm" look="primary" icon="segments" disabled={!found} onClick={() => setSaving(true)}>
            Save as segment
          </Button>
        </div>
        {found?.notes.map((note) => (
          <div key={note} className="mt-2">
            <Warning>{note}</Warning>
          </div>
        ))}
      </header>
      <div className="min-h-0 flex-1 overflow-y-auto">
        {view === "detail" && people.detail ? (
          <div className="p-4">{people.detail.element}</div>
        ) : (
          <>
            {(from.error || members.error) && (
              <div className="p-4">
                <ErrorBox
                  error={from.error ?? members.error}
                  title="The people behind this number can't be listed"
                />
              </div>
            )}
            {!from.error && !members.error && members.isPending && <SkeletonRows rows={12} />}
            {members.data && rows.length === 0 && (
              <Empty icon="users" title="Nobody is here">
                What this counts are events without a user, or nobody did it before now.
              </Empty>
            )}
            {rows.length > 0 && <Members rows={rows} />}
            {members.hasNextPage && (
              <div className="grid place-items-center py-4">
                <Button busy={members.isFetchingNextPage} onClick={() => void members.fetchNextPage()}>
                  Show more
                </Button>
              </div>
            )}
          </>
        )}
      </div>
      {found && (
        <SaveSegment
          open={saving}
          onClose={() => setSaving(false)}
          suggestedName={capitalised(people.title)}
          definition={found.definition}
          liveDefinition={live}
          liveText={
            isLive(people.rangeText) ? rangeLabel(people.rangeText).replace(/^Last/, "the last") : undefined
          }
          echo={found.echo}
        />
      )}
    </>
  );
}

function useMembers(definition: Record<string, unknown> | undefined) {
  return useInfiniteQuery({
    queryKey: ["members-of", definition],
    enabled: definition !== undefined,
    retry: false,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      request<MembersAnswer>("POST", "/segments/members", {
        body: {
          data: {
            type: "segment_members_request",
            attributes: {
              definition,
              limit: PAGE,
              include: ["profile"],
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
        },
        signal,
      }),
    getNextPageParam: (page) => page.meta.page?.next,
  });
}

function Members({ rows }: { rows: MembersAnswer["data"] }) {
  const text = (attributes: MemberAttributes, ...names: string[]) =>
    names.map((name) => attributes[name]).find((value) => value !== undefined && value !== null);
  return (
    <table className="w-full text-left">
      <thead className="sticky top-0 bg-raised text-xs text-ink-3">
        <tr className="border-b border-line">
          <th scope="col" className="px-5 py-2 font-medium">
            Who
          </th>
          <th scope="col" className="hidden px-3 py-2 font-medium sm:table-cell">
            Country
          </th>
          <th scope="col" className="px-5 py-2 text-right font-medium">
            Last seen
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const name = text(row.attributes, "user_name", "account_name", "user_email");
          const seen = text(row.attributes, "last_seen");
          return (
            <tr key={row.id} className="border-b border-line last:border-0 hover:bg-hover">
              <td className="px-5 py-2">
                <Link
                  to={row.type === "account" ? "/accounts/$id" : "/users/$id"}
                  params={{ id: row.id }}
                  className="block min-w-0 font-medium break-all text-accent-ink hover:underline"
                >
                  {name ? String(name) : row.id}
                </Link>
                {name !== undefined && <span className="block text-xs break-all text-ink-3">{row.id}</span>}
              </td>
              <td className="hidden px-3 py-2 text-ink-2 sm:table-cell">
                {String(text(row.attributes, "last_country_code") ?? "–")}
              </td>
              <td className="num px-5 py-2 text-right whitespace-nowrap text-ink-2">
                {seen
                  ? new Date(String(seen)).toLocaleDateString("en-GB", {
                      day: "numeric",
                      month: "short",
                      year: "numeric",
                    })
                  : "–"}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
