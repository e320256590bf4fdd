import { Select as Base } from "@base-ui/react/select";
import { cx } from "./cx";
import { Icon } from "./icons";

export interface Choice<T extends string> {
  value: T;
  label: string;
  hint?: string;
}

export interface SelectProps<T extends string> {
  value: T;
  onChange: (value: T) => void;
  choices: readonly Choice<T>[];
  /** Its accessible name. */
  label: string;
  /** `inline` reads as a word of a sentence. */
  look?: "field" | "inline";
  className?: string;
  disabled?: boolean;
}

/** One of a few. */
export function Select<T extends string>({
  value,
  onChange,
  choices,
  label,
  look = "field",
  className,
  disabled,
}: SelectProps<T>) {
  return (
    <Base.Root
      value={value}
      items={choices as Choice<T>[]}
      disabled={disabled}
      onValueChange={(next) => next !== null && onChange(next as T)}
      modal={false}
    >
      <Base.Trigger
        aria-label={label}
        className={cx(
          "inline-flex items-center gap-1.5 text-left",
          look === "field"
            ? "field justify-between"
            : "h-7 rounded-md px-1.5 font-medium text-accent-ink hover:bg-accent-soft data-popup-open:bg-accent-soft",
          disabled && "opacity-60",
          className,
        )}
      >
        <Base.Value className="truncate" />
        <Base.Icon className="text-ink-3">
          <Icon name="down" size={12} />
        </Base.Icon>
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner sideOffset={6} alignItemWithTrigger={false} collisionPadding={8} className="z-50">
          <Base.Popup className="popup max-h-(--available-height) min-w-(--anchor-width) overflow-y-auto p-1">
            {choices.map((choice) => (
              <Base.Item key={choice.value} value={choice.value} className="option pr-6">
                <Base.ItemText className="flex-1">{choice.label}</Base.ItemText>
                {choice.hint && <span className="text-xs text-ink-3">{choice.hint}</span>}
                <Base.ItemIndicator className="text-accent-ink">
                  <Icon name="check" size={14} />
                </Base.ItemIndicator>
              </Base.Item>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
