//! Events of whole owners as columns in memory: one run of rows per owner, sorted by (ts, id, type) within it.
//!
//! Every attribute is a [`Column`] of narrow codes into a sorted dictionary, so that a test of a value is made once per
//! distinct value and then becomes a look-up per row.

use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;
use whodid_model::revision::Revisions;
use whodid_model::{Event, EventKey, EventType, Instant, TimeRange, event::paths};

use crate::owner::Owner;

mod assemble;
mod build;
mod column;

pub use column::{Codes, Column, order as value_order};

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
    summary: Summary,
}

/// What is read of all runs so often that it is kept beside them, in little memory.
#[derive(Debug, Default)]
struct Summary {
    /// Where each run starts, and at the end where the last one ends.
    starts: Vec<u32>,
    /// The runs whose owner is a user, by index.
    users: RoaringBitmap,
    /// Instants of the earliest and the latest row; none without rows.
    span: Option<(Instant, Instant)>,
}

impl Columns {
    pub fn rows(&self) -> usize {
        self.ts_us.len()
    }

    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Where each run starts, and at the end where the last one ends.
    pub fn run_starts(&self) -> &[u32] {
        &self.summary.starts
    }

    /// The runs whose owner is a user, by index.
    pub fn user_runs(&self) -> &RoaringBitmap {
        &self.summary.users
    }

    /// The instants of the earliest and the latest row; none without rows.
    pub fn span(&self) -> Option<(Instant, Instant)> {
        self.summary.span
    }

    /// Whether every row is before `at`.
    pub fn all_before(&self, at: Instant) -> bool {
        self.summary.span.is_none_or(|(_, latest)| latest < at)
    }

    /// Whether every row lies in the range.
    pub fn all_within(&self, range: TimeRange) -> bool {
        self.summary.span.is_none_or(|(earliest, latest)| range.contains(earliest) && range.contains(latest))
    }

    /// To be called when all rows and runs are there.
    fn summarize(&mut self) {
        let mut starts: Vec<u32> = self.runs.iter().map(|run| run.start).collect();
        starts.push(self.rows() as u32);
        let indexed = self.runs.iter().enumerate();
        let users =
            indexed.filter(|(_, run)| run.owner.user().is_some()).map(|(index, _)| index as u32).collect();
        let earliest = self.ts_us.iter().min().copied();
        let latest = self.ts_us.iter().max().copied();
        let span = earliest.zip(latest).map(|(earliest, latest)| (Instant(earliest), Instant(latest)));
        self.summary = Summary { starts, users, span };
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
