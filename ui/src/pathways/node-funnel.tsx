import type { PathNode } from "../charts/sankey-layout";
import { Button } from "../ui/button";
import { Icon } from "../ui/icons";

/** Nodes that were picked, on their way to a funnel. */
export function NodeFunnel({
  nodes,
  onChange,
  onOpen,
}: {
  nodes: PathNode[];
  onChange: (nodes: PathNode[]) => void;
  onOpen: () => void;
}) {
  if (nodes.length === 0) return null;
  return (
    <section
      aria-label="Funnel of picked nodes"
      className="card mb-4 flex flex-wrap items-center gap-2 p-2.5"
    >
      <Icon name="funnel" />
      {nodes.map((node, at) => (
        <span key={at} className="inline-flex items-center gap-2">
          {at > 0 && <span className="text-ink-3">→</span>}
          <button
            type="button"
            className="max-w-56 truncate rounded-md bg-sunken px-2 py-1 hover:line-through"
            aria-label={`Take ${node.name} out`}
            onClick={() => onChange(nodes.filter((_, index) => index !== at))}
          >
            {node.name}
          </button>
        </span>
      ))}
      {nodes.length < 2 && <span className="text-ink-3">Pick the next node.</span>}
      <span className="flex-1" />
      <Button onClick={() => onChange([])}>Clear</Button>
      <Button look="primary" disabled={nodes.length < 2} onClick={onOpen}>
        Open funnel
      </Button>
    </section>
  );
}
