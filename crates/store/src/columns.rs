//! Events of whole owners as columns in memory: one run of rows per owner, sorted by (ts, id, type) within it.
//!
//! Every attribute is a [`Column`] of narrow codes into a sorted dictionary, so that a test of a value is made once per
//! distinct value and then becomes a look-up per row.

use rustc_hash::FxHashMap;
use whodid_model::revision::Revisions;
use whodid_model::{Event, EventKey, EventType, Instant, event::paths};

use crate::owner::Owner;

mod assemble;
mod build;
mod column;

pub use column::{Codes, Column};

/// One owner's rows: `start..end`.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub owner: Owner,
    pub start: u32,
    pub end: u32,
}

impl Run {
    pub fn rows(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Rows of whole owners. Runs are sorted by owner.
#[derive(Debug, Default)]
pub struct Columns {
    runs: Vec<Run>,
    ts_us: Vec<i64>,
    kinds: Vec<EventType>,
    ids: Vec<Box<str>>,
    revisions: Vec<u64>,
    /// Rows whose `usr.id` is not the event's own but its anonymous id's first user.
    adopted: Vec<bool>,
    attributes: FxHashMap<Box<str>, Column>,
    /// The few rows that are put together from partial updates.
    histories: FxHashMap<u32, Box<Revisions>>,
}

impl Columns {
    pub fn rows(&self) -> usize {
        self.ts_us.len()
    }

    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Microseconds since 1970, one per row.
    pub fn ts_us(&self) -> &[i64] {
        &self.ts_us
    }

    pub fn kinds(&self) -> &[EventType] {
        &self.kinds
    }

    pub fn ids(&self) -> &[Box<str>] {
        &self.ids
    }

    /// The column of an attribute by its path; none if no event here carries it. `usr.id` is the resolved user's.
    pub fn attribute(&self, path: &str) -> Option<&Column> {
        self.attributes.get(path)
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(AsRef::as_ref)
    }

    pub fn adopted(&self) -> &[bool] {
        &self.adopted
    }

    /// The index of an owner's run.
    pub fn find(&self, owner: &Owner) -> Option<usize> {
        self.runs.binary_search_by(|run| run.owner.cmp(owner)).ok()
    }

    pub fn key(&self, row: usize) -> EventKey {
        EventKey { kind: self.kinds[row], id: self.ids[row].to_string() }
    }

    /// The event as it arrived: without a `usr.id` that it was given by resolution.
    pub fn event(&self, row: usize) -> Event {
        let mut event = self.resolved_event(row);
        if self.adopted[row] {
            event.attributes.remove(paths::USR_ID);
        }
        event
    }

    /// The event as questions see it.
    pub fn resolved_event(&self, row: usize) -> Event {
        let attributes = self
            .attributes
            .iter()
            .filter_map(|(path, column)| Some((path.to_string(), column.value(row)?.clone())))
            .collect();
        Event {
            kind: self.kinds[row],
            id: self.ids[row].to_string(),
            ts: Instant(self.ts_us[row]),
            revision: self.revisions[row],
            attributes,
            revisions: self.histories.get(&(row as u32)).cloned(),
        }
    }

    /// Bytes held, without the allocator's own overhead.
    pub fn bytes(&self) -> usize {
        let fixed = self.rows() * (8 + 1 + 16 + 8 + 1);
        let ids: usize = self.ids.iter().map(|id| id.len()).sum();
        fixed + ids + self.attributes.values().map(Column::bytes).sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
