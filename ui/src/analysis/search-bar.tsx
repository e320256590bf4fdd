import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { type Many, request } from "../api/client";
import { formatCompact } from "../charts/format";
import { cx } from "../ui/cx";
import type { FacetAttributes, FacetValueAttributes } from "./answers";
import type { QueryError } from "./query-error";
import { type Completion, completionAt, quoteValue, type TokenKind, tokenize } from "./query-tokens";

const COLOURS: Record<TokenKind, string> = {
  facet: "text-accent-ink",
  tag: "text-accent-ink",
  value: "text-good",
  quoted: "text-good",
  operator: "text-ink-3",
  group: "text-ink-3",
  not: "text-bad",
  text: "text-ink",
  blank: "",
};

interface Props {
  value: string;
  /** When the query is settled: Enter, leaving the field, or a choice from the list. */
  onCommit: (query: string) => void;
  label: string;
  placeholder?: string;
  /** What the server says about the committed query. */
  error?: QueryError | null;
  kind?: "event" | "user" | "account";
  className?: string;
}

interface Suggestion {
  text: string;
  hint: string;
}

/** A search query: coloured while it is typed, completed from what is in the data, its mistakes shown in place. */
export function SearchBar({ value, onCommit, label, placeholder, error, kind = "event", className }: Props) {
  const [draft, setDraft] = useState(value);
  const [caret, setCaret] = useState<number | null>(null);
  const [highlighted, setHighlighted] = useState(-1);
  const [dismissed, setDismissed] = useState(false);
  const [scroll, setScroll] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  const errorId = useId();
  useEffect(() => setDraft(value), [value]);

  const completion = caret === null || dismissed ? null : completionAt(draft, caret);
  const suggestions = useSuggestions(completion, kind);
  const open = completion !== null && suggestions.length > 0;
  const shownError = draft === value ? error : null;

  function take(suggestion: Suggestion) {
    if (!completion) return;
    const text = completion.wants === "facet" ? `${suggestion.text}:` : quoteValue(suggestion.text);
    const next = draft.slice(0, completion.start) + text + draft.slice(completion.end);
    const after = completion.start + text.length;
    setDraft(next);
    setHighlighted(-1);
    setCaret(after);
    if (completion.wants === "value") onCommit(next);
    requestAnimationFrame(() => input.current?.setSelectionRange(after, after));
  }
  function onKeyDown(event: KeyboardEvent<HTMLInputElement>) {
    const chosen = suggestions[highlighted];
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      setHighlighted(
        (highlighted + step + suggestions.length + (highlighted < 0 && step < 0 ? 1 : 0)) %
          suggestions.length,
      );
    } else if (open && chosen && (event.key === "Enter" || event.key === "Tab")) {
      event.preventDefault();
      take(chosen);
    } else if (event.key === "Enter") {
      setDismissed(true);
      onCommit(draft);
    } else if (event.key === "Escape" && open) {
      event.stopPropagation();
      setDismissed(true);
    }
  }

  return (
    <div className={cx("relative min-w-0", className)}>
      <div className="relative rounded-md bg-surface">
        <div
          aria-hidden="true"
          className="pointer-events-none absolute inset-y-0 right-2.5 left-2.5 flex items-center overflow-hidden"
        >
          <div className="font-mono text-xs whitespace-pre" style={{ transform: `translateX(${-scroll}px)` }}>
            <Coloured query={draft} error={shownError} />
          </div>
        </div>
        <input
          ref={input}
          role="combobox"
          aria-label={label}
          aria-expanded={open}
          aria-controls={open ? listId : undefined}
          aria-autocomplete="list"
          aria-activedescendant={open && highlighted >= 0 ? `${listId}-${highlighted}` : undefined}
          aria-invalid={shownError ? true : undefined}
          aria-describedby={shownError ? errorId : undefined}
          className="field w-full bg-transparent font-mono text-xs text-transparent caret-(--ink) selection:text-transparent"
          value={draft}
          placeholder={placeholder}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          onChange={(event) => {
            setDraft(event.target.value);
            setCaret(event.target.selectionStart);
            setHighlighted(-1);
            setDismissed(false);
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onScroll={(event) => setScroll(event.currentTarget.scrollLeft)}
          onFocus={() => setDismissed(false)}
          onBlur={() => {
            setCaret(null);
            if (draft !== value) onCommit(draft);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      {open && (
        <div
          id={listId}
          role="listbox"
          aria-label="Suggestions"
          className="popup absolute top-full left-0 z-30 mt-1 max-h-72 w-96 max-w-full overflow-y-auto p-1"
        >
          {suggestions.map((suggestion, index) => (
            <div
              key={suggestion.text}
              id={`${listId}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === highlighted}
              data-highlighted={index === highlighted ? "" : undefined}
              className="option cursor-pointer"
              onPointerDown={(event) => event.preventDefault()}
              onPointerEnter={() => setHighlighted(index)}
              onClick={() => take(suggestion)}
              onKeyDown={() => {}}
            >
              <span className="min-w-0 flex-1 truncate font-mono text-xs">{suggestion.text}</span>
              <span className="num text-xs text-ink-3">{suggestion.hint}</span>
            </div>
          ))}
        </div>
      )}
      {shownError && (
        <p id={errorId} role="alert" className="mt-1 text-xs break-words text-bad">
          {shownError.message}
        </p>
      )}
    </div>
  );
}

function Coloured({ query, error }: { query: string; error?: QueryError | null }) {
  const wrong = error?.position ?? null;
  const wave = "underline decoration-wavy decoration-(--bad) underline-offset-3";
  return (
    <>
      {tokenize(query).map((token) => {
        const hit = wrong !== null && wrong >= token.start && wrong < token.start + token.text.length;
        return (
          <span key={token.start} className={cx(COLOURS[token.kind], hit && wave)}>
            {token.text}
          </span>
        );
      })}
      {wrong !== null && wrong >= query.length && <span className={wave}> </span>}
    </>
  );
}

function useSuggestions(completion: Completion | null, kind: string): Suggestion[] {
  const typed = completion?.typed.replace(/^@/, "") ?? "";
  const facets = useQuery({
    queryKey: ["facets", kind, typed],
    enabled: completion?.wants === "facet",
    staleTime: 60_000,
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      request<Many<FacetAttributes>>("GET", "/facets", {
        query: { "filter[q]": typed, "filter[kind]": kind, "page[limit]": 20 },
        signal,
      }),
  });
  const facet = completion?.wants === "value" ? completion.facet : "";
  const values = useQuery({
    queryKey: ["facet-values", kind, facet, typed],
    enabled: facet !== "",
    staleTime: 60_000,
    retry: false,
    queryFn: ({ signal }) =>
      request<Many<FacetValueAttributes>>("GET", "/facets/values", {
        query: { facet, "filter[kind]": kind, "filter[q]": typed, "page[limit]": 20 },
        signal,
      }),
  });
  if (completion?.wants === "facet") {
    return (facets.data?.data ?? [])
      .filter(({ attributes }) => attributes.name !== completion.typed)
      .map(({ attributes }) => ({
        text: attributes.name,
        hint: `${attributes.value_type} · ${formatCompact(attributes.count)}`,
      }));
  }
  if (completion?.wants === "value") {
    return (values.data?.data ?? [])
      .filter(({ attributes }) => String(attributes.value) !== completion.typed)
      .map(({ attributes }) => ({ text: String(attributes.value), hint: formatCompact(attributes.count) }));
  }
  return [];
}
