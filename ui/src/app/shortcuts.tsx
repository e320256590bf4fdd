import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { PAGES } from "./pages";

/** How long after `g` the page's letter counts. */
const SEQUENCE_MS = 1200;

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

/** ⌘K or Ctrl-K, `/`, `?`, and `g` with a page's letter. */
export function useShortcuts(actions: { openPalette: () => void; openHelp: () => void }): void {
  const navigate = useNavigate();
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    let wentAt = 0;
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        latest.current.openPalette();
        return;
      }
      if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
      if (event.key === "?") {
        event.preventDefault();
        latest.current.openHelp();
      } else if (event.key === "/") {
        const field = document.querySelector<HTMLElement>("main [data-search]");
        event.preventDefault();
        if (field) field.focus();
        else latest.current.openPalette();
      } else if (event.key === "g") {
        wentAt = Date.now();
      } else if (Date.now() - wentAt < SEQUENCE_MS) {
        wentAt = 0;
        const page = PAGES.find((page) => page.key === event.key);
        if (page) void navigate({ to: page.path });
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [navigate]);
}
