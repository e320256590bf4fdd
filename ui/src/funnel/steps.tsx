import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useRef, useState } from "react";
import type { FacetValueAttributes, SuggestionsAnswer } from "../analysis/answers";
import { useAsk } from "../analysis/ask";
import { queryError } from "../analysis/query-error";
import {
  type FunnelQuery,
  stepAlias,
  suggestionsRequest,
  type TimeRange,
  viewQuery,
} from "../analysis/requests";
import { SearchBar } from "../analysis/search-bar";
import { type Many, request } from "../api/client";
import { formatCount, formatRate } from "../charts/format";
import { Button, IconButton } from "../ui/button";
import { cx } from "../ui/cx";
import { Icon } from "../ui/icons";
import { type FunnelStep, MOST_STEPS, moved, stepLabel } from "./state";

interface Props {
  steps: FunnelStep[];
  onChange: (steps: FunnelStep[]) => void;
  error: unknown;
  /** For suggestions of what comes next. */
  funnel: FunnelQuery;
  range: TimeRange;
}

/** The steps, one below the other: dragged by the handle, or moved with Alt and an arrow key. */
export function StepsEditor({ steps, onChange, error, funnel, range }: Props) {
  const [dragged, setDragged] = useState<number | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const list = useRef<HTMLOListElement>(null);
  const replace = (at: number, step: FunnelStep) =>
    onChange(steps.map((one, index) => (index === at ? step : one)));
  function onKeyDown(event: KeyboardEvent, at: number) {
    if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    const to = at + (event.key === "ArrowDown" ? 1 : -1);
    if (to < 0 || to >= steps.length) return;
    event.preventDefault();
    onChange(moved(steps, at, to));
    requestAnimationFrame(() => list.current?.querySelectorAll<HTMLElement>("[data-handle]")[to]?.focus());
  }
  return (
    <div>
      <ol ref={list} className="space-y-1.5">
        {steps.map((step, at) => (
          <li
            key={at}
            onDragOver={(event) => {
              if (dragged === null) return;
              event.preventDefault();
              setOver(at);
            }}
            onDrop={(event) => {
              event.preventDefault();
              if (dragged !== null) onChange(moved(steps, dragged, at));
              setDragged(null);
              setOver(null);
            }}
            className={cx(
              "flex items-start gap-1.5 rounded-md",
              dragged === at && "opacity-50",
              over === at && dragged !== null && dragged !== at && "outline-2 outline-(--focus)",
            )}
          >
            <button
              type="button"
              data-handle
              draggable
              aria-label={`Step ${at + 1}, ${stepLabel(step)}. Alt and an arrow key move it.`}
              title="Drag, or press Alt and an arrow key"
              className="mt-0.5 flex h-7 w-11 shrink-0 cursor-grab items-center gap-1 rounded-md px-1 text-ink-3 hover:bg-hover"
              onDragStart={(event) => {
                event.dataTransfer.effectAllowed = "move";
                event.dataTransfer.setData("text/plain", String(at));
                setDragged(at);
              }}
              onDragEnd={() => {
                setDragged(null);
                setOver(null);
              }}
              onKeyDown={(event) => onKeyDown(event, at)}
            >
              <Icon name="drag" size={14} />
              <span className="num font-semibold text-ink">{at + 1}</span>
            </button>
            <StepQueries step={step} at={at} error={error} onChange={(next) => replace(at, next)} />
            <IconButton
              icon="trash"
              label={`Remove step ${at + 1}`}
              onClick={() => onChange(steps.filter((_, index) => index !== at))}
            />
          </li>
        ))}
      </ol>
      <div className="mt-2 flex flex-wrap items-center gap-1.5 pl-12">
        <Button
          size="sm"
          icon="plus"
          disabled={steps.length >= MOST_STEPS}
          onClick={() => onChange([...steps, { any: [""], where: "" }])}
        >
          Step
        </Button>
        {steps.length === 0 ? (
          <FirstSteps onPick={(query) => onChange([{ any: [query], where: "" }])} />
        ) : (
          steps.length < MOST_STEPS && (
            <NextSteps
              funnel={funnel}
              range={range}
              onPick={(query) => onChange([...steps, { any: [query], where: "" }])}
            />
          )
        )}
      </div>
    </div>
  );
}

