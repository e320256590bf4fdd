//! The state that grows: which events are known, whose they are, and what has changed since the base was laid.
//!
//! The base holds most events as columns. Newer and revised ones lie in the tail, row by row. An owner whom the tail
//! touches is dirty: a snapshot leaves out its base run and shows the owner whole in an overlay. When the tail has
//! grown to a fair part of the base, the overlay is folded in; so the cost per event stays constant on average.

use std::sync::Arc;

use roaring::RoaringBitmap;
use rustc_hash::{FxHashMap, FxHashSet};
use whodid_model::event::paths;
use whodid_model::revision;
use whodid_model::{Event, EventBatch, EventKey, Instant, UserKey};

use crate::bulk::{self, Owners, Rows};
use crate::columns::Columns;
use crate::identity::{Identity, Link};
use crate::keys::{KeyHash, KeyIndex};
use crate::log::LogPosition;
use crate::owner::{BUCKETS, Owner};
use crate::parallel;
use crate::snapshot::{Bucket, Snapshot};

mod image;
mod remove;
mod unflushed;

pub(crate) use remove::Doomed;
pub(crate) use unflushed::{Located, Unflushed};

/// The tail is folded when it is as large as a quarter of the base, but neither before it has the first number of events
/// nor long after it has the second: a tail takes many times the memory of columns.
const FOLD_EVENTS: std::ops::Range<usize> = 50_000..500_000;

/// What became of the events of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// New events and new versions of known views.
    pub accepted: u64,
    /// Events that were known already and change nothing.
    pub duplicates: u64,
}

/// Rows that were taken as a batch are laid into the base when there are as many as in the base, but never later than
/// this.
const BULK_ROWS: usize = 4_000_000;

pub(crate) struct Live {
    base: Vec<Arc<Columns>>,
    base_rows: usize,
    tail: FxHashMap<EventKey, Event>,
    /// What came as a batch and is not in the base yet. Nothing of it is in the tail.
    bulk: Vec<Rows>,
    bulk_rows: usize,
    dirty: FxHashSet<Owner>,
    identity: Identity,
    keys: KeyIndex,
    /// While a batch is being written, the keys that came by another way and may be in it too.
    contested: Option<FxHashSet<KeyHash>>,
    unflushed: FxHashMap<EventKey, Waiting>,
    current: Option<Arc<Snapshot>>,
}

/// An event that the table does not have yet, or not as it is now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// A log position before its earliest version that the table lacks.
    from: LogPosition,
    /// The instant of the row that the table has.
    in_table: Option<Instant>,
}

/// What became of a batch.
pub(crate) struct Picked {
    pub(crate) fresh: Rows,
    pub(crate) owners: Owners,
    /// Rows whose keys may be known.
    pub(crate) rest: Vec<u32>,
}

impl Live {
    pub(crate) fn new() -> Live {
        Live {
            base: vec![Arc::default(); BUCKETS],
            base_rows: 0,
            tail: FxHashMap::default(),
            dirty: FxHashSet::default(),
            bulk: Vec::new(),
            bulk_rows: 0,
            identity: Identity::default(),
            keys: KeyIndex::default(),
            contested: None,
            unflushed: FxHashMap::default(),
            current: Some(Arc::new(Snapshot::empty())),
        }
    }

    /// Takes an event that the table already holds.
    pub(crate) fn load(&mut self, event: Event) {
        let (key, ts) = (event.key(), event.ts);
        self.take(LogPosition(u64::MAX), event);
        self.in_table(&key, ts);
    }

    /// Remembers that the table has a row of the event, of this instant.
    fn in_table(&mut self, key: &EventKey, ts: Instant) {
        match self.unflushed.get_mut(key) {
            Some(waiting) if waiting.from == LogPosition(u64::MAX) => {
                self.unflushed.remove(key);
            }
            Some(waiting) => waiting.in_table = Some(ts),
            None => {}
        }
    }

    /// Takes acknowledged events, which lie in the log behind `from`. The order in which events are taken changes nothing but what is counted as what.
    pub(crate) fn apply(&mut self, from: LogPosition, events: Vec<Event>) -> Appended {
        let mut appended = Appended::default();
        for event in events {
            match self.take(from, event) {
                true => appended.accepted += 1,
                false => appended.duplicates += 1,
            }
        }
        appended
    }

