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
use whodid_model::{Event, EventKey, UserKey};
use xxhash_rust::xxh3::Xxh3;

use crate::columns::Columns;
use crate::identity::{Identity, Link};
use crate::log::LogPosition;
use crate::owner::{BUCKETS, Owner};
use crate::snapshot::{Bucket, Snapshot};

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

/// 128 bits of hash stand for a key: among 10¹² events the chance of any two meeting is below 10⁻¹⁴.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct KeyHash(u128);

impl KeyHash {
    pub(crate) fn of(kind: whodid_model::EventType, id: &str) -> KeyHash {
        let mut hasher = Xxh3::new();
        hasher.update(&[kind as u8]);
        hasher.update(id.as_bytes());
        KeyHash(hasher.digest128())
    }
}

/// Where a key's event lies: its row in the base, its part in the table; `NOWHERE` while it is in neither.
#[derive(Clone, Copy)]
struct Place {
    bucket: u8,
    row: u32,
    part: u32,
}

const NOWHERE: u32 = u32::MAX;

pub(crate) struct Live {
    base: Vec<Arc<Columns>>,
    base_rows: usize,
    tail: FxHashMap<EventKey, Event>,
    dirty: FxHashSet<Owner>,
    identity: Identity,
    places: FxHashMap<KeyHash, Place>,
    /// What the table does not have yet, with a log position before its earliest version that it lacks.
    unflushed: FxHashMap<EventKey, LogPosition>,
    current: Option<Arc<Snapshot>>,
}

/// What a flush has to write: events with their owners, and the parts that hold superseded rows of them.
#[derive(Default)]
pub(crate) struct Unflushed {
    pub(crate) events: Vec<(Owner, Event)>,
    pub(crate) superseded: FxHashMap<u32, FxHashSet<EventKey>>,
    /// What it takes to put them back.
    pub(crate) taken: Vec<(EventKey, LogPosition)>,
    /// A log position before all events that are left for a later flush.
    pub(crate) left: Option<LogPosition>,
}

impl Live {
    pub(crate) fn new() -> Live {
        Live {
            base: vec![Arc::default(); BUCKETS],
            base_rows: 0,
            tail: FxHashMap::default(),
            dirty: FxHashSet::default(),
            identity: Identity::default(),
            places: FxHashMap::default(),
            unflushed: FxHashMap::default(),
            current: Some(Arc::new(Snapshot::empty())),
        }
    }

