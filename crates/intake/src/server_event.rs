//! One event from a back end. It carries no time and is stamped on arrival.

use whodid_model::event::paths::{ACCOUNT_ID, EVENT_NAME, SESSION_ID, USR_ID};
use whodid_model::{Attributes, Event, EventType, Value, limits};

use crate::enrich::Client;
use crate::identity::content_id;
use crate::json::{self, Reading};
use crate::{Context, Enricher, IntakeError};

/// Reads the body of one request: `type: "server"`, `application.id`, `event.name`, and at least one of `usr.id`,
/// `account.id` and `session.id`. All other members become attributes by their dotted path. The id is a hash of what
/// the body says and of the instant at which it arrived.
pub fn decode(body: &[u8], context: &Context<'_>, enricher: &Enricher) -> Result<Event, IntakeError> {
    if body.len() > limits::SERVER_EVENT_BYTES {
        return Err(IntakeError::TooLarge { what: "the event", limit_bytes: limits::SERVER_EVENT_BYTES });
    }
    let reading = Reading { without: &[], partial: false };
    let mut attributes = json::flatten(body, reading).map_err(|reason| IntakeError::Json { reason })?;
    check_members(&attributes)?;
    attributes.remove("type");
    json::keep_reserved_names_apart(&mut attributes);
    let id = content_id(EventType::Server, context.received_at, &attributes, "", &mut Vec::new());
    let mut event = Event {
        kind: EventType::Server,
        id,
        ts: context.received_at,
        revision: 0,
        attributes,
        revisions: None,
    };
    enricher.enrich(&mut event, &Client::UNKNOWN, false);
    Ok(event)
}

fn check_members(attributes: &Attributes) -> Result<(), IntakeError> {
    let has_text = |path: &str| matches!(attributes.get(path), Some(Value::Text(text)) if !text.is_empty());
    if !matches!(attributes.get("type"), Some(Value::Text(kind)) if kind == "server") {
        return Err(IntakeError::Member {
            member: "type",
            problem: "is not there or of another kind",
            instead: "\"type\": \"server\"",
        });
    }
    let missing = |member, instead| IntakeError::Member { member, problem: "is missing", instead };
    if !has_text("application.id") {
        return Err(missing("application.id", "\"application\": {\"id\": \"…\"}"));
    }
    if !has_text(EVENT_NAME) {
        return Err(missing(EVENT_NAME, "\"event\": {\"name\": \"…\"}"));
    }
    if ![USR_ID, ACCOUNT_ID, SESSION_ID].into_iter().any(has_text) {
        return Err(missing(USR_ID, "\"usr\": {\"id\": \"…\"}, or an account.id or session.id"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
