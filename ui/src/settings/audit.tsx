import type { Resource } from "../api/client";
import { useShared } from "../app/search";
import { formatInstant } from "../charts/format";
import { Empty, ErrorBox, SkeletonRows } from "../ui/feedback";
import { Card } from "../ui/page";
import { type Column, DataTable } from "../ui/table";
import { type AuditAttributes, useAudit } from "./queries";

/** Who changed what. */
export function Audit() {
  const audit = useAudit();
  const { range } = useShared();
  const columns: Column<Resource<AuditAttributes>>[] = [
    {
      id: "at",
      header: "When",
      width: "11rem",
      cell: ({ attributes }) => <span className="num">{formatInstant(attributes.at, range.timezone)}</span>,
    },
    {
      id: "who",
      header: "Who",
      width: "minmax(9rem,1fr)",
      cell: ({ attributes }) => `${attributes.actor.name} (${attributes.actor.kind})`,
    },
    {
      id: "action",
      header: "Did",
      width: "minmax(14rem,2fr)",
      cell: ({ attributes }) => <code className="font-mono text-xs">{attributes.action}</code>,
    },
    {
      id: "target",
      header: "To",
      width: "minmax(9rem,1fr)",
      cell: ({ attributes }) => <code className="font-mono text-xs">{attributes.target ?? "–"}</code>,
    },
  ];
  return (
    <Card title="Changes" flush>
      {audit.error ? (
        <div className="p-4">
          <ErrorBox
            error={audit.error}
            title="The changes can't be listed"
            retry={() => void audit.refetch()}
          />
        </div>
      ) : audit.isPending ? (
        <SkeletonRows rows={4} />
      ) : (
        <DataTable
          label="Changes"
          rows={audit.data.data}
          columns={columns}
          rowKey={(entry) => entry.id}
          empty={
            <Empty icon="list" title="No changes yet">
              Every change that is made here or through the API is listed, with who made it.
            </Empty>
          }
        />
      )}
    </Card>
  );
}
