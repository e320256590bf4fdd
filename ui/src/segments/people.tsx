import { useNavigate } from "@tanstack/react-router";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import type { Definition } from "./definition";
import { Members } from "./members";

/** The people of any definition, and the way to keep them as a segment. */
export function People({
  definition,
  title,
  onClose,
}: {
  definition: Definition;
  title: string;
  onClose: () => void;
}) {
  const navigate = useNavigate();
  const save = () => {
    onClose();
    void navigate({ to: "/segments/new", search: newSegmentSearch(definition) } as never);
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={title}
      width="lg"
      footer={
        <Button look="primary" icon="segments" onClick={save}>
          Make a segment of them
        </Button>
      }
    >
      <div className="-mx-5 -my-4">
        <Members of={{ definition }} entity={definition.entity} />
      </div>
    </Dialog>
  );
}

/** Search parameters of `/segments/new` that open the builder with this definition. */
export function newSegmentSearch(
  definition: Definition,
): (previous: Record<string, unknown>) => Record<string, unknown> {
  return (previous) => ({ range: previous.range, tz: previous.tz, def: definition });
}
