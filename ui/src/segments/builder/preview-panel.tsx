import { Link } from "@tanstack/react-router";
import { cx } from "../../ui/cx";
import { AsOf, ErrorBox, Skeleton, Warning } from "../../ui/feedback";
import { count, percent } from "../../ui/number";
import type { Entity } from "../definition";
import type { PreviewState } from "../preview";

/** The live count, the sentence that was understood, warnings and some people. */
export function PreviewPanel({
  preview,
  entity,
  openAll,
}: {
  preview: PreviewState & { retry: () => void };
  entity: Entity;
  openAll: () => void;
}) {
  const { answer, estimate, error, pending } = preview;
  const noun = entity === "user" ? "people" : "accounts";
  const shown = pending && estimate ? estimate : answer;
  return (
    <aside aria-label="Live count" className="card space-y-4 p-4 lg:sticky lg:top-16">
      <div aria-live="polite" aria-busy={pending}>
        {shown ? (
          <>
            <button type="button" onClick={openAll} className="group rounded text-left">
              <span
                data-testid="count"
                className={cx(
                  "num text-4xl font-semibold tracking-tight group-hover:text-accent-ink",
                  pending && !estimate && "opacity-50",
                )}
              >
                {pending && estimate && "≈ "}
                {count(shown.count)}
              </span>
              <span className="ml-2 text-ink-2 group-hover:underline">{noun}</span>
            </button>
            <div className="num mt-1 text-ink-2">
              {percent(shown.count / shown.population)} of {count(shown.population)}
              {pending && estimate && ` · between ${count(estimate.low)} and ${count(estimate.high)}`}
            </div>
            <Share of={shown.count} whole={shown.population} />
            <div className="mt-1.5 flex gap-2">
              {pending ? (
                <span className="text-xs text-ink-3">
                  counting{estimate ? `, ${percent(estimate.fraction, 0)} looked at` : "…"}
                </span>
              ) : (
                <AsOf at={preview.meta?.as_of} />
              )}
              {preview.meta && !pending && (
                <span className="num text-xs text-ink-3">in {preview.meta.elapsed_ms} ms</span>
              )}
            </div>
          </>
        ) : error ? null : (
          <>
            <Skeleton className="h-10 w-36" />
            <Skeleton className="mt-2 h-4 w-24" />
          </>
        )}
      </div>
      <ErrorBox error={error} retry={preview.retry} title="This can't be counted" />
      {answer && !error && (
        <>
          <div>
            <h3 className="mb-1 text-xs font-medium text-ink-3">In words</h3>
            <p data-testid="echo" className="break-words">
              {answer.echo}
            </p>
          </div>
          {answer.warnings.map((warning) => (
            <Warning key={warning.pointer + warning.message}>{warning.message}</Warning>
          ))}
          {answer.sample.length > 0 && (
            <div>
              <h3 className="mb-1 text-xs font-medium text-ink-3">Some of them</h3>
              <ul className="leading-6">
                {answer.sample.slice(0, 8).map((id) => (
                  <li key={id} className="truncate">
                    <Link
                      to={entity === "user" ? "/users/$id" : "/accounts/$id"}
                      params={{ id }}
                      className="text-accent-ink hover:underline"
                    >
                      {id}
                    </Link>
                  </li>
                ))}
              </ul>
              <button
                type="button"
                onClick={openAll}
                className="mt-1.5 font-medium text-accent-ink hover:underline"
              >
                All {count(answer.count)} {noun}
              </button>
            </div>
          )}
        </>
      )}
    </aside>
  );
}

function Share({ of, whole }: { of: number; whole: number }) {
  const width = whole > 0 ? `${(100 * of) / whole}%` : "0%";
  return (
    <div aria-hidden="true" className="mt-2 h-1.5 overflow-hidden rounded-full bg-sunken">
      <div className="h-full rounded-full bg-accent transition-[width] duration-300" style={{ width }} />
    </div>
  );
}
