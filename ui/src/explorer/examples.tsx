import type { ExplorerState } from "./state";

const EXAMPLES: { label: string; state: Partial<ExplorerState> }[] = [
  {
    label: "Most active people",
    state: { visual: "bars", groups: [{ facet: "@usr.id", limit: 50, presentOnly: true }] },
  },
  {
    label: "Top pages",
    state: { type: "view", visual: "bars", groups: [{ facet: "@view.name", limit: 20 }] },
  },
  {
    label: "Users per day",
    state: { measure: { aggregation: "cardinality", metric: "@usr.id" }, step: "day" },
  },
  {
    label: "Users by country",
    state: { measure: { aggregation: "cardinality", metric: "@usr.id" }, visual: "map" },
  },
  {
    label: "Devices",
    state: {
      measure: { aggregation: "cardinality", metric: "@usr.id" },
      visual: "pie",
      groups: [{ facet: "@device.type", limit: 10 }],
    },
  },
  { label: "Events per user", state: { visual: "distribution" } },
];

/** Questions to start from. */
export function Examples({ onPick }: { onPick: (state: Partial<ExplorerState>) => void }) {
  return (
    <p className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-1 text-ink-3">
      Try:
      {EXAMPLES.map((example) => (
        <button
          key={example.label}
          type="button"
          className="text-accent-ink hover:underline"
          onClick={() => onPick(example.state)}
        >
          {example.label}
        </button>
      ))}
    </p>
  );
}
