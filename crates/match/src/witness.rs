//! Which events did it: shown to people who ask why.

use crate::count::{EndsScratch, Then, visit_ends};
use crate::events::{Bounds, Events};
use crate::pattern::{Pattern, Scope};

/// The rows of the match that ends earliest, one per positive step in the order of the steps. Among those the one that
/// starts earliest, then the one whose second event comes earliest, and so on.
///
/// Each step is narrowed down to the shortest beginning of its events that still leaves a match, by bisection: a
/// few walks through the events per step.
pub fn witness(pattern: &Pattern, events: Events<'_>, bounds: Bounds) -> Option<Vec<usize>> {
    let events = events.before(bounds.at);
    let mut scratch = EndsScratch::default();
    let end = first_end(pattern, events, bounds, &mut scratch)?;
    let mut matches = events.matches.to_vec();
    let mut rows = Vec::with_capacity(pattern.positives.len());
    for positive in &pattern.positives {
        let candidates: Vec<usize> = (0..events.len())
            .filter(|row| matches[*row] & positive.bit != 0 && events.ts[*row] <= end)
            .collect();
        let mut suffices = |candidates: &[usize]| {
            retain(&mut matches, positive.bit, candidates);
            first_end(pattern, Events { matches: &matches, ..events }, bounds, &mut scratch) == Some(end)
        };
        let (mut too_few, mut enough) = (0, candidates.len());
        while too_few + 1 < enough {
            let middle = too_few.midpoint(enough);
            if suffices(&candidates[..middle]) {
                enough = middle;
            } else {
                too_few = middle;
            }
        }
        let row = *candidates.get(enough.checked_sub(1)?)?;
        retain(&mut matches, positive.bit, &[row]);
        rows.push(row);
    }
    Some(rows)
}

/// Takes `bit` from all rows but these.
fn retain(matches: &mut [u16], bit: u16, rows: &[usize]) {
    matches.iter_mut().for_each(|matches| *matches &= !bit);
    rows.iter().for_each(|row| matches[*row] |= bit);
}

/// The instant at which the match that ends earliest does so.
fn first_end(
    pattern: &Pattern,
    events: Events<'_>,
    bounds: Bounds,
    scratch: &mut EndsScratch,
) -> Option<i64> {
    let mut first: Option<i64> = None;
    visit_ends(pattern, events, bounds, scratch, &mut |events, rows| {
        let ts = events.ts[rows[0]];
        first = Some(first.map_or(ts, |first| first.min(ts)));
        // Another session may end one earlier.
        if pattern.scope() == Scope::Session { Then::Restart } else { Then::Stop }
    });
    first
}
