import { Link } from "@tanstack/react-router";
import type { ListAnswer } from "../analysis/answers";
import { useAsk } from "../analysis/ask";
import type { ApiRequest } from "../analysis/requests";
import { formatCount, formatInstant } from "../charts/format";
import { Empty, ErrorBox, SkeletonRows } from "../ui/feedback";
import { type Column, DataTable } from "../ui/table";

export const LIST_COLUMNS = [
  "timestamp",
  "@type",
  "@view.name",
  "@action.name",
  "@event.name",
  "@usr.id",
  "@geo.country",
];
export const LIST_LIMIT = 500;

type Event = Record<string, unknown>;

/** The newest events themselves. */
export function EventList({ request, timezone }: { request: ApiRequest; timezone: string }) {
  const { data, isPending, error, refetch } = useAsk<ListAnswer>(request);
  if (error)
    return <ErrorBox error={error} title="This question can't be answered" retry={() => void refetch()} />;
  if (isPending) return <SkeletonRows rows={10} />;
  const { records, total_count } = data.data.attributes;
  const cell = (event: Event, name: string) =>
    event[name] === null || event[name] === undefined ? "" : String(event[name]);
  const columns: Column<Event>[] = [
    {
      id: "timestamp",
      header: "Time",
      width: "11rem",
      cell: (event) => <span className="num">{formatInstant(event.timestamp as string, timezone)}</span>,
    },
    { id: "type", header: "Type", width: "5rem", cell: (event) => cell(event, "@type") },
    {
      id: "name",
      header: "Name",
      width: "minmax(10rem,2fr)",
      cell: (event) => cell(event, "@action.name") || cell(event, "@event.name") || cell(event, "@view.name"),
    },
    { id: "view", header: "View", width: "minmax(8rem,1.5fr)", cell: (event) => cell(event, "@view.name") },
    {
      id: "user",
      header: "User",
      width: "minmax(8rem,1.5fr)",
      cell: (event) => {
        const user = cell(event, "@usr.id");
        return user ? (
          <Link to="/users/$id" params={{ id: user }} className="text-accent-ink hover:underline">
            {user}
          </Link>
        ) : (
          <span className="text-ink-3">anonymous</span>
        );
      },
    },
    { id: "country", header: "Country", width: "8rem", cell: (event) => cell(event, "@geo.country") },
  ];
  return (
    <>
      <DataTable
        label="Events"
        rows={records}
        columns={columns}
        rowKey={(_, index) => String(index)}
        rowHeight={36}
        empty={
          <Empty icon="list" title="No events">
            Nothing in this range matches. Widen the range or loosen the query.
          </Empty>
        }
      />
      <p className="pt-3 text-xs text-ink-3">
        {total_count > records.length
          ? `The newest ${formatCount(records.length)} of ${formatCount(total_count)} events.`
          : `${formatCount(total_count)} events.`}
      </p>
    </>
  );
}
