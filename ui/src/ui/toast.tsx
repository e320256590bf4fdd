import { Toast } from "@base-ui/react/toast";
import type { ReactNode } from "react";
import { Button, IconButton } from "./button";
import { faultsOf } from "./feedback";

const manager = Toast.createToastManager();

interface Action {
  label: string;
  run: () => void;
}

/** Says that something was done; `action` offers to undo it. */
export function toast(title: string, options: { description?: string; action?: Action } = {}): void {
  manager.add({
    title,
    description: options.description,
    data: options.action,
    timeout: options.action ? 10_000 : 5000,
  });
}

/** Says that something failed and why. */
export function toastError(title: string, error: unknown): void {
  const description = faultsOf(error)
    .map((fault) => fault.detail)
    .join(" ");
  manager.add({ title, description, type: "error", priority: "high", timeout: 12_000 });
}

export function Toasts({ children }: { children: ReactNode }) {
  return (
    <Toast.Provider toastManager={manager}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className="fixed right-4 bottom-4 z-60 flex w-80 max-w-[calc(100vw-2rem)] flex-col gap-2">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List() {
  const { toasts } = Toast.useToastManager<Action>();
  return toasts.map((item) => (
    <Toast.Root key={item.id} toast={item} className="popup p-3" swipeDirection="right">
      <Toast.Content className="flex items-start gap-2">
        <div className="min-w-0 flex-1">
          <Toast.Title className={item.type === "error" ? "font-semibold text-bad" : "font-semibold"} />
          <Toast.Description className="mt-0.5 break-words text-ink-2" />
        </div>
        {item.data && (
          <Button
            size="sm"
            onClick={() => {
              item.data?.run();
              manager.close(item.id);
            }}
          >
            {item.data.label}
          </Button>
        )}
        <IconButton icon="close" label="Dismiss" size="sm" onClick={() => manager.close(item.id)} />
      </Toast.Content>
    </Toast.Root>
  ));
}
