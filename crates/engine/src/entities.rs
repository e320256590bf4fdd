//! Sets of users or accounts, as one bitmap of ordinals per bucket.
//!
//! An ordinal is an entity's place in one snapshot and means nothing in another. Users lie in the buckets of the store;
//! accounts, of which there are few, all lie in the first.

use roaring::RoaringBitmap;
use rustc_hash::FxHashSet;
use whodid_model::{EntityKind, Instant, UserKey};
use whodid_store::{BUCKETS, Bucket, Owner, Snapshot};

use crate::error::EngineError;

/// Some entities of one snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct EntitySet {
    pub(crate) buckets: Vec<RoaringBitmap>,
}

impl EntitySet {
    pub fn empty() -> EntitySet {
        EntitySet { buckets: vec![RoaringBitmap::new(); BUCKETS] }
    }

    pub fn len(&self) -> u64 {
        self.buckets.iter().map(RoaringBitmap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.buckets.iter().all(RoaringBitmap::is_empty)
    }

    pub fn and(&mut self, other: &EntitySet) {
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(mine, theirs)| *mine &= theirs);
    }

    pub fn or(&mut self, other: &EntitySet) {
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(mine, theirs)| *mine |= theirs);
    }

    pub fn minus(&mut self, other: &EntitySet) {
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(mine, theirs)| *mine -= theirs);
    }

    pub(crate) fn bucket(&self, bucket: usize) -> &RoaringBitmap {
        &self.buckets[bucket]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.buckets
            .iter()
            .enumerate()
            .flat_map(|(bucket, ordinals)| ordinals.iter().map(move |o| (bucket, o)))
    }
}

/// Every entity that a question at one instant can be about: those named by an event before it.
#[derive(Clone, Debug)]
pub struct Population {
    pub kind: EntityKind,
    pub everyone: EntitySet,
    /// Account ids in order; an account's ordinal is its place here. Empty for users.
    pub(crate) accounts: Vec<String>,
}

impl Population {
    /// `snapshot` is the one seen at `at`.
    pub fn of(kind: EntityKind, snapshot: &Snapshot, at: Instant) -> Population {
        match kind {
            EntityKind::User => Population { kind, everyone: users(snapshot, at), accounts: Vec::new() },
            EntityKind::Account => {
                let accounts = accounts(snapshot, at);
                let mut everyone = EntitySet::empty();
                everyone.buckets[0].insert_range(0..accounts.len() as u32);
                Population { kind, everyone, accounts }
            }
        }
    }

    /// Those of the first buckets, of users.
    pub(crate) fn in_buckets(&self, buckets: usize) -> Population {
        let mut everyone = EntitySet::empty();
        everyone.buckets[..buckets].clone_from_slice(&self.everyone.buckets[..buckets]);
        Population { kind: self.kind, everyone, accounts: Vec::new() }
    }

    /// The written id of an entity.
    pub fn id(&self, snapshot: &Snapshot, bucket: usize, ordinal: u32) -> Option<String> {
        match self.kind {
            EntityKind::Account => self.accounts.get(ordinal as usize).cloned(),
            EntityKind::User => {
                let (_, run) = snapshot.buckets().get(bucket)?.run(ordinal)?;
                run.owner.user().map(ToString::to_string)
            }
        }
    }

    /// The written ids of a set, sorted.
    pub fn ids(&self, snapshot: &Snapshot, set: &EntitySet) -> Vec<String> {
        let mut ids: Vec<String> =
            set.iter().filter_map(|(bucket, ordinal)| self.id(snapshot, bucket, ordinal)).collect();
        ids.sort_unstable();
        ids
    }

    /// The set of the one entity with this id; empty if it is not known.
    pub fn find(&self, snapshot: &Snapshot, id: &str) -> EntitySet {
        let mut set = EntitySet::empty();
        match self.kind {
            EntityKind::Account => {
                if let Ok(ordinal) = self.accounts.binary_search_by(|known| known.as_str().cmp(id)) {
                    set.buckets[0].insert(ordinal as u32);
                }
            }
            EntityKind::User => {
                // An identified user may be written like an anonymous one; both are looked up.
                for key in [UserKey::parse(id), UserKey::Identified(id.to_string())] {
                    let owner = Owner::User(key);
                    if let Some((ordinal, _, _)) = snapshot.buckets()[owner.bucket()].find(&owner) {
                        set.buckets[owner.bucket()].insert(ordinal);
                    }
                }
                set.and(&self.everyone);
            }
        }
        set
    }
}

fn users(snapshot: &Snapshot, at: Instant) -> EntitySet {
    let users_of = |bucket: &Bucket| {
        bucket
            .halves()
            .into_iter()
            .map(|half| half.users(at))
            .fold(RoaringBitmap::new(), |all, half| all | half)
    };
    EntitySet { buckets: snapshot.buckets().iter().map(users_of).collect() }
}

fn accounts(snapshot: &Snapshot, at: Instant) -> Vec<String> {
    let mut names: FxHashSet<String> = FxHashSet::default();
    for half in snapshot.buckets().iter().flat_map(|bucket| bucket.halves()) {
        let Some(column) = half.columns.attribute(whodid_model::event::paths::ACCOUNT_ID) else { continue };
        let mut seen = vec![false; column.dictionary().len() + 1];
        for (_, run) in half.runs() {
            for row in run.rows().take_while(|row| half.columns.ts_us().get(*row) < at.0) {
                seen[column.codes().get(row) as usize] = true;
            }
        }
        let values = column.dictionary().iter().zip(&seen[1..]).filter(|(_, seen)| **seen);
        names.extend(values.filter_map(|(value, _)| account_name(&value)));
    }
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort_unstable();
    names
}

/// The account id that a value of `account.id` stands for, as [`whodid_model::Event::account_id`] reads it.
pub(crate) fn account_name(value: &whodid_model::Value) -> Option<String> {
    use whodid_model::Value;
    match value {
        Value::Text(text) if text.is_empty() => None,
        Value::Text(_) | Value::Number(_) | Value::Bool(_) => Some(value.as_text().into_owned()),
        Value::Null | Value::List(_) => None,
    }
}

/// A bitmap in the portable format.
pub(crate) fn serialize(set: &RoaringBitmap) -> Result<Vec<u8>, EngineError> {
    let mut bytes = Vec::with_capacity(set.serialized_size());
    set.serialize_into(&mut bytes).map_err(EngineError::codec)?;
    Ok(bytes)
}
