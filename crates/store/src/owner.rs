//! Whose history an event belongs to, and the bucket in which that history lies.

use std::fmt;

use whodid_model::{Event, UserKey};
use xxhash_rust::xxh3::xxh3_64;

/// Users hash into this many buckets. A bucket is the unit of parallel work, and any few of them are an honest sample
/// of all users.
pub const BUCKETS: usize = 64;

/// The owner of a contiguous run of events. Only users are entities; an event without any user id is kept with the
/// others of its session, or by itself, so that every event has exactly one owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    User(UserKey),
    Session(String),
    Event(String),
}

impl Owner {
    /// Who the event names by itself, before anonymous ids are resolved.
    pub fn named_by(event: &Event) -> Owner {
        if let Some(id) = event.usr_id() {
            Owner::User(UserKey::Identified(id))
        } else if let Some(id) = event.anonymous_id() {
            Owner::User(UserKey::Anonymous(id))
        } else if let Some(id) = event.session_id() {
            Owner::Session(id)
        } else {
            Owner::Event(event.id.clone())
        }
    }

    pub fn user(&self) -> Option<&UserKey> {
        match self {
            Owner::User(key) => Some(key),
            Owner::Session(_) | Owner::Event(_) => None,
        }
    }

    pub(crate) fn id(&self) -> &str {
        match self {
            Owner::User(UserKey::Identified(id) | UserKey::Anonymous(id)) => id,
            Owner::Session(id) | Owner::Event(id) => id,
        }
    }

    pub fn bucket(&self) -> usize {
        bucket_of(&self.to_string())
    }
}

/// The bucket of the owner with this text.
pub(crate) fn bucket_of(owner: &str) -> usize {
    (xxh3_64(owner.as_bytes()) % BUCKETS as u64) as usize
}

/// Distinct owners have distinct texts, except a `usr.id` that is written like an anonymous one.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::User(key) => write!(f, "{key}"),
            Owner::Session(id) => write!(f, "session:{id}"),
            Owner::Event(id) => write!(f, "event:{id}"),
        }
    }
}
