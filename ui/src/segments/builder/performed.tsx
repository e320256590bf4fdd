import { facetSuggestions, noSuggestions, useFacets } from "../../api/facets";
import { Button, IconButton } from "../../ui/button";
import { Select } from "../../ui/select";
import { Suggest } from "../../ui/suggest";
import { AGGREGATIONS, type Aggregation, MAX_STEPS, type Measure, type Op } from "../definition";
import { moved, newId, type PerformedRow, type StepRow } from "../model";
import { Duration, NumberInput } from "./duration";
import { EventForm } from "./event";
import { WindowForm } from "./window";

type Change = (row: PerformedRow, key?: string) => void;

/** "performed / did not perform … then … at least N times in the last 30 days". */
export function PerformedForm({ row, onChange }: { row: PerformedRow; onChange: Change }) {
  const several = row.steps.length > 1;
  const setStep = (index: number, step: StepRow | undefined, key?: string) =>
    onChange(
      withSteps(
        row,
        row.steps.flatMap((old, at) => (at === index ? (step ?? []) : [old])),
      ),
      key,
    );
  return (
    <div className="space-y-1.5">
      {row.steps.map((step, index) => (
        <div
          key={step.id}
          role="group"
          aria-label={`Step ${index + 1}`}
          className="flex flex-wrap items-center gap-1.5"
        >
          {index === 0 ? (
            <Select
              label="Did or did not"
              look="inline"
              value={row.negated ? "no" : "yes"}
              onChange={(value) => onChange({ ...row, negated: value === "no" })}
              choices={[
                { value: "yes", label: several ? "first" : "who" },
                { value: "no", label: several ? "did not: first" : "did not" },
              ]}
            />
          ) : (
            <Joint row={row} step={step} onChange={(next) => setStep(index, next)} />
          )}
          <EventForm
            value={step.event}
            negative={(index === 0 && row.negated && !several) || step.negative}
            onChange={(event) => setStep(index, { ...step, event }, `${step.id}-event`)}
          />
          {index > 0 && row.order === "ordered" && (
            <StepWithin step={step} onChange={(next) => setStep(index, next)} />
          )}
          {several && (
            <span className="ml-auto inline-flex">
              <IconButton
                icon="up"
                size="sm"
                label={`Move step ${index + 1} up`}
                disabled={index === 0}
                onClick={() => onChange(withSteps(row, moved(row.steps, index, -1)))}
              />
              <IconButton
                icon="close"
                size="sm"
                label={`Remove step ${index + 1}`}
                onClick={() => setStep(index, undefined)}
              />
            </span>
          )}
        </div>
      ))}
      <div className="flex flex-wrap items-center gap-1.5">
        <HowMuch row={row} onChange={onChange} />
        <WindowForm value={row.during} onChange={(during) => onChange({ ...row, during })} />
        {several && <Scope row={row} onChange={onChange} />}
        <AddSteps row={row} onChange={onChange} />
      </div>
    </div>
  );
}

/** The first step is positive and has no time of its own; a measure takes one step. */
function withSteps(row: PerformedRow, steps: StepRow[]): PerformedRow {
  const [first, ...rest] = steps;
  if (!first) return row;
  const single = rest.length === 0;
  return {
    ...row,
    steps: [{ ...first, negative: false, within: undefined }, ...rest],
    measure: single ? row.measure : undefined,
    within: single ? undefined : row.within,
    order: single ? "ordered" : row.order,
  };
}

function Joint({
  row,
  step,
  onChange,
}: {
  row: PerformedRow;
  step: StepRow;
  onChange: (step: StepRow) => void;
}) {
  if (row.order === "any") return <span className="px-1.5 font-medium text-ink-2">and</span>;
  return (
    <Select
      label="Then or then not"
      look="inline"
      value={step.negative ? "not" : "then"}
      onChange={(value) => onChange({ ...step, negative: value === "not" })}
      choices={[
        { value: "then", label: "and then" },
        { value: "not", label: "and then did not" },
      ]}
    />
  );
}

function StepWithin({ step, onChange }: { step: StepRow; onChange: (step: StepRow) => void }) {
  if (step.within === undefined) {
    return (
      <Button size="sm" look="ghost" icon="plus" onClick={() => onChange({ ...step, within: "1d" })}>
        within…
      </Button>
    );
  }
  return (
    <span className="inline-flex items-center gap-1">
      <span className="text-ink-2">within</span>
      <Duration
        label="Within, after the step before"
        value={step.within}
        onChange={(within) => onChange({ ...step, within })}
      />
      <IconButton
        icon="close"
        size="sm"
        label="Without a time of its own"
        onClick={() => onChange({ ...step, within: undefined })}
      />
    </span>
  );
}

type Bound = "once" | Op | `measure:${Aggregation}`;

const OP_WORDS: Record<Op, string> = {
  ">=": "at least",
  ">": "more than",
  "=": "exactly",
  "<": "fewer than",
  "<=": "at most",
};
const MEASURE_WORDS: Record<Aggregation, string> = {
  sum: "the sum of",
  avg: "the average of",
  min: "the lowest",
  max: "the highest",
  cardinality: "the number of different",
};

