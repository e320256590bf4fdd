import { useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import type { FunnelAnswer, TimeseriesAnswer } from "../analysis/answers";
import { useAsk } from "../analysis/ask";
import { AudiencePick, sharedAudience } from "../analysis/audience-pick";
import { ChartCard } from "../analysis/chart-card";
import { GroupByEditor } from "../analysis/group-by";
import { automaticStep, STEPS } from "../analysis/intervals";
import { useMarkMenu } from "../analysis/mark-menu";
import { type People, PeopleDrawer } from "../analysis/people";
import { queryError } from "../analysis/query-error";
import {
  ENTITY_NAMES,
  type EntityKey,
  type FunnelQuery,
  funnelRequest,
  journeyListRequest,
  journeyTimeseriesRequest,
} from "../analysis/requests";
import { SaveChart } from "../analysis/save-chart";
import { SearchBar } from "../analysis/search-bar";
import { useSearchState, useShared } from "../app/search";
import { formatCount, formatDuration, formatRate } from "../charts/format";
import { FunnelBars, type FunnelMark, type FunnelSeries } from "../charts/funnel-bars";
import { TableTwin } from "../charts/table-twin";
import { TimeSeries } from "../charts/time-series";
import { seriesOf, seriesTable } from "../explorer/answer";
import { Empty } from "../ui/feedback";
import { Page } from "../ui/page";
import { Select } from "../ui/select";
import { Segmented } from "../ui/tabs";
import { JOURNEYS_LISTED, Journeys } from "./journeys";
import { type FunnelState, funnelCodec, funnelQuery, stepLabel, usualWindow, WINDOWS } from "./state";
import { StepsEditor } from "./steps";

const CHART_HEIGHT_PX = 340;

export function Funnel() {
  const [state, setState] = useSearchState(funnelCodec);
  const search = useSearch({ strict: false }) as Record<string, unknown>;
  const { range, instants, segment } = useShared();
  const menu = useMarkMenu();
  const set = (part: Partial<FunnelState>, history?: "push") =>
    setState({ ...state, people: null, ...part }, history);

  const audience = useMemo(() => sharedAudience(state.audience, segment), [state.audience, segment]);
  const funnel = useMemo(() => funnelQuery(state, audience), [state, audience]);
  const complete = funnel.steps.length >= 2 && funnel.steps.every((step) => step !== "");
  const interval = STEPS[automaticStep(instants)];
  const stepsRequest = funnelRequest(instants, funnel);
  const timeRequest = journeyTimeseriesRequest(instants, funnel, interval, "rate");
  const bySteps = useAsk<FunnelAnswer>(complete ? stepsRequest : null);
  const byTime = useAsk<TimeseriesAnswer>(complete && state.show === "time" ? timeRequest : null);
  const names = ENTITY_NAMES[state.entity];
  const counted = state.counting === "unique" ? names.many : "conversions";
  const labels = state.steps.map(stepLabel);
  const answer = bySteps.data?.data.attributes;
  const title = labels.length > 0 ? labels.join(" → ") : "Funnel";

  const openPeople = (mark: FunnelMark) =>
    setState({ ...state, people: { step: mark.step, outcome: mark.outcome } }, "push");
  const openMark = (mark: FunnelMark, anchor: Element) =>
    menu.open(anchor, markTitle(mark, labels), [
      {
        label: mark.outcome === "conversion" ? "View who got here" : "View who was lost here",
        icon: "users",
        run: () => openPeople(mark),
      },
    ]);
  const people = state.people && complete ? peopleOf(state.people) : null;
  function peopleOf(target: NonNullable<FunnelState["people"]>): People {
    return {
      title: markTitle({ ...target, series: 0 }, labels),
      range: instants,
      rangeText: range.text,
      source: {
        kind: "funnel_step",
        request: stepsRequest.attributes,
        target: { step: target.step + 1, conversion_type: target.outcome },
      },
      detail: {
        label: target.outcome === "conversion" ? "Their journeys" : "Where they stopped",
        element: (
          <Journeys
            request={journeyListRequest(instants, funnel, target.step, target.outcome, JOURNEYS_LISTED)}
            entity={state.entity}
            steps={labels.slice(0, target.step + 1)}
            timezone={range.timezone}
          />
        ),
      },
    };
  }

  const series = answer ? seriesOfFunnel(answer) : [];
  const stepsTable = answer ? funnelTable(labels, series, counted, answer) : null;
  const drawn = byTime.data
    ? seriesOf([byTime.data.data.attributes], [{ label: "" }], "conversion rate")
    : null;
  const timeTable = drawn ? seriesTable(drawn, interval, range.timezone) : null;
  const shown = state.show === "steps" ? bySteps : byTime;
  return (
    <Page
      title="Funnel"
      subtitle="How many go through a sequence of steps, and where the others are lost."
      actions={
        <SaveChart
          kind="funnel"
          suggestedName={title}
          state={search}
          request={complete ? stepsRequest : undefined}
          segmentIds={[...new Set([...audience.in, ...audience.notIn])]}
        />
      }
    >
      <section aria-label="Question" className="card mb-4 space-y-3 p-3">
        <StepsEditor
          steps={state.steps}
          onChange={(steps) => set({ steps }, "push")}
          error={bySteps.error}
          funnel={funnel}
          range={instants}
        />
        <Options state={state} set={set} error={bySteps.error} />
      </section>

      {!complete ? (
        <section className="card">
          <Empty
            icon="funnel"
            title={state.steps.length < 2 ? "A funnel has at least two steps" : "A step is still empty"}
          >
            Say what people do first and what they should do next. Steps are searches, such as{" "}
            <code className="font-mono text-xs">@view.name:/cart</code>; take one of the suggestions, or type
            your own.
          </Empty>
        </section>
      ) : (
        <>
          {answer && <Summary answer={answer} names={names} steps={labels.length} />}
          <ChartCard
            title={title}
            subtitle={<Rule funnel={funnel} />}
            height={CHART_HEIGHT_PX}
            table={state.show === "steps" ? stepsTable : timeTable}
            loading={shown.isPending}
            updating={shown.isPlaceholderData}
            error={shown.error}
            errorElsewhere={
              queryError(shown.error, "/search/query") !== null ||
              queryError(shown.error, "/string_filter") !== null
            }
            retry={() => void shown.refetch()}
            requests={[state.show === "steps" ? stepsRequest : timeRequest]}
            asOf={shown.data?.meta?.as_of}
            view={state.view}
            onView={(view) => set({ view })}
            controls={
              <Segmented
                label="Show"
                value={state.show}
                choices={[
                  { value: "steps", label: "Steps" },
                  { value: "time", label: "Over time" },
                ]}
                onChange={(show) => set({ show })}
              />
            }
            empty={
              state.show === "steps" && answer && answer.initial_count === 0 ? (
                <Empty icon="funnel" title="Nobody took the first step">
                  No {names.one} did “{labels[0]}” in this range. Widen the range, or loosen the step.
                </Empty>
              ) : undefined
            }
            chart={
              state.show === "steps" ? (
                <FunnelBars
                  label={title}
                  height={CHART_HEIGHT_PX}
                  counted={counted}
                  series={series}
                  steps={labels.map((label, at) => ({
                    label,
                    averageMsToNext: answer?.funnel_steps[at]?.elapsed_time_to_next_step.avg ?? null,
                  }))}
                  onOpen={openMark}
                />
              ) : (
                drawn && (
                  <TimeSeries
                    label={`Conversion rate of ${title}`}
                    times={drawn.times}
                    intervalMs={interval}
                    timezone={range.timezone}
                    series={drawn.series}
                    height={CHART_HEIGHT_PX}
                    asOfMs={instants.to}
                    format={formatRate}
                    formatAxis={formatRate}
                  />
                )
              )
            }
            tableView={
              state.show === "steps"
                ? stepsTable && (
                    <TableTwin
                      caption={title}
                      table={stepsTable}
                      format={(value, column) =>
                        /conversion|step before/.test(stepsTable.columns[column]?.name ?? "")
                          ? formatRate(value)
                          : formatCount(value)
                      }
                      onOpen={(row, anchor) =>
                        openMark({ step: row % labels.length, series: 0, outcome: "conversion" }, anchor)
                      }
                    />
                  )
                : timeTable && <TableTwin caption={title} table={timeTable} format={formatRate} />
            }
          />
        </>
      )}
      {menu.element}
      <PeopleDrawer people={people} onClose={() => setState({ ...state, people: null })} />
    </Page>
  );
}

function Options({
  state,
  set,
  error,
}: {
  state: FunnelState;
  set: (part: Partial<FunnelState>) => void;
  error: unknown;
}) {
  return (
    <div className="flex flex-wrap items-start gap-2 border-t border-line pt-3">
      <Select
        label="Who is followed"
        value={state.entity}
        choices={(Object.keys(ENTITY_NAMES) as EntityKey[]).map((value) => ({
          value,
          label: `Per ${ENTITY_NAMES[value].one}`,
        }))}
        onChange={(entity) => set({ entity, window: usualWindow(entity) })}
      />
      {state.entity !== "@session.id" && (
        <Select
          label="Conversion window"
          value={state.window || "none"}
          choices={[
            ...Object.entries(WINDOWS).map(([value, { label }]) => ({ value, label: `within ${label}` })),
            { value: "none", label: "without a time limit" },
          ]}
          onChange={(window) => set({ window: window === "none" ? "" : window })}
        />
      )}
      <Select
        label="Counting"
        value={state.counting}
        choices={[
          { value: "unique", label: `Unique ${ENTITY_NAMES[state.entity].many}` },
          { value: "total", label: "All conversions" },
        ]}
        onChange={(counting) => set({ counting })}
      />
      <GroupByEditor groups={state.groups} most={1} sortable={false} onChange={(groups) => set({ groups })} />
      <AudiencePick entries={state.audience} onChange={(audience) => set({ audience })} />
      <SearchBar
        className="flex-1 basis-56"
        label="Filter of every step"
        placeholder="Filter every step"
        value={state.filter}
        error={queryError(error, "/filters/string_filter")}
        onCommit={(filter) => filter !== state.filter && set({ filter })}
      />
    </div>
  );
}

function Summary({
  answer,
  names,
  steps,
}: {
  answer: FunnelAnswer;
  names: { one: string; many: string };
  steps: number;
}) {
  const last = answer.funnel_steps.at(-1)?.value ?? 0;
  const facts: [string, string, string][] = [
    [
      "Conversion",
      formatRate(answer.initial_count === 0 ? null : answer.end_to_end_conversion_rate),
      `${formatCount(last)} of ${formatCount(answer.initial_count)} ${names.many}`,
    ],
    ["Lost on the way", formatCount(answer.initial_count - last), `over ${steps} steps`],
    [
      "Time to convert",
      formatDuration(last === 0 ? null : answer.end_to_end_elapsed_time.avg),
      last === 0
        ? "nobody converted"
        : `on average; at most ${formatDuration(answer.end_to_end_elapsed_time.max)}`,
    ],
  ];
  return (
    <dl className="mb-4 grid gap-3 sm:grid-cols-3">
      {facts.map(([name, value, hint]) => (
        <div key={name} className="card px-4 py-3">
          <dt className="text-xs text-ink-3">{name}</dt>
          <dd className="num text-xl font-semibold">{value}</dd>
          <dd className="text-xs text-ink-3">{hint}</dd>
        </div>
      ))}
    </dl>
  );
}

function windowName(ms: number): string {
  return Object.values(WINDOWS).find((window) => window.ms === ms)?.label ?? formatDuration(ms);
}

/** How this funnel counts, in words. */
function Rule({ funnel }: { funnel: FunnelQuery }) {
  const names = ENTITY_NAMES[funnel.entity];
  const limit =
    funnel.entity === "@session.id"
      ? "in one session"
      : funnel.windowMs
        ? `within ${windowName(funnel.windowMs)} of the first step`
        : "within the range";
  return (
    <>
      {funnel.counting === "unique"
        ? `Each ${names.one} counts once, with its best attempt.`
        : "Every completed pass counts."}{" "}
      Steps happen in this order, {limit}; other events may come in between.
    </>
  );
}

function markTitle(mark: FunnelMark, labels: string[]): string {
  const label = labels[mark.step] ?? "";
  return mark.outcome === "conversion" ? `Reached ${label}` : `Dropped before ${label}`;
}

function seriesOfFunnel(answer: FunnelAnswer): FunnelSeries[] {
  const groups = new Map<string, string[]>();
  for (const step of answer.funnel_steps)
    for (const group of step.groups) groups.set(group.group_tags.join(" · "), group.group_tags);
  if (groups.size === 0)
    return [{ key: "all", label: "All", values: answer.funnel_steps.map((step) => step.value) }];
  return [...groups.keys()].map((label) => ({
    key: label,
    label,
    values: answer.funnel_steps.map(
      (step) => step.groups.find((group) => group.group_tags.join(" · ") === label)?.value ?? 0,
    ),
  }));
}

function funnelTable(labels: string[], series: FunnelSeries[], counted: string, answer: FunnelAnswer) {
  const grouped = series.length > 1;
  return {
    columns: [
      ...(grouped ? [{ name: "group" }] : []),
      { name: "step" },
      { name: counted, numeric: true },
      { name: "of the step before", numeric: true },
      { name: "conversion", numeric: true },
      ...(grouped ? [] : [{ name: "average time to next" }]),
    ],
    rows: series.flatMap((one) =>
      one.values.map((value, at) => {
        const before = at === 0 ? value : (one.values[at - 1] ?? 0);
        const first = one.values[0] ?? 0;
        return [
          ...(grouped ? [one.label] : []),
          `${at + 1}. ${labels[at]}`,
          value,
          before === 0 ? null : value / before,
          first === 0 ? null : value / first,
          ...(grouped
            ? []
            : [
                at === one.values.length - 1
                  ? ""
                  : formatDuration(answer.funnel_steps[at]?.elapsed_time_to_next_step.avg),
              ]),
        ];
      }),
    ),
  };
}
