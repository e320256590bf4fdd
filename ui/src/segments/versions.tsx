import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { envelope, type Many, type One, request } from "../api/client";
import { buttonClass } from "../ui/button";
import { cx } from "../ui/cx";
import { ErrorBox, Skeleton, SkeletonRows } from "../ui/feedback";
import { Card } from "../ui/page";
import { Select } from "../ui/select";
import { type Diff, DiffView } from "./builder/save";
import type { Definition } from "./definition";
import { lineDiff } from "./line-diff";
import type { Segment } from "./queries";
import { toYaml } from "./yaml";

interface Version {
  version: number;
  name: string;
  entity: "user" | "account";
  definition: Definition;
  created_at: string;
}

/** How the definition changed, and who would be in it by an older one. */
export function VersionsView({ segment }: { segment: Segment }) {
  const versions = useQuery({
    queryKey: ["segments", segment.id, "versions", segment.attributes.version],
    queryFn: ({ signal }) => request<Many<Version>>("GET", `/segments/${segment.id}/versions`, { signal }),
  });
  if (versions.isError)
    return <ErrorBox error={versions.error} retry={() => versions.refetch()} title="No versions" />;
  if (!versions.data) return <SkeletonRows rows={3} />;
  const list = versions.data.data.map(({ attributes }) => attributes).reverse();
  return <Between segment={segment} versions={list} />;
}

function Between({ segment, versions }: { segment: Segment; versions: Version[] }) {
  const [newest, previous] = versions;
  const [from, setFrom] = useState(String((previous ?? newest)?.version ?? ""));
  const [to, setTo] = useState(String(newest?.version ?? ""));
  const choices = versions.map((version) => ({
    value: String(version.version),
    label: `Version ${version.version}`,
    hint: version.created_at.slice(0, 16).replace("T", " "),
  }));
  const find = (version: string) => versions.find((candidate) => String(candidate.version) === version);
  const [before, after] = [find(from), find(to)];
  if (!before || !after) return null;
  return (
    <Card
      title="Versions"
      actions={
        <>
          <Select label="From version" value={from} onChange={setFrom} choices={choices} />
          <span aria-hidden="true">→</span>
          <Select label="To version" value={to} onChange={setTo} choices={choices} />
        </>
      }
    >
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <pre
          className="overflow-x-auto rounded-lg bg-sunken p-3 font-mono text-xs leading-5"
          tabIndex={0}
          role="group"
          aria-label="Difference"
        >
          {lineDiff(text(before), text(after)).map((line, index) => (
            <div
              key={index}
              className={cx(
                line.sign === "+" && "bg-good-soft text-good",
                line.sign === "-" && "bg-bad-soft text-bad",
              )}
            >
              {line.sign} {line.text}
            </div>
          ))}
        </pre>
        <div className="space-y-3">
          <IfItWere
            segment={segment}
            version={before.version === segment.attributes.version ? after : before}
          />
        </div>
      </div>
    </Card>
  );
}

function text(version: Version): string {
  return toYaml({ name: version.name, definition: version.definition });
}

function IfItWere({ segment, version }: { segment: Segment; version: Version }) {
  const isCurrent = version.version === segment.attributes.version;
  const diff = useQuery({
    queryKey: ["segments", segment.id, "diff", version.definition],
    enabled: !isCurrent,
    queryFn: ({ signal }) => {
      const body = envelope("segment_diff", { definition: version.definition, sample_size: 5 });
      return request<One<Diff>>("POST", `/segments/${segment.id}/diff`, { body, signal });
    },
  });
  if (isCurrent) return <p className="text-ink-2">This is the only version so far.</p>;
  return (
    <>
      <h3 className="font-medium">If it were version {version.version} again</h3>
      {diff.isError && <ErrorBox error={diff.error} />}
      {diff.isPending && <Skeleton className="h-20" />}
      {diff.data && <DiffView diff={diff.data.data.attributes} entity={version.entity} />}
      <Link
        to="/segments/$id/edit"
        params={{ id: segment.id }}
        search={((previous: Record<string, unknown>) => ({ ...previous, def: version.definition })) as never}
        className={buttonClass()}
      >
        Edit from version {version.version}
      </Link>
    </>
  );
}
