import { useCallback, useReducer } from "react";
import type { Definition } from "../definition";
import { type Model, readDefinition, sameJson, writeDefinition } from "../model";

interface History {
  past: Model[];
  present: Model;
  future: Model[];
  /** Edits with the same key in a row are one step of undo, such as the letters of a word. */
  key?: string;
}

type Action =
  | { type: "edit"; change: (model: Model) => Model; key?: string }
  | { type: "reset"; definition: Definition }
  | { type: "undo" }
  | { type: "redo" };

const STEPS_KEPT = 200;

function reduce(history: History, action: Action): History {
  const { past, present, future } = history;
  switch (action.type) {
    case "edit": {
      const next = action.change(present);
      if (next === present) return history;
      if (action.key !== undefined && action.key === history.key)
        return { ...history, present: next, future: [] };
      return { past: [...past, present].slice(-STEPS_KEPT), present: next, future: [], key: action.key };
    }
    case "reset":
      if (sameJson(writeDefinition(present), action.definition)) return history;
      return {
        past: [...past, present].slice(-STEPS_KEPT),
        present: readDefinition(action.definition),
        future: [],
      };
    case "undo": {
      const previous = past.at(-1);
      return previous
        ? { past: past.slice(0, -1), present: previous, future: [present, ...future] }
        : history;
    }
    case "redo": {
      const [next, ...rest] = future;
      return next ? { past: [...past, present], present: next, future: rest } : history;
    }
  }
}

/** A definition under edit, with undo and redo. */
export function useModel(initial: () => Model) {
  const [history, dispatch] = useReducer(reduce, undefined, () => ({
    past: [],
    present: initial(),
    future: [],
  }));
  const edit = useCallback(
    (change: (model: Model) => Model, key?: string) => dispatch({ type: "edit", change, key }),
    [],
  );
  const reset = useCallback((definition: Definition) => dispatch({ type: "reset", definition }), []);
  const undo = useCallback(() => dispatch({ type: "undo" }), []);
  const redo = useCallback(() => dispatch({ type: "redo" }), []);
  return {
    model: history.present,
    edit,
    reset,
    undo,
    redo,
    canUndo: history.past.length > 0,
    canRedo: history.future.length > 0,
  };
}
