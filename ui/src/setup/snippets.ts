/** What to paste where, so that events arrive. */

export interface Snippet {
  id: "browser" | "server" | "file";
  label: string;
  text: string;
}

/** Stands where a key has to be put in. */
export const KEY_PLACEHOLDER = "<ingest key>";

export function snippets(origin: string, key: string): Snippet[] {
  return [
    {
      id: "browser",
      label: "Web page",
      text: `import { datadogRum } from '@datadog/browser-rum'

datadogRum.init({
  clientToken: '${key}',
  applicationId: '00000000-0000-4000-8000-000000000001',
  service: 'my-site',
  proxy: '${origin}/api/v2/rum',
  sessionSampleRate: 100,
  trackUserInteractions: true,
})

// when somebody logs in
datadogRum.setUser({ id: 'user-1', email: 'ada@example.com' })`,
    },
    {
      id: "server",
      label: "Server",
      text: `curl -s '${origin}/api/v2/prodlytics' \\
  -H 'DD-API-KEY: ${key}' -H 'Content-Type: application/json' \\
  -d '{"type": "server", "application": {"id": "shop"},
       "event": {"name": "order_paid"}, "usr": {"id": "user-1"},
       "order": {"total": 59.9}}'`,
    },
    {
      id: "file",
      label: "File",
      text: `curl -s '${origin}/api/v2/product-analytics/events/import' \\
  -H 'DD-API-KEY: ${key}' -H 'Content-Type: text/csv' --data-binary @- <<'END'
timestamp,usr.id,action.name,plan
2026-01-31T08:30:00Z,user-1,Signed up,free
END`,
    },
  ];
}
