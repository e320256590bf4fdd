//! What questions see: every acknowledged event up to a watermark, one row per event, under its resolved owner.

use std::sync::Arc;

use roaring::RoaringBitmap;
use whodid_model::event::paths;
use whodid_model::{Event, Instant, UserKey};

use crate::columns::{Columns, Run};
use crate::error::StoreError;
use crate::joined::Joined;
use crate::live::Live;
use crate::log::LogPosition;
use crate::owner::{BUCKETS, Owner};

/// An unchanging view of the store.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) watermark: u64,
    pub(crate) joined: Arc<Joined>,
}

/// One bucket: the base, less the runs that newer events have made dead, and an overlay that holds those owners whole.
/// So an owner's history is always one run in one of the two.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    pub(crate) base: Arc<Columns>,
    pub(crate) dead: Arc<RoaringBitmap>,
    pub(crate) overlay: Arc<Columns>,
}

/// Either half of a bucket. Owner ordinals of the overlay go on where those of the base end.
#[derive(Clone, Copy)]
pub struct Half<'a> {
    pub columns: &'a Columns,
    pub dead: Option<&'a RoaringBitmap>,
    pub first_ordinal: u32,
}

impl<'a> Half<'a> {
    /// Whether the run with this index is alive.
    pub fn is_alive(self, run: u32) -> bool {
        self.dead.is_none_or(|dead| !dead.contains(run))
    }

    /// The living users of whom something is known at `at`, by ordinal.
    pub fn users(self, at: Instant) -> RoaringBitmap {
        let mut users = self.columns.user_runs().clone();
        if let Some(dead) = self.dead {
            users -= dead;
        }
        if !self.columns.all_before(at) {
            let runs = self.columns.runs();
            let known = |run: &u32| self.columns.ts_us().get(runs[*run as usize].start as usize) < at.0;
            users = users.into_iter().filter(known).collect();
        }
        if self.first_ordinal > 0 {
            users = users.into_iter().map(|run| self.first_ordinal + run).collect();
        }
        users
    }

    /// The living runs with their ordinals, in order.
    pub fn runs(self) -> impl Iterator<Item = (u32, &'a Run)> {
        self.columns
            .runs()
            .iter()
            .enumerate()
            .filter(move |(index, _)| self.is_alive(*index as u32))
            .map(move |(index, run)| (self.first_ordinal + index as u32, run))
    }
}

impl Bucket {
    pub fn halves(&self) -> [Half<'_>; 2] {
        let base_runs = self.base.runs().len() as u32;
        let dead = (!self.dead.is_empty()).then_some(&*self.dead);
        [
            Half { columns: &self.base, dead, first_ordinal: 0 },
            Half { columns: &self.overlay, dead: None, first_ordinal: base_runs },
        ]
    }

    /// The owner with this ordinal.
    pub fn run(&self, ordinal: u32) -> Option<(&Columns, &Run)> {
        let base_runs = self.base.runs().len();
        let index = ordinal as usize;
        if index < base_runs {
            Some((&self.base, &self.base.runs()[index]))
        } else {
            self.overlay.runs().get(index - base_runs).map(|run| (&*self.overlay, run))
        }
    }

    /// The living run of an owner and its ordinal.
    pub fn find(&self, owner: &Owner) -> Option<(u32, &Columns, &Run)> {
        self.halves().into_iter().find_map(|half| {
            let index = half.columns.find(owner)?;
            half.is_alive(index as u32)
                .then(|| (half.first_ordinal + index as u32, half.columns, &half.columns.runs()[index]))
        })
    }
}

impl Snapshot {
    pub(crate) fn empty() -> Snapshot {
        Snapshot { buckets: vec![Bucket::default(); BUCKETS], watermark: 0, joined: Arc::default() }
    }

    /// A snapshot of events that lie in no folder, for tools and tests. The last batch makes the overlay, the ones before
    /// it the base.
    pub fn of_events(batches: Vec<Vec<Event>>) -> Arc<Snapshot> {
        let mut live = Live::new();
        for batch in batches {
            live.settle();
            live.apply(LogPosition::default(), batch);
        }
        live.snapshot(0)
    }

    /// A snapshot of a few events under owners that are known already, for questions about an entity by itself.
    pub fn of_owned(events: Vec<(Owner, Event)>, watermark: u64) -> Arc<Snapshot> {
        let mut grouped: Vec<Vec<(Owner, Event)>> = vec![Vec::new(); BUCKETS];
        for (owner, event) in events {
            grouped[owner.bucket()].push((owner, event));
        }
        let bucket = |events| Bucket { overlay: Arc::new(Columns::build(events)), ..Bucket::default() };
        let buckets = grouped.into_iter().map(bucket).collect();
        Arc::new(Snapshot { buckets, watermark, joined: Arc::default() })
    }

