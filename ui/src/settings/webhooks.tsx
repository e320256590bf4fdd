import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { envelope, type Many, type One, type Resource, request } from "../api/client";
import { useSegments } from "../segments/queries";
import { Button, IconButton } from "../ui/button";
import { Badge, Empty, ErrorBox, SkeletonRows } from "../ui/feedback";
import { Card } from "../ui/page";
import { Pick } from "../ui/pick";
import { toastError } from "../ui/toast";
import { useWebhooks, type WebhookAttributes } from "./queries";
import { SecretOnce } from "./secret";

/** Where a segment's changes are sent. */
export function Webhooks() {
  const hooks = useWebhooks();
  const segments = useSegments();
  const client = useQueryClient();
  const [segment, setSegment] = useState<string>();
  const [url, setUrl] = useState("");
  const [secret, setSecret] = useState<string | null>(null);
  const refresh = () => void client.invalidateQueries({ queryKey: ["collection", "/webhooks"] });
  const nameOf = (id: string | undefined) => segments.data?.find((one) => one.id === id)?.attributes.name;
  const add = useMutation({
    mutationFn: () =>
      request<One<WebhookAttributes>>("POST", "/webhooks", {
        body: envelope("webhook", { segment_id: segment, url: url.trim(), enabled: true }),
      }),
    onSuccess: ({ data }) => {
      refresh();
      setUrl("");
      if (data.attributes.secret) setSecret(data.attributes.secret);
    },
  });
  return (
    <Card title="Webhooks" flush>
      <form
        className="flex flex-wrap items-center gap-2 border-b border-line p-3"
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate();
        }}
      >
        <Pick
          label="Segment to watch"
          value={segment}
          onPick={setSegment}
          items={(segments.data ?? []).map(({ id, attributes }) => ({ value: id, label: attributes.name }))}
          trigger={
            <Button icon="segments" aria-label={`Segment to watch: ${nameOf(segment) ?? "none"}`}>
              {nameOf(segment) ?? "Segment"}
            </Button>
          }
        />
        <input
          type="url"
          required
          aria-label="Address to call"
          placeholder="https://example.com/hook"
          className="field min-w-56 flex-1"
          value={url}
          onChange={(event) => setUrl(event.target.value)}
        />
        <Button look="primary" type="submit" busy={add.isPending} disabled={!segment}>
          Add webhook
        </Button>
      </form>
      {add.error && (
        <div className="p-3">
          <ErrorBox error={add.error} />
        </div>
      )}
      {hooks.error ? (
        <div className="p-4">
          <ErrorBox
            error={hooks.error}
            title="The webhooks can't be listed"
            retry={() => void hooks.refetch()}
          />
        </div>
      ) : hooks.isPending ? (
        <SkeletonRows rows={2} />
      ) : hooks.data.length === 0 ? (
        <Empty icon="link" title="No webhooks">
          A webhook calls an address of yours when people join or leave a segment.
        </Empty>
      ) : (
        <ul>
          {hooks.data.map((hook) => (
            <Hook
              key={hook.id}
              hook={hook}
              name={nameOf(hook.attributes.segment_id) ?? hook.attributes.segment_id}
              onChanged={refresh}
            />
          ))}
        </ul>
      )}
      {secret && <SecretOnce secret={secret} what="the webhook" onClose={() => setSecret(null)} />}
    </Card>
  );
}

function Hook({
  hook,
  name,
  onChanged,
}: {
  hook: Resource<WebhookAttributes>;
  name: string;
  onChanged: () => void;
}) {
  const [open, setOpen] = useState(false);
  const path = `/webhooks/${hook.id}`;
  const change = useMutation({
    mutationFn: (enabled: boolean) => request("PATCH", path, { body: envelope("webhook", { enabled }) }),
    onSuccess: onChanged,
    onError: (error) => toastError("The webhook could not be changed", error),
  });
  const remove = useMutation({
    mutationFn: () => request<void>("DELETE", path),
    onSuccess: onChanged,
    onError: (error) => toastError("The webhook could not be removed", error),
  });
  return (
    <li className="border-b border-line last:border-0">
      <div className="flex flex-wrap items-center gap-2 px-4 py-2">
        <span className="font-medium">{name}</span>
        <span className="text-ink-3">→</span>
        <code className="min-w-0 flex-1 truncate font-mono text-xs">{hook.attributes.url}</code>
        <Badge tone={hook.attributes.enabled ? "good" : "neutral"}>
          {hook.attributes.enabled ? "on" : "off"}
        </Badge>
        <Button size="sm" aria-expanded={open} onClick={() => setOpen(!open)}>
          Deliveries
        </Button>
        <Button size="sm" busy={change.isPending} onClick={() => change.mutate(!hook.attributes.enabled)}>
          {hook.attributes.enabled ? "Turn off" : "Turn on"}
        </Button>
        <IconButton icon="trash" label={`Remove the webhook of ${name}`} onClick={() => remove.mutate()} />
      </div>
      {open && <Deliveries path={path} />}
    </li>
  );
}

function Deliveries({ path }: { path: string }) {
  const deliveries = useQuery({
    queryKey: ["deliveries", path],
    retry: false,
    queryFn: ({ signal }) => request<Many<Record<string, unknown>>>("GET", `${path}/deliveries`, { signal }),
  });
  if (deliveries.error)
    return (
      <div className="p-3">
        <ErrorBox error={deliveries.error} />
      </div>
    );
  if (deliveries.isPending) return <SkeletonRows rows={2} />;
  if (deliveries.data.data.length === 0) return <p className="px-4 pb-3 text-ink-2">Nothing was sent yet.</p>;
  return (
    <ul className="px-4 pb-3 text-xs">
      {deliveries.data.data.map((delivery) => (
        <li key={delivery.id} className="num flex flex-wrap gap-x-3 py-0.5">
          {Object.entries(delivery.attributes)
            .filter(([, value]) => typeof value !== "object" || value === null)
            .map(([key, value]) => (
              <span key={key}>
                <span className="text-ink-3">{key}</span> {String(value)}
              </span>
            ))}
        </li>
      ))}
    </ul>
  );
}
