//! Which user an anonymous id belongs to: the first `usr.id` seen with it, by (ts, id); later ones take over nothing.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use whodid_model::{Event, UserKey};

use crate::columns::stored::{put_text, put_u64, take_text, take_u64};
use crate::owner::Owner;

/// For each anonymous id every `usr.id` seen with it and the instant (µs) of their first event together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    seen: FxHashMap<String, BTreeMap<String, i64>>,
}

/// An event that names both ids.
pub(crate) struct Link {
    pub(crate) anonymous_id: String,
    pub(crate) usr_id: String,
    pub(crate) ts_us: i64,
}

impl Link {
    pub(crate) fn of(event: &Event) -> Option<Link> {
        Some(Link { anonymous_id: event.anonymous_id()?, usr_id: event.usr_id()?, ts_us: event.ts.0 })
    }
}

impl Identity {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_u64(self.seen.len() as u64, out);
        for (anonymous_id, users) in &self.seen {
            put_text(anonymous_id, out);
            put_u64(users.len() as u64, out);
            for (usr_id, first_us) in users {
                put_text(usr_id, out);
                put_u64(*first_us as u64, out);
            }
        }
    }

    /// What [`Identity::write`] wrote.
    pub(crate) fn read(bytes: &mut &[u8]) -> Option<Identity> {
        let mut identity = Identity::default();
        for _ in 0..take_u64(bytes)? {
            let anonymous_id = take_text(bytes)?;
            let users = (0..take_u64(bytes)?).map(|_| Some((take_text(bytes)?, take_u64(bytes)? as i64)));
            let users = users.collect::<Option<_>>()?;
            identity.seen.insert(anonymous_id, users);
        }
        Some(identity)
    }

    /// The user that the anonymous id belongs to.
    pub(crate) fn user(&self, anonymous_id: &str) -> Option<&str> {
        let seen = self.seen.get(anonymous_id)?;
        seen.iter().min_by_key(|(usr_id, ts)| (**ts, *usr_id)).map(|(usr_id, _)| usr_id.as_str())
    }

    /// The owner with its anonymous id resolved.
    pub(crate) fn resolve(&self, named: Owner) -> Owner {
        if let Owner::User(UserKey::Anonymous(id)) = &named
            && let Some(usr_id) = self.user(id)
        {
            return Owner::User(UserKey::Identified(usr_id.to_string()));
        }
        named
    }

    pub(crate) fn observe(&mut self, link: &Link) {
        let seen = self.seen.entry(link.anonymous_id.clone()).or_default();
        let first = seen.entry(link.usr_id.clone()).or_insert(link.ts_us);
        *first = (*first).min(link.ts_us);
    }

    /// Whether taking `link` away can change what is known, so that the pair's first event must be looked up again.
    pub(crate) fn rests_on(&self, link: &Link) -> bool {
        let seen = self.seen.get(&link.anonymous_id);
        seen.and_then(|seen| seen.get(&link.usr_id)).is_some_and(|first| *first == link.ts_us)
    }

    /// Sets the pair's first event together after one was taken away.
    pub(crate) fn set_first(&mut self, anonymous_id: &str, usr_id: &str, first_us: Option<i64>) {
        let Some(seen) = self.seen.get_mut(anonymous_id) else { return };
        match first_us {
            Some(first) => {
                seen.insert(usr_id.to_string(), first);
            }
            None => {
                seen.remove(usr_id);
                if seen.is_empty() {
                    self.seen.remove(anonymous_id);
                }
            }
        }
    }
}
