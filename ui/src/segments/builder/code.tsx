import { useQuery } from "@tanstack/react-query";
import { load as parse } from "js-yaml";
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { request } from "../../api/client";
import { Segmented } from "../../ui/tabs";
import { type Definition, isDefinition } from "../definition";
import { sameJson } from "../model";
import { toYaml } from "../yaml";
import { complete, type Schema } from "./complete";

type Language = "yaml" | "json";

const OFFERED = 8;

/** The definition as text, both ways. Loaded when "Code" is opened. */
export default function Code({
  definition,
  onChange,
}: {
  definition: Definition;
  onChange: (definition: Definition) => void;
}) {
  const [language, setLanguage] = useState<Language>("yaml");
  const [text, setText] = useState(() => print(definition, "yaml"));
  const [caret, setCaret] = useState(0);
  const [fault, setFault] = useState<string>();
  const area = useRef<HTMLTextAreaElement>(null);
  const hints = useId();
  const schema = useQuery({
    queryKey: ["definition-schema"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => request<Schema>("GET", "/segments/schema.json", { signal }),
  });
  const completions = useMemo(
    () => (schema.data ? complete(text, caret, schema.data) : { from: caret, options: [] }),
    [schema.data, text, caret],
  );
  const write = (next: string) => {
    setText(next);
    try {
      const value: unknown = language === "json" ? JSON.parse(next) : parse(next);
      if (!isDefinition(value)) throw new Error("write `entity` (user or account) and `where` (a condition)");
      setFault(undefined);
      if (!sameJson(value, definition)) onChange(value);
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  };
  const take = (label: string) => {
    const next = text.slice(0, completions.from) + label + text.slice(caret);
    const at = completions.from + label.length;
    write(next);
    setCaret(at);
    requestAnimationFrame(() => {
      area.current?.focus();
      area.current?.setSelectionRange(at, at);
    });
  };
  // The rows changed, or undo went back: the text follows, unless it says the same already.
  useEffect(() => {
    setText((old) => (sameJson(read(old, language), definition) ? old : print(definition, language)));
  }, [definition, language]);
  return (
    <div className="space-y-2">
      <Segmented
        label="Language"
        value={language}
        onChange={(next) => {
          setLanguage(next);
          setText(print(definition, next));
          setFault(undefined);
        }}
        choices={[
          { value: "yaml", label: "YAML" },
          { value: "json", label: "JSON" },
        ]}
      />
      <textarea
        ref={area}
        aria-label="Definition as code"
        aria-describedby={hints}
        aria-invalid={fault !== undefined}
        value={text}
        spellCheck={false}
        rows={Math.min(30, Math.max(12, text.split("\n").length + 1))}
        onChange={(event) => write(event.target.value)}
        onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
        onKeyDown={(event) => {
          const first = completions.options[0];
          if (event.key !== " " || !event.ctrlKey || !first) return;
          event.preventDefault();
          take(first.label);
        }}
        className="field block h-auto w-full resize-y py-2 font-mono text-xs leading-5 whitespace-pre"
      />
      <div id={hints} className="flex min-h-6 flex-wrap items-center gap-1 text-xs text-ink-3">
        {completions.options.length > 0 && <span>Here may stand (Ctrl Space takes the first):</span>}
        {completions.options.slice(0, OFFERED).map((option) => (
          <button
            key={option.label}
            type="button"
            title={option.detail}
            onClick={() => take(option.label)}
            className="rounded border border-line-strong px-1.5 py-0.5 font-mono text-ink-2 hover:bg-hover hover:text-ink"
          >
            {option.label}
          </button>
        ))}
      </div>
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
  const lines = language === "json" ? JSON.stringify(definition, null, 2) : toYaml(definition);
  return `${lines.trimEnd()}\n`;
}
