import type { ButtonHTMLAttributes, ReactNode } from "react";
import { cx } from "./cx";
import { Icon, type IconName } from "./icons";
import { Tip } from "./tip";

type Look = "primary" | "secondary" | "ghost" | "danger";

const LOOKS: Record<Look, string> = {
  primary: "bg-accent text-on-accent hover:bg-accent-ink border-transparent shadow-card",
  secondary: "bg-surface text-ink border-line-strong hover:bg-hover shadow-card",
  ghost: "border-transparent text-ink-2 hover:bg-hover hover:text-ink",
  danger: "bg-surface text-bad border-line-strong hover:bg-bad-soft",
};

const BASE =
  "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md border font-medium whitespace-nowrap transition-colors disabled:cursor-not-allowed disabled:opacity-50 aria-disabled:cursor-not-allowed aria-disabled:opacity-50";

/** The look of a button for what is a link, or a trigger of Base UI. */
export function buttonClass(look: Look = "secondary", size: "sm" | "md" = "md"): string {
  return cx(BASE, LOOKS[look], size === "sm" ? "h-7 px-2 text-xs" : "h-8 px-3");
}

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  size?: "sm" | "md";
  icon?: IconName;
  /** Something is under way: the button waits. */
  busy?: boolean;
}

export function Button({ look, size, icon, busy, children, className, ...props }: ButtonProps) {
  return (
    <button
      type="button"
      aria-busy={busy || undefined}
      {...props}
      disabled={props.disabled || busy}
      className={cx(buttonClass(look, size), className)}
    >
      {icon && <Icon name={icon} size={size === "sm" ? 14 : 16} />}
      {children}
    </button>
  );
}

export interface IconButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "children"> {
  icon: IconName;
  /** What it does: its name and its tooltip. */
  label: string;
  size?: "sm" | "md";
  look?: Look;
  children?: ReactNode;
}

export function IconButton({
  icon,
  label,
  size = "md",
  look = "ghost",
  className,
  ...props
}: IconButtonProps) {
  return (
    <Tip text={label}>
      <button
        type="button"
        aria-label={label}
        {...props}
        className={cx(BASE, LOOKS[look], size === "sm" ? "size-6" : "size-8", className)}
      >
        <Icon name={icon} size={size === "sm" ? 14 : 16} />
      </button>
    </Tip>
  );
}
