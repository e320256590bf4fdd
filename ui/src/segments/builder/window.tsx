import { Select } from "../../ui/select";
import type { Window } from "../definition";
import { Duration } from "./duration";

const KINDS = [
  { value: "all", label: "at any time" },
  { value: "last", label: "in the last" },
  { value: "calendar", label: "in the calendar" },
  { value: "between", label: "between" },
  { value: "since_first_seen", label: "after first seen, within" },
] as const;

type Kind = (typeof KINDS)[number]["value"];

const CALENDAR = [
  "today",
  "yesterday",
  "this week",
  "last week",
  "this month",
  "last month",
  "this quarter",
  "last quarter",
  "this year",
  "last year",
];

function kindOf(window: Window | undefined): Kind {
  if (!window) return "all";
  if (window.last !== undefined) return "last";
  if (window.since_first_seen !== undefined) return "since_first_seen";
  return window.calendar === undefined ? "between" : "calendar";
}

const DAY_MS = 86_400_000;

function fresh(kind: Kind): Window | undefined {
  const day = (back: number) => new Date(Date.now() - back * DAY_MS).toISOString().slice(0, 10);
  switch (kind) {
    case "all":
      return undefined;
    case "last":
      return { last: "30d" };
    case "since_first_seen":
      return { since_first_seen: "7d" };
    case "calendar":
      return { calendar: "this week" };
    case "between":
      return { from: day(30), to: day(0) };
  }
}

/** When the events have to be. */
export function WindowForm({
  value,
  onChange,
}: {
  value: Window | undefined;
  onChange: (value: Window | undefined) => void;
}) {
  const kind = kindOf(value);
  return (
    <span className="inline-flex flex-wrap items-center gap-1">
      <Select
        label="When"
        look="inline"
        value={kind}
        onChange={(next) => onChange(fresh(next))}
        choices={KINDS}
      />
      {value?.last !== undefined && (
        <Duration label="How long back" value={value.last} onChange={(last) => onChange({ last })} />
      )}
      {value?.since_first_seen !== undefined && (
        <Duration
          label="How long after first seen"
          value={value.since_first_seen}
          onChange={(since_first_seen) => onChange({ since_first_seen })}
        />
      )}
      {value && kind === "calendar" && <CalendarForm value={value} onChange={onChange} />}
      {value && kind === "between" && <Between value={value} onChange={onChange} />}
      {value?.timezone && <span className="text-xs text-ink-3">({value.timezone})</span>}
    </span>
  );
}

function CalendarForm({ value, onChange }: { value: Window; onChange: (value: Window) => void }) {
  const current = value.calendar ?? "";
  const words = CALENDAR.includes(current) ? CALENDAR : [current, ...CALENDAR];
  return (
    <Select
      label="Calendar period"
      look="inline"
      value={current}
      onChange={(calendar) => onChange({ ...value, calendar })}
      choices={words.map((word) => ({ value: word, label: word }))}
    />
  );
}

/** Dates have a picker; instants stay text. */
function Between({ value, onChange }: { value: Window; onChange: (value: Window) => void }) {
  const end = (name: "from" | "to") => {
    const moment = value[name];
    const isDate = moment === undefined || /^\d{4}-\d{2}-\d{2}$/.test(String(moment));
    return (
      <input
        aria-label={name === "from" ? "From" : "To (not included)"}
        type={isDate ? "date" : "text"}
        value={moment ?? ""}
        onChange={(event) => {
          const next = { ...value, [name]: event.target.value || undefined };
          if (next.from ?? next.to) onChange(JSON.parse(JSON.stringify(next)));
        }}
        className="field h-7"
      />
    );
  };
  return (
    <>
      {end("from")}
      <span className="text-ink-2">and before</span>
      {end("to")}
    </>
  );
}
