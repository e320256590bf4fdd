import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { envelope, type One, type Resource, request } from "../api/client";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { ago, Badge, Empty, ErrorBox, SkeletonRows } from "../ui/feedback";
import { Card, Labelled } from "../ui/page";
import { Select } from "../ui/select";
import { type Column, DataTable } from "../ui/table";
import { toast, toastError } from "../ui/toast";
import { type KeyAttributes, useKeys } from "./queries";
import { SecretOnce } from "./secret";

const SCOPES = [
  { value: "ingest", label: "ingest: send events, for pages and servers" },
  { value: "read", label: "read: ask questions" },
  { value: "write", label: "write: read, and change segments and charts" },
  { value: "admin", label: "admin: everything" },
] as const;

type Key = Resource<KeyAttributes>;

export function Keys() {
  const keys = useKeys();
  const client = useQueryClient();
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<Key | null>(null);
  const [made, setMade] = useState<KeyAttributes | null>(null);
  const refresh = () => void client.invalidateQueries({ queryKey: ["collection", "/keys"] });
  const shown = ({ data }: One<KeyAttributes>) => {
    refresh();
    setCreating(false);
    setMade(data.attributes);
  };
  const rotate = useMutation({
    mutationFn: (key: Key) =>
      request<One<KeyAttributes>>("POST", `/keys/${key.id}/rotate`, {
        body: envelope("key_rotation", { overlap: "24h" }),
      }),
    onSuccess: shown,
    onError: (error) => toastError("The key could not be rotated", error),
  });
  const revoke = useMutation({
    mutationFn: (key: Key) => request<void>("DELETE", `/keys/${key.id}`),
    onSuccess: () => {
      refresh();
      setRevoking(null);
      toast("Key revoked");
    },
  });
  const columns: Column<Key>[] = [
    {
      id: "name",
      header: "Name",
      cell: ({ attributes }) => <span className="font-medium">{attributes.name}</span>,
    },
    {
      id: "scope",
      header: "May",
      width: "6rem",
      cell: ({ attributes }) => (
        <Badge tone={attributes.scope === "admin" ? "warn" : "neutral"}>{attributes.scope}</Badge>
      ),
    },
    {
      id: "prefix",
      header: "Begins with",
      width: "7rem",
      cell: ({ attributes }) => <code className="font-mono text-xs">{attributes.prefix}…</code>,
    },
    {
      id: "used",
      header: "Last used",
      width: "8rem",
      cell: ({ attributes }) =>
        attributes.last_used_at ? since(attributes.last_used_at) : <span className="text-ink-3">never</span>,
    },
    {
      id: "state",
      header: "State",
      width: "11rem",
      cell: ({ attributes }) => <KeyState attributes={attributes} />,
    },
    {
      id: "do",
      header: "",
      width: "11rem",
      align: "right",
      cell: (key) =>
        key.attributes.revoked_at === null && (
          <span className="inline-flex gap-1">
            <Button size="sm" onClick={() => rotate.mutate(key)} aria-label={`Rotate ${key.attributes.name}`}>
              Rotate
            </Button>
            <Button
              size="sm"
              look="danger"
              onClick={() => setRevoking(key)}
              aria-label={`Revoke ${key.attributes.name}`}
            >
              Revoke
            </Button>
          </span>
        ),
    },
  ];
  return (
    <Card
      title="Keys"
      flush
      actions={
        <Button size="sm" icon="plus" look="primary" onClick={() => setCreating(true)}>
          New key
        </Button>
      }
    >
      {keys.error ? (
        <div className="p-4">
          <ErrorBox error={keys.error} title="The keys can't be listed" retry={() => void keys.refetch()} />
        </div>
      ) : keys.isPending ? (
        <SkeletonRows rows={3} />
      ) : (
        <DataTable
          label="Keys"
          rows={[...keys.data].reverse()}
          columns={columns}
          rowKey={(key) => key.id}
          rowHeight={44}
          empty={
            <Empty icon="settings" title="No keys">
              A key lets pages send events, or programs ask questions.
            </Empty>
          }
        />
      )}
      <p className="border-t border-line px-4 py-2 text-xs text-ink-3">
        Rotating makes a new key that may do the same; the old one goes on for 24 hours.
      </p>
      <NewKey open={creating} onClose={() => setCreating(false)} onMade={shown} />
      {made?.secret && <SecretOnce secret={made.secret} what={made.name} onClose={() => setMade(null)} />}
      <Dialog
        open={revoking !== null}
        onClose={() => setRevoking(null)}
        title={`Revoke “${revoking?.attributes.name}”?`}
        description="Whatever uses it stops working at once. This can't be undone."
        width="sm"
        footer={
          <>
            <Button onClick={() => setRevoking(null)}>Keep it</Button>
            <Button look="danger" busy={revoke.isPending} onClick={() => revoking && revoke.mutate(revoking)}>
              Revoke
            </Button>
          </>
        }
      >
        <ErrorBox error={revoke.error} />
      </Dialog>
    </Card>
  );
}

function since(instant: string) {
  return (
    <time dateTime={instant} title={new Date(instant).toLocaleString()} className="num">
      {ago(Math.max(0, Date.now() - Date.parse(instant)))}
    </time>
  );
}

function KeyState({ attributes }: { attributes: KeyAttributes }) {
  if (attributes.revoked_at) return <Badge tone="bad">revoked</Badge>;
  if (!attributes.expires_at) return <Badge tone="good">in use</Badge>;
  const over = Date.parse(attributes.expires_at) < Date.now();
  const day = new Date(attributes.expires_at).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
  });
  return <Badge tone={over ? "bad" : "warn"}>{over ? "expired" : `until ${day}`}</Badge>;
}

export function NewKey({
  open,
  onClose,
  onMade,
  scope: firstScope = "ingest",
}: {
  open: boolean;
  onClose: () => void;
  onMade: (made: One<KeyAttributes>) => void;
  scope?: KeyAttributes["scope"];
}) {
  const [name, setName] = useState("");
  const [scope, setScope] = useState(firstScope);
  const [origins, setOrigins] = useState("");
  const form = useId();
  const create = useMutation({
    mutationFn: () => {
      const allowed = origins.split(/[\s,]+/).filter((origin) => origin !== "");
      return request<One<KeyAttributes>>("POST", "/keys", {
        body: envelope("key", {
          name: name.trim(),
          scope,
          ...(allowed.length > 0 ? { origins: allowed } : {}),
        }),
      });
    },
    onSuccess: (made) => {
      setName("");
      onMade(made);
    },
  });
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="New key"
      width="sm"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            form={form}
            busy={create.isPending}
            disabled={name.trim() === ""}
          >
            Make key
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="space-y-3"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Labelled label="Name" hint="Where it is used, such as “shop website”.">
          <input
            className="field w-full"
            value={name}
            onChange={(event) => setName(event.target.value)}
            required
          />
        </Labelled>
        <div>
          <span className="mb-1 block font-medium">It may</span>
          <Select label="Scope" className="w-full" value={scope} choices={SCOPES} onChange={setScope} />
        </div>
        {scope === "ingest" && (
          <Labelled
            label="Only from these origins"
            hint="Such as https://shop.example; empty: from anywhere."
          >
            <input
              className="field w-full"
              value={origins}
              onChange={(event) => setOrigins(event.target.value)}
            />
          </Labelled>
        )}
        <ErrorBox error={create.error} />
      </form>
    </Dialog>
  );
}
