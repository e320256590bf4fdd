import { lazy, Suspense, useState } from "react";
import { useShared } from "../app/search";
import { Skeleton } from "../ui/feedback";
import { Icon } from "../ui/icons";
import { Popover } from "../ui/popover";
import { rangeLabel } from "./range";

const Panel = lazy(() => import("./panel"));

/** The one date range: presets, so much back from now, or from day to day; and its time zone. */
export function RangePicker() {
  const { range } = useShared();
  const [open, setOpen] = useState(false);
  return (
    <Popover
      label="Date range"
      align="end"
      open={open}
      onOpenChange={setOpen}
      className="w-[34rem]"
      trigger={
        <button
          type="button"
          aria-label={`Date range: ${rangeLabel(range.text)}`}
          className="field flex items-center gap-2"
        >
          <Icon name="calendar" size={14} />
          <span className="hidden truncate whitespace-nowrap sm:inline">{rangeLabel(range.text)}</span>
          <Icon name="down" size={12} />
        </button>
      }
    >
      <Suspense fallback={<Skeleton className="h-72" />}>
        <Panel close={() => setOpen(false)} />
      </Suspense>
    </Popover>
  );
}