    /// The same events beside other joined columns.
    pub fn with_joined(self: &Arc<Snapshot>, joined: Arc<Joined>) -> Arc<Snapshot> {
        if Arc::ptr_eq(&self.joined, &joined) {
            return self.clone();
        }
        Arc::new(Snapshot { buckets: self.buckets.clone(), watermark: self.watermark, joined })
    }

    pub fn joined(&self) -> &Arc<Joined> {
        &self.joined
    }

    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// How far into the log of acknowledged events this view reaches. Two views with the same watermark hold the same
    /// events; a larger one holds more.
    pub fn watermark(&self) -> u64 {
        self.watermark
    }

    /// Why answers from this view cannot be trusted: a file that columns are read from turned out to be damaged. To be
    /// asked after an answer was found.
    pub fn fault(&self) -> Option<StoreError> {
        self.buckets.iter().find_map(|bucket| bucket.base.fault())
    }

    pub fn rows(&self) -> u64 {
        let living = |half: Half<'_>| half.runs().map(|(_, run)| run.rows().len() as u64).sum::<u64>();
        self.buckets.iter().flat_map(Bucket::halves).map(living).sum()
    }

    /// Bytes of the instants and types of all rows and of the named columns.
    pub fn resident_bytes(&self, attributes: &[&str]) -> usize {
        let halves = self.buckets.iter().flat_map(Bucket::halves);
        halves.map(|half| half.columns.bytes_of(attributes)).sum()
    }

    /// The snapshot as it has to be seen at `at`: what is at or after that instant does not exist. Rows are cut by
    /// whoever reads them; what has to change here is identity. An anonymous id whose first event with a user is not
    /// before `at` is still an anonymous user of its own then.
    pub fn at(self: &Arc<Snapshot>, at: Instant) -> Arc<Snapshot> {
        let mut buckets = self.buckets.clone();
        let mut regrouped: Vec<Vec<(Owner, Event)>> = vec![Vec::new(); BUCKETS];
        for bucket in &mut buckets {
            let mut leaving = [RoaringBitmap::new(), RoaringBitmap::new()];
            let concerned = bucket.halves().into_iter().zip(&mut leaving);
            for (half, leaving) in concerned.filter(|(half, _)| !half.columns.all_before(at)) {
                for (ordinal, run) in half.runs() {
                    if let Some(events) = split_run(half.columns, run, at) {
                        leaving.insert(ordinal - half.first_ordinal);
                        for (owner, event) in events {
                            regrouped[owner.bucket()].push((owner, event));
                        }
                    }
                }
            }
            let [from_base, from_overlay] = leaving;
            if !from_base.is_empty() {
                bucket.dead = Arc::new(&*bucket.dead | &from_base);
            }
            if !from_overlay.is_empty() {
                let stays = |_, run: usize| !from_overlay.contains(run as u32);
                bucket.overlay = Arc::new(Columns::assemble(&[&bucket.overlay], stays));
            }
        }
        if regrouped.iter().all(Vec::is_empty) {
            return self.clone();
        }
        for (bucket, events) in buckets.iter_mut().zip(regrouped) {
            if !events.is_empty() {
                let added = Columns::build(events);
                bucket.overlay = Arc::new(Columns::assemble(&[&bucket.overlay, &added], |_, _| true));
            }
        }
        Arc::new(Snapshot { buckets, watermark: self.watermark, joined: self.joined.clone() })
    }
}

/// The events before `at` of a run that holds anonymous events not yet adopted at that instant, each with its owner
/// then; none if the run needs no change.
fn split_run(columns: &Columns, run: &Run, at: Instant) -> Option<Vec<(Owner, Event)>> {
    if !columns.has_adopted() || !run.rows().any(|row| columns.is_adopted(row)) {
        return None;
    }
    let anonymous_ids = columns.attribute(paths::ANONYMOUS_ID)?;
    let before = |row: &usize| columns.ts_us().get(*row) < at.0;
    let code = |row: usize| anonymous_ids.codes().get(row);
    let mut known: Vec<u32> = run
        .rows()
        .filter(before)
        .filter(|row| !columns.is_adopted(*row))
        .map(code)
        .filter(|code| *code != 0)
        .collect();
    known.sort_unstable();
    known.dedup();
    let still_anonymous = |row: usize| columns.is_adopted(row) && known.binary_search(&code(row)).is_err();
    if !run.rows().filter(before).any(still_anonymous) {
        return None;
    }
    let owner_then = |row: usize| {
        if still_anonymous(row)
            && let Some(id) = columns.event(row).anonymous_id()
        {
            return Owner::User(UserKey::Anonymous(id));
        }
        run.owner.clone()
    };
    Some(run.rows().filter(before).map(|row| (owner_then(row), columns.event(row))).collect())
}
