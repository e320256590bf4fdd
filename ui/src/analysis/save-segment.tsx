import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useId, useState } from "react";
import { envelope, type One, request } from "../api/client";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { ErrorBox } from "../ui/feedback";
import { Labelled } from "../ui/page";
import { toast } from "../ui/toast";

interface Props {
  open: boolean;
  onClose: () => void;
  /** What the segment is called unless something better comes to mind. */
  suggestedName: string;
  definition: unknown;
  /** The same with windows that move on with the clock, if there are any. */
  liveDefinition?: unknown;
  echo?: string;
  /** "the last 30 days" */
  liveText?: string;
}

/** Names a set of people and keeps its definition. */
export function SaveSegment({
  open,
  onClose,
  suggestedName,
  definition,
  liveDefinition,
  echo,
  liveText,
}: Props) {
  const [name, setName] = useState(suggestedName);
  const [live, setLive] = useState(true);
  const form = useId();
  const navigate = useNavigate();
  const client = useQueryClient();
  useEffect(() => {
    if (open) setName(suggestedName);
  }, [open, suggestedName]);
  const save = useMutation({
    mutationFn: () =>
      request<One<{ name: string; size?: number }>>("POST", "/segments", {
        body: envelope("segment", {
          name: name.trim(),
          definition: live && liveDefinition ? liveDefinition : definition,
        }),
      }),
    onSuccess: ({ data }) => {
      void client.invalidateQueries({ queryKey: ["segments"] });
      toast(`Segment “${data.attributes.name}” saved`, {
        action: {
          label: "Open",
          run: () => void navigate({ to: "/segments/$id", params: { id: data.id } } as never),
        },
      });
      onClose();
    },
  });
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Save as segment"
      description={echo}
      width="sm"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            form={form}
            busy={save.isPending}
            disabled={name.trim() === ""}
          >
            Save segment
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="space-y-3"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
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
        {liveDefinition !== undefined && (
          <fieldset className="space-y-1.5">
            <legend className="mb-1 font-medium">Who is in it</legend>
            <label className="flex gap-2">
              <input type="radio" name="live" checked={live} onChange={() => setLive(true)} />
              <span>Whoever does this in {liveText ?? "the range"}, as time goes on</span>
            </label>
            <label className="flex gap-2">
              <input type="radio" name="live" checked={!live} onChange={() => setLive(false)} />
              <span>Those who did it between the dates of this chart</span>
            </label>
          </fieldset>
        )}
        <ErrorBox error={save.error} />
      </form>
    </Dialog>
  );
}
