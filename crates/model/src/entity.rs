//! Who it happened to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a question counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntityKind {
    User,
    Account,
}

impl EntityKind {
    pub fn name(self) -> &'static str {
        match self {
            EntityKind::User => "user",
            EntityKind::Account => "account",
        }
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an anonymous user's id begins with wherever an id is shown or asked for.
pub const ANONYMOUS_PREFIX: &str = "anonymous:";

/// A resolved user: identified by `usr.id`, or anonymous by `usr.anonymous_id`. A `usr.id` that itself begins with
/// `anonymous:` stays an identified user here; only its written form is the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserKey {
    Identified(String),
    Anonymous(String),
}

impl UserKey {
    pub fn is_anonymous(&self) -> bool {
        matches!(self, UserKey::Anonymous(_))
    }

    /// Reads the written form.
    pub fn parse(text: &str) -> UserKey {
        match text.strip_prefix(ANONYMOUS_PREFIX) {
            Some(id) => UserKey::Anonymous(id.to_string()),
            None => UserKey::Identified(text.to_string()),
        }
    }
}

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UserKey::Identified(id) => f.write_str(id),
            UserKey::Anonymous(id) => write!(f, "{ANONYMOUS_PREFIX}{id}"),
        }
    }
}
