import { Dialog } from "@base-ui/react/dialog";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useSegments } from "../segments/queries";
import { cx } from "../ui/cx";
import { Icon, type IconName } from "../ui/icons";
import { PAGES } from "./pages";
import { chooseTheme } from "./theme";

interface Command {
  id: string;
  label: string;
  hint: string;
  icon: IconName;
  run: () => void;
}

const SHOWN = 12;

/** ⌘K: pages, segments, users by id, and a few actions. */
export default function Palette({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  return (
    <Dialog.Root open onOpenChange={(next) => !next && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-black/40" />
        <Dialog.Popup
          aria-label="Go to"
          className="popup fixed inset-x-3 top-[12vh] z-50 mx-auto max-w-xl overflow-hidden rounded-xl"
        >
          <Commands onClose={onClose} onHelp={onHelp} />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Commands({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const commands = useCommands(text, onHelp);
  const current = Math.min(at, commands.length - 1);
  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.run();
  };
  return (
    <>
      <div className="flex items-center gap-2 border-b border-line px-4">
        <Icon name="search" className="text-ink-3" />
        <input
          role="combobox"
          aria-label="Go to"
          aria-expanded="true"
          aria-controls="commands"
          aria-activedescendant={commands[current] && `command-${current}`}
          placeholder="A page, a segment, a user's id…"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            if (event.key === "ArrowDown") setAt((current + 1) % Math.max(1, commands.length));
            else if (event.key === "ArrowUp")
              setAt((current + commands.length - 1) % Math.max(1, commands.length));
            else if (event.key === "Enter") run(commands[current]);
            else return;
            event.preventDefault();
          }}
          className="h-12 flex-1 bg-transparent text-base outline-none"
        />
      </div>
      <div id="commands" role="listbox" aria-label="Results" className="max-h-[50vh] overflow-y-auto p-1.5">
        {commands.map((command, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are handled by the input
          <div
            key={command.id}
            id={`command-${index}`}
            role="option"
            aria-selected={index === current}
            onClick={() => run(command)}
            onMouseMove={() => setAt(index)}
            className={cx("option h-9 cursor-pointer", index === current && "bg-hover")}
          >
            <Icon name={command.icon} className="text-ink-3" />
            <span className="min-w-0 flex-1 truncate">{command.label}</span>
            <span className="text-xs text-ink-3">{command.hint}</span>
          </div>
        ))}
        {commands.length === 0 && <p className="px-2 py-3 text-ink-3">Nothing is called that.</p>}
      </div>
    </>
  );
}

function useCommands(text: string, onHelp: () => void): Command[] {
  const navigate = useNavigate();
  const segments = useSegments();
  return useMemo(() => {
    const go = (to: string) => () => void navigate({ to });
    const commands: Command[] = PAGES.filter((page) => !page.path.includes("$")).map((page) => ({
      id: page.path,
      label: page.title,
      hint: page.key ? `g ${page.key}` : "page",
      icon: page.nav?.icon ?? "plus",
      run: go(page.path),
    }));
    for (const segment of segments.data ?? []) {
      const label = segment.attributes.name;
      commands.push({
        id: segment.id,
        label,
        hint: "segment",
        icon: "segments",
        run: go(`/segments/${segment.id}`),
      });
    }
    commands.push(
      { id: "light", label: "Light theme", hint: "theme", icon: "sun", run: () => chooseTheme("light") },
      { id: "dark", label: "Dark theme", hint: "theme", icon: "moon", run: () => chooseTheme("dark") },
      { id: "help", label: "Keyboard shortcuts", hint: "?", icon: "keyboard", run: onHelp },
    );
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = commands.filter((command) =>
      words.every((word) => command.label.toLowerCase().includes(word)),
    );
    const id = text.trim();
    if (id) {
      const path = encodeURIComponent(id);
      found.push(
        { id: "user", label: `User “${id}”`, hint: "profile", icon: "user", run: go(`/users/${path}`) },
        {
          id: "account",
          label: `Account “${id}”`,
          hint: "profile",
          icon: "accounts",
          run: go(`/accounts/${path}`),
        },
      );
    }
    return found.slice(0, id ? undefined : SHOWN);
  }, [text, segments.data, navigate, onHelp]);
}
