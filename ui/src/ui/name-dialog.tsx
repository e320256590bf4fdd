import { type ReactNode, useEffect, useId, useState } from "react";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { ErrorBox } from "./feedback";
import { Labelled } from "./page";

interface Props {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: string;
  /** What the name is at first. */
  name: string;
  /** On the button. */
  action: string;
  busy: boolean;
  error: unknown;
  onName: (name: string) => void;
  /** What else is asked. */
  children?: ReactNode;
}

/** Asks for a name, and hands it over without outer blanks. */
export function NameDialog({
  open,
  onClose,
  title,
  description,
  name: first,
  action,
  busy,
  error,
  onName,
  children,
}: Props) {
  const [name, setName] = useState(first);
  const form = useId();
  useEffect(() => {
    if (open) setName(first);
  }, [open, first]);
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={title}
      description={description}
      width="sm"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={form} busy={busy} disabled={name.trim() === ""}>
            {action}
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="space-y-3"
        onSubmit={(event) => {
          event.preventDefault();
          onName(name.trim());
        }}
      >
        <Labelled label="Name">
          <input
            className="field w-full"
            value={name}
            onChange={(event) => setName(event.target.value)}
            required
            maxLength={200}
          />
        </Labelled>
        {children}
        <ErrorBox error={error} />
      </form>
    </Dialog>
  );
}
