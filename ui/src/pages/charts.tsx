import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { ChartAttributes, ChartKind } from "../analysis/save-chart";
import { envelope, type Resource, request } from "../api/client";
import { useMay } from "../app/session";
import { useCharts } from "../saved-charts/queries";
import { useSegments } from "../segments/queries";
import { Button, buttonClass, IconButton } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { ago, Badge, Empty, ErrorBox, SkeletonRows } from "../ui/feedback";
import type { IconName } from "../ui/icons";
import { Icon } from "../ui/icons";
import { NameDialog } from "../ui/name-dialog";
import { Page } from "../ui/page";
import { toast } from "../ui/toast";

type Chart = Resource<ChartAttributes>;

const KINDS: Record<ChartKind, { path: string; icon: IconName; label: string }> = {
  explorer: { path: "/explorer", icon: "explorer", label: "Explorer" },
  funnel: { path: "/funnel", icon: "funnel", label: "Funnel" },
  retention: { path: "/retention", icon: "retention", label: "Retention" },
  pathway: { path: "/pathways", icon: "pathways", label: "Pathways" },
};

export default function ChartsPage() {
  const charts = useCharts();
  const segments = useSegments();
  const [renaming, setRenaming] = useState<Chart | null>(null);
  const [deleting, setDeleting] = useState<Chart | null>(null);
  const may = useMay("write");
  const nameOf = (id: string) => segments.data?.find((one) => one.id === id)?.attributes.name ?? "a segment";
  return (
    <Page title="Saved charts" subtitle="Questions that were kept; opening one asks it anew.">
      <section className="card" aria-label="Charts">
        {charts.error ? (
          <div className="p-4">
            <ErrorBox
              error={charts.error}
              title="The charts can't be listed"
              retry={() => void charts.refetch()}
            />
          </div>
        ) : charts.isPending ? (
          <SkeletonRows rows={5} />
        ) : charts.data.length === 0 ? (
          <Empty
            icon="charts"
            title="No saved charts"
            action={
              <Link to="/explorer" className={buttonClass("primary")}>
                Ask a question
              </Link>
            }
          >
            Explorer, funnel, retention and pathways each have a “Save chart” button. What is saved there can
            be opened here by everyone.
          </Empty>
        ) : (
          <ul>
            {charts.data.map((chart) => {
              const kind = KINDS[chart.attributes.kind];
              return (
                <li
                  key={chart.id}
                  className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2.5 last:border-0 hover:bg-hover"
                >
                  <Icon name={kind.icon} />
                  <div className="min-w-0 flex-1 basis-56">
                    <Link
                      to={kind.path}
                      search={chart.attributes.state as never}
                      className="font-medium text-accent-ink hover:underline"
                    >
                      {chart.attributes.name}
                    </Link>
                    <span className="block text-xs text-ink-3">
                      {kind.label}, changed{" "}
                      {ago(Math.max(0, Date.now() - Date.parse(chart.attributes.modified_at)))}
                    </span>
                  </div>
                  {chart.attributes.segment_ids.map((id) => (
                    <Badge key={id} tone="accent">
                      {nameOf(id)}
                    </Badge>
                  ))}
                  {may && (
                    <span className="flex">
                      <IconButton
                        icon="edit"
                        label={`Rename ${chart.attributes.name}`}
                        onClick={() => setRenaming(chart)}
                      />
                      <IconButton
                        icon="trash"
                        label={`Delete ${chart.attributes.name}`}
                        onClick={() => setDeleting(chart)}
                      />
                    </span>
                  )}
                </li>
              );
            })}
          </ul>
        )}
      </section>
      {renaming && <Rename chart={renaming} onClose={() => setRenaming(null)} />}
      {deleting && <Delete chart={deleting} onClose={() => setDeleting(null)} />}
    </Page>
  );
}

function Rename({ chart, onClose }: { chart: Chart; onClose: () => void }) {
  const client = useQueryClient();
  const rename = useMutation({
    mutationFn: (name: string) =>
      request("PATCH", `/charts/${chart.id}`, {
        body: envelope("chart", { name }),
        headers: { "If-Match": `"${chart.attributes.version}"` },
      }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["charts"] });
      onClose();
    },
  });
  return (
    <NameDialog
      open
      onClose={onClose}
      title="Rename chart"
      name={chart.attributes.name}
      action="Rename"
      busy={rename.isPending}
      error={rename.error}
      onName={(name) => rename.mutate(name)}
    />
  );
}

function Delete({ chart, onClose }: { chart: Chart; onClose: () => void }) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => request<void>("DELETE", `/charts/${chart.id}`),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["charts"] });
      toast("Chart deleted");
      onClose();
    },
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Delete “${chart.attributes.name}”?`}
      description="Its events and segments stay."
      width="sm"
      footer={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button look="danger" busy={remove.isPending} onClick={() => remove.mutate()}>
            Delete
          </Button>
        </>
      }
    >
      <ErrorBox error={remove.error} />
    </Dialog>
  );
}
