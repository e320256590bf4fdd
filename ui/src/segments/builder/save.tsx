import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { envelope, type One, request } from "../../api/client";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { ErrorBox, Skeleton } from "../../ui/feedback";
import { count } from "../../ui/number";
import { Labelled } from "../../ui/page";
import { toast } from "../../ui/toast";
import type { Definition } from "../definition";
import type { Segment, SegmentAttributes } from "../queries";

export interface Group {
  count: number;
  ids: string[];
}

export interface Diff {
  before: { at: string; size: number };
  after: { at: string; size: number };
  joined: Group;
  left: Group;
  stayed: Group;
}

export interface SaveProps {
  definition: Definition;
  /** Absent: a new one. */
  segment?: Segment;
  onClose: () => void;
  onSaved: (segment: Segment) => void;
}

/** Names and saves a definition; for a saved one it shows first who would join and leave. */
export function SaveDialog({ definition, segment, onClose, onSaved }: SaveProps) {
  const queries = useQueryClient();
  const old = segment?.attributes;
  const [name, setName] = useState(old?.name ?? "");
  const [description, setDescription] = useState(old?.description ?? "");
  const [tags, setTags] = useState(old?.tags.join(", ") ?? "");
  const save = useMutation({
    mutationFn: () => {
      const attributes = {
        name: name.trim(),
        description: description.trim(),
        tags: readTags(tags),
        definition,
      };
      const body = envelope("segment", attributes);
      if (!segment) return request<One<SegmentAttributes>>("POST", "/segments", { body });
      const headers = { "If-Match": `"${segment.attributes.version}"` };
      return request<One<SegmentAttributes>>("PATCH", `/segments/${segment.id}`, { body, headers });
    },
    onSuccess: (answer) => {
      void queries.invalidateQueries({ queryKey: ["segments"] });
      toast(segment ? "Segment changed" : "Segment saved");
      onSaved(answer.data);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={segment ? `Save “${segment.attributes.name}”` : "Save the segment"}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            form="save-segment"
            busy={save.isPending}
            disabled={!name.trim()}
          >
            {segment ? "Save the change" : "Save"}
          </Button>
        </>
      }
    >
      <form id="save-segment" onSubmit={submit} className="space-y-3">
        {segment && <MembershipChange id={segment.id} definition={definition} />}
        <Labelled label="Name">
          <input
            required
            maxLength={200}
            value={name}
            onChange={(event) => setName(event.target.value)}
            className="field w-full"
          />
        </Labelled>
        <Labelled label="Description">
          <textarea
            value={description}
            onChange={(event) => setDescription(event.target.value)}
            rows={2}
            className="field h-auto w-full py-1.5"
          />
        </Labelled>
        <Labelled label="Tags" hint="Separated by commas.">
          <input value={tags} onChange={(event) => setTags(event.target.value)} className="field w-full" />
        </Labelled>
        <ErrorBox error={save.error} title="Not saved" />
      </form>
    </Dialog>
  );
}

export function readTags(text: string): string[] {
  return [...new Set(text.split(",").map((tag) => tag.trim()))].filter(Boolean);
}

function MembershipChange({ id, definition }: { id: string; definition: Definition }) {
  const diff = useQuery({
    queryKey: ["segments", id, "diff", definition],
    queryFn: ({ signal }) => {
      const body = envelope("segment_diff", { definition, sample_size: 5 });
      return request<One<Diff>>("POST", `/segments/${id}/diff`, { body, signal });
    },
  });
  if (diff.isError) return <ErrorBox error={diff.error} title="Who would join and leave can't be told" />;
  if (!diff.data) return <Skeleton className="h-20" />;
  return <DiffView diff={diff.data.data.attributes} entity={definition.entity} />;
}

/** Who joins, leaves and stays, with some ids each. */
export function DiffView({ diff, entity }: { diff: Diff; entity: "user" | "account" }) {
  const groups = [
    { name: "join", group: diff.joined, sign: "+", tone: "text-good" },
    { name: "leave", group: diff.left, sign: "−", tone: "text-bad" },
    { name: "stay", group: diff.stayed, sign: "", tone: "text-ink" },
  ];
  return (
    <dl className="grid grid-cols-3 gap-2 rounded-lg bg-sunken p-3">
      {groups.map(({ name, group, sign, tone }) => (
        <div key={name} className="min-w-0">
          <dt className="text-xs text-ink-2">{name}</dt>
          <dd className={`num text-lg font-semibold ${tone}`}>
            {group.count > 0 && sign}
            {count(group.count)}
          </dd>
          {group.ids.slice(0, 3).map((id) => (
            <dd key={id} className="truncate text-xs leading-6">
              <Link
                to={entity === "user" ? "/users/$id" : "/accounts/$id"}
                params={{ id }}
                className="text-accent-ink hover:underline"
              >
                {id}
              </Link>
            </dd>
          ))}
        </div>
      ))}
    </dl>
  );
}
