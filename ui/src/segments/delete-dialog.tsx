import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { ErrorBox, Warning } from "../ui/feedback";
import { useDeleteSegments } from "./actions";
import type { Segment } from "./queries";

/** Asks before segments go, and says what refers to them. */
export function DeleteDialog({
  segments,
  onClose,
  onDone,
}: {
  segments: Segment[];
  onClose: () => void;
  onDone: () => void;
}) {
  const remove = useDeleteSegments(onDone);
  const doomed = new Set(segments.map(({ id }) => id));
  const used = segments.flatMap(({ attributes }) =>
    attributes.used_in
      .filter(({ id }) => !doomed.has(id))
      .map((user) => ({ segment: attributes.name, user })),
  );
  const [only] = segments;
  const what = segments.length === 1 && only ? `“${only.attributes.name}”` : `${segments.length} segments`;
  // Segments that refer to one another go in any order only by force.
  const force = used.length > 0 || segments.some(({ attributes }) => attributes.used_in.length > 0);
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Delete ${what}?`}
      description="Nobody's data goes. A segment can be restored within 30 days."
      width="sm"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="danger"
            icon="trash"
            busy={remove.isPending}
            onClick={() => remove.mutate({ segments, force })}
          >
            {used.length > 0 ? "Delete all the same" : "Delete"}
          </Button>
        </>
      }
    >
      <div className="space-y-2">
        {used.length > 0 && <Warning>What uses it will fail, and say so, until it is changed:</Warning>}
        <ul className="list-disc space-y-1 pl-5">
          {used.map(({ segment, user }) => (
            <li key={`${segment} ${user.id}`}>
              {user.type} <strong>{user.name}</strong> uses “{segment}”
            </li>
          ))}
        </ul>
        <ErrorBox error={remove.error} title="Not deleted" />
      </div>
    </Dialog>
  );
}
