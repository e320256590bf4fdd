import { type KeyboardEvent, useCallback, useEffect, useRef, useState } from "react";

/**
 * Marks are what a chart draws for its numbers: bars, slices, nodes, cells. Every mark can be reached by the keyboard:
 * one of them is in the tab order (roving focus), arrow keys move along rows and columns, Enter opens its menu.
 */
export interface MarkPosition {
  row: number;
  col: number;
}

export interface Marks<T extends MarkPosition> {
  /** The mark that tooltip and focus ring belong to, if any. */
  active: T | null;
  setHovered: (index: number | null) => void;
  /** What a mark's element needs: `<g {...marks.props(i)}>`. */
  props: (index: number) => {
    ref: (element: SVGElement | HTMLElement | null) => void;
    tabIndex: 0 | -1;
    role: "button" | "img";
    "data-mark": number;
    onFocus: () => void;
    onBlur: () => void;
    onKeyDown: (event: KeyboardEvent) => void;
    onPointerEnter: () => void;
    onPointerLeave: () => void;
    onClick: () => void;
  };
}

/** Where an arrow key leads from one mark: the nearest in that direction, or the same one at an edge. */
export function neighbour(marks: MarkPosition[], from: number, key: string): number {
  const here = marks[from];
  if (!here) return from;
  switch (key) {
    case "Home":
      return 0;
    case "End":
      return marks.length - 1;
    case "ArrowLeft":
    case "ArrowRight": {
      const step = key === "ArrowRight" ? 1 : -1;
      const ahead = marks
        .map((mark, index) => ({
          index,
          along: (mark.col - here.col) * step,
          across: Math.abs(mark.row - here.row),
        }))
        .filter(({ along }) => along > 0);
      return nearest(ahead) ?? from;
    }
    case "ArrowUp":
    case "ArrowDown": {
      const step = key === "ArrowDown" ? 1 : -1;
      const ahead = marks
        .map((mark, index) => ({
          index,
          along: (mark.row - here.row) * step,
          across: Math.abs(mark.col - here.col),
        }))
        .filter(({ along }) => along > 0);
      return nearest(ahead) ?? from;
    }
    default:
      return from;
  }
}

function nearest(ahead: { index: number; along: number; across: number }[]): number | undefined {
  return ahead.sort((a, b) => a.along - b.along || a.across - b.across)[0]?.index;
}

/** `open` gets the mark and the element it was opened from; without it marks can be looked at only. */
export function useMarks<T extends MarkPosition>(
  marks: T[],
  open?: (mark: T, anchor: Element) => void,
): Marks<T> {
  const [focusable, setFocusable] = useState(0);
  const [focused, setFocused] = useState<number | null>(null);
  const [hovered, setHovered] = useState<number | null>(null);
  const elements = useRef(new Map<number, SVGElement | HTMLElement>());

  // Fewer marks than before: the one in the tab order must still exist.
  useEffect(() => {
    if (focusable >= marks.length) setFocusable(0);
  }, [marks.length, focusable]);

  const moveTo = useCallback((index: number) => {
    setFocusable(index);
    elements.current.get(index)?.focus();
  }, []);

  const activeIndex = hovered ?? focused;
  return {
    active: activeIndex === null ? null : (marks[activeIndex] ?? null),
    setHovered,
    props: (index) => ({
      ref: (element) => {
        if (element) elements.current.set(index, element);
        else elements.current.delete(index);
      },
      tabIndex: index === focusable ? 0 : -1,
      role: open ? "button" : "img",
      "data-mark": index,
      onFocus: () => {
        setFocusable(index);
        setFocused(index);
      },
      onBlur: () => setFocused(null),
      onKeyDown: (event) => {
        if (event.key === "Enter" || event.key === " ") {
          const mark = marks[index];
          const element = elements.current.get(index);
          if (open && mark && element) {
            event.preventDefault();
            open(mark, element);
          }
          return;
        }
        if (event.key === "Escape") setHovered(null);
        const next = neighbour(marks, index, event.key);
        if (next !== index) {
          event.preventDefault();
          setHovered(null);
          moveTo(next);
        }
      },
      onPointerEnter: () => setHovered(index),
      onPointerLeave: () => setHovered(null),
      onClick: () => {
        const mark = marks[index];
        const element = elements.current.get(index);
        if (open && mark && element) open(mark, element);
      },
    }),
  };
}

/** An element's width, followed as it changes. 0 until it is known. */
export function useWidth<E extends HTMLElement>() {
  const ref = useRef<E>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { ref, width };
}
