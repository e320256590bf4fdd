//! What is being taken in, as it comes, for those who watch.

use serde_json::{Value, json};
use tokio::sync::broadcast;
use whodid_intake::Rejection;
use whodid_model::event::paths;
use whodid_model::{Event, EventType, Instant};

/// How many notes a watcher may be behind.
const BEHIND: usize = 1_024;
/// Most notes of one request; a watcher is shown fewer.
const NOTES: usize = 50;
const EXCERPT_CHARS: usize = 200;

/// Something to show.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    Event(Value),
    Rejected(Value),
    /// So many more of one request.
    Skipped(u64),
}

pub(crate) struct Tail(broadcast::Sender<Note>);

impl Default for Tail {
    fn default() -> Tail {
        Tail(broadcast::channel(BEHIND).0)
    }
}

impl Tail {
    pub(crate) fn watch(&self) -> broadcast::Receiver<Note> {
        self.0.subscribe()
    }

    /// What there is to tell of some events, before they are handed over; nothing when nobody watches.
    pub(crate) fn notes(&self, source: &str, received_at: Instant, events: &[Event]) -> Vec<Note> {
        if self.0.receiver_count() == 0 {
            return Vec::new();
        }
        let shown = events.iter().take(NOTES).map(|event| {
            Note::Event(json!({
                "received_at": received_at,
                "source": source,
                "type": event.kind.name(),
                "id": event.id,
                "ts": event.ts,
                "user": user(event),
                "name": name(event),
            }))
        });
        let more = events.len().saturating_sub(NOTES) as u64;
        shown.chain((more > 0).then_some(Note::Skipped(more))).collect()
    }

    /// Tells what has become durable.
    pub(crate) fn tell(&self, notes: Vec<Note>) {
        for note in notes {
            // Nobody watching is no fault.
            self.0.send(note).ok();
        }
    }

    /// Tells of lines that could not be read. `text` is the request as far as it can be shown.
    pub(crate) fn rejected(&self, source: &str, received_at: Instant, rejected: &[Rejection], text: &[u8]) {
        if self.0.receiver_count() == 0 {
            return;
        }
        for rejection in rejected.iter().take(NOTES) {
            let line = text.split(|byte| *byte == b'\n').nth(rejection.line.saturating_sub(1) as usize);
            let mut note = refusal(source, received_at, &rejection.reason, line.unwrap_or_default());
            note["line"] = rejection.line.into();
            self.0.send(Note::Rejected(note)).ok();
        }
    }

    /// Tells of a request that could not be read at all.
    pub(crate) fn refused(&self, source: &str, received_at: Instant, reason: &str, text: &[u8]) {
        self.0.send(Note::Rejected(refusal(source, received_at, reason, text))).ok();
    }
}

fn refusal(source: &str, received_at: Instant, reason: &str, text: &[u8]) -> Value {
    let excerpt: String = String::from_utf8_lossy(text).chars().take(EXCERPT_CHARS).collect();
    json!({"received_at": received_at, "source": source, "reason": reason, "excerpt": excerpt})
}

fn user(event: &Event) -> Option<String> {
    event.usr_id().or_else(|| event.anonymous_id().map(|id| format!("anonymous:{id}")))
}

fn name(event: &Event) -> Option<&str> {
    let path = match event.kind {
        EventType::View => paths::VIEW_NAME,
        EventType::Action => paths::ACTION_NAME,
        EventType::Server | EventType::Session => paths::EVENT_NAME,
    };
    event.text(path).or_else(|| event.text(paths::VIEW_URL_PATH))
}
