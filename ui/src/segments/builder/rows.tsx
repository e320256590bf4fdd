import type { ReactNode } from "react";
import { IconButton } from "../../ui/button";
import { cx } from "../../ui/cx";
import { Badge } from "../../ui/feedback";
import { Icon } from "../../ui/icons";
import { Menu } from "../../ui/menu";
import { count, percent, plural } from "../../ui/number";
import { Pick } from "../../ui/pick";
import { Select } from "../../ui/select";
import type { Entity } from "../definition";
import {
  addNode,
  type CodeRow,
  type Group,
  type Model,
  moveNode,
  type Node,
  newId,
  newPerformed,
  type ProfileRow,
  replaceNode,
  type SegmentRow,
} from "../model";
import { useSegments } from "../queries";
import { readQuery, writeQuery } from "../query-text";
import type { RowCount } from "./counts";
import { QueryText } from "./event";
import { Filters } from "./filters";
import { PerformedForm } from "./performed";

export interface Editing {
  model: Model;
  edit: (change: (model: Model) => Model, key?: string) => void;
  counts: Map<string, RowCount>;
  population: number;
  /** Rows that the server refused, and what it said. */
  faults: Map<string, string>;
  /** Opens the people of one row. */
  openRow: (node: Node) => void;
  /** The segment under edit, which can't refer to itself. */
  selfId?: string;
}

function onRoot(editing: Editing, change: (root: Group) => Group, key?: string) {
  editing.edit((model) => ({ ...model, root: change(model.root) }), key);
}

/** The rows of a group and what can be added to it. */
export function GroupForm({ group, editing, depth }: { group: Group; editing: Editing; depth: number }) {
  const joined = group.op === "all" ? "and" : "or";
  return (
    <div className={cx(depth > 0 && "border-l-2 border-line-strong pl-3")}>
      <ol className="space-y-2">
        {group.nodes.map((node, index) => (
          <li key={node.id}>
            {index > 0 && (
              <div className="py-0.5 pl-1 text-xs font-semibold text-ink-3 uppercase">{joined}</div>
            )}
            <Row node={node} group={group} index={index} editing={editing} depth={depth} />
          </li>
        ))}
      </ol>
      {group.nodes.length === 0 && (
        <p className="text-ink-3">
          {group.op === "all" ? "No condition yet: this is everybody." : "No condition yet: this is nobody."}
        </p>
      )}
      <AddRow group={group} editing={editing} />
    </div>
  );
}

function AddRow({ group, editing }: { group: Group; editing: Editing }) {
  const { entity } = editing.model;
  const add = (node: Node) => onRoot(editing, (root) => addNode(root, group.id, node));
  const base = { id: newId(), negated: false };
  return (
    <div className="mt-3">
      <Menu
        trigger={
          <button
            type="button"
            className="inline-flex h-8 items-center gap-1.5 rounded-md border border-dashed border-line-strong px-3 font-medium text-ink-2 hover:bg-hover hover:text-ink"
          >
            <Icon name="plus" />
            Add a condition
          </button>
        }
        entries={[
          { label: "What they did", icon: "explorer", run: () => add(newPerformed()) },
          {
            label: "What they did not do",
            icon: "minus",
            run: () => add({ ...newPerformed(), negated: true }),
          },
          {
            label: entity === "user" ? "Who they are (profile)" : "What the account is (profile)",
            icon: "user",
            run: () => add({ kind: "profile", query: "", ...base }),
          },
          ...(entity === "user"
            ? [
                {
                  label: "Which account they belong to",
                  icon: "accounts" as const,
                  run: () => add({ kind: "profile", query: "account_id:*", ...base }),
                },
              ]
            : []),
          {
            label: "In another segment",
            icon: "segments",
            run: () => add({ kind: "segment", segment: "", ...base }),
          },
          "separator",
          {
            label: "All of a group",
            icon: "group",
            run: () => add({ kind: "group", op: "all", nodes: [newPerformed()], ...base }),
          },
          {
            label: "Any of a group",
            icon: "branch",
            run: () => add({ kind: "group", op: "any", nodes: [newPerformed()], ...base }),
          },
        ]}
      />
    </div>
  );
}

