import type { JourneyListAnswer } from "../analysis/answers";
import { useAsk } from "../analysis/ask";
import type { ApiRequest } from "../analysis/requests";
import { stepAlias } from "../analysis/requests";
import { formatCount, formatInstant } from "../charts/format";
import { TableTwin } from "../charts/table-twin";
import { ErrorBox, SkeletonRows } from "../ui/feedback";

/** How many journeys are listed. */
export const JOURNEYS_LISTED = 200;

/** When each of them took each step. */
export function Journeys({
  request,
  entity,
  steps,
  timezone,
}: {
  request: ApiRequest;
  entity: string;
  steps: string[];
  timezone: string;
}) {
  const { data, error, isPending } = useAsk<JourneyListAnswer>(request);
  if (error) return <ErrorBox error={error} title="The journeys can't be listed" />;
  if (isPending) return <SkeletonRows />;
  const { records, total_count } = data.data.attributes;
  const timed = steps.filter((_, at) =>
    records.some((record) => record[`${stepAlias(at)}_timestamp`] !== undefined),
  );
  const table = {
    columns: [
      { name: entity.slice(1) },
      ...(timed.length > 0 ? timed.map((name) => ({ name })) : [{ name: "when" }]),
    ],
    rows: records.map((record) => [
      String(record[entity] ?? "–"),
      ...(timed.length > 0
        ? timed.map((_, at) =>
            formatInstant(record[`${stepAlias(at)}_timestamp`] as string | number, timezone),
          )
        : [formatInstant(record.timestamp as string | number, timezone)]),
    ]),
  };
  return (
    <>
      <TableTwin caption="Journeys" table={table} />
      {total_count > records.length && (
        <p className="mt-2 text-xs text-ink-3">
          The newest {formatCount(records.length)} of {formatCount(total_count)}.
        </p>
      )}
    </>
  );
}
