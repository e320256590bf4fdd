import { lazy, type ReactElement, Suspense, useState } from "react";
import { Skeleton } from "./feedback";
import type { PickListProps } from "./pick-list";
import { Popover } from "./popover";

const PickList = lazy(() => import("./pick-list"));

export interface PickProps extends PickListProps {
  /** The button that opens the list. */
  trigger: ReactElement<Record<string, unknown>>;
}

/** One of many known ones, found by typing. */
export function Pick({ trigger, onPick, ...list }: PickProps) {
  const [open, setOpen] = useState(false);
  return (
    <Popover label={list.label} trigger={trigger} open={open} onOpenChange={setOpen} className="w-80 p-0!">
      <Suspense fallback={<Skeleton className="m-1.5 h-8" />}>
        <PickList
          {...list}
          onPick={(value) => {
            setOpen(false);
            onPick(value);
          }}
        />
      </Suspense>
    </Popover>
  );
}