    /// Takes events that the table already holds in `part`.
    pub(crate) fn load(&mut self, part: u32, events: Vec<Event>) {
        for event in events {
            let key = event.key();
            let hash = KeyHash::of(key.kind, &key.id);
            self.take(LogPosition::default(), event);
            self.unflushed.remove(&key);
            self.place(hash).part = part;
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
        self.note_unflushed(key.clone(), from);
        self.tail.insert(key, new);
        self.current = None;
        if self.tail.len() >= (self.base_rows / 4).clamp(FOLD_EVENTS.start, FOLD_EVENTS.end) {
            self.fold();
        }
        news
    }

    fn known(&self, key: &EventKey) -> Option<Event> {
        if let Some(event) = self.tail.get(key) {
            return Some(event.clone());
        }
        let place = self.places.get(&KeyHash::of(key.kind, &key.id))?;
        (place.row != NOWHERE).then(|| self.base[usize::from(place.bucket)].event(place.row as usize))
    }

    fn place(&mut self, hash: KeyHash) -> &mut Place {
        self.places.entry(hash).or_insert(Place { bucket: 0, row: NOWHERE, part: NOWHERE })
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
        let user_after = self.identity.user(&link.anonymous_id).map(str::to_string);
        if user_before != user_after {
            self.dirty.insert(Owner::User(UserKey::Anonymous(link.anonymous_id.clone())));
            for user in [user_before, user_after].into_iter().flatten() {
                self.dirty.insert(Owner::User(UserKey::Identified(user)));
            }
        }
    }

    /// The instant (µs) of the first event that names both ids, leaving out the one that is `gone`.
    fn first_together(&self, link: &Link, gone: Option<&Event>) -> Option<i64> {
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
            .filter(|row| !base.adopted()[*row])
            .map(|row| (base.key(row), row))
            .filter(|(key, _)| Some(key) != gone.as_ref() && !self.tail.contains_key(key))
            .filter_map(|(_, row)| together(&base.event(row)));
        in_tail.chain(in_base).min()
    }

    /// Everything taken so far, as questions see it.
    pub(crate) fn snapshot(&mut self, watermark: u64) -> Arc<Snapshot> {
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
        for (number, bucket) in self.overlaid(dead, overlay).into_iter().enumerate() {
            if bucket.overlay.rows() == 0 && bucket.dead.is_empty() {
                continue;
            }
            let keep = |source: usize, run: usize| source == 1 || !bucket.dead.contains(run as u32);
            let columns = Columns::assemble(&[&bucket.base, &bucket.overlay], keep);
            for row in 0..columns.rows() {
                let place = self.place(KeyHash::of(columns.kinds()[row], &columns.ids()[row]));
                (place.bucket, place.row) = (number as u8, row as u32);
            }
            self.base_rows = self.base_rows + columns.rows() - bucket.base.rows();
            self.base[number] = Arc::new(columns);
        }
        self.dirty.clear();
        self.current = None;
    }

    /// Folds whatever there is, so that the next snapshot is all base.
    pub(crate) fn settle(&mut self) {
        if !self.tail.is_empty() {
            self.fold();
        }
    }

    pub(crate) fn unflushed_events(&self) -> usize {
        self.unflushed.len()
    }

    /// The parts that hold superseded rows of what is to be flushed.
    pub(crate) fn superseded_parts(&self) -> FxHashSet<u32> {
        self.unflushed.keys().filter_map(|key| self.part_of(key)).collect()
    }

    /// Takes what is to be flushed, but for events whose superseded row lies in one of the `deferred` parts. If the
    /// flush fails, [`Live::unflush`] puts it back.
    pub(crate) fn take_unflushed(&mut self, deferred: &FxHashSet<u32>) -> Unflushed {
        let mut unflushed = Unflushed::default();
        for (key, from) in std::mem::take(&mut self.unflushed) {
            let part = self.part_of(&key);
            if part.is_some_and(|part| deferred.contains(&part)) {
                unflushed.left = Some(unflushed.left.map_or(from, |earliest| earliest.min(from)));
                self.unflushed.insert(key, from);
                continue;
            }
            let Some(event) = self.known(&key) else { continue };
            if let Some(part) = part {
                unflushed.superseded.entry(part).or_default().insert(key.clone());
            }
            unflushed.taken.push((key, from));
            unflushed.events.push((self.identity.resolve(Owner::named_by(&event)), event));
        }
        unflushed
    }

    pub(crate) fn unflush(&mut self, taken: Vec<(EventKey, LogPosition)>) {
        for (key, from) in taken {
            self.note_unflushed(key, from);
        }
    }

    fn note_unflushed(&mut self, key: EventKey, from: LogPosition) {
        let earliest = self.unflushed.entry(key).or_insert(from);
        *earliest = from.min(*earliest);
    }

    fn part_of(&self, key: &EventKey) -> Option<u32> {
        let place = self.places.get(&KeyHash::of(key.kind, &key.id))?;
        (place.part != NOWHERE).then_some(place.part)
    }

    /// Remembers that the table holds these events in `part`.
    pub(crate) fn flushed<'a>(&mut self, part: u32, keys: impl Iterator<Item = &'a EventKey>) {
        for key in keys {
            self.place(KeyHash::of(key.kind, &key.id)).part = part;
        }
    }

    /// The owner under whom the event is shown now.
    pub(crate) fn owner_of(&self, event: &Event) -> Owner {
        self.identity.resolve(Owner::named_by(event))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.base.iter().map(|columns| columns.bytes()).sum()
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