    /// Whether the event was news: new, or another version of a known view.
    fn take(&mut self, from: LogPosition, mut event: Event) -> bool {
        if event.usr_id().is_none() {
            // An empty or absurd id is none; resolution may put the adopting user's there.
            event.attributes.remove(paths::USR_ID);
        }
        let key = event.key();
        let revision = event.revision;
        let old = self.known(&key);
        if old.is_none() {
            let hash = KeyHash::of(key.kind, &key.id);
            self.keys.note(hash, self.owner_of(&event).bucket());
            if let Some(contested) = &mut self.contested {
                contested.insert(hash);
            }
        }
        let (new, news) = match &old {
            None => (event, true),
            Some(old) => {
                let merged = revision::merge(old.clone(), event);
                if merged == *old {
                    return revision != old.revision;
                }
                (merged, true)
            }
        };
        self.change(old.as_ref(), &new);
        let in_table = old.map(|old| old.ts);
        let waiting = self.unflushed.entry(key.clone()).or_insert(Waiting { from, in_table });
        waiting.from = waiting.from.min(from);
        self.tail.insert(key, new);
        self.current = None;
        if self.tail.len() >= (self.base_rows / 4).clamp(FOLD_EVENTS.start, FOLD_EVENTS.end) {
            self.fold();
        }
        news
    }

    /// Drops the events that are known as they are, and says how many they were.
    pub(crate) fn without_known(&mut self, mut events: Vec<Event>) -> (u64, Vec<Event>) {
        let before = events.len();
        events.retain(|event| self.known(&event.key()).is_none_or(|known| known != *event));
        ((before - events.len()) as u64, events)
    }

    fn known(&mut self, key: &EventKey) -> Option<Event> {
        if let Some(event) = self.tail.get(key) {
            return Some(event.clone());
        }
        if let Some((bucket, row)) = self.in_base(key) {
            return Some(self.base[bucket].event(row));
        }
        if !self.bulk.is_empty() && self.keys.buckets(KeyHash::of(key.kind, &key.id)).next().is_some() {
            self.lay();
            return self.in_base(key).map(|(bucket, row)| self.base[bucket].event(row));
        }
        None
    }

    /// The bucket and the row of an event.
    fn in_base(&self, key: &EventKey) -> Option<(usize, usize)> {
        let hash = KeyHash::of(key.kind, &key.id);
        let mut buckets = self.keys.buckets(hash);
        buckets.find_map(|bucket| Some((bucket, self.base[bucket].find_key(hash, key)?)))
    }

    /// Marks every owner whose events or identity change when `new` takes the place of `old`.
    fn change(&mut self, old: Option<&Event>, new: &Event) {
        let (before, after) = (old.and_then(Link::of), Link::of(new));
        let unchanged = |a: &Link, b: &Link| {
            (&a.anonymous_id, &a.usr_id, a.ts_us) == (&b.anonymous_id, &b.usr_id, b.ts_us)
        };
        if let Some(old) = old {
            self.dirty.insert(self.identity.resolve(Owner::named_by(old)));
        }
        if !before.as_ref().zip(after.as_ref()).is_some_and(|(a, b)| unchanged(a, b)) {
            if let Some(link) = before {
                self.relink(&link, old, false);
            }
            if let Some(link) = after {
                self.relink(&link, None, true);
            }
        }
        self.dirty.insert(self.identity.resolve(Owner::named_by(new)));
    }

    /// Adds a link or takes one away; if the anonymous id changes hands, it and both users are dirty.
    fn relink(&mut self, link: &Link, gone: Option<&Event>, add: bool) {
        let user_before = self.identity.user(&link.anonymous_id).map(str::to_string);
        if add {
            self.identity.observe(link);
        } else if self.identity.rests_on(link) {
            let first = self.first_together(link, gone);
            self.identity.set_first(&link.anonymous_id, &link.usr_id, first);
        }
        self.handed_over(&link.anonymous_id, user_before);
    }

    /// If the anonymous id has changed hands, it and both users are dirty.
    fn handed_over(&mut self, anonymous_id: &str, user_before: Option<String>) {
        let user_after = self.identity.user(anonymous_id).map(str::to_string);
        if user_before != user_after {
            self.dirty.insert(Owner::User(UserKey::Anonymous(anonymous_id.to_string())));
            for user in [user_before, user_after].into_iter().flatten() {
                self.dirty.insert(Owner::User(UserKey::Identified(user)));
            }
        }
    }

    /// The instant (µs) of the first event that names both ids, leaving out the one that is `gone`.
    fn first_together(&mut self, link: &Link, gone: Option<&Event>) -> Option<i64> {
        self.lay();
        let gone = gone.map(Event::key);
        let together = |event: &Event| {
            let other = Link::of(event)?;
            let same = other.anonymous_id == link.anonymous_id && other.usr_id == link.usr_id;
            same.then_some(other.ts_us)
        };
        let in_tail = self
            .tail
            .iter()
            .filter(|(key, _)| Some(*key) != gone.as_ref())
            .filter_map(|(_, event)| together(event));
        let owner = Owner::User(UserKey::Identified(link.usr_id.clone()));
        let base = &self.base[owner.bucket()];
        let rows = base.find(&owner).map(|run| base.runs()[run].rows()).unwrap_or_default();
        let in_base = rows
            .filter(|row| !base.is_adopted(*row))
            .map(|row| (base.key(row), row))
            .filter(|(key, _)| Some(key) != gone.as_ref() && !self.tail.contains_key(key))
            .filter_map(|(_, row)| together(&base.event(row)));
        in_tail.chain(in_base).min()
    }

