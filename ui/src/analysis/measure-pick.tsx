import { Button } from "../ui/button";
import { Select } from "../ui/select";
import { FacetPick } from "./facet-pick";
import type { Measure } from "./requests";

const ENTITIES: Record<string, string> = {
  users: "@usr.id",
  accounts: "@account.id",
  sessions: "@session.id",
};

const CHOICES = [
  { value: "count", label: "Count of events" },
  { value: "users", label: "Unique users" },
  { value: "accounts", label: "Unique accounts" },
  { value: "sessions", label: "Unique sessions" },
  { value: "cardinality", label: "Different values of" },
  { value: "sum", label: "Sum of" },
  { value: "avg", label: "Average of" },
  { value: "min", label: "Minimum of" },
  { value: "max", label: "Maximum of" },
  { value: "median", label: "Median of" },
  { value: "pc75", label: "75th percentile of" },
  { value: "pc90", label: "90th percentile of" },
  { value: "pc95", label: "95th percentile of" },
  { value: "pc99", label: "99th percentile of" },
];

function choiceOf(measure: Measure): string {
  if (measure.aggregation !== "cardinality") return measure.aggregation;
  return Object.keys(ENTITIES).find((entity) => ENTITIES[entity] === measure.metric) ?? "cardinality";
}

export function MeasurePick({
  measure,
  onChange,
}: {
  measure: Measure;
  onChange: (measure: Measure) => void;
}) {
  const choice = choiceOf(measure);
  const known = CHOICES.some((one) => one.value === choice);
  const needsFacet = choice !== "count" && !(choice in ENTITIES);
  return (
    <span className="inline-flex items-center gap-1.5">
      <Select
        label="Measure"
        value={choice}
        choices={
          known
            ? CHOICES
            : [...CHOICES, { value: choice, label: `${choice.replace(/^pc/, "")}th percentile of` }]
        }
        onChange={(next) => {
          const entity = ENTITIES[next];
          if (next === "count") onChange({ aggregation: "count" });
          else if (entity) onChange({ aggregation: "cardinality", metric: entity });
          else onChange({ aggregation: next, metric: needsFacet ? measure.metric : undefined });
        }}
      />
      {needsFacet && (
        <FacetPick
          label={measure.metric ? `Attribute to measure: ${measure.metric}` : "Attribute to measure"}
          kinds={["event"]}
          numeric={choice !== "cardinality"}
          trigger={
            <Button icon={measure.metric ? undefined : "plus"}>{measure.metric ?? "attribute"}</Button>
          }
          onPick={(metric) => onChange({ aggregation: measure.aggregation, metric })}
        />
      )}
    </span>
  );
}
