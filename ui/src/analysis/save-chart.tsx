import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { envelope, type One, request } from "../api/client";
import { useMay } from "../app/session";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { ErrorBox } from "../ui/feedback";
import { Labelled } from "../ui/page";
import { toast } from "../ui/toast";
import { type ApiRequest, bodyOf } from "./requests";

export type ChartKind = "explorer" | "funnel" | "retention" | "pathway";

export interface ChartAttributes {
  name: string;
  description?: string;
  kind: ChartKind;
  /** The page's search parameters. */
  state: Record<string, unknown>;
  query?: { path: string; body: unknown };
  segment_ids: string[];
  version: number;
  created_at: string;
  modified_at: string;
}

interface Props {
  kind: ChartKind;
  suggestedName: string;
  state: Record<string, unknown>;
  request: ApiRequest | undefined;
  segmentIds: string[];
}

/** Keeps the page as it is under a name. */
export function SaveChart({ kind, suggestedName, state, request: asked, segmentIds }: Props) {
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const may = useMay("write");
  const form = useId();
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () =>
      request<One<ChartAttributes>>("POST", "/charts", {
        body: envelope("chart", {
          name: name.trim(),
          kind,
          state: lasting(state),
          ...(asked ? { query: { path: asked.path, body: bodyOf(asked) } } : {}),
          segment_ids: segmentIds,
        }),
      }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["charts"] });
      toast(`Chart “${name.trim()}” saved`);
      setOpen(false);
    },
  });
  if (!may) return null;
  return (
    <>
      <Button
        icon="charts"
        onClick={() => {
          save.reset();
          setName(suggestedName);
          setOpen(true);
        }}
      >
        Save chart
      </Button>
      <Dialog
        open={open}
        onClose={() => setOpen(false)}
        title="Save chart"
        description="It keeps its question and its range, and shows fresh numbers whenever it is opened."
        width="sm"
        footer={
          <>
            <Button onClick={() => setOpen(false)}>Cancel</Button>
            <Button
              look="primary"
              type="submit"
              form={form}
              busy={save.isPending}
              disabled={name.trim() === ""}
            >
              Save chart
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
          <ErrorBox error={save.error} />
        </form>
      </Dialog>
    </>
  );
}

/** A chart is kept without the drawer that happens to be open. */
function lasting(state: Record<string, unknown>): Record<string, unknown> {
  const { people: _, ...rest } = state;
  return JSON.parse(JSON.stringify(rest)) as Record<string, unknown>;
}
