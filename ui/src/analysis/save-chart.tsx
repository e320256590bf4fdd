import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { envelope, type One, request } from "../api/client";
import { useMay } from "../app/session";
import { Button } from "../ui/button";
import { NameDialog } from "../ui/name-dialog";
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
  const may = useMay("write");
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: (name: string) =>
      request<One<ChartAttributes>>("POST", "/charts", {
        body: envelope("chart", {
          name,
          kind,
          state: lasting(state),
          ...(asked ? { query: { path: asked.path, body: bodyOf(asked) } } : {}),
          segment_ids: segmentIds,
        }),
      }),
    onSuccess: ({ data }) => {
      void client.invalidateQueries({ queryKey: ["charts"] });
      toast(`Chart “${data.attributes.name}” saved`);
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
          setOpen(true);
        }}
      >
        Save chart
      </Button>
      <NameDialog
        open={open}
        onClose={() => setOpen(false)}
        title="Save chart"
        description="It keeps its question and its range, and shows fresh numbers whenever it is opened."
        name={suggestedName}
        action="Save chart"
        busy={save.isPending}
        error={save.error}
        onName={(name) => save.mutate(name)}
      />
    </>
  );
}

/** A chart is kept without the drawer that happens to be open. */
function lasting(state: Record<string, unknown>): Record<string, unknown> {
  const { people: _, ...rest } = state;
  return JSON.parse(JSON.stringify(rest)) as Record<string, unknown>;
}
