//! Who it happened to.

use std::borrow::Cow;
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

/// What a list names people by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IdentifierKey {
    /// Exact: as a user's id is written.
    #[serde(rename = "usr.id")]
    UsrId,
    /// Without regard to case and surrounding blanks.
    #[serde(rename = "usr.email")]
    UsrEmail,
}

impl IdentifierKey {
    pub const ALL: [IdentifierKey; 2] = [IdentifierKey::UsrId, IdentifierKey::UsrEmail];

    /// The facet that it is.
    pub fn name(self) -> &'static str {
        match self {
            IdentifierKey::UsrId => "usr.id",
            IdentifierKey::UsrEmail => "usr.email",
        }
    }

    pub fn named(name: &str) -> Option<IdentifierKey> {
        IdentifierKey::ALL.into_iter().find(|key| key.name() == name)
    }

    /// The form in which two spellings of one identifier are equal.
    pub fn normalized(self, text: &str) -> Cow<'_, str> {
        match self {
            IdentifierKey::UsrId => Cow::Borrowed(text),
            IdentifierKey::UsrEmail => {
                let text = text.trim();
                let is_lower = text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_uppercase());
                if is_lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
            }
        }
    }
}

impl fmt::Display for IdentifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
