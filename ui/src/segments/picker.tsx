import { useShared } from "../app/search";
import { IconButton } from "../ui/button";
import { cx } from "../ui/cx";
import { Icon } from "../ui/icons";
import { short } from "../ui/number";
import { Pick } from "../ui/pick";
import { useSegments } from "./queries";

/** The one segment that the numbers of the app are about. */
export function SegmentPicker() {
  const { segment, setSegment } = useShared();
  const segments = useSegments();
  const items = (segments.data ?? []).map(({ id, attributes }) => ({
    value: id,
    label: attributes.name,
    hint: short(attributes.size),
  }));
  const chosen = items.find((item) => item.value === segment);
  return (
    <div className="flex min-w-0 items-center">
      <Pick
        label="Segment"
        placeholder="Find a segment…"
        empty={segments.isError ? "The segments can't be listed." : "No segment is called that."}
        items={items}
        value={segment}
        onPick={setSegment}
        trigger={
          <button
            type="button"
            aria-label={chosen ? `Segment: ${chosen.label}` : "Segment: everyone"}
            className={cx(
              "field flex min-w-0 items-center gap-2",
              segment && "bg-accent-soft text-accent-ink",
            )}
          >
            <Icon name="segments" size={14} />
            <span className="truncate">{chosen?.label ?? (segment ? "Unknown segment" : "Everyone")}</span>
            <Icon name="down" size={12} />
          </button>
        }
      />
      {segment && <IconButton icon="close" label="Back to everyone" onClick={() => setSegment(undefined)} />}
    </div>
  );
}
