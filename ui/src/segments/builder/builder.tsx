import { useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { BASE } from "../../api/client";
import { ApiError } from "../../api/errors";
import { useMay } from "../../app/session";
import { Button, IconButton } from "../../ui/button";
import { copyText } from "../../ui/copy";
import { Skeleton } from "../../ui/feedback";
import { Menu } from "../../ui/menu";
import { Select } from "../../ui/select";
import { Segmented } from "../../ui/tabs";
import { type Definition, type Entity, isDefinition } from "../definition";
import {
  type Node,
  newModel,
  pointersOf,
  readDefinition,
  rowAt,
  sameJson,
  writeDefinition,
  writeNode,
} from "../model";
import { People } from "../people";
import { usePreview } from "../preview";
import type { Segment } from "../queries";
import { toYaml } from "../yaml";
import { countsByRow } from "./counts";
import { PreviewPanel } from "./preview-panel";
import { type Editing, GroupForm } from "./rows";
import { SaveDialog } from "./save";
import { useModel } from "./state";

const Code = lazy(() => import("./code"));

type View = "sentence" | "code";

/** The definition under edit: as a sentence of rows or as code, with its live count beside it. */
export function Builder({ segment }: { segment?: Segment }) {
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { def?: unknown };
  const { model, edit, reset, undo, redo, canUndo, canRedo } = useModel(() => {
    if (isDefinition(search.def)) return readDefinition(search.def);
    const saved = segment?.attributes.definition;
    return isDefinition(saved) ? readDefinition(saved) : newModel();
  });
  const definition = useMemo(() => writeDefinition(model), [model]);
  useDefinitionInUrl(definition, search.def, reset);
  useUndoKeys(undo, redo);
  const preview = usePreview(definition);
  const [view, setView] = useState<View>("sentence");
  const [saving, setSaving] = useState<"save" | "copy">();
  const [people, setPeople] = useState<{ definition: Definition; title: string }>();
  const mayWrite = useMay("write");

  const population = preview.answer?.population ?? 0;
  const counts = useMemo(() => {
    const { answer, estimate, pending } = preview;
    const clauses = (pending && estimate?.clauses) || [...(answer?.clauses ?? []), ...(answer?.groups ?? [])];
    return countsByRow(model, clauses, population);
  }, [model, preview, population]);
  const faults = useMemo(() => faultsByRow(preview.error, model), [preview.error, model]);
  const editing: Editing = {
    model,
    edit,
    counts,
    population,
    faults,
    selfId: segment?.id,
    openRow: (node: Node) =>
      setPeople({
        definition: { entity: model.entity, where: writeNode(node) },
        title: "Who meets this condition",
      }),
  };
  const onSaved = (saved: Segment) => {
    setSaving(undefined);
    void navigate({
      to: "/segments/$id",
      params: { id: saved.id },
      search: (previous: Record<string, unknown>) => ({ ...previous, def: undefined }),
    } as never);
  };
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
      <section aria-label="Definition" className="min-w-0">
        <div className="mb-3 flex flex-wrap items-center gap-1">
          <Segmented
            label="Edit as"
            value={view}
            onChange={setView}
            choices={[
              { value: "sentence", label: "Sentence" },
              { value: "code", label: "Code" },
            ]}
          />
          <IconButton icon="undo" label="Undo (⌘Z)" disabled={!canUndo} onClick={undo} />
          <IconButton icon="redo" label="Redo (⇧⌘Z)" disabled={!canRedo} onClick={redo} />
          <div className="flex-1" />
          <CopyMenu definition={definition} name={segment?.attributes.name} />
          {segment && mayWrite && <Button onClick={() => setSaving("copy")}>Save as…</Button>}
          <Button
            look="primary"
            disabled={!mayWrite || preview.error !== undefined}
            title={mayWrite ? undefined : "Your role may not save segments"}
            onClick={() => setSaving("save")}
          >
            {segment ? "Save…" : "Save segment…"}
          </Button>
        </div>
        {view === "sentence" ? (
          <div className="card p-4">
            <div className="mb-3 flex flex-wrap items-center gap-1 text-base">
              <Select
                label="Who"
                look="inline"
                value={model.entity}
                onChange={(entity: Entity) => edit((old) => ({ ...old, entity }))}
                choices={[
                  { value: "user", label: "Users" },
                  { value: "account", label: "Accounts" },
                ]}
              />
              <span>who meet</span>
              <Select
                label="How conditions are joined"
                look="inline"
                value={model.root.op}
                onChange={(op: "all" | "any") => edit((old) => ({ ...old, root: { ...old.root, op } }))}
                choices={[
                  { value: "all", label: "all of these" },
                  { value: "any", label: "any of these" },
                ]}
              />
            </div>
            <GroupForm group={model.root} editing={editing} depth={0} />
          </div>
        ) : (
          <Suspense fallback={<Skeleton className="h-64" />}>
            <Code definition={definition} onChange={reset} />
          </Suspense>
        )}
      </section>
      <PreviewPanel
        preview={preview}
        entity={model.entity}
        openAll={() => setPeople({ definition, title: model.entity === "user" ? "People" : "Accounts" })}
      />
      {saving && (
        <SaveDialog
          definition={definition}
          segment={saving === "save" ? segment : undefined}
          onClose={() => setSaving(undefined)}
          onSaved={onSaved}
        />
      )}
      {people && <People {...people} onClose={() => setPeople(undefined)} />}
    </div>
  );
}

