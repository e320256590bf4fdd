//! What the table does not have yet, or not as it is now: what a flush takes, and what it gives back.

use rustc_hash::{FxHashMap, FxHashSet};
use whodid_model::{Event, EventKey, Instant};

use super::{Live, Waiting};
use crate::log::LogPosition;
use crate::owner::Owner;

/// What a flush has to write: events with their owners, and the parts that hold superseded rows of them.
#[derive(Default)]
pub(crate) struct Unflushed {
    pub(crate) events: Vec<(Owner, Event)>,
    pub(crate) superseded: FxHashMap<u32, FxHashSet<EventKey>>,
    /// What it takes to put them back.
    pub(crate) taken: Vec<(EventKey, Waiting)>,
    /// A log position before all events that are left for a later flush.
    pub(crate) left: Option<LogPosition>,
}

/// In which parts rows of the table lie; none for what was looked for and is in no part.
pub(crate) type Located = FxHashMap<EventKey, Option<u32>>;

impl Live {
    pub(crate) fn unflushed_events(&self) -> usize {
        self.unflushed.len()
    }

    /// The events whose row in the table is superseded, with the instant of that row.
    pub(crate) fn superseded(&self) -> Vec<(EventKey, Instant)> {
        let waiting = self.unflushed.iter();
        waiting.filter_map(|(key, waiting)| Some((key.clone(), waiting.in_table?))).collect()
    }

    /// Takes what is to be flushed, but for events whose superseded row lies in one of the `deferred` parts or has not
    /// been looked for. If the flush fails, [`Live::unflush`] puts it back.
    pub(crate) fn take_unflushed(&mut self, located: &Located, deferred: &FxHashSet<u32>) -> Unflushed {
        let mut unflushed = Unflushed::default();
        for (key, waiting) in std::mem::take(&mut self.unflushed) {
            let part = match waiting.in_table {
                None => Some(None),
                Some(_) => located.get(&key).copied(),
            };
            let part = match part {
                Some(part) if part.is_none_or(|part| !deferred.contains(&part)) => part,
                _ => {
                    let from = waiting.from;
                    unflushed.left = Some(unflushed.left.map_or(from, |earliest| earliest.min(from)));
                    self.unflushed.insert(key, waiting);
                    continue;
                }
            };
            let Some(event) = self.known(&key) else { continue };
            if let Some(part) = part {
                unflushed.superseded.entry(part).or_default().insert(key.clone());
            }
            unflushed.taken.push((key, waiting));
            unflushed.events.push((self.identity.resolve(Owner::named_by(&event)), event));
        }
        unflushed
    }

    pub(crate) fn unflush(&mut self, taken: Vec<(EventKey, Waiting)>) {
        for (key, before) in taken {
            let waiting = self.unflushed.entry(key).or_insert(before);
            *waiting = Waiting { from: waiting.from.min(before.from), in_table: before.in_table };
        }
    }
}
