import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type DragEvent, useEffect, useRef, useState } from "react";
import { request, urlOf } from "../api/client";
import { type SearchCodec, useSearchState } from "../app/search";
import {
  type FilePreview,
  follow,
  type ImportForm,
  type ImportReport,
  type Job,
  type Key,
  type Mode,
  previewFile,
  startImport,
} from "../segments/import";
import { useSegment } from "../segments/queries";
import { Button, buttonClass } from "../ui/button";
import { cx } from "../ui/cx";
import { Badge, ErrorBox, Warning } from "../ui/feedback";
import { Icon } from "../ui/icons";
import { count } from "../ui/number";
import { Card, Labelled, Page } from "../ui/page";
import { Select } from "../ui/select";
import { toastError } from "../ui/toast";
import { Source } from "./segment-new";

const CODEC: SearchCodec<string | undefined> = {
  read: ({ into }) => (typeof into === "string" ? into : undefined),
  write: (into) => ({ into }),
};

interface Chosen {
  file: Blob;
  fileName: string;
  preview: FilePreview;
}

/** A list becomes a segment: choose, map, try without effect, import. */
export default function ImportPage() {
  const [into] = useSearchState(CODEC);
  const target = useSegment(into);
  const [chosen, setChosen] = useState<Chosen>();
  const title = target.data ? `Change “${target.data.data.attributes.name}”` : "Segment from a list";
  return (
    <Page
      title={title}
      subtitle="Identifiers that nobody has yet are kept: whoever appears with one joins then."
      actions={<Source />}
    >
      <div className="max-w-4xl space-y-4">
        {target.isError && <ErrorBox error={target.error} title="The segment to change can't be read" />}
        <ChooseCard chosen={chosen} onChosen={setChosen} />
        {chosen && (into === undefined || target.data) && (
          <Wizard
            key={`${chosen.fileName} ${chosen.file.size} ${into}`}
            chosen={chosen}
            into={into}
            listKey={target.data?.data.attributes.key}
          />
        )}
      </div>
    </Page>
  );
}

function ChooseCard({ chosen, onChosen }: { chosen?: Chosen; onChosen: (chosen: Chosen) => void }) {
  const [over, setOver] = useState(false);
  const [text, setText] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const take = async (file: Blob, fileName: string) => {
    try {
      onChosen({ file, fileName, preview: await previewFile(file, fileName) });
    } catch (error) {
      toastError("The file can't be read", error);
    }
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const [file] = event.dataTransfer.files;
    if (file) void take(file, file.name);
  };
  return (
    <Card title="1 · The list">
      <div className="grid gap-4 md:grid-cols-2">
        <div
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={drop}
          role="group"
          aria-label="Drop a file"
          className={cx(
            "flex flex-col items-center justify-center rounded-lg border-2 border-dashed p-6 text-center",
            over ? "border-accent bg-accent-soft" : "border-line-strong",
          )}
        >
          <Icon name="upload" size={20} className="mb-2 text-ink-3" />
          <p className="text-ink-2">Drop a CSV file here (gzip is fine), or</p>
          <input
            ref={input}
            type="file"
            accept=".csv,.tsv,.txt,.gz,.zst,text/csv,text/plain"
            aria-label="CSV file"
            className="sr-only"
            tabIndex={-1}
            onChange={(event) => {
              const file = event.target.files?.[0];
              if (file) void take(file, file.name);
            }}
          />
          <Button className="mt-2" onClick={() => input.current?.click()}>
            Choose a file
          </Button>
          {chosen && chosen.fileName !== PASTED && (
            <p className="mt-2">
              <Badge tone="accent">
                {chosen.fileName}, {count(chosen.file.size)} bytes
              </Badge>
            </p>
          )}
        </div>
        <div>
          <Labelled label="Or paste ids or e-mail addresses, one per line">
            <textarea
              rows={5}
              value={text}
              onChange={(event) => setText(event.target.value)}
              spellCheck={false}
              className="field h-auto w-full py-1.5 font-mono text-xs"
            />
          </Labelled>
          <Button
            className="mt-2"
            disabled={!text.trim()}
            onClick={() => void take(new Blob([text], { type: "text/csv" }), PASTED)}
          >
            Use this list
          </Button>
        </div>
      </div>
    </Card>
  );
}

const PASTED = "pasted.csv";

