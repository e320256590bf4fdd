import { useSyncExternalStore } from "react";

export type ThemeChoice = "system" | "light" | "dark";
export type Theme = "light" | "dark";

const KEY = "whodid.theme";
const dark = globalThis.matchMedia?.("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function stored(): ThemeChoice {
  const value = localStorage.getItem(KEY);
  return value === "light" || value === "dark" ? value : "system";
}

function resolve(choice: ThemeChoice): Theme {
  if (choice !== "system") return choice;
  return dark?.matches ? "dark" : "light";
}

/** Before anything is drawn, and whenever the choice or the system's preference changes. */
export function applyTheme(): void {
  document.documentElement.dataset.theme = resolve(stored());
  for (const listener of listeners) listener();
}

export function chooseTheme(choice: ThemeChoice): void {
  if (choice === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, choice);
  applyTheme();
}

dark?.addEventListener("change", applyTheme);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What is shown and what was chosen. */
export function useTheme(): { theme: Theme; choice: ThemeChoice } {
  const choice = useSyncExternalStore(subscribe, stored);
  const theme = useSyncExternalStore(subscribe, () => resolve(stored()));
  return { theme, choice };
}
