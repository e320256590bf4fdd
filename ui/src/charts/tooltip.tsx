import type { ReactNode } from "react";

export interface TooltipContent {
  title: string;
  /** Name and value, one line each. */
  facts: [string, string][];
  note?: string;
}

/** Beside the point (x, y) of a chart `width` wide; flips to the other side near the right edge. */
export function Tooltip({
  x,
  y,
  width,
  content,
}: {
  x: number;
  y: number;
  width: number;
  content: TooltipContent;
}) {
  const flipped = x > width / 2;
  return (
    <div
      className="chart-tooltip"
      role="tooltip"
      style={{ top: y, left: x, transform: `translate(${flipped ? "calc(-100% - 12px)" : "12px"}, -50%)` }}
    >
      <strong>{content.title}</strong>
      {content.facts.length > 0 && (
        <dl>
          {content.facts.map(([name, value]) => (
            <Fact key={name} name={name} value={value} />
          ))}
        </dl>
      )}
      {content.note && <em>{content.note}</em>}
    </div>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

/** What a screen reader says of a mark: the tooltip in one line. */
export function spoken(content: TooltipContent): string {
  return [content.title, ...content.facts.map(([name, value]) => `${name} ${value}`), content.note]
    .filter(Boolean)
    .join(", ");
}

/** A colour's name in the legend. */
export function Legend({ items }: { items: { label: ReactNode; color: string; dashed?: boolean }[] }) {
  return (
    <ul className="chart-legend">
      {items.map((item, index) => (
        <li key={index}>
          <svg width="14" height="10" aria-hidden="true">
            {item.dashed ? (
              <line x1="0" x2="14" y1="5" y2="5" stroke={item.color} strokeWidth="2" strokeDasharray="3 3" />
            ) : (
              <rect x="2" width="10" height="10" rx="2" fill={item.color} />
            )}
          </svg>
          <span>{item.label}</span>
        </li>
      ))}
    </ul>
  );
}

/** Cuts a label to the characters that shortened, with an ellipsis. */
export function shortened(label: string, widthPx: number, charPx = 6.6): string {
  const room = Math.floor(widthPx / charPx);
  if (label.length <= room) return label;
  return room < 2 ? "" : `${label.slice(0, room - 1)}…`;
}
