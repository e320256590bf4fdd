//! Pathways by brute force: every session is asked for its place at every step.

use std::collections::{BTreeMap, BTreeSet};

use crate::pathway::Place;

/// What [`crate::PathGraph`] says of these paths, in any order: sessions per step and place, and per step and link.
pub type Weights = (BTreeMap<(usize, Place), u64>, BTreeMap<(usize, Place, Place), u64>);

pub fn weights(paths: &[Vec<u32>], steps: usize, top: usize) -> Weights {
    let named: Vec<BTreeSet<u32>> = (0..steps).map(|step| named(paths, step, top)).collect();
    let place = |path: &[u32], step: usize| match path.get(step) {
        Some(value) if named[step].contains(value) => Some(Place::Value(*value)),
        Some(_) => Some(Place::Other),
        None if step == path.len() && step > 0 => Some(Place::Dropoff),
        None => None,
    };
    let (mut places, mut links) = Weights::default();
    for path in paths {
        for step in 0..steps {
            let Some(here) = place(path, step) else { continue };
            *places.entry((step, here)).or_default() += 1;
            if let Some(before) = step.checked_sub(1).and_then(|step| place(path, step)) {
                *links.entry((step - 1, before, here)).or_default() += 1;
            }
        }
    }
    (places, links)
}

/// A value is named when fewer than `top` values are ahead of it.
fn named(paths: &[Vec<u32>], step: usize, top: usize) -> BTreeSet<u32> {
    let values: BTreeSet<u32> = paths.iter().filter_map(|path| path.get(step).copied()).collect();
    let weight = |value: u32| paths.iter().filter(|path| path.get(step) == Some(&value)).count();
    let is_ahead = |a: u32, b: u32| weight(a) > weight(b) || (weight(a) == weight(b) && a < b);
    let ahead_of = |value: u32| values.iter().filter(|other| is_ahead(**other, value)).count();
    values.iter().copied().filter(|value| ahead_of(*value) < top).collect()
}
