import {
  autocompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  syntaxHighlighting,
  syntaxTree,
} from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { parse, stringify } from "yaml";
import { request } from "../../api/client";
import { Segmented } from "../../ui/tabs";
import { type Definition, isDefinition } from "../definition";
import { sameJson } from "../model";

type Language = "yaml" | "json";

/** The definition as text, both ways. Loaded when "Code" is opened. */
export default function Code({
  definition,
  onChange,
}: {
  definition: Definition;
  onChange: (definition: Definition) => void;
}) {
  const [language, setLanguage] = useState<Language>("yaml");
  const [fault, setFault] = useState<string>();
  const schema = useQuery({
    queryKey: ["definition-schema"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => request<Schema>("GET", "/segments/schema.json", { signal }),
  });
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef({ definition, onChange, schema: schema.data });
  latest.current = { definition, onChange, schema: schema.data };

  useEffect(() => {
    if (!place.current) return;
    const onText = (text: string) => {
      try {
        const value: unknown = language === "json" ? JSON.parse(text) : parse(text);
        if (!isDefinition(value))
          throw new Error("write `entity` (user or account) and `where` (a condition)");
        setFault(undefined);
        if (!sameJson(value, latest.current.definition)) latest.current.onChange(value);
      } catch (error) {
        setFault(error instanceof Error ? error.message : String(error));
      }
    };
    const complete = (context: CompletionContext) => completions(context, latest.current.schema);
    const nonce = document.querySelector<HTMLMetaElement>("meta[name=csp-nonce]")?.content ?? "";
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: print(latest.current.definition, language),
        extensions: [
          EditorView.cspNonce.of(nonce),
          EditorView.contentAttributes.of({ "aria-label": "Definition as code" }),
          lineNumbers(),
          history(),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ override: [complete] }),
          syntaxHighlighting(HIGHLIGHT),
          language === "json" ? json() : yaml(),
          keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap]),
          EditorView.lineWrapping,
          EditorView.updateListener.of((update) => update.docChanged && onText(update.state.doc.toString())),
          THEME,
        ],
      }),
    });
    view.current = editor;
    setFault(undefined);
    return () => editor.destroy();
  }, [language]);

  // The rows changed, or undo went back: the text follows, unless it says the same already.
  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const text = editor.state.doc.toString();
    if (sameJson(read(text, language), definition)) return;
    editor.dispatch({ changes: { from: 0, to: text.length, insert: print(definition, language) } });
  }, [definition, language]);

  return (
    <div className="space-y-2">
      <Segmented
        label="Language"
        value={language}
        onChange={setLanguage}
        choices={[
          { value: "yaml", label: "YAML" },
          { value: "json", label: "JSON" },
        ]}
      />
      <div ref={place} className="overflow-hidden rounded-lg border border-line-strong bg-surface" />
      {fault && (
        <p role="alert" className="text-bad">
          Not taken over yet: {fault}
        </p>
      )}
    </div>
  );
}

function read(text: string, language: Language): unknown {
  try {
    return language === "json" ? JSON.parse(text) : parse(text);
  } catch {
    return undefined;
  }
}

function print(definition: Definition, language: Language): string {
  return language === "json"
    ? `${JSON.stringify(definition, null, 2)}\n`
    : stringify(definition, { lineWidth: 0 });
}

const HIGHLIGHT = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent-ink)" },
  { tag: tags.string, color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
  { tag: tags.comment, color: "var(--ink-3)" },
]);

const THEME = EditorView.theme({
  "&": { fontSize: "12.5px", minHeight: "16rem", maxHeight: "60vh" },
  ".cm-scroller": { fontFamily: "var(--font-mono, ui-monospace, monospace)", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--ink-3)", border: "none" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-1px" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--accent-soft)",
  },
  ".cm-tooltip": { backgroundColor: "var(--raised)", border: "1px solid var(--line)", color: "var(--ink)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    backgroundColor: "var(--accent-soft)",
    color: "var(--ink)",
  },
  ".cm-completionDetail": { color: "var(--ink-3)", fontStyle: "normal" },
});

interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  description?: string;
  enum?: string[];
  items?: Schema;
  properties?: Record<string, Schema>;
  anyOf?: Schema[];
}

/** Members and values that may stand at the cursor, by the published schema. */
function completions(context: CompletionContext, schema: Schema | undefined): CompletionResult | null {
  const word = context.matchBefore(/[\w>=<]*/);
  if (!schema || !word || (word.from === word.to && !context.explicit)) return null;
  const path = pathAt(context, word.from);
  const line = context.state.doc
    .lineAt(word.from)
    .text.slice(0, word.from - context.state.doc.lineAt(word.from).from);
  const options: Completion[] = [];
  const keyBefore = /["']?(\w+)["']?\s*:\s*["']?$/.exec(line)?.[1];
  for (const place of placesOf(
    schema,
    keyBefore ? [...path.filter((name) => name !== keyBefore), keyBefore] : path,
  )) {
    for (const value of place.enum ?? []) options.push({ label: value, type: "enum" });
    if (keyBefore) continue;
    for (const [name, member] of Object.entries(place.properties ?? {})) {
      options.push({ label: name, type: "property", detail: resolve(schema, member).description });
    }
  }
  return options.length > 0 ? { from: word.from, options, validFor: /^[\w>=<]*$/ } : null;
}

/** Names of the members around the position, from outside. Both grammars call a member's key differently. */
function pathAt(context: CompletionContext, at: number): string[] {
  const names: string[] = [];
  let node = syntaxTree(context.state).resolveInner(at, -1);
  for (;;) {
    if (node.name === "Property" || node.name === "Pair") {
      const key = node.firstChild;
      if (key && key.to < at) names.unshift(context.state.sliceDoc(key.from, key.to).replace(/["']/g, ""));
    }
    if (!node.parent) return names;
    node = node.parent;
  }
}

function resolve(schema: Schema, place: Schema): Schema {
  const name = place.$ref?.replace("#/$defs/", "");
  const target = name ? schema.$defs?.[name] : undefined;
  return target ? { ...target, description: place.description ?? target.description } : place;
}

function placesOf(schema: Schema, path: string[]): Schema[] {
  const open = (place: Schema): Schema[] => {
    const resolved = resolve(schema, place);
    if (resolved.items) return open(resolved.items);
    return [resolved, ...(resolved.anyOf ?? []).flatMap(open)];
  };
  let places = open(schema);
  for (const name of path) {
    places = places.flatMap((place) => {
      const member = place.properties?.[name];
      return member ? open(member) : [];
    });
  }
  return places;
}
