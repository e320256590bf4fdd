import { Menu as Base } from "@base-ui/react/menu";
import type { ReactElement } from "react";
import { cx } from "./cx";
import { Icon, type IconName } from "./icons";

export type MenuEntry =
  | { label: string; icon?: IconName; hint?: string; danger?: boolean; disabled?: boolean; run: () => void }
  | "separator";

export function Menu({
  trigger,
  entries,
  align = "start",
}: {
  trigger: ReactElement<Record<string, unknown>>;
  entries: MenuEntry[];
  align?: "start" | "end";
}) {
  return (
    <Base.Root modal={false}>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={6} align={align} collisionPadding={8} className="z-50">
          <Base.Popup className="popup min-w-44 p-1">
            {entries.map((entry, index) =>
              entry === "separator" ? (
                <Base.Separator key={index} className="my-1 h-px bg-line" />
              ) : (
                <Base.Item
                  key={index}
                  disabled={entry.disabled}
                  onClick={entry.run}
                  className={cx("option cursor-pointer", entry.danger && "text-bad")}
                >
                  {entry.icon && <Icon name={entry.icon} />}
                  <span className="flex-1">{entry.label}</span>
                  {entry.hint && <span className="text-xs text-ink-3">{entry.hint}</span>}
                </Base.Item>
              ),
            )}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
