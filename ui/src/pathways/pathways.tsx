import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { SankeyAnswer } from "../analysis/answers";
import { useAsk } from "../analysis/ask";
import { AudiencePick, sharedAudience } from "../analysis/audience-pick";
import { ChartCard } from "../analysis/chart-card";
import { type MarkAction, useMarkMenu } from "../analysis/mark-menu";
import { type People, PeopleDrawer } from "../analysis/people";
import { ENTITY_NAMES, type EntityKey, sankeyRequest } from "../analysis/requests";
import { SaveChart } from "../analysis/save-chart";
import { useSearchState, useShared } from "../app/search";
import type { Table } from "../charts/export";
import { formatCount } from "../charts/format";
import { type PathMark, Sankey } from "../charts/sankey";
import { mirrored, nodeLabel, type PathLink, type PathNode } from "../charts/sankey-layout";
import { TableTwin } from "../charts/table-twin";
import { Button, IconButton } from "../ui/button";
import { Empty } from "../ui/feedback";
import { Page } from "../ui/page";
import { Select } from "../ui/select";
import { AnchorPick } from "./anchor";
import { NodeFunnel } from "./node-funnel";
import { placeQuery } from "./places";
import { LEAST_STEPS, type PathTarget, type PathwayState, pathwayCodec } from "./state";

const CHART_HEIGHT_PX = 480;

