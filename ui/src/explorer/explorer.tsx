import { useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import type { ScalarAnswer, TimeseriesAnswer } from "../analysis/answers";
import { useAskAll } from "../analysis/ask";
import { AudiencePick } from "../analysis/audience-pick";
import { ChartCard } from "../analysis/chart-card";
import { GroupByEditor } from "../analysis/group-by";
import { STEP_NAMES, stepsFor } from "../analysis/intervals";
import { useMarkMenu } from "../analysis/mark-menu";
import { MeasurePick } from "../analysis/measure-pick";
import { type People, PeopleDrawer } from "../analysis/people";
import { queryError } from "../analysis/query-error";
import { allOf, quoteValue } from "../analysis/query-tokens";
import { listRequest, measureName } from "../analysis/requests";
import { SaveChart } from "../analysis/save-chart";
import { SearchBar } from "../analysis/search-bar";
import { useSearchState, useShared } from "../app/search";
import { formatBucket, formatCount, formatDuration } from "../charts/format";
import { TableTwin } from "../charts/table-twin";
import { TimeSeries } from "../charts/time-series";
import { useSegments } from "../segments/queries";
import { Empty } from "../ui/feedback";
import { Page } from "../ui/page";
import { Select } from "../ui/select";
import { Segmented } from "../ui/tabs";
import { seriesOf, seriesTable, type ValueRow, valuesOf, valuesTable } from "./answer";
import { EventList, LIST_COLUMNS, LIST_LIMIT } from "./event-list";
import { Examples } from "./examples";
import { ValuePicture } from "./pictures";
import { groupsOf, incomplete, questionsOf } from "./questions";
import { EVENT_TYPES, explorerCodec, type PeopleTarget, type Visual } from "./state";

const VISUAL_NAMES: Record<Visual, string> = {
  timeseries: "Over time",
  bars: "Top list",
  table: "Table",
  distribution: "Distribution",
  treemap: "Tree map",
  pie: "Pie",
  map: "Map",
  list: "Events",
};

const CHART_HEIGHT_PX = 300;

export function Explorer() {
  const [state, setState] = useSearchState(explorerCodec);
  const search = useSearch({ strict: false }) as Record<string, unknown>;
  const { range, instants, segment } = useShared();
  const segments = useSegments();
  const menu = useMarkMenu();
  const set = (part: Partial<typeof state>, history?: "push") =>
    setState({ ...state, people: null, ...part }, history);

  const questions = useMemo(() => questionsOf(state, instants, segment), [state, instants, segment]);
  const asked = state.visual === "list" || incomplete(state) ? [] : questions.requests;
  const answers = useAskAll<ScalarAnswer & TimeseriesAnswer>(asked);
  const compared = useMemo(() => {
    const ids = state.audience.filter((entry) => entry.role === "vs").map((entry) => entry.id);
    const nameOf = (id: string) =>
      segments.data?.find((one) => one.id === id)?.attributes.name ?? "a segment";
    return ids.length > 0 ? ids.map((id) => ({ label: nameOf(id) })) : [{ label: "Everyone" }];
  }, [state.audience, segments.data]);

  const measure = measureName(state.measure);
  const format = (value: number | null) =>
    /time|duration/.test(state.measure.metric ?? "") && state.measure.aggregation !== "cardinality"
      ? formatDuration(value === null ? null : value / 1e6)
      : formatCount(value);
  const groups = groupsOf(state);
  const parts = answers.map((answer) => answer.data?.data.attributes);
  const failed = answers.find((answer) => answer.error);
  const inQuery = queryError(failed?.error, "/search/query");
  const loading = answers.some((answer) => answer.isPending);
  const drawn =
    state.visual === "timeseries"
      ? seriesOf(
          parts.map((part) => (part && "times" in part ? part : undefined)),
          compared,
          measure,
        )
      : null;
  const rows = drawn
    ? []
    : valuesOf(
        parts.map((part) => (part && "columns" in part ? part : undefined)),
        compared,
        measure,
      );
  const table =
    loading || failed
      ? null
      : drawn
        ? seriesTable(drawn, questions.intervalMs, range.timezone)
        : valuesTable(
            rows,
            groups.map((group) => group.facet),
            compared,
            measure,
          );
  const title = `${measure}${groups.length > 0 ? ` by ${groups.map((group) => group.facet).join(", ")}` : ""}`;
  const nothing = !loading && !failed && (drawn ? drawn.series.length === 0 : rows.length === 0);

  const openPeople = (target: PeopleTarget) => setState({ ...state, people: target }, "push");
  function openMark(target: PeopleTarget, name: string, anchor: Element) {
    const first = groups[0];
    const value = target.tags[0];
    const term = first && !first.source && value !== undefined ? `${first.facet}:${quoteValue(value)}` : null;
    const missing = value === "N/A" && first ? `-${first.facet}:*` : null;
    menu.open(anchor, name, [
      { label: "View these people", icon: "users", run: () => openPeople(target) },
      ...(term
        ? [
            {
              label: `Only ${value}`,
              icon: "filter" as const,
              run: () => set({ query: allOf(state.query, missing ?? term) }, "push"),
            },
            {
              label: `Without ${value}`,
              icon: "minus" as const,
              run: () =>
                set({ query: allOf(state.query, missing ? `${first?.facet}:*` : `-${term}`) }, "push"),
            },
          ]
        : []),
    ]);
  }
  const people = state.people ? peopleOf(state.people) : null;
  function peopleOf(target: PeopleTarget): People {
    const request = questions.requests[target.series] ?? questions.requests[0];
    const bucket =
      target.at === undefined ? "" : `, ${formatBucket(target.at, questions.intervalMs, range.timezone)}`;
    const who = compared.length > 1 ? `, ${compared[target.series]?.label}` : "";
    return {
      title: `${target.tags.length > 0 ? target.tags.join(" · ") : measure}${who}${bucket}`,
      range: instants,
      rangeText: range.text,
      source: {
        kind: "analytics_group",
        request: request?.attributes ?? {},
        target: {
          group: Object.fromEntries(target.tags.map((tag, at) => [groups[at]?.facet ?? "", tag])),
          ...(target.at === undefined
            ? {}
            : {
                from: Math.max(target.at, instants.from),
                to: Math.min(target.at + questions.intervalMs, instants.to),
              }),
        },
      },
    };
  }
  const openRow = (row: ValueRow, anchor: Element) =>
    openMark({ series: row.series, tags: row.tags }, `${row.label}: ${format(row.value)}`, anchor);

  return (
    <Page
      title="Explorer"
      subtitle="Count, sum and compare what people do."
      actions={
        <SaveChart
          kind="explorer"
          suggestedName={title}
          state={search}
          request={state.visual === "list" ? undefined : questions.requests[0]}
          segmentIds={[
            ...new Set([...state.audience.map((entry) => entry.id), ...(segment ? [segment] : [])]),
          ]}
        />
      }
    >
      <section aria-label="Question" className="card mb-4 space-y-2.5 p-3">
        <div className="flex flex-wrap items-start gap-2">
          <Select
            label="Event type"
            value={state.type}
            choices={EVENT_TYPES}
            onChange={(type) => set({ type })}
          />
          <SearchBar
            className="flex-1 basis-72"
            label="Search"
            placeholder="Everything. Narrow down, such as @view.name:/cart @geo.country:Brazil"
            value={state.query}
            onCommit={(query) => query !== state.query && set({ query }, "push")}
            error={shifted(inQuery, state.type, state.query)}
          />
        </div>
        <div className="flex flex-wrap items-center gap-2">
          {state.visual !== "list" && (
            <MeasurePick measure={state.measure} onChange={(next) => set({ measure: next })} />
          )}
          {state.visual !== "list" && (
            <GroupByEditor profiles groups={state.groups} onChange={(next) => set({ groups: next })} />
          )}
          <AudiencePick
            comparable={state.visual !== "list"}
            entries={state.audience}
            onChange={(audience) => set({ audience })}
          />
        </div>
        <div className="flex flex-wrap items-center gap-2">
          <div className="max-w-full overflow-x-auto [&_button]:whitespace-nowrap">
            <Segmented
              label="Picture"
              value={state.visual}
              choices={(Object.keys(VISUAL_NAMES) as Visual[]).map((value) => ({
                value,
                label: VISUAL_NAMES[value],
              }))}
              onChange={(visual) => set({ visual })}
            />
          </div>
          {state.visual === "timeseries" && (
            <>
              <Select
                label="Time step"
                value={state.step}
                choices={[
                  { value: "auto" as const, label: "Automatic step" },
                  ...stepsFor(instants).map((value) => ({ value, label: `Every ${STEP_NAMES[value]}` })),
                ]}
                onChange={(step) => set({ step })}
              />
              <Select
                label="Shape"
                value={state.shape}
                choices={[
                  { value: "line", label: "Lines" },
                  { value: "bars", label: "Stacked bars" },
                ]}
                onChange={(shape) => set({ shape })}
              />
            </>
          )}
        </div>
      </section>

      {state.visual === "list" ? (
        <section className="card p-4" aria-label="Events">
          <EventList
            request={listRequest(
              instants,
              questions.query.query,
              questions.query.audience,
              LIST_COLUMNS,
              LIST_LIMIT,
            )}
            timezone={range.timezone}
          />
        </section>
      ) : incomplete(state) ? (
        <section className="card">
          <Empty icon="explorer" title="Which attribute?">
            Choose the attribute to measure, next to the measure above.
          </Empty>
        </section>
      ) : (
        <ChartCard
          title={title}
          table={table}
          height={CHART_HEIGHT_PX}
          loading={loading}
          updating={answers.some((answer) => answer.isFetching && !answer.isPending)}
          error={failed?.error}
          errorElsewhere={inQuery !== null}
          retry={() => answers.forEach((answer) => void answer.refetch())}
          requests={questions.requests}
          asOf={answers[0]?.data?.meta?.as_of}
          view={state.visual === "table" ? "table" : state.view}
          onView={(view) =>
            set(state.visual === "table" && view === "chart" ? { visual: "bars", view } : { view })
          }
          empty={
            nothing ? (
              <Empty icon="explorer" title="Nothing matches">
                No event of this range fits the query. Widen the range at the top right, or take a condition
                away.
              </Empty>
            ) : undefined
          }
          chart={
            drawn ? (
              <TimeSeries
                label={title}
                times={drawn.times}
                intervalMs={questions.intervalMs}
                timezone={range.timezone}
                series={drawn.series}
                shape={state.shape}
                height={CHART_HEIGHT_PX}
                asOfMs={Math.min(instants.to, Date.parse(answers[0]?.data?.meta?.as_of ?? "") || instants.to)}
                format={format}
                onOpen={(point, anchor) => {
                  const one = drawn.series[point.series];
                  const at = drawn.times[point.index];
                  if (!one || at === undefined) return;
                  openMark(
                    { series: one.series, tags: one.tags, at },
                    `${one.label}, ${formatBucket(at, questions.intervalMs, range.timezone)}`,
                    anchor,
                  );
                }}
              />
            ) : (
              <ValuePicture
                visual={state.visual}
                rows={rows}
                table={table ?? { columns: [], rows: [] }}
                title={title}
                measure={measure}
                counted={`values of ${groups[0]?.facet ?? "all"}`}
                additive={state.measure.aggregation === "count" || state.measure.aggregation === "sum"}
                format={format}
                onOpen={openRow}
              />
            )
          }
          tableView={
            table && (
              <TableTwin
                caption={title}
                table={table}
                format={format}
                onOpen={
                  drawn
                    ? undefined
                    : (at, anchor) => {
                        const row = rows[at];
                        if (row) openRow(row, anchor);
                      }
                }
              />
            )
          }
        />
      )}
      <Examples onPick={(part) => set({ ...explorerCodec.read({}), ...part }, "push")} />
      {menu.element}
      <PeopleDrawer people={people} onClose={() => setState({ ...state, people: null })} />
    </Page>
  );
}

/** The position that the server names is in the whole query; the person typed its last part. */
function shifted(error: ReturnType<typeof queryError>, type: string, query: string) {
  if (!error || error.position === null) return error;
  const before = type === "all" ? 0 : `@type:${type} `.length + (/(?:^|\s)OR(?:\s|$)/.test(query) ? 1 : 0);
  return { ...error, position: Math.max(0, error.position - before) };
}
