import { Button, IconButton } from "../ui/button";
import { Popover } from "../ui/popover";
import { Select } from "../ui/select";
import { FacetPick } from "./facet-pick";
import type { GroupBy } from "./requests";

interface Props {
  groups: GroupBy[];
  onChange: (groups: GroupBy[]) => void;
  most?: number;
  /** Profile attributes can be grouped by too. */
  profiles?: boolean;
  sortable?: boolean;
}

/** Up to three attributes, each with how many values and from which end. */
export function GroupByEditor({ groups, onChange, most = 3, profiles = false, sortable = true }: Props) {
  const replace = (at: number, group: GroupBy) =>
    onChange(groups.map((one, index) => (index === at ? group : one)));
  return (
    <span className="inline-flex flex-wrap items-center gap-1.5">
      {groups.map((group, at) => (
        <span
          key={`${group.source ?? ""}${group.facet}`}
          className="inline-flex items-center rounded-md border border-line-strong bg-surface"
        >
          <Popover
            label={`Group by ${group.facet}`}
            trigger={
              <button type="button" className="h-7.5 rounded-l-md px-2.5 hover:bg-hover">
                <span className="font-mono text-xs">{group.facet}</span>
                <span className="ml-1.5 text-ink-3">
                  {group.order === "asc" ? "bottom" : "top"} {group.limit}
                </span>
              </button>
            }
          >
            <div className="flex items-end gap-2">
              <label className="block">
                <span className="mb-1 block text-xs text-ink-2">Values</span>
                <input
                  type="number"
                  min={1}
                  max={10_000}
                  defaultValue={group.limit}
                  className="field w-24"
                  onBlur={(event) => {
                    const limit = Math.min(
                      10_000,
                      Math.max(1, Math.round(event.target.valueAsNumber || group.limit)),
                    );
                    if (limit !== group.limit) replace(at, { ...group, limit });
                  }}
                />
              </label>
              <label className="flex h-8 items-center gap-1.5 whitespace-nowrap">
                <input
                  type="checkbox"
                  checked={group.presentOnly ?? false}
                  onChange={(event) =>
                    replace(at, { ...group, presentOnly: event.target.checked || undefined })
                  }
                />
                without N/A
              </label>
              {sortable && (
                <Select
                  label="Which values"
                  value={group.order ?? "desc"}
                  choices={[
                    { value: "desc", label: "the largest" },
                    { value: "asc", label: "the smallest" },
                  ]}
                  onChange={(order) => replace(at, { ...group, order })}
                />
              )}
            </div>
          </Popover>
          <IconButton
            icon="close"
            size="sm"
            label={`Stop grouping by ${group.facet}`}
            onClick={() => onChange(groups.filter((_, index) => index !== at))}
          />
        </span>
      ))}
      {groups.length < most && (
        <FacetPick
          label="Attribute to group by"
          kinds={profiles ? ["event", "user"] : ["event"]}
          trigger={<Button icon="plus">{groups.length === 0 ? "Group by" : "and"}</Button>}
          onPick={(facet, kind) =>
            onChange([
              ...groups,
              { facet, limit: groups.length === 0 ? 10 : 5, ...(kind === "event" ? {} : { source: kind }) },
            ])
          }
        />
      )}
    </span>
  );
}
