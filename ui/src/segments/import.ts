import { parse } from "papaparse";
import { type One, request } from "../api/client";

/** What is in the file of identifiers and what came of it. Counts are exact; lists hold the first ones. */
export interface ImportReport {
  rows: number;
  identifiers: number;
  duplicates: number;
  matched: number;
  unmatched: number;
  ambiguous_count?: number;
  ambiguous?: { identifier: string; users: string[] }[];
  rejected_count?: number;
  rejected: { line: number; reason: string }[];
  size_before?: number;
  size?: number;
  added?: number;
  removed?: number;
}

export interface Job {
  kind: string;
  state: "queued" | "running" | "done" | "failed" | "cancelled";
  progress: number;
  created_at: string;
  finished_at?: string;
  segment_id?: string;
  report?: ImportReport;
  error?: string;
}

export type Key = "usr.id" | "usr.email";
export type Mode = "create" | "replace" | "append" | "remove";

export interface ImportForm {
  file: Blob;
  fileName: string;
  name: string;
  /** The list that is changed; absent: a new one. */
  into?: string;
  mode: Mode;
  key: Key;
  /** Position from 1. */
  column: number;
}

export async function startImport(form: ImportForm, dryRun: boolean): Promise<One<Job>> {
  const data = new FormData();
  data.set("name", form.name);
  data.set("mode", form.mode);
  data.set("key", form.key);
  data.set("column", String(form.column));
  if (form.into) data.set("segment_id", form.into);
  if (dryRun) data.set("dry_run", "true");
  data.set("file", form.file, form.fileName);
  return request<One<Job>>("POST", "/segments/imports", { body: data });
}

const POLL_MS = 300;

export function isOver(job: Job | undefined): boolean {
  return job?.state === "done" || job?.state === "failed" || job?.state === "cancelled";
}

/** Reports a job until it is over. */
export async function follow(id: string, onJob: (job: Job) => void, signal: AbortSignal): Promise<Job> {
  for (;;) {
    const { data } = await request<One<Job>>("GET", `/jobs/${id}`, { signal });
    onJob(data.attributes);
    if (isOver(data.attributes)) return data.attributes;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    signal.throwIfAborted();
  }
}

export interface FilePreview {
  /** Names of columns, when the first row holds names. */
  header?: string[];
  rows: string[][];
  columns: number;
  /** The column that looks most like identifiers, from 0, and what it seems to hold. */
  guess: { column: number; key: Key };
}

const PREVIEW_BYTES = 64 * 1024;
const PREVIEW_ROWS = 8;

/** The first rows of a CSV or a plain list. */
export async function previewFile(file: Blob, name: string): Promise<FilePreview> {
  let text: string;
  if (/\.gz$/i.test(name)) text = await unzippedStart(file);
  else text = await file.slice(0, PREVIEW_BYTES).text();
  return previewText(text);
}

async function unzippedStart(file: Blob): Promise<string> {
  const reader = file
    .stream()
    .pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(new TextDecoderStream())
    .getReader();
  let text = "";
  while (text.length < PREVIEW_BYTES) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += value;
  }
  await reader.cancel();
  return text;
}

const NAMES = /^(usr[._])?(user_?)?(id|identifier|e-?mail|user)$/i;

export function previewText(text: string): FilePreview {
  const { data } = parse<string[]>(text.replace(/^\uFEFF/, ""), {
    preview: PREVIEW_ROWS + 1,
    skipEmptyLines: true,
  });
  const columns = Math.max(0, ...data.map((row) => row.length));
  const [first = [], ...rest] = data;
  const isEmail = (cell: string | undefined) => /^[^\s@]+@[^\s@]+$/.test(cell?.trim() ?? "");
  const namesFirst = first.some((cell) => NAMES.test(cell.trim())) && !first.some(isEmail);
  const header = namesFirst ? first : undefined;
  const rows = header ? rest : data.slice(0, PREVIEW_ROWS);
  const places = Array.from({ length: columns }, (_, index) => index);
  const emails = places.find((at) => rows.length > 0 && rows.every((row) => isEmail(row[at])));
  const named = header ? places.find((at) => NAMES.test(header[at]?.trim() ?? "")) : undefined;
  const byName = named !== undefined && !/mail/i.test(header?.[named] ?? "");
  if (byName) return { header, rows, columns, guess: { column: named, key: "usr.id" } };
  if (emails !== undefined) return { header, rows, columns, guess: { column: emails, key: "usr.email" } };
  return {
    header,
    rows,
    columns,
    guess: { column: named ?? 0, key: named === undefined ? "usr.id" : "usr.email" },
  };
}