export function Pathways() {
  const [state, setState] = useSearchState(pathwayCodec);
  const search = useSearch({ strict: false }) as Record<string, unknown>;
  const navigate = useNavigate();
  const { range, instants, segment } = useShared();
  const [picked, setPicked] = useState<PathNode[]>([]);
  const menu = useMarkMenu();
  const set = (part: Partial<PathwayState>, history?: "push") =>
    setState({ ...state, people: null, ...part }, history);

  const audience = useMemo(() => sharedAudience(state.audience, segment), [state.audience, segment]);
  const request = sankeyRequest(instants, { ...state, audience });
  const answer = useAsk<SankeyAnswer>(request);
  const graph = useMemo(() => {
    const { nodes, links } = answer.data?.data.attributes ?? { nodes: [], links: [] };
    return state.direction === "end" ? mirrored(nodes, links) : { nodes, links };
  }, [answer.data, state.direction]);
  const counted = ENTITY_NAMES[state.entity].many;
  const title = state.anchor
    ? `Paths that ${state.direction} at ${state.anchor}`
    : state.direction === "start"
      ? "Where sessions go"
      : "Where sessions end";
  const table = answer.data ? linkTable(graph.nodes, graph.links, counted) : null;

  /** The server's column of a drawn one. */
  const columnOf = (drawn: number) => {
    const last = graph.nodes.reduce((most, node) => Math.max(most, node.column), 0);
    return state.direction === "end" ? last - drawn : drawn;
  };
  const openPeople = (target: PathTarget) => setState({ ...state, people: target }, "push");
  const toFunnel = (nodes: PathNode[]) =>
    void navigate({
      to: "/funnel",
      search: (previous: Record<string, unknown>) => ({
        range: previous.range,
        tz: previous.tz,
        segment: previous.segment,
        entity: state.entity === "@usr.id" ? undefined : state.entity,
        steps: nodes.map((node) => ({ any: [placeQuery(node.name, state.actions)], where: "" })),
      }),
    } as never);

  function openMark(mark: PathMark, anchor: Element) {
    if (mark.kind === "node")
      menu.open(
        anchor,
        `${nodeLabel(mark.node)}: ${formatCount(mark.node.value)} ${counted}`,
        nodeActions(mark.node),
      );
    else {
      const [from, to] = [mark.from, mark.to];
      const ends =
        state.direction === "end"
          ? { source: to.name, target: from.name }
          : { source: from.name, target: to.name };
      const column = state.direction === "end" ? columnOf(to.column) : columnOf(from.column);
      menu.open(anchor, `${nodeLabel(from)} → ${nodeLabel(to)}: ${formatCount(mark.link.value)} ${counted}`, [
        { label: "View these people", icon: "users", run: () => openPeople({ column, ...ends }) },
        ...(from.type === "regular" && to.type === "regular"
          ? [{ label: "Funnel of the two", icon: "funnel" as const, run: () => toFunnel([from, to]) }]
          : []),
      ]);
    }
  }
  function nodeActions(node: PathNode): MarkAction[] {
    const people: MarkAction = {
      label:
        node.type === "dropoff" && state.direction === "start" ? "View who left here" : "View these people",
      icon: "users",
      run: () => openPeople({ column: columnOf(node.column), name: node.name }),
    };
    if (node.type !== "regular") return [people];
    return [
      people,
      {
        label: "Start here",
        icon: "right",
        run: () => set({ anchor: node.name, direction: "start" }, "push"),
      },
      { label: "End here", icon: "left", run: () => set({ anchor: node.name, direction: "end" }, "push") },
      { label: "Add to a funnel", icon: "funnel", run: () => setPicked([...picked, node]) },
    ];
  }

  const target = answer.data ? state.people : null;
  const people: People | null = target && {
    title: "name" in target ? target.name : `${target.source} → ${target.target}`,
    range: instants,
    rangeText: range.text,
    source: {
      kind: "name" in target ? "pathway_node" : "pathway_link",
      request: request.attributes,
      target: { ...target },
    },
  };
  return (
    <Page
      title="Pathways"
      subtitle="Which way people take through pages, and where they leave."
      actions={
        <SaveChart
          kind="pathway"
          suggestedName={title}
          state={search}
          request={request}
          segmentIds={[...new Set([...audience.in, ...audience.notIn])]}
        />
      }
    >
      <section aria-label="Question" className="card mb-4 flex flex-wrap items-center gap-2 p-3">
        <Select
          label="Direction"
          value={state.direction}
          choices={[
            { value: "start", label: "Start at" },
            { value: "end", label: "End at" },
          ]}
          onChange={(direction) => set({ direction })}
        />
        <AnchorPick
          value={state.anchor}
          direction={state.direction}
          onCommit={(anchor) => anchor !== state.anchor && set({ anchor }, "push")}
        />
        <Stepper label="Steps" least={LEAST_STEPS} value={state.steps} onChange={(steps) => set({ steps })} />
        <Stepper label="Entries per step" value={state.entries} onChange={(entries) => set({ entries })} />
        <Select
          label="Who is followed"
          value={state.entity}
          choices={(["@session.id", "@usr.id"] as EntityKey[]).map((value) => ({
            value,
            label: `Per ${ENTITY_NAMES[value].one}`,
          }))}
          onChange={(entity) => set({ entity })}
        />
        <label className="flex items-center gap-1.5">
          <input
            type="checkbox"
            checked={state.actions}
            onChange={(event) => set({ actions: event.target.checked })}
          />
          with actions
        </label>
        <AudiencePick entries={state.audience} onChange={(audience) => set({ audience })} />
      </section>

      <NodeFunnel nodes={picked} onChange={setPicked} onOpen={() => toFunnel(picked)} />
      <ChartCard
        title={title}
        subtitle={`A page counts once per ${ENTITY_NAMES[state.entity].one}, at its first visit. The largest ${state.entries} per step are shown, the others together.`}
        height={CHART_HEIGHT_PX}
        table={table}
        loading={answer.isPending}
        updating={answer.isPlaceholderData}
        error={answer.error}
        retry={() => void answer.refetch()}
        requests={[request]}
        asOf={answer.data?.meta?.as_of}
        view={state.view}
        onView={(view) => set({ view })}
        empty={
          answer.data && graph.nodes.length === 0 ? (
            <Empty
              icon="pathways"
              title="No paths"
              action={
                state.anchor && <Button onClick={() => set({ anchor: "" }, "push")}>Start anywhere</Button>
              }
            >
              {state.anchor
                ? `Nobody saw “${state.anchor}” in this range. Names may have wildcards, such as /product/*.`
                : "There are no views in this range. Once pages send events, the ways through them show up here."}
            </Empty>
          ) : undefined
        }
        chart={
          <Sankey
            label={title}
            nodes={graph.nodes}
            links={graph.links}
            counted={counted}
            height={CHART_HEIGHT_PX}
            onOpen={openMark}
          />
        }
        tableView={
          table && (
            <TableTwin
              caption={title}
              table={table}
              onOpen={(row, anchor) => {
                const link = graph.links[row];
                const from = graph.nodes.find((node) => node.id === link?.source);
                const to = graph.nodes.find((node) => node.id === link?.target);
                if (link && from && to) openMark({ kind: "link", link, from, to }, anchor);
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

function linkTable(nodes: PathNode[], links: PathLink[], counted: string): Table {
  const name = new Map(nodes.map((node) => [node.id, nodeLabel(node)]));
  return {
    columns: [
      { name: "step", numeric: false },
      { name: "from" },
      { name: "to" },
      { name: counted, numeric: true },
    ],
    rows: links.map((link) => [
      String(link.column + 1),
      name.get(link.source) ?? "",
      name.get(link.target) ?? "",
      link.value,
    ]),
  };
}

function Stepper({
  label,
  least = 1,
  value,
  onChange,
}: {
  label: string;
  least?: number;
  value: number;
  onChange: (value: number) => void;
}) {
  return (
    <fieldset className="inline-flex h-8 items-center rounded-md border border-line-strong bg-surface">
      <legend className="sr-only">{label}</legend>
      <IconButton
        icon="minus"
        size="sm"
        label={`Fewer: ${label.toLowerCase()}`}
        disabled={value <= least}
        onClick={() => onChange(value - 1)}
      />
      <span className="px-1 whitespace-nowrap" aria-live="polite">
        <span className="num font-medium">{value}</span>{" "}
        <span className="text-ink-2">{label.toLowerCase()}</span>
      </span>
      <IconButton
        icon="plus"
        size="sm"
        label={`More: ${label.toLowerCase()}`}
        disabled={value >= 10}
        onClick={() => onChange(value + 1)}
      />
    </fieldset>
  );
}
