import { Combobox } from "@base-ui/react/combobox";
import type { Suggestion } from "./suggest";

export interface PickListProps {
  items: Suggestion[];
  value?: string;
  onPick: (value: string) => void;
  /** Its accessible name. */
  label: string;
  placeholder?: string;
  empty?: string;
}

/** The list of `Pick`, loaded when it opens. */
export default function PickList({
  items,
  value,
  onPick,
  label,
  placeholder = "Search…",
  empty,
}: PickListProps) {
  const selected = items.find((item) => item.value === value) ?? null;
  return (
    <Combobox.Root
      items={items}
      value={selected}
      onValueChange={(item: Suggestion | null) => item && onPick(item.value)}
      itemToStringLabel={(item: Suggestion) => item.label ?? item.value}
      isItemEqualToValue={(a: Suggestion, b: Suggestion) => a.value === b.value}
      inline
      open
      autoHighlight
    >
      <div className="border-b border-line p-1.5">
        <Combobox.Input aria-label={label} placeholder={placeholder} autoFocus className="field w-full" />
      </div>
      <Combobox.Empty className="px-3 text-ink-3 not-empty:py-2">{empty ?? "Nothing found."}</Combobox.Empty>
      <Combobox.List aria-label={label} className="max-h-72 overflow-y-auto p-1 empty:p-0">
        {(item: Suggestion) => (
          <Combobox.Item key={item.value} value={item} className="option">
            <span className="min-w-0 flex-1 truncate">{item.label ?? item.value}</span>
            {item.hint && <span className="num text-xs text-ink-3">{item.hint}</span>}
          </Combobox.Item>
        )}
      </Combobox.List>
    </Combobox.Root>
  );
}