function StepQueries({
  step,
  at,
  error,
  onChange,
}: {
  step: FunnelStep;
  at: number;
  error: unknown;
  onChange: (step: FunnelStep) => void;
}) {
  const [filtering, setFiltering] = useState(step.where !== "");
  const failure = queryError(error, `/node_objects/${stepAlias(at)}/search/query`);
  const single = step.any.length === 1 && step.where === "";
  return (
    <div className="min-w-0 flex-1 space-y-1">
      {step.any.map((query, which) => (
        <div key={which} className="flex items-start gap-1.5">
          {which > 0 && <span className="w-6 pt-1.5 text-right text-xs text-ink-3">or</span>}
          <SearchBar
            className="flex-1"
            label={`Step ${at + 1}${which > 0 ? `, alternative ${which + 1}` : ""}`}
            placeholder="An event, such as @view.name:/cart"
            value={query}
            error={which === 0 ? (single ? failure : failure && { ...failure, position: null }) : null}
            onCommit={(next) =>
              next !== query &&
              onChange({ ...step, any: step.any.map((one, index) => (index === which ? next : one)) })
            }
          />
          {which > 0 && (
            <IconButton
              icon="close"
              label={`Remove alternative ${which + 1} of step ${at + 1}`}
              onClick={() => onChange({ ...step, any: step.any.filter((_, index) => index !== which) })}
            />
          )}
          {which === 0 && (
            <>
              <Button
                size="sm"
                look="ghost"
                className="mt-0.5"
                onClick={() => onChange({ ...step, any: [...step.any, ""] })}
                aria-label={`Alternative to step ${at + 1}`}
              >
                or
              </Button>
              <IconButton
                icon="filter"
                label={`Filter step ${at + 1}`}
                aria-pressed={filtering}
                onClick={() => setFiltering(!filtering)}
              />
            </>
          )}
        </div>
      ))}
      {(filtering || step.where !== "") && (
        <div className="flex items-center gap-1.5">
          <span className="w-10 text-right text-xs text-ink-3">where</span>
          <SearchBar
            className="flex-1"
            label={`Filter of step ${at + 1}`}
            placeholder="@geo.country:Brazil"
            value={step.where}
            onCommit={(where) => where !== step.where && onChange({ ...step, where })}
          />
        </div>
      )}
    </div>
  );
}

/** Pages to start from: the most viewed ones. */
function FirstSteps({ onPick }: { onPick: (query: string) => void }) {
  const views = useQuery({
    queryKey: ["facet-values", "event", "@view.name", ""],
    staleTime: 60_000,
    retry: false,
    queryFn: ({ signal }) =>
      request<Many<FacetValueAttributes>>("GET", "/facets/values", {
        query: { facet: "@view.name", "filter[kind]": "event", "page[limit]": 8 },
        signal,
      }),
  });
  if (!views.data?.data.length) return null;
  return (
    <>
      <span className="text-xs text-ink-3">Start at</span>
      {views.data.data.map(({ attributes }) => (
        <Chip
          key={attributes.value}
          label={String(attributes.value)}
          hint={formatCount(attributes.count)}
          onClick={() => onPick(viewQuery(String(attributes.value)))}
        />
      ))}
    </>
  );
}

/** What those who got this far did next. */
function NextSteps({
  funnel,
  range,
  onPick,
}: {
  funnel: FunnelQuery;
  range: TimeRange;
  onPick: (query: string) => void;
}) {
  const complete = funnel.steps.every((step) => step !== "");
  const answer = useAsk<SuggestionsAnswer>(complete ? suggestionsRequest(range, funnel) : null);
  const suggestions = answer.data?.data.attributes.suggestions ?? [];
  if (answer.error || suggestions.length === 0) return null;
  return (
    <>
      <span className="text-xs text-ink-3">Often next</span>
      {suggestions.slice(0, 6).map((one) => (
        <Chip
          key={one.query}
          label={one.label}
          hint={formatRate(one.rate)}
          onClick={() => onPick(one.query)}
        />
      ))}
    </>
  );
}

function Chip({ label, hint, onClick }: { label: string; hint: string; onClick: () => void }) {
  return (
    <button
      type="button"
      onClick={onClick}
      className="inline-flex h-7 max-w-56 items-center gap-1.5 rounded-full border border-line px-2.5 hover:bg-hover"
    >
      <span className="truncate">{label}</span>
      <span className="num text-xs text-ink-3">{hint}</span>
    </button>
  );
}
