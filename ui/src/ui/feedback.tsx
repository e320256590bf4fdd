import { type ReactNode, useEffect, useState } from "react";
import { ApiError, type Fault, isAbort } from "../api/errors";
import { Button } from "./button";
import { cx } from "./cx";
import { Icon, type IconName } from "./icons";

export function faultsOf(error: unknown): Fault[] {
  if (error instanceof ApiError) return error.faults;
  return [{ detail: error instanceof Error ? error.message : String(error) }];
}

/** What went wrong: each entry of `errors[]` with the place that it points to. */
export function ErrorBox({ error, retry, title }: { error: unknown; retry?: () => void; title?: string }) {
  if (!error || isAbort(error)) return null;
  const status = error instanceof ApiError && error.status ? ` (${error.status})` : "";
  return (
    <div role="alert" className="rounded-md border border-bad/40 bg-bad-soft px-3 py-2.5 text-bad">
      <div className="flex items-start gap-2">
        <Icon name="warning" className="mt-0.5 shrink-0" />
        <div className="min-w-0 flex-1">
          {title && (
            <p className="font-semibold">
              {title}
              {status}
            </p>
          )}
          <ul className="space-y-1">
            {faultsOf(error).map((fault, index) => (
              <li key={index} className="break-words">
                {fault.detail}
                {(fault.source?.pointer || fault.source?.parameter) && (
                  <code className="ml-1.5 rounded bg-surface px-1 font-mono text-xs">
                    {fault.source.pointer ?? fault.source.parameter}
                  </code>
                )}
              </li>
            ))}
          </ul>
        </div>
        {retry && (
          <Button size="sm" icon="refresh" onClick={retry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

/** An empty state that teaches: what would be here, and how to get it. */
export function Empty({
  icon,
  title,
  children,
  action,
}: {
  icon: IconName;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center px-6 py-14 text-center">
      <span className="mb-3 grid size-10 place-items-center rounded-full bg-sunken text-ink-3">
        <Icon name={icon} size={20} />
      </span>
      <h2 className="text-base font-semibold">{title}</h2>
      {children && <div className="mt-1 max-w-md text-ink-2">{children}</div>}
      {action && <div className="mt-4 flex gap-2">{action}</div>}
    </div>
  );
}

export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden="true" className={cx("skeleton", className)} />;
}

/** The shape of a list that is on its way. */
export function SkeletonRows({ rows = 6 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="space-y-2 p-3">
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} className="h-8" />
      ))}
    </div>
  );
}

type Tone = "neutral" | "accent" | "good" | "warn" | "bad";

const TONES: Record<Tone, string> = {
  neutral: "bg-sunken text-ink-2",
  accent: "bg-accent-soft text-accent-ink",
  good: "bg-good-soft text-good",
  warn: "bg-warn-soft text-warn",
  bad: "bg-bad-soft text-bad",
};

export function Badge({
  tone = "neutral",
  children,
  title,
}: {
  tone?: Tone;
  children: ReactNode;
  title?: string;
}) {
  return (
    <span
      title={title}
      className={cx(
        "inline-flex h-5 max-w-full items-center gap-1 rounded px-1.5 text-xs font-medium whitespace-nowrap",
        TONES[tone],
      )}
    >
      {children}
    </span>
  );
}

/** A remark of the server on a definition or an answer. */
export function Warning({ children }: { children: ReactNode }) {
  return (
    <p className="flex items-start gap-2 rounded-md bg-warn-soft px-2.5 py-1.5 text-warn">
      <Icon name="warning" size={14} className="mt-0.5 shrink-0" />
      <span className="min-w-0 break-words">{children}</span>
    </p>
  );
}

/** "as of 12 s ago", kept true while it is on screen. */
export function AsOf({ at, className }: { at: string | number | undefined; className?: string }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5000);
    return () => clearInterval(timer);
  }, []);
  if (at === undefined) return null;
  const instant = typeof at === "number" ? at : Date.parse(at);
  return (
    <time
      dateTime={new Date(instant).toISOString()}
      title={new Date(instant).toLocaleString()}
      className={cx("text-xs whitespace-nowrap text-ink-3", className)}
    >
      as of {ago(Math.max(now, instant) - instant)}
    </time>
  );
}

/** `12 s ago`, from milliseconds. */
export function ago(span_ms: number): string {
  const seconds = Math.round(span_ms / 1000);
  if (seconds < 5) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  if (hours < 48) return `${hours} h ago`;
  return `${Math.round(hours / 24)} days ago`;
}
