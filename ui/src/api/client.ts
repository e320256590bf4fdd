import createClient from "openapi-fetch";
import { ApiError, isAbort, readFaults } from "./errors";
import type { components, paths } from "./schema";

export const BASE = "/api/v2/product-analytics";

export type Schemas = components["schemas"];

let csrfToken: string | undefined;
let onUnauthorized: () => void = () => {};

/** Given by the session; sent with everything that changes something. */
export function setCsrfToken(token: string | undefined): void {
  csrfToken = token;
}

export function setUnauthorizedHandler(handler: () => void): void {
  onUnauthorized = handler;
}

const READING = new Set(["GET", "HEAD"]);

/** `fetch` with the CSRF header, that throws {@link ApiError} for whatever is not 2xx. */
export async function apiFetch(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = new Request(input, { credentials: "same-origin", ...init });
  if (csrfToken && !READING.has(request.method)) request.headers.set("X-CSRF-Token", csrfToken);
  let response: Response;
  try {
    response = await fetch(request);
  } catch (error) {
    if (isAbort(error) || request.signal.aborted) throw error;
    throw new ApiError(0, [{ detail: "The server can't be reached. Is Whodid running?" }]);
  }
  if (response.ok) return response;
  if (response.status === 401) onUnauthorized();
  throw new ApiError(response.status, await faultsOf(response, new URL(request.url).pathname));
}

async function faultsOf(response: Response, path: string) {
  const body = await response.json().catch(() => undefined);
  const faults = readFaults(body, response.status);
  const unknownPath =
    response.status === 404 && faults.some((fault) => /nothing at \/api/.test(fault.detail));
  if (!unknownPath) return faults;
  return [
    {
      status: "404",
      detail: `This server does not offer ${path.replace(BASE, "")} yet. Update it to use this.`,
    },
  ];
}

/** The typed client, for what the API's description holds: `api.GET("/api/v2/…", { params })`. */
export const api = createClient<paths>({
  baseUrl: globalThis.location?.origin ?? "http://localhost",
  fetch: apiFetch,
});

export interface RequestOptions {
  query?: Record<string, string | number | boolean | undefined>;
  /** Sent as JSON, or as it is when it is a form. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** A path under {@link BASE}, for endpoints whose answers the description leaves open. */
export async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
  const response = await apiFetch(urlOf(path, options.query), initOf(method, options));
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export function urlOf(path: string, query: RequestOptions["query"] = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return `${BASE}${path}${text ? `?${text}` : ""}`;
}

export function initOf(method: string, options: RequestOptions): RequestInit {
  const headers = new Headers(options.headers);
  let body: BodyInit | undefined;
  if (options.body instanceof FormData) {
    body = options.body;
  } else if (options.body !== undefined) {
    headers.set("Content-Type", "application/json");
    body = JSON.stringify(options.body);
  }
  return { method, headers, body, signal: options.signal };
}

/** The envelope of a request. */
export function envelope<A>(type: string, attributes: A): { data: { type: string; attributes: A } } {
  return { data: { type, attributes } };
}

export interface Resource<A> {
  id: string;
  type: string;
  attributes: A;
}

export interface One<A, M = AnswerMeta> {
  data: Resource<A>;
  meta: M;
}

export interface Many<A, M = ListMeta> {
  data: Resource<A>[];
  meta: M;
}

export interface ListMeta {
  page?: { next?: string };
  total?: number;
}

export interface AnswerMeta {
  as_of: string;
  watermark: number;
  elapsed_ms: number;
  definition_version?: number;
  partial: boolean;
}
