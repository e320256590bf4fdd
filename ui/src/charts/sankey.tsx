import { useId, useMemo } from "react";
import { formatCount, formatRate } from "./format";
import { useMarks, useWidth } from "./marks";
import {
  layoutPathways,
  nodeLabel,
  type PathLink,
  type PathNode,
  type PlacedLink,
  type PlacedNode,
  ribbon,
} from "./sankey-layout";
import { shortened, spoken, Tooltip, type TooltipContent } from "./tooltip";

export type PathMark =
  | { kind: "node"; node: PathNode }
  | { kind: "link"; link: PathLink; from: PathNode; to: PathNode };

interface Props {
  label: string;
  nodes: PathNode[];
  links: PathLink[];
  /** What is counted: "sessions", "users". */
  counted: string;
  height?: number;
  onOpen?: (mark: PathMark, anchor: Element) => void;
}

const LABEL_PX = 150;
const COLUMN_PX = 190;

/** Pathways. Left and right follow the columns, up and down the nodes and ribbons of one. */
export function Sankey({ label, nodes, links, counted, height = 460, onOpen }: Props) {
  const { ref, width: room } = useWidth<HTMLDivElement>();
  const columns = nodes.reduce((most, node) => Math.max(most, node.column + 1), 0);
  // On a narrow screen the picture keeps its columns apart and scrolls.
  const width = Math.max(room, columns * COLUMN_PX);
  const layout = useMemo(
    () => layoutPathways(nodes, links, width, height, LABEL_PX),
    [nodes, links, width, height],
  );
  const entered = layout.nodes.filter((node) => node.column === 0).reduce((sum, node) => sum + node.value, 0);
  // Ribbons lie between the columns: their marks have odd columns.
  const marks = [
    ...layout.links.map((link) => ({
      kind: "link" as const,
      link,
      row: Math.round(link.y0),
      col: link.from.col * 2 + 1,
      x: (link.from.x + link.to.x) / 2,
      y: (link.y0 + link.y1 + link.thickness) / 2,
    })),
    ...layout.nodes.map((node) => ({
      kind: "node" as const,
      node,
      row: Math.round(node.y),
      col: node.col * 2,
      x: node.x + node.width,
      y: node.y + node.height / 2,
    })),
  ];
  const firstNode = layout.links.length;
  const handle = useMarks(marks, (mark, anchor) => {
    if (!onOpen) return;
    if (mark.kind === "node") onOpen({ kind: "node", node: mark.node }, anchor);
    else onOpen({ kind: "link", link: mark.link, from: mark.link.from, to: mark.link.to }, anchor);
  });
  const describe = (mark: (typeof marks)[number]) =>
    mark.kind === "node" ? aboutNode(mark.node, counted, entered) : aboutLink(mark.link, counted);
  return (
    <figure className="chart" ref={ref}>
      <div className="overflow-x-auto">
        {room > 0 && (
          <svg width={width} height={height} role="group" aria-label={label}>
            {layout.links.map((link, index) => (
              <g key={link.id} {...handle.props(index)} aria-label={spoken(aboutLink(link, counted))}>
                <Ribbon link={link} lit={lit(handle.active, link)} />
                <path className="ring" d={ribbon(link)} />
              </g>
            ))}
            {layout.nodes.map((node, index) => (
              <g
                key={node.id}
                {...handle.props(firstNode + index)}
                aria-label={spoken(aboutNode(node, counted, entered))}
              >
                <Node
                  node={node}
                  scale={layout.scale}
                  room={columns > 1 ? Math.min(260, (width - LABEL_PX) / (columns - 1) - 28) : 260}
                />
              </g>
            ))}
          </svg>
        )}
        {room === 0 && <div style={{ height }} />}
      </div>
      {handle.active && (
        <Tooltip x={handle.active.x} y={handle.active.y} width={width} content={describe(handle.active)} />
      )}
    </figure>
  );
}

function lit(
  active: { kind: "node" | "link"; node?: PathNode; link?: PathLink } | null,
  link: PlacedLink,
): boolean {
  if (!active) return false;
  return active.kind === "link"
    ? active.link?.id === link.id
    : active.node?.id === link.source || active.node?.id === link.target;
}

function Ribbon({ link, lit }: { link: PlacedLink; lit: boolean }) {
  const ends = link.to.type === "dropoff" || link.from.type === "dropoff";
  return (
    <path
      d={ribbon(link)}
      fill={ends ? "var(--chart-3)" : "var(--chart-1)"}
      fillOpacity={lit ? 0.5 : ends ? 0.12 : 0.2}
    />
  );
}

function Node({ node, scale, room }: { node: PlacedNode; scale: number; room: number }) {
  const gradient = useId();
  const color =
    node.type === "dropoff"
      ? "var(--chart-3)"
      : node.type === "other"
        ? "var(--chart-other)"
        : "var(--chart-1)";
  const tail = node.endsHere * scale;
  return (
    <>
      {tail >= 1 && (
        <>
          <linearGradient id={gradient}>
            <stop offset="0" stopColor="var(--chart-3)" stopOpacity="0.45" />
            <stop offset="1" stopColor="var(--chart-3)" stopOpacity="0" />
          </linearGradient>
          <rect
            x={node.x + node.width}
            y={node.y + node.height - tail}
            width={34}
            height={tail}
            fill={`url(#${gradient})`}
          />
        </>
      )}
      <rect x={node.x} y={node.y} width={node.width} height={node.height} rx={3} fill={color} />
      <text className="halo" x={node.x} y={node.y - 7} fontWeight={500}>
        {shortened(nodeLabel(node), room - 52)}
        <tspan className="soft" dx={6} fontWeight={400}>
          {formatCount(node.value)}
        </tspan>
      </text>
      <rect
        className="ring"
        x={node.x - 3}
        y={node.y - 3}
        width={node.width + 6}
        height={node.height + 6}
        rx={5}
      />
    </>
  );
}

function aboutNode(node: PathNode, counted: string, entered: number): TooltipContent {
  const facts: [string, string][] = [[counted, formatCount(node.value)]];
  if (entered > 0) facts.push(["of all", formatRate(node.value / entered)]);
  if (node.type !== "dropoff") {
    facts.push(["went on", formatCount(node.outgoing_value)]);
    if (node.dropoff_value > 0) facts.push(["ended here", formatCount(node.dropoff_value)]);
  }
  const others = node.aggregated_nodes ?? [];
  return {
    title: nodeLabel(node),
    facts,
    ...(others.length > 0
      ? {
          note: `${others
            .slice(0, 5)
            .map((one) => `${one.name} ${formatCount(one.value)}`)
            .join(", ")}${others.length > 5 ? ` and ${others.length - 5} more` : ""}`,
        }
      : {}),
  };
}

function aboutLink(link: PlacedLink, counted: string): TooltipContent {
  return {
    title: `${nodeLabel(link.from)} → ${nodeLabel(link.to)}`,
    facts: [
      [counted, formatCount(link.value)],
      [`of ${nodeLabel(link.from)}`, formatRate(link.from.value === 0 ? null : link.value / link.from.value)],
    ],
  };
}
