//! Events that are to go for ever: what a person asks to have erased, and what has become too old.

use std::collections::BTreeSet;

use roaring::RoaringBitmap;
use rustc_hash::FxHashSet;
use whodid_model::{EventKey, EventType, Instant};

use super::Live;
use crate::identity::Link;
use crate::owner::{BUCKETS, Owner};

/// Which events are to go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Doomed {
    /// All that belong to the owner, adopted ones too.
    Of(Owner),
    /// Those of a type that lie before its instant.
    Before(Vec<(EventType, Instant)>),
}

impl Live {
    /// The keys of the events that are to go, with the instants of their rows. What the table does not have as it is now
    /// is not among them: it came after the flush that has to go before.
    pub(crate) fn doomed(&mut self, doomed: &Doomed) -> Vec<(EventKey, Instant)> {
        self.settle();
        let mut found = Vec::new();
        match doomed {
            Doomed::Of(owner) => {
                let columns = &self.base[owner.bucket()];
                let rows = columns.find(owner).map(|run| columns.runs()[run].rows()).unwrap_or_default();
                found.extend(rows.map(|row| (columns.key(row), Instant(columns.ts_us().get(row)))));
            }
            Doomed::Before(bounds) => {
                for columns in &self.base {
                    let rows = (0..columns.rows()).map(|row| (row, Instant(columns.ts_us().get(row))));
                    let old = rows.filter(|(row, ts)| {
                        let kind = columns.kinds()[*row];
                        bounds.iter().any(|(of, before)| *of == kind && ts < before)
                    });
                    found.extend(old.map(|(row, ts)| (columns.key(row), ts)));
                }
            }
        }
        found.retain(|(key, _)| !self.unflushed.contains_key(key));
        found
    }

    /// Forgets events whose rows have left the table. One that has come again meanwhile stays.
    pub(crate) fn remove(&mut self, gone: &FxHashSet<EventKey>) {
        self.settle();
        let mut rows: Vec<RoaringBitmap> = vec![RoaringBitmap::new(); BUCKETS];
        let mut pairs: BTreeSet<(String, String)> = BTreeSet::new();
        for key in gone {
            if let Some(waiting) = self.unflushed.get_mut(key) {
                waiting.in_table = None;
                continue;
            }
            let Some((bucket, row)) = self.in_base(key) else { continue };
            rows[bucket].insert(row as u32);
            let link = Link::of(&self.base[bucket].event(row));
            pairs.extend(link.map(|link| (link.anonymous_id, link.usr_id)));
        }
        let base = self.base.clone();
        self.relay(|number| {
            let gone = &rows[number];
            (!gone.is_empty()).then(|| base[number].without(gone))
        });
        for (anonymous_id, usr_id) in pairs {
            let user_before = self.identity.user(&anonymous_id).map(str::to_string);
            let link = Link { anonymous_id, usr_id, ts_us: 0 };
            let first_us = self.first_together(&link, None);
            self.identity.set_first(&link.anonymous_id, &link.usr_id, first_us);
            self.handed_over(&link.anonymous_id, user_before);
        }
    }
}
