import { type ReactNode, useRef } from "react";
import { downloadPng, downloadText, fileName, type Table, toCsv } from "../charts/export";
import { IconButton } from "../ui/button";
import { copyText } from "../ui/copy";
import { AsOf, ErrorBox, Skeleton } from "../ui/feedback";
import { Menu, type MenuEntry } from "../ui/menu";
import { Segmented } from "../ui/tabs";
import { toastError } from "../ui/toast";
import { curlOf } from "./curl";
import type { ApiRequest } from "./requests";

interface Props {
  title: string;
  subtitle?: ReactNode;
  /** The chart's numbers, for the table beside it and for CSV. Nothing: the question is still open. */
  table: Table | null;
  chart: ReactNode;
  tableView: ReactNode;
  view: "chart" | "table";
  onView: (view: "chart" | "table") => void;
  /** What was asked, to be copied as curl. */
  requests: ApiRequest[];
  asOf?: string | undefined;
  loading: boolean;
  /** A newer answer is on its way; the last one stays on screen. */
  updating?: boolean;
  error?: unknown;
  /** The error stands at the field that it is about. */
  errorElsewhere?: boolean;
  retry?: () => void;
  empty?: ReactNode;
  /** The height that the chart will have, so that nothing jumps. */
  height: number;
  controls?: ReactNode;
}

/** The frame of every chart: its name and age, chart or table, CSV, PNG and curl, and what stands in while it loads. */
export function ChartCard(props: Props) {
  const {
    title,
    subtitle,
    table,
    chart,
    tableView,
    view,
    onView,
    requests,
    asOf,
    loading,
    updating,
    error,
    retry,
    empty,
    height,
    controls,
  } = props;
  const body = useRef<HTMLDivElement>(null);
  const save = () => {
    const svg = body.current?.querySelector<SVGSVGElement>(".chart svg");
    if (svg)
      downloadPng(svg, fileName(title, "png")).catch((failure: unknown) =>
        toastError("The picture could not be saved", failure),
      );
  };
  const entries: MenuEntry[] = [
    {
      label: "Save as CSV",
      icon: "download",
      disabled: !table,
      run: () => table && downloadText(toCsv(table), fileName(title, "csv"), "text/csv"),
    },
    { label: "Save as PNG", icon: "download", disabled: !table || view !== "chart", run: save },
    {
      label: "Copy as curl",
      icon: "code",
      disabled: requests.length === 0,
      run: () => void copyText(requests.map((one) => curlOf(one, location.origin)).join("\n\n"), "curl"),
    },
  ];
  return (
    <section className="card min-w-0" aria-label={title} aria-busy={loading || updating || undefined}>
      <header className="flex flex-wrap items-center gap-x-3 gap-y-1.5 border-b border-line px-4 py-2">
        <div className="min-w-0 flex-1 basis-52">
          <h2 className="truncate font-semibold">{capitalised(title)}</h2>
          {subtitle && <div className="text-xs text-ink-3">{subtitle}</div>}
        </div>
        <AsOf at={asOf} />
        {controls}
        <Segmented
          label="View"
          value={view}
          onChange={onView}
          choices={[
            { value: "chart", label: "Chart" },
            { value: "table", label: "Table" },
          ]}
        />
        <Menu align="end" entries={entries} trigger={<IconButton icon="more" label="More" />} />
      </header>
      <div
        ref={body}
        className={`p-4 transition-opacity ${updating ? "opacity-60" : ""}`}
        style={{ minHeight: height + 32 }}
      >
        {error && props.errorElsewhere ? (
          <p className="py-16 text-center text-ink-2">There is a mistake in the question above.</p>
        ) : error ? (
          <ErrorBox error={error} title="This question can't be answered" retry={retry} />
        ) : loading ? (
          <div role="status" aria-label="Loading" style={{ height }}>
            <Skeleton className="h-full w-full" />
          </div>
        ) : (
          (empty ?? (view === "chart" ? chart : tableView))
        )}
      </div>
    </section>
  );
}

/** Names of pages keep their case, words begin with a capital. */
export function capitalised(text: string): string {
  return /^[a-z][a-z ]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
