import { useSegments } from "../segments/queries";
import { Button, IconButton } from "../ui/button";
import { short } from "../ui/number";
import { Pick } from "../ui/pick";
import { Select } from "../ui/select";

export type AudienceRole = "in" | "not" | "vs";

export interface AudienceEntry {
  id: string;
  role: AudienceRole;
}

const ROLES = [
  { value: "in", label: "in" },
  { value: "not", label: "not in" },
  { value: "vs", label: "compare" },
] as const;

interface Props {
  entries: AudienceEntry[];
  onChange: (entries: AudienceEntry[]) => void;
  /** Segments can be drawn beside one another. */
  comparable?: boolean;
  entity?: "user" | "account";
}

/** Which people the numbers are about: in segments, not in segments, or one series per segment. */
export function AudiencePick({ entries, onChange, comparable = false, entity }: Props) {
  const segments = useSegments();
  const items = (segments.data ?? [])
    .filter(
      ({ id, attributes }) =>
        (!entity || attributes.entity === entity) && !entries.some((entry) => entry.id === id),
    )
    .map(({ id, attributes }) => ({ value: id, label: attributes.name, hint: short(attributes.size) }));
  const nameOf = (id: string) =>
    segments.data?.find((segment) => segment.id === id)?.attributes.name ?? "a segment";
  const roles = ROLES.filter((role) => comparable || role.value !== "vs");
  const firstRole: AudienceRole = comparable && entries.some((entry) => entry.role === "vs") ? "vs" : "in";
  return (
    <span className="inline-flex flex-wrap items-center gap-1.5">
      {entries.map((entry, at) => (
        <span
          key={entry.id}
          className="inline-flex max-w-72 items-center rounded-md border border-line-strong bg-surface"
        >
          <Select
            look="inline"
            label={`How ${nameOf(entry.id)} is used`}
            value={entry.role}
            choices={roles}
            onChange={(role) =>
              onChange(entries.map((one, index) => (index === at ? { ...one, role } : one)))
            }
          />
          <span className="truncate pr-1">{nameOf(entry.id)}</span>
          <IconButton
            icon="close"
            size="sm"
            label={`Leave out ${nameOf(entry.id)}`}
            onClick={() => onChange(entries.filter((_, index) => index !== at))}
          />
        </span>
      ))}
      <Pick
        label="Segment"
        items={items}
        empty={segments.isError ? "The segments can't be listed." : "No other segment is called that."}
        trigger={
          <Button icon="plus" aria-label="Add a segment">
            Segment
          </Button>
        }
        onPick={(id) => onChange([...entries, { id, role: firstRole }])}
      />
    </span>
  );
}

/** Read from the URL: `["id"]` per role. */
export function readAudience(search: Record<string, unknown>): AudienceEntry[] {
  return (["in", "not", "vs"] as const).flatMap((role) => strings(search[role]).map((id) => ({ id, role })));
}

export function writeAudience(entries: AudienceEntry[]): Record<string, unknown> {
  const of = (role: AudienceRole) => {
    const ids = entries.filter((entry) => entry.role === role).map((entry) => entry.id);
    return ids.length > 0 ? ids : undefined;
  };
  return { in: of("in"), not: of("not"), vs: of("vs") };
}

export function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
}

/** The audience that all series share: the page's segments and the app's one. */
export function sharedAudience(entries: AudienceEntry[], segment: string | undefined) {
  const ids = (role: AudienceRole) => entries.filter((entry) => entry.role === role).map((entry) => entry.id);
  return { in: [...new Set([...(segment ? [segment] : []), ...ids("in")])], notIn: ids("not") };
}
