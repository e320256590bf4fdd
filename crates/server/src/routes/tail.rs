//! Watching events come in.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, stream};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::MayRead;
use crate::services::Services;
use crate::tail::Note;

/// How many notes a watcher is shown in a second.
const SHOWN_PER_SECOND: u32 = 50;
const SECOND: Duration = Duration::from_secs(1);

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(tail))
}

/// Events as they come in: `event` (`received_at`, `source`, `type`, `id`, `ts`, `user`, `name`), `rejected`
/// (`received_at`, `source`, `line`, `reason`, `excerpt`), and `skipped` (`count`) for those beyond 50 in a second.
#[utoipa::path(
    get, path = "/events/tail", tag = "Intake",
    responses((status = 200, body = String, content_type = "text/event-stream"))
)]
async fn tail(
    _: MayRead,
    State(services): State<Services>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let watcher =
        Watcher { notes: services.tail.watch(), until: Instant::now() + SECOND, shown: 0, skipped: 0 };
    let events = stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok(event), watcher))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// One who watches, and what has been shown in the second that ends at `until`.
struct Watcher {
    notes: Receiver<Note>,
    until: Instant,
    shown: u32,
    skipped: u64,
}

impl Watcher {
    async fn next(&mut self) -> Option<Event> {
        loop {
            let now = Instant::now();
            if now >= self.until {
                (self.until, self.shown) = (now + SECOND, 0);
                if self.skipped > 0 {
                    let count = std::mem::take(&mut self.skipped);
                    return Some(event("skipped", &json!({"count": count})));
                }
            }
            let received = match self.skipped {
                0 => self.notes.recv().await,
                // What was skipped is told when the second is over, whether or not more comes.
                _ => match tokio::time::timeout_at(self.until, self.notes.recv()).await {
                    Ok(received) => received,
                    Err(_) => continue,
                },
            };
            let full = Instant::now() < self.until && self.shown >= SHOWN_PER_SECOND;
            match received {
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(missed)) => self.skipped += missed,
                Ok(Note::Skipped(more)) => self.skipped += more,
                Ok(_) if full => self.skipped += 1,
                Ok(Note::Event(note)) => return Some(self.show("event", &note)),
                Ok(Note::Rejected(note)) => return Some(self.show("rejected", &note)),
            }
        }
    }

    fn show(&mut self, name: &str, note: &Value) -> Event {
        self.shown += 1;
        event(name, note)
    }
}

fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}
