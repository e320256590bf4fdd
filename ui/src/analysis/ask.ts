import { keepPreviousData, type UseQueryResult, useQueries, useQuery } from "@tanstack/react-query";
import { request as call } from "../api/client";
import type { Envelope } from "./answers";
import { type ApiRequest, bodyOf } from "./requests";

/** An answer on screen stays fresh for so long; a change of the question asks at once. */
const FRESH_MS = 60_000;

function questionOf<A>(request: ApiRequest | null) {
  return {
    queryKey: ["ask", request?.path, request?.attributes],
    enabled: request !== null,
    staleTime: FRESH_MS,
    retry: false,
    queryFn: ({ signal }: { signal: AbortSignal }) => ask<A>(request as ApiRequest, signal),
  };
}

/** One question to the server now, outside of a component's render. */
export function ask<A>(request: ApiRequest, signal?: AbortSignal): Promise<Envelope<A>> {
  return call<Envelope<A>>("POST", request.path, { body: bodyOf(request), signal });
}

/** Asks, shows the last answer until the next one comes, and gives up on questions that nobody waits for. */
export function useAsk<A>(request: ApiRequest | null): UseQueryResult<Envelope<A>> {
  return useQuery({ ...questionOf<A>(request), placeholderData: keepPreviousData });
}

/** The same for several questions at once, such as one per segment. */
export function useAskAll<A>(requests: ApiRequest[]): UseQueryResult<Envelope<A>>[] {
  return useQueries({ queries: requests.map((request) => questionOf<A>(request)) });
}
