import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type One, request } from "../api/client";
import { useShared } from "../app/search";
import { TableTwin } from "../charts/table-twin";
import { TimeSeries } from "../charts/time-series";
import { AsOf, Empty, ErrorBox, Skeleton } from "../ui/feedback";
import { Card } from "../ui/page";
import { Select } from "../ui/select";
import { Segmented } from "../ui/tabs";

interface Point {
  at: string;
  size: number;
  joined: number | null;
  left: number | null;
}

const STEP_MS = { hour: 3_600_000, day: 86_400_000, week: 7 * 86_400_000, month: 30 * 86_400_000 };
type Step = keyof typeof STEP_MS;
const STEPS: { value: Step; label: string }[] = [
  { value: "hour", label: "by hour" },
  { value: "day", label: "by day" },
  { value: "week", label: "by week" },
  { value: "month", label: "by month" },
];

/** The size over time, and who joined and left from point to point. */
export function HistoryView({ id }: { id: string }) {
  const { instants, range } = useShared();
  const [step, setStep] = useState<Step>("day");
  const [look, setLook] = useState<"size" | "moves" | "table">("size");
  const history = useQuery({
    queryKey: ["segments", id, "history", instants, step],
    queryFn: ({ signal }) => {
      const query = { from: instants.from, to: instants.to, step };
      return request<One<{ points: Point[] }>>("GET", `/segments/${id}/history`, { query, signal });
    },
  });
  const points = history.data?.data.attributes.points ?? [];
  return (
    <Card
      title="Size over time"
      actions={
        <>
          <AsOf at={history.data?.meta.as_of} />
          <Select label="Step" value={step} onChange={setStep} choices={STEPS} />
          <Segmented
            label="Show"
            value={look}
            onChange={setLook}
            choices={[
              { value: "size", label: "Size" },
              { value: "moves", label: "Joined and left" },
              { value: "table", label: "Table" },
            ]}
          />
        </>
      }
    >
      {history.isError && (
        <ErrorBox error={history.error} retry={() => history.refetch()} title="No history" />
      )}
      {history.isPending && <Skeleton className="h-72" />}
      {history.data && points.length < 2 && (
        <Empty icon="retention" title="Too short a range for this step">
          Choose a longer range above, or a smaller step.
        </Empty>
      )}
      {points.length > 1 && <Picture points={points} look={look} step={step} timezone={range.timezone} />}
    </Card>
  );
}

function Picture({
  points,
  look,
  step,
  timezone,
}: {
  points: Point[];
  look: "size" | "moves" | "table";
  step: Step;
  timezone: string;
}) {
  if (look === "table") {
    return (
      <TableTwin
        caption="Size over time"
        table={{
          columns: [
            { name: "At" },
            { name: "Size", numeric: true },
            { name: "Joined", numeric: true },
            { name: "Left", numeric: true },
          ],
          rows: points.map(({ at, size, joined, left }) => [
            at.slice(0, 16).replace("T", " "),
            size,
            joined,
            left,
          ]),
        }}
      />
    );
  }
  const times = points.map(({ at }) => Date.parse(at));
  if (look === "size") {
    return (
      <TimeSeries
        label="Size"
        times={times}
        intervalMs={STEP_MS[step]}
        timezone={timezone}
        series={[{ key: "size", label: "Members", values: points.map(({ size }) => size) }]}
      />
    );
  }
  return (
    <TimeSeries
      label="Joined and left"
      shape="bars"
      times={times}
      intervalMs={STEP_MS[step]}
      timezone={timezone}
      series={[
        { key: "joined", label: "Joined", values: points.map(({ joined }) => joined) },
        { key: "left", label: "Left", values: points.map(({ left }) => left) },
      ]}
    />
  );
}
