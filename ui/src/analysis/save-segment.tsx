import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { envelope, type One, request } from "../api/client";
import { NameDialog } from "../ui/name-dialog";
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
  const [live, setLive] = useState(true);
  const navigate = useNavigate();
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: (name: string) =>
      request<One<{ name: string; size?: number }>>("POST", "/segments", {
        body: envelope("segment", {
          name,
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
    <NameDialog
      open={open}
      onClose={onClose}
      title="Save as segment"
      description={echo}
      name={suggestedName}
      action="Save segment"
      busy={save.isPending}
      error={save.error}
      onName={(name) => save.mutate(name)}
    >
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
    </NameDialog>
  );
}