/** Which rows the server's errors point to. */
function faultsByRow(error: unknown, model: Parameters<typeof pointersOf>[0]): Map<string, string> {
  const faults = new Map<string, string>();
  if (!(error instanceof ApiError)) return faults;
  const pointers = pointersOf(model);
  for (const fault of error.faults) {
    const row = fault.source?.pointer && rowAt(pointers, fault.source.pointer);
    if (row && row !== model.root.id) faults.set(row, fault.detail);
  }
  return faults;
}

const URL_PAUSE_MS = 300;

/** The address follows the edits, and edits follow the address when someone else changed it (Back, a link). */
function useDefinitionInUrl(definition: Definition, inUrl: unknown, reset: (definition: Definition) => void) {
  const navigate = useNavigate();
  const written = useRef<unknown>(inUrl);
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    const timer = setTimeout(() => {
      written.current = definition;
      void navigate({
        to: ".",
        replace: true,
        resetScroll: false,
        search: (previous: Record<string, unknown>) => ({ ...previous, def: definition }),
      } as never);
    }, URL_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [definition, navigate]);
  useEffect(() => {
    if (!isDefinition(inUrl) || sameJson(inUrl, written.current)) return;
    written.current = inUrl;
    reset(inUrl);
  }, [inUrl, reset]);
}

function useUndoKeys(undo: () => void, redo: () => void) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const inText = event.target instanceof HTMLElement && /^(INPUT|TEXTAREA)$/.test(event.target.tagName);
      const inCode = event.target instanceof HTMLElement && event.target.isContentEditable;
      if (inText || inCode || !(event.metaKey || event.ctrlKey)) return;
      const key = event.key.toLowerCase();
      if (key !== "z" && key !== "y") return;
      event.preventDefault();
      if (key === "y" || event.shiftKey) redo();
      else undo();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [undo, redo]);
}

function CopyMenu({ definition, name }: { definition: Definition; name?: string }) {
  const asYaml = () => toYaml([{ name: name ?? "New segment", definition }]);
  const asCurl = () => {
    const body = JSON.stringify({ data: { type: "segment_preview", attributes: { definition } } });
    return [
      `curl -s ${location.origin}${BASE}/segments/preview \\`,
      '  -H "DD-API-KEY: $WHODID_API_KEY" -H "DD-APPLICATION-KEY: $WHODID_APP_KEY" \\',
      `  -H 'Content-Type: application/json' -d '${body.replaceAll("'", "'\\''")}'`,
    ].join("\n");
  };
  return (
    <Menu
      align="end"
      trigger={
        <Button icon="copy" aria-label="Copy the definition">
          Copy
        </Button>
      }
      entries={[
        { label: "As YAML", run: () => void copyText(asYaml(), "YAML") },
        { label: "As JSON", run: () => void copyText(JSON.stringify(definition, null, 2), "JSON") },
        { label: "As curl", run: () => void copyText(asCurl(), "curl command") },
        { label: "Link to this", icon: "link", run: () => void copyText(location.href, "Link") },
      ]}
    />
  );
}
