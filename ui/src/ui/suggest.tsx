import { Autocomplete } from "@base-ui/react/autocomplete";
import { type ReactNode, useState } from "react";
import { cx } from "./cx";

export interface Suggestion {
  value: string;
  label?: string;
  /** Shown at the right: a count, a type. */
  hint?: string;
}

export interface SuggestProps {
  value: string;
  /** On every keystroke and on each choice. */
  onChange: (value: string) => void;
  /** Once the text is settled: a suggestion was taken, Enter was pressed or the field was left. */
  onCommit?: (value: string) => void;
  suggestions: Suggestion[];
  loading?: boolean;
  /** In the list, when there is nothing to suggest. */
  empty?: ReactNode;
  label: string;
  placeholder?: string;
  className?: string;
  mono?: boolean;
  autoFocus?: boolean;
  invalid?: boolean;
}

/** Free text with suggestions; the caller filters them (the server mostly does). */
export function Suggest(props: SuggestProps) {
  const { value, onChange, onCommit, suggestions, loading, empty, label, placeholder, className } = props;
  const [open, setOpen] = useState(false);
  return (
    <Autocomplete.Root
      items={suggestions}
      value={value}
      open={open}
      onOpenChange={setOpen}
      onValueChange={(next, details) => {
        onChange(next);
        if (details.reason === "item-press") onCommit?.(next);
      }}
      itemToStringValue={(item: Suggestion) => item.value}
      mode="none"
      openOnInputClick
    >
      <Autocomplete.Input
        aria-label={label}
        placeholder={placeholder}
        autoFocus={props.autoFocus}
        spellCheck={false}
        autoComplete="off"
        aria-invalid={props.invalid || undefined}
        onBlur={() => onCommit?.(value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !open) onCommit?.(value);
        }}
        className={cx("field", props.mono && "font-mono text-xs", className)}
      />
      <Autocomplete.Portal>
        <Autocomplete.Positioner sideOffset={4} align="start" collisionPadding={8} className="z-50">
          <Autocomplete.Popup className="popup max-h-72 min-w-(--anchor-width) max-w-[min(32rem,calc(100vw-16px))] overflow-y-auto p-1 empty:hidden">
            {suggestions.length === 0 && (loading || empty) && (
              <div role="status" className="px-2 py-1.5 text-ink-3">
                {loading ? "Looking…" : empty}
              </div>
            )}
            <Autocomplete.List>
              {(item: Suggestion) => (
                <Autocomplete.Item key={item.value} value={item} className="option">
                  <span className={cx("min-w-0 flex-1 truncate", props.mono && "font-mono text-xs")}>
                    {item.label ?? item.value}
                  </span>
                  {item.hint && <span className="num text-xs text-ink-3">{item.hint}</span>}
                </Autocomplete.Item>
              )}
            </Autocomplete.List>
          </Autocomplete.Popup>
        </Autocomplete.Positioner>
      </Autocomplete.Portal>
    </Autocomplete.Root>
  );
}