    /// Everything taken so far, as questions see it.
    pub(crate) fn snapshot(&mut self, watermark: u64) -> Arc<Snapshot> {
        self.lay();
        match &self.current {
            Some(current) if current.watermark == watermark => current.clone(),
            Some(current) => {
                let snapshot = Arc::new(Snapshot {
                    buckets: current.buckets.clone(),
                    watermark,
                    joined: Arc::default(),
                });
                self.current = Some(snapshot.clone());
                snapshot
            }
            None => {
                let snapshot =
                    Arc::new(Snapshot { buckets: self.buckets(), watermark, joined: Arc::default() });
                self.current = Some(snapshot.clone());
                snapshot
            }
        }
    }

    pub(crate) fn is_current(&self) -> bool {
        self.current.is_some()
    }

    fn buckets(&self) -> Vec<Bucket> {
        let (dead, mut overlay) = self.dirty_owners();
        self.show(self.tail.values().cloned(), &mut overlay);
        self.overlaid(dead, overlay)
    }

    /// For each bucket the runs of the base that no longer hold, and the events of those that are still good.
    fn dirty_owners(&self) -> (Vec<RoaringBitmap>, Vec<Vec<(Owner, Event)>>) {
        let mut dead: Vec<RoaringBitmap> = vec![RoaringBitmap::new(); BUCKETS];
        let mut overlay: Vec<Vec<(Owner, Event)>> = vec![Vec::new(); BUCKETS];
        for owner in &self.dirty {
            let base = &self.base[owner.bucket()];
            let Some(run) = base.find(owner) else { continue };
            dead[owner.bucket()].insert(run as u32);
            let rows = base.runs()[run].rows().filter(|row| !self.tail.contains_key(&base.key(*row)));
            self.show(rows.map(|row| base.event(row)), &mut overlay);
        }
        (dead, overlay)
    }

    /// Puts events under their owners.
    fn show(&self, events: impl Iterator<Item = Event>, overlay: &mut [Vec<(Owner, Event)>]) {
        for event in events {
            let owner = self.identity.resolve(Owner::named_by(&event));
            overlay[owner.bucket()].push((owner, event));
        }
    }

    fn overlaid(&self, dead: Vec<RoaringBitmap>, overlay: Vec<Vec<(Owner, Event)>>) -> Vec<Bucket> {
        let bucket = |((base, dead), events): ((&Arc<Columns>, RoaringBitmap), Vec<_>)| Bucket {
            base: base.clone(),
            dead: Arc::new(dead),
            overlay: Arc::new(Columns::build(events)),
        };
        self.base.iter().zip(dead).zip(overlay).map(bucket).collect()
    }

    /// Lays a new base that holds the tail.
    fn fold(&mut self) {
        let (dead, mut overlay) = self.dirty_owners();
        let tail = std::mem::take(&mut self.tail);
        self.show(tail.into_values(), &mut overlay);
        let buckets = self.overlaid(dead, overlay);
        for (number, bucket) in buckets.iter().enumerate() {
            let overlay = &bucket.overlay;
            (0..overlay.rows()).for_each(|row| self.keys.note(overlay.key_hash(row), number));
        }
        self.relay(|number| {
            let bucket = &buckets[number];
            let changed = bucket.overlay.rows() > 0 || !bucket.dead.is_empty();
            let keep = |source: usize, run: usize| source == 1 || !bucket.dead.contains(run as u32);
            changed.then(|| Columns::assemble(&[&bucket.base, &bucket.overlay], keep))
        });
        self.dirty.clear();
    }

    /// Puts new columns in the place of those of the base.
    fn relay(&mut self, columns_of: impl Fn(usize) -> Option<Columns> + Sync) {
        for (number, columns) in parallel::for_each(BUCKETS, columns_of).into_iter().enumerate() {
            let Some(columns) = columns else { continue };
            self.base_rows = self.base_rows + columns.rows() - self.base[number].rows();
            self.base[number] = Arc::new(columns);
        }
        self.current = None;
    }

