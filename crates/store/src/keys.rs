//! Which event keys are known, and in which bucket each lies: eight bytes a key at most four fifths full, and no key twice.
//!
//! A slot holds 57 bits of a key's hash and the bucket. It can only say that a key may lie in a bucket; who asks looks
//! there. What has moved to another bucket, or was never kept, leaves a slot behind, which costs one such look.

use whodid_model::EventType;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::columns::stored::{put_u64s, take_u64s};

/// The hash of a key, as the index keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KeyHash(u64);

const HASH_BITS: u32 = 57;
const BUCKET_BITS: u32 = 6;
const USED: u64 = 1 << 63;
const LEAST_SLOTS: usize = 1 << 10;

impl KeyHash {
    pub(crate) fn of(kind: EventType, id: &str) -> KeyHash {
        KeyHash(xxh3_64_with_seed(id.as_bytes(), kind as u64) >> (64 - HASH_BITS))
    }

    /// The upper bits, by which keys can be sorted.
    pub(crate) fn prefix(self) -> u32 {
        (self.0 >> (HASH_BITS - 32)) as u32
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct KeyIndex {
    slots: Vec<u64>,
    used: usize,
}

impl KeyIndex {
    /// The buckets in which the key may lie.
    pub(crate) fn buckets(&self, hash: KeyHash) -> impl Iterator<Item = usize> + '_ {
        self.chain(hash).filter(move |slot| hash_of(*slot) == hash).map(bucket_of)
    }

    /// Notes a key that nobody may have noted before. `false`, and nothing is noted, if somebody may have.
    pub(crate) fn claim(&mut self, hash: KeyHash, bucket: usize) -> bool {
        let known = self.chain(hash).any(|slot| hash_of(slot) == hash);
        if !known {
            self.insert(slot_of(hash, bucket));
        }
        !known
    }

    /// Notes that the key lies in the bucket.
    pub(crate) fn note(&mut self, hash: KeyHash, bucket: usize) {
        let slot = slot_of(hash, bucket);
        if !self.chain(hash).any(|known| known == slot) {
            self.insert(slot);
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_u64s(&self.slots, out);
    }

    /// What [`KeyIndex::write`] wrote.
    pub(crate) fn read(bytes: &mut &[u8]) -> Option<KeyIndex> {
        let slots = take_u64s(bytes)?;
        let used = slots.iter().filter(|slot| **slot != 0).count();
        (used < slots.len().max(1)).then_some(KeyIndex { slots, used })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.slots.len() * size_of::<u64>()
    }

    /// The used slots from the hash's place on, up to the first free one.
    fn chain(&self, hash: KeyHash) -> impl Iterator<Item = u64> + '_ {
        let start = place(hash, self.slots.len());
        let (before, behind) = self.slots.split_at(start);
        behind.iter().chain(before).copied().take_while(|slot| *slot != 0)
    }

    fn insert(&mut self, slot: u64) {
        if 5 * (self.used + 1) > 4 * self.slots.len() {
            let grown = (self.slots.len() * 3 / 2).max(LEAST_SLOTS);
            let old = std::mem::replace(&mut self.slots, vec![0; grown]);
            old.into_iter().filter(|slot| *slot != 0).for_each(|slot| self.place_in_free_slot(slot));
        }
        self.place_in_free_slot(slot);
        self.used += 1;
    }

    fn place_in_free_slot(&mut self, slot: u64) {
        let mut at = place(hash_of(slot), self.slots.len());
        while self.slots[at] != 0 {
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
        self.slots[at] = slot;
    }
}

fn slot_of(hash: KeyHash, bucket: usize) -> u64 {
    USED | (hash.0 << BUCKET_BITS) | bucket as u64
}

fn hash_of(slot: u64) -> KeyHash {
    KeyHash((slot & !USED) >> BUCKET_BITS)
}

fn bucket_of(slot: u64) -> usize {
    (slot & ((1 << BUCKET_BITS) - 1)) as usize
}

/// Any number of slots will do, not powers of two alone.
fn place(hash: KeyHash, slots: usize) -> usize {
    ((u128::from(hash.0) * slots as u128) >> HASH_BITS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::BUCKETS;

    #[test]
    fn a_bucket_fits_its_bits() {
        assert_eq!(BUCKETS, 1 << BUCKET_BITS);
    }

    #[test]
    fn what_was_noted_is_found_and_nothing_else() {
        let hash = |n: usize| KeyHash::of(EventType::Action, &n.to_string());
        let mut index = KeyIndex::default();
        assert_eq!(index.buckets(hash(0)).count(), 0);
        for n in 0..20_000 {
            assert!(index.claim(hash(n), n % BUCKETS));
            assert!(!index.claim(hash(n / 2), 0));
        }
        index.note(hash(5), 6);
        index.note(hash(5), 6);
        assert_eq!(index.buckets(hash(5)).collect::<Vec<_>>(), [5, 6]);
        assert!((6..20_000).all(|n| index.buckets(hash(n)).collect::<Vec<_>>() == [n % BUCKETS]));
        assert!((20_000..40_000).all(|n| index.buckets(hash(n)).count() == 0));
        assert_ne!(hash(1), KeyHash::of(EventType::View, "1"));
    }
}
