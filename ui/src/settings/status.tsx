import { useShared } from "../app/search";
import { formatCount, formatDuration, formatInstant } from "../charts/format";
import { AsOf, ErrorBox, Skeleton } from "../ui/feedback";
import { Card } from "../ui/page";
import { formatBytes } from "./bytes";
import { useStatus } from "./queries";

const EVERY_MS = 5000;
const PARTS_SHOWN = 50;

/** What the server holds and has done. */
export function Status() {
  const status = useStatus(EVERY_MS);
  const { range } = useShared();
  if (status.error)
    return (
      <ErrorBox error={status.error} title="The status can't be read" retry={() => void status.refetch()} />
    );
  const attributes = status.data?.data.attributes;
  const store = attributes?.store;
  const parts = [...(store?.table?.parts ?? [])].sort((a, b) => b.rows - a.rows);
  const facts: [string, string, string?][] = [
    ["Version", attributes?.version ?? ""],
    [
      "Running for",
      attributes ? formatDuration(status.dataUpdatedAt - Date.parse(attributes.started_at)) : "",
    ],
    ["Events", formatCount(store?.events)],
    ["Watermark", formatCount(store?.watermark), "events acknowledged so far"],
    [
      "Waiting to be written",
      formatCount(store?.unflushed_events),
      `${formatBytes(store?.log_bytes)} in the log`,
    ],
    ["Parts", formatCount(store?.parts), formatBytes(parts.reduce((sum, part) => sum + part.bytes, 0))],
    [
      "In memory",
      formatBytes(store?.resident_bytes),
      store?.attribute_paths === undefined ? undefined : `${formatCount(store.attribute_paths)} attributes`,
    ],
    [
      "Taken since start",
      formatCount(attributes?.since_start.accepted),
      `${formatCount(attributes?.since_start.duplicates)} known already, ${formatCount(attributes?.since_start.rejected)} rejected`,
    ],
  ];
  return (
    <div className="space-y-4">
      <Card title="Server" actions={<AsOf at={status.dataUpdatedAt || undefined} />} flush>
        <dl className="grid grid-cols-2 sm:grid-cols-4">
          {facts.map(([name, value, hint]) => (
            <div key={name} className="border-r border-b border-line px-4 py-3">
              <dt className="text-xs text-ink-3">{name}</dt>
              <dd className="num text-base font-semibold">
                {attributes ? value : <Skeleton className="h-4 w-20" />}
              </dd>
              {attributes && hint && <dd className="text-xs text-ink-3">{hint}</dd>}
            </div>
          ))}
        </dl>
      </Card>
      {parts.length > 0 && (
        <Card title="Parts of the events table" flush>
          <div className="overflow-x-auto">
            <table className="chart-table">
              <thead>
                <tr>
                  <th scope="col">File</th>
                  <th scope="col" className="numeric">
                    Events
                  </th>
                  <th scope="col" className="numeric">
                    Size
                  </th>
                  <th scope="col">From</th>
                  <th scope="col">To</th>
                </tr>
              </thead>
              <tbody>
                {parts.slice(0, PARTS_SHOWN).map((part) => (
                  <tr key={part.file}>
                    <td className="font-mono text-xs">{part.file}</td>
                    <td className="numeric">{formatCount(part.rows)}</td>
                    <td className="numeric">{formatBytes(part.bytes)}</td>
                    <td className="num whitespace-nowrap">{formatInstant(part.earliest, range.timezone)}</td>
                    <td className="num whitespace-nowrap">{formatInstant(part.latest, range.timezone)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {parts.length > PARTS_SHOWN && (
            <p className="px-4 py-2 text-xs text-ink-3">
              The {PARTS_SHOWN} largest of {formatCount(parts.length)}.
            </p>
          )}
        </Card>
      )}
    </div>
  );
}
