//! What happened: one event with its flattened attributes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::revision::Revisions;
use crate::{Instant, Value};

/// The kinds of event. Sessions are derived from the others when a question is about them, and never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum EventType {
    View = 0,
    Action = 1,
    Server = 2,
    Session = 3,
}

impl EventType {
    pub const ALL: [EventType; 4] =
        [EventType::View, EventType::Action, EventType::Server, EventType::Session];
    /// What can arrive and is kept.
    pub const STORED: [EventType; 3] = [EventType::View, EventType::Action, EventType::Server];

    pub fn name(self) -> &'static str {
        match self {
            EventType::View => "view",
            EventType::Action => "action",
            EventType::Server => "server",
            EventType::Session => "session",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an event type; the types are view, action and server")]
pub struct UnknownEventType(pub String);

/// Reads what can arrive: no event is a session.
impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(name: &str) -> Result<EventType, UnknownEventType> {
        EventType::STORED
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownEventType(name.to_string()))
    }
}

/// Attributes by facet path without the leading `@`: `usr.id`, `view.url_path`, `context.cart.total`. Nested JSON
/// objects become dotted paths. `type`, `ts` and `id` are members of the event and never attributes.
pub type Attributes = BTreeMap<String, Value>;

/// One event. Two events with the same [`EventKey`] are the same event: for views the higher revision wins, for the
/// others they are equal by definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    #[serde(rename = "type")]
    pub kind: EventType,
    /// `view.id`, `action.id`, or for server events a hash of the body with its instant.
    pub id: String,
    pub ts: Instant,
    /// `_dd.document_version` of a view; 0 where versions do not exist.
    #[serde(default)]
    pub revision: u64,
    pub attributes: Attributes,
    /// What the event was put together from, kept only while a view has partial updates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revisions: Option<Box<Revisions>>,
}

/// What makes two events the same event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventKey {
    pub kind: EventType,
    pub id: String,
}

impl Event {
    pub fn key(&self) -> EventKey {
        EventKey { kind: self.kind, id: self.id.clone() }
    }

    /// The text at `path`, if the event carries one there; numbers and booleans are not text.
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.attributes.get(path)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An id-like attribute as text, whatever its JSON type; an empty one is none.
    pub fn id_text(&self, path: &str) -> Option<String> {
        self.attributes.get(path)?.as_id()
    }

    pub fn usr_id(&self) -> Option<String> {
        self.id_text(paths::USR_ID)
    }

    pub fn anonymous_id(&self) -> Option<String> {
        self.id_text(paths::ANONYMOUS_ID)
    }

    pub fn account_id(&self) -> Option<String> {
        self.id_text(paths::ACCOUNT_ID)
    }

    pub fn session_id(&self) -> Option<String> {
        self.id_text(paths::SESSION_ID)
    }
}

/// The paths that the code itself speaks of.
pub mod paths {
    pub const USR_ID: &str = "usr.id";
    pub const USR_EMAIL: &str = "usr.email";
    pub const ANONYMOUS_ID: &str = "usr.anonymous_id";
    pub const ACCOUNT_ID: &str = "account.id";
    pub const SESSION_ID: &str = "session.id";
    pub const VIEW_ID: &str = "view.id";
    pub const VIEW_NAME: &str = "view.name";
    pub const VIEW_URL: &str = "view.url";
    pub const VIEW_URL_PATH: &str = "view.url_path";
    pub const VIEW_URL_PATH_GROUP: &str = "view.url_path_group";
    pub const ACTION_NAME: &str = "action.name";
    pub const EVENT_NAME: &str = "event.name";
    pub const GEO_COUNTRY: &str = "geo.country";
}
