import { useState } from "react";
import {
  type FacetKind,
  facetSuggestions,
  noSuggestions,
  useFacets,
  useFacetValues,
  valueSuggestions,
} from "../../api/facets";
import { Button, IconButton } from "../../ui/button";
import { cx } from "../../ui/cx";
import { Icon } from "../../ui/icons";
import { Popover } from "../../ui/popover";
import { Select } from "../../ui/select";
import { Suggest } from "../../ui/suggest";
import type { Filter, FilterOp } from "../query-text";

const OPS: { value: FilterOp; label: string }[] = [
  { value: "is", label: "is" },
  { value: "is_not", label: "is not" },
  { value: "matches", label: "matches" },
  { value: "not_matches", label: "does not match" },
  { value: "exists", label: "is there" },
  { value: "missing", label: "is missing" },
  { value: ">", label: ">" },
  { value: ">=", label: "≥" },
  { value: "<", label: "<" },
  { value: "<=", label: "≤" },
];

const OP_WORDS = Object.fromEntries(OPS.map(({ value, label }) => [value, label]));

/** `@geo.country` as people say it. */
export function facetLabel(facet: string): string {
  return facet.replace(/^@/, "");
}

/** Filters as chips, each editable, and a way to add one. */
export function Filters({
  filters,
  onChange,
  kind,
}: {
  filters: Filter[];
  onChange: (filters: Filter[]) => void;
  kind: FacetKind;
}) {
  const set = (index: number, filter: Filter | undefined) =>
    onChange(filters.flatMap((old, at) => (at === index ? (filter ?? []) : [old])));
  return (
    <>
      {filters.map((filter, index) => (
        <FilterChip key={index} filter={filter} kind={kind} onChange={(next) => set(index, next)} />
      ))}
      <FilterPopover
        kind={kind}
        onApply={(filter) => onChange([...filters, filter])}
        trigger={
          <button
            type="button"
            aria-label="Add a filter"
            className="inline-flex h-7 items-center gap-1 rounded-md border border-dashed border-line-strong px-2 text-xs text-ink-2 hover:bg-hover hover:text-ink"
          >
            <Icon name="filter" size={12} />
            where
          </button>
        }
      />
    </>
  );
}

function FilterChip({
  filter,
  kind,
  onChange,
}: {
  filter: Filter;
  kind: FacetKind;
  onChange: (filter: Filter | undefined) => void;
}) {
  const text = `${facetLabel(filter.facet)} ${OP_WORDS[filter.op]} ${filter.values.join(" or ")}`.trim();
  return (
    <span className="inline-flex h-7 max-w-full items-center rounded-md bg-accent-soft text-accent-ink">
      <FilterPopover
        kind={kind}
        filter={filter}
        onApply={onChange}
        trigger={
          <button type="button" aria-label={`Filter: ${text}`} className="min-w-0 truncate py-1 pl-2">
            {facetLabel(filter.facet)} <span className="font-normal opacity-80">{OP_WORDS[filter.op]}</span>{" "}
            <span className="font-medium">{filter.values.join(" or ")}</span>
          </button>
        }
      />
      <IconButton
        icon="close"
        size="sm"
        label={`Remove the filter ${text}`}
        onClick={() => onChange(undefined)}
        className="text-accent-ink"
      />
    </span>
  );
}

function FilterPopover(props: {
  trigger: React.ReactElement<Record<string, unknown>>;
  filter?: Filter;
  kind: FacetKind;
  onApply: (filter: Filter) => void;
}) {
  const [open, setOpen] = useState(false);
  return (
    <Popover label="Filter" trigger={props.trigger} open={open} onOpenChange={setOpen} className="w-96">
      <FilterForm
        initial={props.filter ?? { facet: "", op: "is", values: [] }}
        kind={props.kind}
        onApply={(filter) => {
          setOpen(false);
          props.onApply(filter);
        }}
      />
    </Popover>
  );
}

function FilterForm({
  initial,
  kind,
  onApply,
}: {
  initial: Filter;
  kind: FacetKind;
  onApply: (filter: Filter) => void;
}) {
  const [facet, setFacet] = useState(initial.facet);
  const [op, setOp] = useState(initial.op);
  const [values, setValues] = useState(initial.values);
  const [text, setText] = useState("");
  const facets = useFacets(kind, facet === initial.facet ? "" : facet);
  const several = op === "is" || op === "is_not";
  const none = op === "exists" || op === "missing";
  const known = useFacetValues(facet, kind, text, !none && (several || op.includes("matches")));
  const all = several
    ? [...values, text.trim()].filter(Boolean)
    : [text.trim() || values[0] || ""].filter(Boolean);
  const ready = facet.trim() !== "" && (none || all.length > 0);
  const apply = () => {
    if (!ready) return;
    const name =
      kind === "event" && !/^@|^(service|env|version|source)$/.test(facet.trim())
        ? `@${facet.trim()}`
        : facet.trim();
    onApply({ facet: name, op, values: none ? [] : [...new Set(all)] });
  };
  return (
    <form
      className="space-y-2"
      onSubmit={(event) => {
        event.preventDefault();
        apply();
      }}
    >
      <div className="flex gap-2">
        <Suggest
          label="Attribute"
          placeholder={kind === "event" ? "@geo.country" : "last_country_code"}
          value={facet}
          onChange={setFacet}
          suggestions={facetSuggestions(facets.data)}
          loading={facets.isPending}
          empty={noSuggestions(facets.error)}
          className="min-w-0 flex-1"
          mono
          autoFocus={!initial.facet}
        />
        <Select label="Comparison" value={op} onChange={setOp} choices={OPS} className="w-32" />
      </div>
      {!none && (
        <>
          {several && values.length > 0 && (
            <ul className="flex flex-wrap gap-1">
              {values.map((value) => (
                <li key={value}>
                  <Chip text={value} onRemove={() => setValues(values.filter((other) => other !== value))} />
                </li>
              ))}
            </ul>
          )}
          <Suggest
            label="Value"
            placeholder={
              op.includes("matches") ? "/product/*" : several && values.length > 0 ? "or…" : "Value"
            }
            value={several ? text : text || (values[0] ?? "")}
            onChange={(next) => {
              setText(next);
              if (!several) setValues(next ? [next] : []);
            }}
            onCommit={(next) => {
              if (!several || !next.trim()) return;
              setValues([...new Set([...values, next.trim()])]);
              setText("");
            }}
            suggestions={valueSuggestions(known.data).filter((item) => !values.includes(item.value))}
            loading={known.isFetching && !known.data}
            empty={facet ? noSuggestions(known.error) : "Choose an attribute first."}
            className="w-full"
            autoFocus={initial.facet !== ""}
          />
        </>
      )}
      <div className="flex justify-end">
        <Button type="submit" look="primary" size="sm" disabled={!ready}>
          Apply
        </Button>
      </div>
    </form>
  );
}

export function Chip({ text, onRemove }: { text: string; onRemove: () => void }) {
  return (
    <span
      className={cx("inline-flex h-6 max-w-full items-center rounded bg-accent-soft pl-1.5 text-accent-ink")}
    >
      <span className="truncate">{text}</span>
      <IconButton
        icon="close"
        size="sm"
        label={`Remove ${text}`}
        onClick={onRemove}
        className="text-accent-ink"
      />
    </span>
  );
}
