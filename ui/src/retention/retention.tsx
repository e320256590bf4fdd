import { useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import type { RetentionAnswer } from "../analysis/answers";
import { useAsk } from "../analysis/ask";
import { AudiencePick, sharedAudience } from "../analysis/audience-pick";
import { ChartCard } from "../analysis/chart-card";
import { GroupByEditor } from "../analysis/group-by";
import { useMarkMenu } from "../analysis/mark-menu";
import { type People, PeopleDrawer } from "../analysis/people";
import { queryError } from "../analysis/query-error";
import { ENTITY_NAMES, type RetentionQuery, retentionGridRequest } from "../analysis/requests";
import { SaveChart } from "../analysis/save-chart";
import { SearchBar } from "../analysis/search-bar";
import { useSearchState, useShared } from "../app/search";
import { formatCount, formatRate } from "../charts/format";
import { periodName, RetentionGrid } from "../charts/retention-grid";
import { TableTwin } from "../charts/table-twin";
import { TimeSeries } from "../charts/time-series";
import { Empty } from "../ui/feedback";
import { Page } from "../ui/page";
import { Select } from "../ui/select";
import { Segmented } from "../ui/tabs";
import { curves, type GridRow, gridRows, gridTable, periodsOf } from "./answer";
import { type RetentionState, retentionCodec, retentionQuery } from "./state";

const CHART_HEIGHT_PX = 340;

export function Retention() {
  const [state, setState] = useSearchState(retentionCodec);
  const search = useSearch({ strict: false }) as Record<string, unknown>;
  const { range, instants, segment } = useShared();
  const menu = useMarkMenu();
  const set = (part: Partial<RetentionState>, history?: "push") =>
    setState({ ...state, people: null, ...part }, history);

  const audience = useMemo(() => sharedAudience(state.audience, segment), [state.audience, segment]);
  const retention = useMemo(
    () => retentionQuery(state, instants, range.timezone, audience),
    [state, instants, range.timezone, audience],
  );
  const request = retentionGridRequest(instants, retention);
  const answer = useAsk<RetentionAnswer>(request);
  const rows = useMemo(
    () => (answer.data ? gridRows(answer.data.data.attributes, retention.unit, range.timezone) : []),
    [answer.data, retention.unit, range.timezone],
  );
  const periods = periodsOf(rows);
  const names = ENTITY_NAMES[state.entity];
  const title = `Retention of ${names.many} by ${retention.unit}`;
  const table = answer.data ? gridTable(rows, retention.unit, periods, state.values) : null;

  const cellTitle = (row: GridRow, period: number) => `${row.name}, ${periodName(retention.unit, period)}`;
  function openCell(row: GridRow, period: number, anchor: Element) {
    const cell = row.cells.find((one) => one.period === period);
    menu.open(
      anchor,
      `${cellTitle(row, period)}: ${formatCount(cell?.count)} of ${formatCount(row.size)} ${names.many}`,
      [
        {
          label: "View who came back",
          icon: "users",
          run: () => setState({ ...state, people: { cohort: row.index, period } }, "push"),
        },
      ],
    );
  }
  const people = state.people && answer.data ? peopleOf(state.people) : null;
  function peopleOf(target: { cohort: number; period: number }): People {
    const row = rows.find((one) => !one.mean && one.index === target.cohort);
    return {
      title: row ? cellTitle(row, target.period) : "Who came back",
      range: instants,
      rangeText: range.text,
      source: { kind: "retention_cell", request: request.attributes, target },
    };
  }
  return (
    <Page
      title="Retention"
      subtitle="Of those who came, how many come back."
      actions={
        <SaveChart
          kind="retention"
          suggestedName={title}
          state={search}
          request={request}
          segmentIds={[...new Set([...audience.in, ...audience.notIn])]}
        />
      }
    >
      <Question state={state} set={set} error={answer.error} automatic={retention.unit} />
      <ChartCard
        title={title}
        subtitle={<Rule retention={retention} />}
        height={CHART_HEIGHT_PX}
        table={table}
        loading={answer.isPending}
        updating={answer.isPlaceholderData}
        error={answer.error}
        errorElsewhere={
          queryError(answer.error, "/search/query") !== null ||
          queryError(answer.error, "/string_filter") !== null
        }
        retry={() => void answer.refetch()}
        requests={[request]}
        asOf={answer.data?.meta?.as_of}
        view={state.view}
        onView={(view) => set({ view })}
        controls={
          <>
            <Segmented
              label="Show"
              value={state.show}
              choices={[
                { value: "grid", label: "Grid" },
                { value: "curve", label: "Curve" },
              ]}
              onChange={(show) => set({ show })}
            />
            <Segmented
              label="Values"
              value={state.values}
              choices={[
                { value: "rate", label: "%" },
                { value: "count", label: "#" },
              ]}
              onChange={(values) => set({ values })}
            />
          </>
        }
        empty={
          answer.data && rows.every((row) => row.mean || row.size === 0) ? (
            <Empty icon="retention" title="No cohort yet">
              Nobody did the first event in this range. A cohort is made of those who do it for the first time
              in the range: widen the range, or loosen the event.
            </Empty>
          ) : undefined
        }
        chart={
          state.show === "grid" ? (
            <>
              <RetentionGrid
                label={title}
                unit={retention.unit}
                rows={rows}
                periods={periods}
                show={state.values}
                onOpen={(row, period, anchor) => openCell(row as GridRow, period, anchor)}
              />
              <p className="mt-3 text-xs text-ink-3">
                A dashed cell is not over yet: its number can still grow. The weighted mean takes complete
                cells, each with the size of its cohort; where there is none yet, it is dashed, too.
              </p>
            </>
          ) : (
            <TimeSeries
              label={title}
              times={Array.from({ length: periods }, (_, period) => period)}
              intervalMs={1}
              timezone={range.timezone}
              series={curves(rows, periods)}
              timeLabel={(period) => periodName(retention.unit, period)}
              format={formatRate}
              formatAxis={formatRate}
              height={CHART_HEIGHT_PX}
            />
          )
        }
        tableView={
          table && (
            <TableTwin
              caption={title}
              table={table}
              format={(value, column) =>
                column > 1 && state.values === "rate" ? formatRate(value) : formatCount(value)
              }
              onOpen={(at, anchor) => {
                const row = rows[at];
                if (row && !row.mean) openCell(row, 0, anchor);
              }}
            />
          )
        }
      />
      {menu.element}
      <PeopleDrawer people={people} onClose={() => setState({ ...state, people: null })} />
    </Page>
  );
}

function Question({
  state,
  set,
  error,
  automatic,
}: {
  state: RetentionState;
  set: (part: Partial<RetentionState>, history?: "push") => void;
  error: unknown;
  automatic: string;
}) {
  return (
    <section aria-label="Question" className="card mb-4 space-y-2.5 p-3">
      <div className="grid items-start gap-2 sm:grid-cols-2">
        <div>
          <span className="mb-1 block text-xs text-ink-2">They came when they first did</span>
          <SearchBar
            label="Cohort event"
            placeholder="any event"
            value={state.cohort}
            error={queryError(error, "/cohort_criteria/base_query/search/query")}
            onCommit={(cohort) => cohort !== state.cohort && set({ cohort }, "push")}
          />
        </div>
        <div>
          <span className="mb-1 block text-xs text-ink-2">They came back when they did</span>
          <SearchBar
            label="Return event"
            placeholder="the same event"
            value={state.returned}
            error={queryError(error, "/return_criteria/base_query/search/query")}
            onCommit={(returned) => returned !== state.returned && set({ returned }, "push")}
          />
        </div>
      </div>
      <div className="flex flex-wrap items-start gap-2">
        <Select
          label="Period"
          value={state.unit}
          choices={[
            { value: "auto", label: `Automatic: by ${automatic}` },
            { value: "day", label: "By day" },
            { value: "week", label: "By week" },
            { value: "month", label: "By month" },
          ]}
          onChange={(unit) => set({ unit })}
        />
        <Select
          label="Return condition"
          value={state.condition}
          choices={[
            { value: "conversion_on", label: "in the period" },
            { value: "conversion_on_or_after", label: "in the period or later" },
          ]}
          onChange={(condition) => set({ condition })}
        />
        <Select
          label="Who is followed"
          value={state.entity}
          choices={[
            { value: "@usr.id", label: "Users" },
            { value: "@account.id", label: "Accounts" },
          ]}
          onChange={(entity) => set({ entity })}
        />
        <GroupByEditor
          groups={state.groups}
          most={1}
          sortable={false}
          onChange={(groups) => set({ groups })}
        />
        <AudiencePick entries={state.audience} onChange={(audience) => set({ audience })} />
        <SearchBar
          className="flex-1 basis-56"
          label="Filter of both events"
          placeholder="Filter both events"
          value={state.filter}
          error={queryError(error, "/filters/string_filter")}
          onCommit={(filter) => filter !== state.filter && set({ filter })}
        />
      </div>
    </section>
  );
}

/** How these cells are counted, in words. */
function Rule({ retention }: { retention: RetentionQuery }) {
  const { one } = ENTITY_NAMES[retention.entity];
  return (
    <>
      A {one} belongs to the {retention.unit} of its first such event in the range, in {retention.timezone}{" "}
      time. It counts in a period if it came back
      {retention.condition === "conversion_on" ? " in that period." : " in that period or later."}
    </>
  );
}
