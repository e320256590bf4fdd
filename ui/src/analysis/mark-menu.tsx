import { Menu } from "@base-ui/react/menu";
import { useState } from "react";
import { Icon, type IconName } from "../ui/icons";

export interface MarkAction {
  label: string;
  icon?: IconName;
  run: () => void;
}

interface Opened {
  anchor: Element;
  title: string;
  actions: MarkAction[];
}

/** The menu of a chart's mark: `open` it at the mark's element, and put `element` anywhere. */
export function useMarkMenu() {
  const [opened, setOpened] = useState<Opened | null>(null);
  return {
    open: (anchor: Element, title: string, actions: MarkAction[]) => setOpened({ anchor, title, actions }),
    element: <MarkMenu opened={opened} onClose={() => setOpened(null)} />,
  };
}

function MarkMenu({ opened, onClose }: { opened: Opened | null; onClose: () => void }) {
  return (
    <Menu.Root open={opened !== null} onOpenChange={(open) => !open && onClose()} modal={false}>
      <Menu.Portal>
        <Menu.Positioner anchor={opened?.anchor} sideOffset={6} collisionPadding={8} className="z-50">
          <Menu.Popup
            className="popup min-w-52 max-w-80 p-1"
            finalFocus={() =>
              opened?.anchor instanceof HTMLElement ? opened.anchor : refocus(opened?.anchor)
            }
          >
            <Menu.Group>
              <Menu.GroupLabel className="px-2 pt-1 pb-1.5 text-xs break-words text-ink-3">
                {opened?.title}
              </Menu.GroupLabel>
              {opened?.actions.map((action) => (
                <Menu.Item key={action.label} onClick={action.run} className="option cursor-pointer">
                  {action.icon && <Icon name={action.icon} />}
                  <span className="flex-1">{action.label}</span>
                </Menu.Item>
              ))}
            </Menu.Group>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

/** Marks are SVG elements, which take focus all the same. */
function refocus(anchor: Element | undefined): boolean {
  const mark = anchor?.closest("[data-mark]");
  if (mark instanceof SVGElement) mark.focus();
  return false;
}