function boundOf(row: PerformedRow): Bound {
  if (row.measure) return `measure:${row.measure.aggregation}`;
  return row.times?.op ?? "once";
}

/** How often, or a number over the events. */
function HowMuch({ row, onChange }: { row: PerformedRow; onChange: Change }) {
  const bound = boundOf(row);
  const set = (next: Bound) => {
    if (next === "once") return onChange({ ...row, times: undefined, measure: undefined, per: "occurrence" });
    if (next.startsWith("measure:")) {
      const aggregation = next.slice(8) as Aggregation;
      const measure: Measure = row.measure
        ? { ...row.measure, aggregation }
        : { aggregation, facet: "@context.total", op: ">", value: 0 };
      return onChange({ ...row, times: undefined, per: "occurrence", measure });
    }
    onChange({ ...row, measure: undefined, times: { op: next as Op, value: row.times?.value ?? 2 } });
  };
  const choices: { value: Bound; label: string }[] = [
    { value: "once", label: "at least once" },
    ...(Object.keys(OP_WORDS) as Op[]).map((op) => ({ value: op, label: OP_WORDS[op] })),
    ...(row.steps.length === 1
      ? AGGREGATIONS.map((name) => ({ value: `measure:${name}` as const, label: MEASURE_WORDS[name] }))
      : []),
  ];
  return (
    <span className="inline-flex flex-wrap items-center gap-1">
      <Select label="How often" look="inline" value={bound} onChange={set} choices={choices} />
      {row.times && (
        <>
          <NumberInput
            label="How many times"
            whole
            value={row.times.value}
            onChange={(value) =>
              row.times && onChange({ ...row, times: { ...row.times, value } }, `${row.id}-times`)
            }
          />
          <Select
            label="What counts"
            look="inline"
            value={row.per}
            onChange={(per) => onChange({ ...row, per })}
            choices={[
              { value: "occurrence", label: "times" },
              { value: "day", label: "different days" },
              { value: "session", label: "different sessions" },
            ]}
          />
        </>
      )}
      {row.measure && (
        <MeasureForm
          measure={row.measure}
          onChange={(measure) => onChange({ ...row, measure }, `${row.id}-measure`)}
        />
      )}
    </span>
  );
}

function MeasureForm({ measure, onChange }: { measure: Measure; onChange: (measure: Measure) => void }) {
  const facets = useFacets("event", measure.facet);
  return (
    <>
      <Suggest
        label="Number"
        value={measure.facet}
        onChange={(facet) => onChange({ ...measure, facet })}
        suggestions={facetSuggestions(facets.data)}
        loading={facets.isPending}
        empty={noSuggestions(facets.error)}
        className="h-7 w-44"
        mono
      />
      <Select
        label="Comparison of the number"
        look="inline"
        value={measure.op}
        onChange={(op) => onChange({ ...measure, op })}
        choices={(Object.keys(OP_WORDS) as Op[]).map((op) => ({ value: op, label: op }))}
      />
      <NumberInput
        label="Bound of the number"
        value={measure.value}
        onChange={(value) => onChange({ ...measure, value })}
      />
    </>
  );
}

type ScopeKind = "anywhere" | "session" | "span";

/** Where the steps have to lie together. */
function Scope({ row, onChange }: { row: PerformedRow; onChange: Change }) {
  const kind: ScopeKind =
    row.within === undefined ? "anywhere" : row.within === "session" ? "session" : "span";
  return (
    <span className="inline-flex items-center gap-1">
      <Select
        label="How close together"
        look="inline"
        value={kind}
        onChange={(next) =>
          onChange({
            ...row,
            within: next === "anywhere" ? undefined : next === "session" ? "session" : "1d",
          })
        }
        choices={[
          { value: "anywhere", label: "however far apart" },
          { value: "session", label: "in the same session" },
          { value: "span", label: "all within" },
        ]}
      />
      {kind === "span" && row.within !== undefined && (
        <Duration label="All within" value={row.within} onChange={(within) => onChange({ ...row, within })} />
      )}
      {row.steps.every((step) => !step.negative) && (
        <Select
          label="Order"
          look="inline"
          value={row.order}
          onChange={(order) =>
            onChange({
              ...row,
              order,
              steps: order === "any" ? row.steps.map((step) => ({ ...step, within: undefined })) : row.steps,
            })
          }
          choices={[
            { value: "ordered", label: "in this order" },
            { value: "any", label: "in any order" },
          ]}
        />
      )}
    </span>
  );
}

function AddSteps({ row, onChange }: { row: PerformedRow; onChange: Change }) {
  if (row.steps.length >= MAX_STEPS || row.measure) return null;
  const add = (event: string, negative: boolean) =>
    onChange({ ...row, steps: [...row.steps, { id: newId(), event, negative }] });
  return (
    <span className="inline-flex gap-1">
      <Button size="sm" look="ghost" icon="plus" onClick={() => add("@type:view", false)}>
        {row.order === "any" ? "and" : "then"}
      </Button>
      {row.order === "ordered" && (
        <Button size="sm" look="ghost" icon="plus" onClick={() => add("@type:action", true)}>
          then did not
        </Button>
      )}
    </span>
  );
}
