import { useState } from "react";
import { Select } from "../../ui/select";

const UNITS = [
  { value: "s", label: "seconds" },
  { value: "m", label: "minutes" },
  { value: "h", label: "hours" },
  { value: "d", label: "days" },
  { value: "w", label: "weeks" },
] as const;

type Unit = (typeof UNITS)[number]["value"];
const SIMPLE = /^(\d+)([smhdw])$/;

/** A duration such as `30d`, as a number and a unit. What is more than that (`1d 12h`) is text. */
export function Duration({
  value,
  onChange,
  label,
}: {
  value: string;
  onChange: (value: string) => void;
  label: string;
}) {
  const simple = SIMPLE.exec(value);
  const [draft, setDraft] = useState<string>();
  if (!simple) {
    return (
      <input
        aria-label={label}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className="field h-7 w-28"
      />
    );
  }
  const [, number = "1", unit = "d"] = simple;
  return (
    <span className="inline-flex items-center">
      <input
        aria-label={label}
        inputMode="numeric"
        value={draft ?? number}
        onChange={(event) => {
          const digits = event.target.value.replace(/\D/g, "").slice(0, 5);
          setDraft(digits);
          if (Number(digits) > 0) onChange(`${Number(digits)}${unit}`);
        }}
        onBlur={() => setDraft(undefined)}
        className="field num h-7 w-12 px-2 text-right"
      />
      <Select
        label={`Unit of ${label}`}
        look="inline"
        value={unit as Unit}
        onChange={(next) => onChange(`${number}${next}`)}
        choices={UNITS}
      />
    </span>
  );
}

/** A number that may be empty while it is typed. */
export function NumberInput({
  value,
  onChange,
  label,
  whole,
}: {
  value: number;
  onChange: (value: number) => void;
  label: string;
  whole?: boolean;
}) {
  const [draft, setDraft] = useState<string>();
  return (
    <input
      aria-label={label}
      inputMode={whole ? "numeric" : "decimal"}
      value={draft ?? String(value)}
      onChange={(event) => {
        const text = event.target.value;
        setDraft(text);
        const number = Number(text);
        if (
          text.trim() !== "" &&
          Number.isFinite(number) &&
          (!whole || (Number.isInteger(number) && number >= 0))
        ) {
          onChange(number);
        }
      }}
      onBlur={() => setDraft(undefined)}
      className="field num h-7 w-16 px-2 text-right"
    />
  );
}
