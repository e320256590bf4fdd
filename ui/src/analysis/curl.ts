import { BASE } from "../api/client";
import { type ApiRequest, bodyOf } from "./requests";

/** The same question on the command line. Keys come from the environment, never from the page. */
export function curlOf(request: ApiRequest, origin: string): string {
  const body = JSON.stringify(bodyOf(request), null, 2).replaceAll("'", "'\\''");
  return [
    `curl -s '${origin}${BASE}${request.path}' \\`,
    `  -H "DD-API-KEY: $WHODID_API_KEY" -H "DD-APPLICATION-KEY: $WHODID_APP_KEY" \\`,
    `  -H 'Content-Type: application/json' -d '${body}'`,
  ].join("\n");
}
