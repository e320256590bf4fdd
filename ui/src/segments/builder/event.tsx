import { useState } from "react";
import { noSuggestions, useFacetValues, valueSuggestions } from "../../api/facets";
import { IconButton } from "../../ui/button";
import { Select } from "../../ui/select";
import { Suggest } from "../../ui/suggest";
import {
  type EventType,
  type Filter,
  type EventForm as Form,
  NAME_FACET,
  readEvent,
  writeEvent,
} from "../query-text";
import { Filters } from "./filters";

const DONE: { value: EventType; label: string }[] = [
  { value: "view", label: "viewed" },
  { value: "action", label: "performed the action" },
  { value: "server", label: "triggered the event" },
  { value: "any", label: "did anything" },
];
const NOT_DONE: { value: EventType; label: string }[] = [
  { value: "view", label: "view" },
  { value: "action", label: "perform the action" },
  { value: "server", label: "trigger the event" },
  { value: "any", label: "do anything" },
];

/** Which event: its type, its name, and filters; or the query as text when it is more than that. */
export function EventForm({
  value,
  onChange,
  negative,
}: {
  value: string;
  onChange: (value: string) => void;
  negative: boolean;
}) {
  const form = readEvent(value);
  const [asText, setAsText] = useState(false);
  if (!form || asText) {
    return <QueryText value={value} onChange={onChange} onForm={form && (() => setAsText(false))} />;
  }
  const { name, rest } = splitName(form);
  const write = (type: EventType, named: Filter | undefined, filters: Filter[]) =>
    onChange(writeEvent({ type, filters: named ? [named, ...filters] : filters }));
  return (
    <>
      <Select
        label="What"
        look="inline"
        value={form.type}
        onChange={(type) => write(type, undefined, rest)}
        choices={negative ? NOT_DONE : DONE}
      />
      {form.type !== "any" && (
        <EventName
          type={form.type}
          value={nameText(name)}
          onChange={(text) => {
            const facet = NAME_FACET[form.type as Exclude<EventType, "any">];
            write(form.type, text ? nameFilter(facet, text) : undefined, rest);
          }}
        />
      )}
      <Filters filters={rest} kind="event" onChange={(filters) => write(form.type, name, filters)} />
      <IconButton icon="code" size="sm" label="Edit the event as a query" onClick={() => setAsText(true)} />
    </>
  );
}

function splitName(form: Form): { name?: Filter; rest: Filter[] } {
  if (form.type === "any") return { rest: form.filters };
  const facet = NAME_FACET[form.type];
  const name = form.filters.find(
    (filter) =>
      filter.facet === facet &&
      (filter.op === "matches" || (filter.op === "is" && filter.values.length === 1)),
  );
  return { name, rest: form.filters.filter((filter) => filter !== name) };
}

function nameText(name: Filter | undefined): string {
  return name?.values[0] ?? "";
}

function nameFilter(facet: string, text: string): Filter {
  return { facet, op: /[*?]/.test(text) ? "matches" : "is", values: [text] };
}

const EXAMPLES = { view: "any page", action: "any action", server: "any event" };

/** Typing suggests what has been seen; the definition changes when the name is settled. */
function EventName({
  type,
  value,
  onChange,
}: {
  type: Exclude<EventType, "any">;
  value: string;
  onChange: (value: string) => void;
}) {
  const [draft, setDraft] = useState<string>();
  const text = draft ?? value;
  const known = useFacetValues(NAME_FACET[type], "event", draft ?? "");
  return (
    <Suggest
      label={type === "view" ? "Page" : type === "action" ? "Action" : "Event"}
      placeholder={EXAMPLES[type]}
      value={text}
      onChange={setDraft}
      onCommit={(next) => {
        setDraft(undefined);
        if (next.trim() !== value) onChange(next.trim());
      }}
      suggestions={valueSuggestions(known.data)}
      loading={known.isPending}
      empty={noSuggestions(known.error)}
      className="h-7 w-44 font-medium"
    />
  );
}

/** A search query as text. */
export function QueryText({
  value,
  onChange,
  onForm,
  label = "Query",
}: {
  value: string;
  onChange: (value: string) => void;
  onForm?: () => void;
  label?: string;
}) {
  return (
    <span className="inline-flex min-w-0 flex-1 basis-72 items-center gap-1">
      <input
        aria-label={label}
        value={value}
        spellCheck={false}
        onChange={(event) => onChange(event.target.value)}
        className="field h-7 min-w-0 flex-1 font-mono text-xs"
      />
      {onForm && <IconButton icon="list" size="sm" label="Edit as filters" onClick={onForm} />}
    </span>
  );
}
