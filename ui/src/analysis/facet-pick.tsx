import { Combobox } from "@base-ui/react/combobox";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactElement, useDeferredValue, useState } from "react";
import { type Many, request } from "../api/client";
import { formatCompact } from "../charts/format";
import type { FacetAttributes } from "./answers";

export type FacetKind = "event" | "user" | "account";

interface Item {
  name: string;
  kind: FacetKind;
  hint: string;
}

interface Props {
  trigger: ReactElement<Record<string, unknown>>;
  /** Whose attributes: of events, and of profiles too where both can be chosen. */
  kinds: FacetKind[];
  /** Numbers only, for sums and averages. */
  numeric?: boolean;
  label: string;
  onPick: (name: string, kind: FacetKind) => void;
}

/** An attribute of events or profiles, found by typing. A name that is not known yet can be typed in full. */
export function FacetPick({ trigger, kinds, numeric, label, onPick }: Props) {
  const [typed, setTyped] = useState("");
  const [open, setOpen] = useState(false);
  const q = useDeferredValue(typed.trim().replace(/^@/, ""));
  const answer = useQuery({
    queryKey: ["facet-pick", kinds, q],
    enabled: open,
    staleTime: 60_000,
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const lists = await Promise.all(
        kinds.map((kind) =>
          request<Many<FacetAttributes>>("GET", "/facets", {
            query: { "filter[q]": q, "filter[kind]": kind, "page[limit]": 50 },
            signal,
          }),
        ),
      );
      return lists.flatMap((list) => list.data.map(({ attributes }) => attributes));
    },
  });
  const found: Item[] = (answer.data ?? [])
    .filter((facet) => !numeric || facet.value_type === "number" || facet.value_type === "mixed")
    .map((facet) => ({
      name: facet.name,
      kind: facet.kind,
      hint: `${facet.kind === "event" ? "" : `${facet.kind} · `}${facet.value_type} · ${formatCompact(facet.count)}`,
    }));
  const own: Item[] =
    q !== "" && /^[\w.]+$/.test(q) && !found.some((item) => item.name.replace(/^@/, "") === q)
      ? [{ name: kinds[0] === "event" ? `@${q}` : q, kind: kinds[0] ?? "event", hint: "as typed" }]
      : [];
  const items = [...found, ...own];
  return (
    <Combobox.Root
      items={items}
      value={null}
      open={open}
      onOpenChange={setOpen}
      inputValue={typed}
      onInputValueChange={setTyped}
      filter={null}
      itemToStringLabel={(item: Item) => item.name}
      onValueChange={(item: Item | null) => {
        if (!item) return;
        onPick(item.name, item.kind);
        setTyped("");
      }}
      autoHighlight
    >
      <Combobox.Trigger aria-label={label} render={trigger} />
      <Combobox.Portal>
        <Combobox.Positioner sideOffset={6} align="start" collisionPadding={8} className="z-50">
          <Combobox.Popup aria-label={label} className="popup w-80 max-w-[calc(100vw-16px)]">
            <div className="border-b border-line p-1.5">
              <Combobox.Input aria-label={label} placeholder="Find an attribute…" className="field w-full" />
            </div>
            <Combobox.Empty className="px-3 text-ink-3 not-empty:py-2">
              {answer.isError
                ? answer.error.message
                : answer.isPending
                  ? "Looking…"
                  : "No attribute of that name."}
            </Combobox.Empty>
            <Combobox.List className="max-h-72 overflow-y-auto p-1 empty:p-0">
              {(item: Item) => (
                <Combobox.Item key={`${item.kind} ${item.name}`} value={item} className="option">
                  <span className="min-w-0 flex-1 truncate font-mono text-xs">{item.name}</span>
                  <span className="num text-xs whitespace-nowrap text-ink-3">{item.hint}</span>
                </Combobox.Item>
              )}
            </Combobox.List>
          </Combobox.Popup>
        </Combobox.Positioner>
      </Combobox.Portal>
    </Combobox.Root>
  );
}