function Row({
  node,
  group,
  index,
  editing,
  depth,
}: {
  node: Node;
  group: Group;
  index: number;
  editing: Editing;
  depth: number;
}) {
  const fault = editing.faults.get(node.id);
  const set = (change: (node: Node) => Node | undefined, key?: string) =>
    onRoot(editing, (root) => replaceNode(root, node.id, change), key);
  return (
    <div
      role="group"
      aria-label={`Condition ${index + 1}`}
      className={cx(
        "rounded-lg border bg-surface p-2.5",
        fault ? "border-bad" : "border-line",
        node.kind !== "code" && node.negated && "border-l-4 border-l-bad/70",
      )}
      onKeyDown={(event) => {
        if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
        event.preventDefault();
        event.stopPropagation();
        onRoot(editing, (root) => moveNode(root, node.id, event.key === "ArrowUp" ? -1 : 1));
      }}
    >
      <div className="flex items-start gap-2">
        <div className="min-w-0 flex-1">
          <NodeForm node={node} set={set} editing={editing} depth={depth} />
        </div>
        <RowMenu node={node} group={group} index={index} editing={editing} set={set} />
      </div>
      {fault && (
        <p role="alert" className="mt-2 text-bad">
          {fault}
        </p>
      )}
      <RowCountLine node={node} editing={editing} />
    </div>
  );
}

type SetNode = (change: (node: Node) => Node | undefined, key?: string) => void;

function NodeForm({
  node,
  set,
  editing,
  depth,
}: {
  node: Node;
  set: SetNode;
  editing: Editing;
  depth: number;
}): ReactNode {
  const { entity } = editing.model;
  switch (node.kind) {
    case "performed":
      return <PerformedForm row={node} onChange={(next, key) => set(() => next, key)} />;
    case "profile":
      return <ProfileForm row={node} entity={entity} onChange={(next, key) => set(() => next, key)} />;
    case "segment":
      return (
        <SegmentForm
          row={node}
          entity={entity}
          selfId={editing.selfId}
          onChange={(next) => set(() => next)}
        />
      );
    case "code":
      return <CodeForm row={node} />;
    case "group":
      return (
        <>
          <div className="mb-2 flex flex-wrap items-center gap-1">
            <Select
              label="How the group is joined"
              look="inline"
              value={`${node.negated ? "not-" : ""}${node.op}`}
              onChange={(value) =>
                set((old) =>
                  old.kind === "group"
                    ? { ...old, negated: value.startsWith("not-"), op: value.endsWith("all") ? "all" : "any" }
                    : old,
                )
              }
              choices={[
                { value: "all", label: "meet all of these" },
                { value: "any", label: "meet any of these" },
                { value: "not-any", label: "meet none of these" },
                { value: "not-all", label: "do not meet all of these" },
              ]}
            />
          </div>
          <GroupForm group={node} editing={editing} depth={depth + 1} />
        </>
      );
  }
}

function RowMenu({
  node,
  group,
  index,
  editing,
  set,
}: {
  node: Node;
  group: Group;
  index: number;
  editing: Editing;
  set: SetNode;
}) {
  const move = (by: -1 | 1) => onRoot(editing, (root) => moveNode(root, node.id, by));
  const duplicate = () => onRoot(editing, (root) => addNode(root, group.id, withNewIds(node)));
  const negate = () => set((old) => (old.kind === "code" ? old : { ...old, negated: !old.negated }));
  const wrap = () => set((old) => ({ kind: "group", id: newId(), op: "any", negated: false, nodes: [old] }));
  return (
    <div className="flex">
      <Menu
        align="end"
        trigger={
          <button
            type="button"
            aria-label={`More for condition ${index + 1}`}
            className="grid size-7 place-items-center rounded-md text-ink-3 hover:bg-hover hover:text-ink"
          >
            <Icon name="more" />
          </button>
        }
        entries={[
          { label: "Move up", icon: "up", hint: "Alt ↑", disabled: index === 0, run: () => move(-1) },
          {
            label: "Move down",
            icon: "down",
            hint: "Alt ↓",
            disabled: index === group.nodes.length - 1,
            run: () => move(1),
          },
          { label: "Turn around (not)", icon: "minus", disabled: node.kind === "code", run: negate },
          { label: "Put into a group", icon: "group", run: wrap },
          { label: "Duplicate", icon: "copy", run: duplicate },
        ]}
      />
      <IconButton
        icon="trash"
        size="sm"
        label={`Remove condition ${index + 1}`}
        className="size-7"
        onClick={() => set(() => undefined)}
      />
    </div>
  );
}

function withNewIds(node: Node): Node {
  if (node.kind === "group") return { ...node, id: newId(), nodes: node.nodes.map(withNewIds) };
  if (node.kind === "performed") {
    return { ...node, id: newId(), steps: node.steps.map((step) => ({ ...step, id: newId() })) };
  }
  return { ...node, id: newId() };
}