function Wizard({ chosen, into, listKey }: { chosen: Chosen; into?: string; listKey?: Key }) {
  const { preview } = chosen;
  const [column, setColumn] = useState(preview.guess.column);
  const [key, setKey] = useState<Key>(listKey ?? preview.guess.key);
  const [mode, setMode] = useState<Mode>(into ? "append" : "create");
  const [name, setName] = useState(() =>
    chosen.fileName === PASTED ? "" : chosen.fileName.replace(/\.(csv|tsv|txt|gz|zst)+/gi, ""),
  );
  const form: ImportForm = { ...chosen, name: name.trim(), into, mode, key, column: column + 1 };
  const ready = into !== undefined || form.name !== "";
  return (
    <>
      <Card title="2 · What the columns are">
        <div className="mb-4 flex flex-wrap gap-4">
          {into ? (
            <Labelled label="What to do">
              <Select
                label="What to do"
                value={mode}
                onChange={setMode}
                choices={[
                  { value: "append", label: "Add these to the list" },
                  { value: "remove", label: "Take these off the list" },
                  { value: "replace", label: "Replace the list by these" },
                ]}
              />
            </Labelled>
          ) : (
            <Labelled label="Name of the segment">
              <input value={name} onChange={(event) => setName(event.target.value)} className="field w-64" />
            </Labelled>
          )}
          <Labelled label="They are">
            <Select
              label="They are"
              value={key}
              onChange={setKey}
              disabled={listKey !== undefined}
              choices={[
                { value: "usr.id", label: "user ids (usr.id)" },
                { value: "usr.email", label: "e-mail addresses (usr.email)" },
              ]}
            />
          </Labelled>
        </div>
        <PreviewTable preview={preview} column={column} onColumn={setColumn} />
      </Card>
      <TryAndImport key={JSON.stringify([column, key, mode, form.name])} form={form} ready={ready} />
    </>
  );
}

