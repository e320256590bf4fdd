//! Which parts a flush joins besides what it has to write anyway.
//!
//! Parts of one month are in tiers by size, each four times as large as the one below. When a tier has four parts, they
//! become one, which is of the next tier. So a month has few parts, and a row is written about once per tier: some
//! `log₄(rows of a full part / rows of a flush)` times in all, however long the store runs.

use std::collections::BTreeMap;

use crate::table::{PartId, PartInfo};

/// Parts of a tier that are joined, and the growth from tier to tier.
const FAN_IN: u64 = 4;
/// Parts with so many rows are left alone.
const FULL_PART_ROWS: u64 = 500_000;
/// Most bytes of parts that one flush reads and writes again in order to join them.
pub(super) const JOIN_BYTES: u64 = 256 << 20;

/// The parts to join, at most `bytes` of them.
pub(super) fn to_join(parts: &[PartInfo], mut bytes: u64) -> Vec<&PartId> {
    // Late events make small parts in old months; parts of several months are of a former version or of odd instants.
    let mut tiers: BTreeMap<(u32, i64), Vec<&PartInfo>> = BTreeMap::new();
    for part in parts.iter().filter(|part| part.rows < FULL_PART_ROWS) {
        if let Some(month) = part.month() {
            tiers.entry((part.rows.max(1).ilog(FAN_IN), month)).or_default().push(part);
        }
    }
    let mut joined = Vec::new();
    // Small ones first: they are the cheapest way to fewer parts.
    for mut tier in tiers.into_values() {
        if (tier.len() as u64) < FAN_IN {
            continue;
        }
        tier.sort_by_key(|part| part.bytes);
        let mut left = bytes;
        let fitting = tier.iter().take_while(|part| {
            let after = left.checked_sub(part.bytes);
            left = after.unwrap_or(left);
            after.is_some()
        });
        let fitting: Vec<&PartId> = fitting.map(|part| &part.id).collect();
        if fitting.len() > 1 {
            joined.extend(fitting);
            bytes = left;
        }
    }
    joined
}

#[cfg(test)]
mod tests;