    /// Picks from a batch the rows whose events nobody has seen, each once; what is left out has to be taken one by one.
    /// The keys that are picked are known from now on, and until [`Live::end_bulk`] others that bring them are noted.
    pub(crate) fn begin_bulk(&mut self, batch: Arc<EventBatch>, hashes: &[KeyHash]) -> Picked {
        let owners = Owners::of(&batch, &self.identity);
        let buckets = owners.buckets();
        let (mut rows, mut rest) = (Vec::with_capacity(batch.rows()), Vec::new());
        for (row, hash) in hashes.iter().enumerate() {
            match self.keys.claim(*hash, buckets[owners.of_row[row] as usize].into()) {
                true => rows.push(row as u32),
                false => rest.push(row as u32),
            }
        }
        self.contested = Some(FxHashSet::default());
        Picked { fresh: Rows { batch, rows }, owners, rest }
    }

    /// Takes rows that were picked and that the table has now; none if they could not be written.
    pub(crate) fn end_bulk(&mut self, mut rows: Option<Rows>, hashes: &[KeyHash]) {
        let contested = self.contested.take().unwrap_or_default();
        let Some(rows) = &mut rows else { return };
        if !contested.is_empty() {
            let both = rows.rows.extract_if(.., |row| contested.contains(&hashes[*row as usize]));
            let both: Vec<Event> = both.map(|row| rows.batch.event(row as usize)).collect();
            both.into_iter().for_each(|event| self.load(event));
        }
        self.take_rows(rows.clone());
    }

    /// Takes rows of the table whose events are new, and whose keys are claimed.
    pub(crate) fn take_rows(&mut self, rows: Rows) {
        for link in bulk::links(&rows) {
            let before = std::mem::take(&mut self.dirty);
            self.relink(&link, None, true);
            let concerned = std::mem::replace(&mut self.dirty, before);
            // Rows that are laid move; those of batches find their owner when they are laid.
            let user = self.identity.user(&link.anonymous_id).map(str::to_string);
            let gains = |owner: &Owner| matches!(owner, Owner::User(UserKey::Identified(id)) if Some(id) == user.as_ref());
            let has_rows =
                |owner: &Owner| self.dirty.contains(owner) || self.base[owner.bucket()].find(owner).is_some();
            if concerned.iter().any(|owner| !gains(owner) && has_rows(owner)) {
                self.dirty.extend(concerned);
            }
        }
        self.bulk_rows += rows.rows.len();
        self.bulk.push(rows);
        self.current = None;
        if self.bulk_rows >= self.base_rows.clamp(FOLD_EVENTS.end, BULK_ROWS) {
            self.lay();
        }
    }

    /// Lays the rows that came as batches into the base, beside what was there.
    fn lay(&mut self) {
        let bulk = std::mem::take(&mut self.bulk);
        if bulk.is_empty() {
            return;
        }
        self.bulk_rows = 0;
        let mut sources: Vec<Vec<Columns>> = Vec::with_capacity(bulk.len());
        for rows in bulk {
            let owners = Owners::of(&rows.batch, &self.identity);
            let laid = Columns::of_rows(&rows, &owners);
            for (number, columns) in laid.iter().enumerate() {
                (0..columns.rows()).for_each(|row| self.keys.note(columns.key_hash(row), number));
            }
            sources.push(laid);
        }
        let base = self.base.clone();
        self.relay(|number| {
            let added = sources.iter().map(|laid| &laid[number]).filter(|columns| columns.rows() > 0);
            let all: Vec<&Columns> = std::iter::once(&*base[number]).chain(added).collect();
            (all.len() > 1).then(|| Columns::assemble(&all, |_, _| true))
        });
        // Owners of the tail may have a run now that they had not.
        let owners = self.tail.values().map(|event| self.identity.resolve(Owner::named_by(event)));
        let owners: Vec<Owner> = owners.collect();
        self.dirty.extend(owners);
    }

    /// Folds whatever there is, so that the next snapshot is all base.
    pub(crate) fn settle(&mut self) {
        self.lay();
        if !self.tail.is_empty() || !self.dirty.is_empty() {
            self.fold();
        }
    }

    /// The owner under whom the event is shown now.
    pub(crate) fn owner_of(&self, event: &Event) -> Owner {
        self.identity.resolve(Owner::named_by(event))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.base.iter().map(|columns| columns.bytes()).sum::<usize>() + self.keys.bytes()
    }

    pub(crate) fn paths(&self) -> usize {
        let mut paths: Vec<&str> = self.base.iter().flat_map(|columns| columns.paths()).collect();
        paths.extend(self.tail.values().flat_map(|event| event.attributes.keys().map(String::as_str)));
        paths.sort_unstable();
        paths.dedup();
        paths.iter().filter(|path| **path != paths::USR_ID).count()
    }
}

#[cfg(test)]
mod tests;