/** How many meet the row by itself, what is left after it, and what it took away. */
function RowCountLine({ node, editing }: { node: Node; editing: Editing }) {
  const counted = editing.counts.get(node.id);
  if (!counted) return null;
  const { population } = editing;
  const many = editing.model.entity === "user" ? "people" : "accounts";
  return (
    <div className="mt-2 flex flex-wrap items-center gap-x-3 gap-y-1 border-t border-line pt-1.5 text-xs text-ink-3">
      <button
        type="button"
        onClick={() => editing.openRow(node)}
        className="num rounded hover:text-accent-ink hover:underline"
      >
        {count(counted.count)} {many} by itself ({percent(counted.count / population)})
      </button>
      {counted.removed !== undefined && counted.removed > 0 && (
        <span className="num">this step removes {count(counted.removed)}</span>
      )}
      {counted.kept !== undefined && counted.kept !== counted.count && (
        <span className="num">{count(counted.kept)} remain</span>
      )}
      {counted.steps && counted.steps.length > 1 && (
        <span className="num">step by step {counted.steps.map((reached) => count(reached)).join(" → ")}</span>
      )}
    </div>
  );
}

function Negation({
  negated,
  yes,
  no,
  onChange,
  label,
}: {
  negated: boolean;
  yes: string;
  no: string;
  onChange: (negated: boolean) => void;
  label: string;
}) {
  return (
    <Select
      label={label}
      look="inline"
      value={negated ? "no" : "yes"}
      onChange={(value) => onChange(value === "no")}
      choices={[
        { value: "yes", label: yes },
        { value: "no", label: no },
      ]}
    />
  );
}

function ProfileForm({
  row,
  entity,
  onChange,
}: {
  row: ProfileRow;
  entity: Entity;
  onChange: (row: ProfileRow, key?: string) => void;
}) {
  const filters = readQuery(row.query);
  return (
    <div className="flex flex-wrap items-center gap-1.5">
      <Negation
        label="Profile"
        negated={row.negated}
        yes="have a profile where"
        no="do not have a profile where"
        onChange={(negated) => onChange({ ...row, negated })}
      />
      {filters ? (
        <>
          {filters.length === 0 && <span className="text-ink-3">anything (add a filter)</span>}
          <Filters
            filters={filters}
            kind={entity}
            onChange={(next) => onChange({ ...row, query: writeQuery(next) })}
          />
        </>
      ) : (
        <QueryText
          value={row.query}
          onChange={(query) => onChange({ ...row, query }, `${row.id}-query`)}
          label="Profile query"
        />
      )}
    </div>
  );
}

function SegmentForm({
  row,
  entity,
  selfId,
  onChange,
}: {
  row: SegmentRow;
  entity: Entity;
  selfId?: string;
  onChange: (row: SegmentRow) => void;
}) {
  const segments = useSegments();
  const offered = (segments.data ?? []).filter(
    ({ id, attributes }) => attributes.entity === entity && id !== selfId,
  );
  const chosen = offered.find(({ id }) => id === row.segment);
  return (
    <div className="flex flex-wrap items-center gap-1.5">
      <Negation
        label="Segment membership"
        negated={row.negated}
        yes="are in the segment"
        no="are not in the segment"
        onChange={(negated) => onChange({ ...row, negated })}
      />
      <Pick
        label="Segment"
        placeholder="Find a segment…"
        items={offered.map(({ id, attributes }) => ({
          value: id,
          label: attributes.name,
          hint: count(attributes.size),
        }))}
        value={row.segment}
        onPick={(segment) => onChange({ ...row, segment })}
        trigger={
          <button type="button" className="field flex h-7 items-center gap-2 font-medium">
            {chosen?.attributes.name ?? (row.segment || "Choose a segment")}
            <Icon name="down" size={12} />
          </button>
        }
      />
      {chosen && <Badge>{plural(chosen.attributes.size, "member", "members")}</Badge>}
    </div>
  );
}

function CodeForm({ row }: { row: CodeRow }) {
  return (
    <div>
      <p className="mb-1 text-xs text-ink-3">A condition that this form does not show. Edit it under Code.</p>
      <pre className="max-h-40 overflow-auto rounded-md bg-sunken p-2 font-mono text-xs">
        {JSON.stringify(row.json, null, 2)}
      </pre>
    </div>
  );
}
