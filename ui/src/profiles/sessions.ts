export interface TimelineEvent {
  id: string;
  type: string;
  ts: string;
  attributes: Record<string, unknown>;
}

export interface Session {
  key: string;
  /** Newest first, as they came. */
  events: TimelineEvent[];
  newest: string;
  oldest: string;
  device?: string | undefined;
  browser?: string | undefined;
  country?: string | undefined;
}

/** Neighbours of one session in one block; events between sessions that run at the same time stay in order. */
export function bySession(events: TimelineEvent[]): Session[] {
  const sessions: Session[] = [];
  for (const event of events) {
    const id = event.attributes["session.id"];
    const key = typeof id === "string" ? `session ${id}` : "none";
    const current = sessions.at(-1);
    if (current && current.key.split("\u0000")[0] === key) {
      current.events.push(event);
      current.oldest = event.ts;
    } else {
      // A session may come up again behind another one.
      sessions.push({
        key: `${key}\u0000${sessions.length}`,
        events: [event],
        newest: event.ts,
        oldest: event.ts,
      });
    }
    const session = sessions.at(-1);
    if (!session) continue;
    session.device ??= text(event, "device.type");
    session.browser ??= text(event, "browser.name");
    session.country ??= text(event, "geo.country");
  }
  return sessions;
}

function text(event: TimelineEvent, name: string): string | undefined {
  const value = event.attributes[name];
  return typeof value === "string" ? value : undefined;
}
