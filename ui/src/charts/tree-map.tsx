import { hierarchy, treemap } from "d3-hierarchy";
import { useMemo } from "react";
import { seriesColor } from "./colors";
import { formatCount, formatRate } from "./format";
import { useMarks, useWidth } from "./marks";
import { shortened, spoken, Tooltip, type TooltipContent } from "./tooltip";

export interface Leaf {
  key: string;
  label: string;
  value: number;
}

/** A leaf with its rectangle; the areas are in proportion to the values and together fill the whole. */
export interface Tile extends Leaf {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export function tiles(leaves: Leaf[], width: number, height: number): Tile[] {
  const root = hierarchy<{ children?: Leaf[] } | Leaf>(
    { children: leaves.filter((leaf) => leaf.value > 0) },
    (node) => ("children" in node ? node.children : undefined),
  )
    .sum((node) => ("value" in node ? node.value : 0))
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  if (!root.children) return [];
  return treemap<{ children?: Leaf[] } | Leaf>()
    .size([width, height])(root)
    .leaves()
    .map(({ data, x0, y0, x1, y1 }) => ({ ...(data as Leaf), x0, y0, x1, y1 }));
}

const BOLD_CHAR_PX = 7.4;

interface Props {
  label: string;
  leaves: Leaf[];
  height?: number;
  format?: (value: number | null) => string;
  onOpen?: (leaf: Leaf, anchor: Element) => void;
}

export function TreeMap({ label, leaves, height = 360, format = formatCount, onOpen }: Props) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const placed = useMemo(() => tiles(leaves, width, height), [leaves, width, height]);
  const total = placed.reduce((sum, tile) => sum + tile.value, 0);
  const marks = placed.map((tile) => ({
    ...tile,
    row: Math.round((tile.y0 + tile.y1) / 2),
    col: Math.round((tile.x0 + tile.x1) / 2),
  }));
  const handle = useMarks(marks, onOpen);
  const describe = (leaf: Leaf): TooltipContent => ({
    title: leaf.label,
    facts: [
      ["Value", format(leaf.value)],
      ["Share", formatRate(leaf.value / total)],
    ],
  });
  return (
    <figure className="chart" ref={ref}>
      {width > 0 && (
        <svg width={width} height={height} role="group" aria-label={label}>
          {marks.map((tile, index) => {
            const wide = tile.x1 - tile.x0;
            const tall = tile.y1 - tile.y0;
            return (
              <g key={tile.key} {...handle.props(index)} aria-label={spoken(describe(tile))}>
                <rect
                  x={tile.x0 + 1}
                  y={tile.y0 + 1}
                  width={Math.max(0, wide - 2)}
                  height={Math.max(0, tall - 2)}
                  rx={4}
                  fill={seriesColor(0)}
                  fillOpacity={0.16}
                  stroke={seriesColor(0)}
                  strokeOpacity={0.5}
                />
                {tall > 22 && wide > 40 && (
                  <text x={tile.x0 + 9} y={tile.y0 + 19} fontWeight={600}>
                    {shortened(tile.label, wide - 16, BOLD_CHAR_PX)}
                  </text>
                )}
                {tall > 40 && wide > 40 && (
                  <text x={tile.x0 + 9} y={tile.y0 + 35} className="soft">
                    {shortened(format(tile.value), wide - 16)}
                  </text>
                )}
                <rect
                  className="ring"
                  x={tile.x0 + 2}
                  y={tile.y0 + 2}
                  width={Math.max(0, wide - 4)}
                  height={Math.max(0, tall - 4)}
                  rx={4}
                />
              </g>
            );
          })}
        </svg>
      )}
      {width === 0 && <div style={{ height }} />}
      {handle.active && (
        <Tooltip
          x={(handle.active.x0 + handle.active.x1) / 2}
          y={(handle.active.y0 + handle.active.y1) / 2}
          width={width}
          content={describe(handle.active)}
        />
      )}
    </figure>
  );
}