function PreviewTable({
  preview,
  column,
  onColumn,
}: {
  preview: FilePreview;
  column: number;
  onColumn: (column: number) => void;
}) {
  const columns = Array.from({ length: preview.columns }, (_, index) => index);
  if (preview.rows.length === 0) return <Warning>There is nothing in this list.</Warning>;
  return (
    <div className="overflow-x-auto" tabIndex={0} role="group" aria-label="First rows">
      <table className="w-full">
        <caption className="mb-1 text-left text-xs text-ink-3">
          The first rows. Choose the column with the identifiers.
        </caption>
        <thead>
          <tr>
            {columns.map((at) => (
              <th
                key={at}
                scope="col"
                className={cx("px-2 py-1 text-left", at === column && "bg-accent-soft")}
              >
                <label className="inline-flex items-center gap-1.5 font-medium">
                  <input
                    type="radio"
                    name="column"
                    checked={at === column}
                    onChange={() => onColumn(at)}
                    className="accent-(--accent)"
                  />
                  {preview.header?.[at] ?? `Column ${at + 1}`}
                </label>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {preview.rows.map((row, index) => (
            <tr key={index} className="border-t border-line">
              {columns.map((at) => (
                <td
                  key={at}
                  className={cx(
                    "max-w-64 truncate px-2 py-1",
                    at === column ? "bg-accent-soft font-medium" : "text-ink-2",
                  )}
                >
                  {row[at]}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Any change of what goes in starts this anew, so a report never belongs to another question. */
function TryAndImport({ form, ready }: { form: ImportForm; ready: boolean }) {
  const dry = useImport(form, true);
  const real = useImport(form, false);
  const report = dry.job?.state === "done" ? dry.job.report : undefined;
  const done = real.job?.state === "done";
  return (
    <>
      <Card title="3 · What would happen">
        <div className="space-y-3">
          <div className="flex flex-wrap items-center gap-2">
            <Button
              look={report ? "secondary" : "primary"}
              disabled={!ready || done}
              busy={dry.running}
              onClick={dry.start}
            >
              {report ? "Check again" : "Check the list"}
            </Button>
            {!ready && <span className="text-ink-3">Give the segment a name first.</span>}
            {!report && ready && !dry.running && (
              <span className="text-ink-3">Nothing is changed by this.</span>
            )}
          </div>
          <Progress run={dry} />
          {report && <ReportView report={report} jobId={dry.id} />}
        </div>
      </Card>
      {report && (
        <Card title="4 · Import">
          <div className="space-y-3">
            {!done && (
              <Button look="primary" icon="check" busy={real.running} onClick={real.start}>
                {form.mode === "create" ? `Make “${form.name}”` : "Change the list"}
              </Button>
            )}
            <Progress run={real} />
            {done && real.job?.report && (
              <>
                <ReportView report={real.job.report} jobId={real.id} />
                {real.job.segment_id && (
                  <Link
                    to="/segments/$id"
                    params={{ id: real.job.segment_id }}
                    className={buttonClass("primary")}
                  >
                    Open the segment
                  </Link>
                )}
              </>
            )}
          </div>
        </Card>
      )}
    </>
  );
}

interface Run {
  id?: string;
  job?: Job;
  error: unknown;
  running: boolean;
  start: () => void;
}

function useImport(form: ImportForm, dryRun: boolean): Run {
  const queries = useQueryClient();
  const [job, setJob] = useState<Job>();
  const [id, setId] = useState<string>();
  const stop = useRef<AbortController>(null);
  useEffect(() => () => stop.current?.abort(), []);
  const run = useMutation({
    mutationFn: async () => {
      stop.current = new AbortController();
      setJob(undefined);
      const started = await startImport(form, dryRun);
      setId(started.data.id);
      setJob(started.data.attributes);
      await follow(started.data.id, setJob, stop.current.signal);
      if (!dryRun) await queries.invalidateQueries({ queryKey: ["segments"] });
    },
  });
  return { id, job, error: run.error, running: run.isPending, start: () => run.mutate() };
}

function Progress({ run }: { run: Run }) {
  const { job, id } = run;
  return (
    <>
      <ErrorBox error={run.error} title="The import failed" />
      {job?.state === "failed" && <ErrorBox error={new Error(job.error)} title="The import failed" />}
      {job?.state === "cancelled" && <Warning>Cancelled; nothing was changed.</Warning>}
      {run.running && job && (
        <div className="flex items-center gap-3">
          <progress
            aria-label="Progress"
            value={job.progress}
            max={1}
            className="h-2 flex-1 accent-(--accent)"
          />
          <span className="num w-12 text-right text-ink-2">{Math.round(job.progress * 100)} %</span>
          <Button
            size="sm"
            onClick={() =>
              request("DELETE", `/jobs/${id}`).catch((error) => toastError("Not cancelled", error))
            }
          >
            Cancel
          </Button>
        </div>
      )}
    </>
  );
}

const LISTED = 10;

function ReportView({ report, jobId }: { report: ImportReport; jobId?: string }) {
  const rejected = report.rejected_count ?? report.rejected.length;
  const ambiguous = report.ambiguous_count ?? report.ambiguous?.length ?? 0;
  const facts: [string, number, string][] = [
    ["rows", report.rows, "text-ink"],
    ["matched", report.matched, "text-good"],
    ["not seen yet", report.unmatched, "text-ink"],
    ["duplicates", report.duplicates, "text-ink"],
    ["ambiguous", ambiguous, ambiguous > 0 ? "text-warn" : "text-ink"],
    ["rejected", rejected, rejected > 0 ? "text-bad" : "text-ink"],
  ];
  return (
    <div className="space-y-3">
      <dl className="grid grid-cols-3 gap-2 sm:grid-cols-6">
        {facts.map(([name, value, tone]) => (
          <div key={name} className="rounded-lg bg-sunken px-3 py-2">
            <dt className="text-xs text-ink-2">{name}</dt>
            <dd className={cx("num text-lg font-semibold", tone)}>{count(value)}</dd>
          </div>
        ))}
      </dl>
      {report.size !== undefined && report.size_before !== undefined && (
        <p className="num text-ink-2">
          The list: {count(report.size_before)} → {count(report.size)} identifiers (+
          {count(report.added ?? 0)}, −{count(report.removed ?? 0)})
        </p>
      )}
      {ambiguous > 0 && (
        <Listed
          title="Several users have the same address; all of them become members"
          rows={(report.ambiguous ?? []).map(({ identifier, users }) => [identifier, users.join(", ")])}
          total={ambiguous}
        />
      )}
      {rejected > 0 && (
        <Listed
          title="Lines that can't be used"
          rows={report.rejected.map(({ line, reason }) => [`line ${line}`, reason])}
          total={rejected}
          download={jobId && urlOf(`/jobs/${jobId}/rejects.csv`)}
        />
      )}
    </div>
  );
}

function Listed({
  title,
  rows,
  total,
  download,
}: {
  title: string;
  rows: string[][];
  total: number;
  download?: string;
}) {
  const shown = rows.slice(0, LISTED);
  return (
    <section aria-label={title}>
      <h3 className="mb-1 flex flex-wrap items-center gap-2 font-medium">
        {title}
        {download && (
          <a
            href={download}
            download
            className="inline-flex items-center gap-1 font-normal text-accent-ink hover:underline"
          >
            <Icon name="download" size={14} /> all as CSV
          </a>
        )}
      </h3>
      <ul>
        {shown.map(([what, why]) => (
          <li key={what} className="flex gap-3">
            <span className="num w-32 shrink-0 truncate text-ink-2">{what}</span>
            <span className="min-w-0 break-words">{why}</span>
          </li>
        ))}
      </ul>
      {total > shown.length && <p className="text-ink-3">and {count(total - shown.length)} more</p>}
    </section>
  );
}
