import { useState } from "react";
import { useShared } from "../app/search";
import { Button } from "../ui/button";
import { cx } from "../ui/cx";
import { Labelled } from "../ui/page";
import { Select } from "../ui/select";
import { Suggest } from "../ui/suggest";
import { dateIn, isRange, isTimezone, PRESETS } from "./range";

const UNITS = [
  { value: "m", label: "minutes" },
  { value: "h", label: "hours" },
  { value: "d", label: "days" },
  { value: "w", label: "weeks" },
] as const;

const DAY_MS = 86_400_000;
const ZONES_SHOWN = 50;

/** Inside of the range picker, loaded when it opens. */
export default function Panel({ close }: { close: () => void }) {
  const { range, setRange } = useShared();
  const choose = (text: string) => {
    setRange({ text });
    close();
  };
  return (
    <div className="grid gap-4 sm:grid-cols-[10rem_1fr]">
      <ul className="grid grid-cols-2 sm:grid-cols-1">
        {PRESETS.map((preset) => (
          <li key={preset.text}>
            <button
              type="button"
              aria-pressed={preset.text === range.text}
              onClick={() => choose(preset.text)}
              className={cx(
                "w-full rounded-md px-2 py-1 text-left hover:bg-hover",
                preset.text === range.text && "bg-accent-soft font-medium text-accent-ink",
              )}
            >
              {preset.label}
            </button>
          </li>
        ))}
      </ul>
      <div className="space-y-4">
        <Relative choose={choose} />
        <Absolute choose={choose} />
        <Zone />
      </div>
    </div>
  );
}

function Relative({ choose }: { choose: (text: string) => void }) {
  const { range } = useShared();
  const current = /^(\d+)([mhdw])$/.exec(range.text);
  const [count, setCount] = useState(current?.[1] ?? "14");
  const [unit, setUnit] = useState<(typeof UNITS)[number]["value"]>(
    UNITS.find((unit) => unit.value === current?.[2])?.value ?? "d",
  );
  const text = `${Number.parseInt(count, 10)}${unit}`;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (isRange(text)) choose(text);
      }}
    >
      <div className="mb-1 font-medium">The last</div>
      <div className="flex gap-2">
        <input
          aria-label="How many"
          type="number"
          min={1}
          max={99999}
          value={count}
          onChange={(event) => setCount(event.target.value)}
          className="field num w-20"
        />
        <Select label="Unit" value={unit} onChange={setUnit} choices={UNITS} className="flex-1" />
        <Button type="submit" disabled={!isRange(text)}>
          Apply
        </Button>
      </div>
    </form>
  );
}

function Absolute({ choose }: { choose: (text: string) => void }) {
  const { range, instants } = useShared();
  const [from, setFrom] = useState(() => dateIn(instants.from, range.timezone));
  const [last, setLast] = useState(() => dateIn(instants.to - 1, range.timezone));
  // The text's end is not included, what people pick is.
  const end = last && new Date(Date.parse(`${last}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
  const text = `${from}..${end}`;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (isRange(text)) choose(text);
      }}
      className="space-y-2"
    >
      <div className="grid grid-cols-2 gap-2">
        <Labelled label="From">
          <input
            type="date"
            value={from}
            onChange={(event) => setFrom(event.target.value)}
            className="field w-full"
          />
        </Labelled>
        <Labelled label="To (included)">
          <input
            type="date"
            value={last}
            onChange={(event) => setLast(event.target.value)}
            className="field w-full"
          />
        </Labelled>
      </div>
      <Button type="submit" disabled={!isRange(text)}>
        Apply dates
      </Button>
    </form>
  );
}

function Zone() {
  const { range, setRange } = useShared();
  const [text, setText] = useState(range.timezone);
  const zones = Intl.supportedValuesOf("timeZone").filter((zone) =>
    zone.toLowerCase().includes(text.toLowerCase()),
  );
  return (
    <div>
      <div className="mb-1 font-medium">Time zone</div>
      <Suggest
        label="Time zone"
        value={text}
        onChange={setText}
        onCommit={(zone) => (isTimezone(zone) ? setRange({ timezone: zone }) : setText(range.timezone))}
        suggestions={["UTC", ...zones].slice(0, ZONES_SHOWN).map((value) => ({ value }))}
        className="w-full"
      />
    </div>
  );
}
