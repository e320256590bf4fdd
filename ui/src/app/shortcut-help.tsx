import { Dialog } from "../ui/dialog";
import { PAGES } from "./pages";

export default function ShortcutHelp({ onClose }: { onClose: () => void }) {
  const rows: [string, string][] = [
    ["⌘K or Ctrl K", "Go to a page, segment, user"],
    ["/", "Search on this page"],
    ["?", "These shortcuts"],
    ["⌘Z, ⇧⌘Z", "Undo and redo in the segment builder"],
    ...PAGES.filter((page) => page.key).map((page): [string, string] => [`g ${page.key}`, page.title]),
  ];
  return (
    <Dialog open onClose={onClose} title="Keyboard shortcuts" width="sm">
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-4 gap-y-2">
        {rows.map(([keys, what]) => (
          <div key={keys} className="contents">
            <dt>
              <kbd className="rounded border border-line-strong bg-sunken px-1.5 py-0.5 font-mono text-xs">
                {keys}
              </kbd>
            </dt>
            <dd className="text-ink-2">{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
