//! Which events did it: shown to people who ask why.

use crate::count::{EndsScratch, Then, visit_ends};
use crate::events::{Bounds, Events};
use crate::pattern::{Order, Pattern, Plan, Scope};

/// The rows of the match that ends earliest, one per positive step in the order of the steps. Among those one that
/// starts earliest; then the first step takes the first row it can, then the second, and so on.
///
/// Each step is narrowed down to the shortest beginning of its events that still leaves such a match, by bisection: a
/// few walks through the events per step.
pub fn witness(pattern: &Pattern, events: Events<'_>, bounds: Bounds) -> Option<Vec<usize>> {
    find(&pattern.plan, events.before(bounds.at), bounds, &mut EndsScratch::default())
}

/// The witnesses of the first `most` occurrences that [`crate::count`] counts, in order of their ends.
pub fn witnesses(pattern: &Pattern, events: Events<'_>, bounds: Bounds, most: usize) -> Vec<Vec<usize>> {
    let events = events.before(bounds.at);
    let plan = &pattern.plan;
    let positives = plan.positives.iter().fold(0, |bits, positive| bits | positive.bit);
    let mut matches = events.matches.to_vec();
    let mut scratch = EndsScratch::default();
    let mut found = Vec::new();
    while found.len() < most {
        let left = Events { matches: &matches, ..events };
        let Some(rows) = find(plan, left, bounds, &mut scratch) else { break };
        let end = rows.iter().map(|row| events.ts[*row]).max();
        let session = events.session[rows[0]];
        // What may take no further part: of one step the event itself, else all up to the end, in its session if that is
        // the scope.
        for (row, matches) in matches.iter_mut().enumerate() {
            let is_over = match (rows.len(), plan.scope) {
                (1, _) => row == rows[0],
                (_, Scope::Session) => Some(events.ts[row]) <= end && events.session[row] == session,
                (_, Scope::Entity | Scope::Within(_)) => Some(events.ts[row]) <= end,
            };
            if is_over {
                *matches &= !positives;
            }
        }
        found.push(rows);
    }
    found
}

/// The witness among `events` that end before `at`.
pub(crate) fn find(
    plan: &Plan,
    events: Events<'_>,
    bounds: Bounds,
    scratch: &mut EndsScratch,
) -> Option<Vec<usize>> {
    let end = first_end(plan, events, bounds, scratch)?;
    let mut search = Search { plan, events, bounds, end, matches: events.matches.to_vec(), scratch };
    match plan.order {
        Order::Ordered => search.narrow(),
        Order::Any => search.narrow_any(),
    }
}

struct Search<'a> {
    plan: &'a Plan,
    events: Events<'a>,
    bounds: Bounds,
    /// The instant at which the match ends.
    end: i64,
    /// Bits that are still allowed.
    matches: Vec<u16>,
    scratch: &'a mut EndsScratch,
}

impl Search<'_> {
    /// The first step of an ordered match is its start, so that narrowing down in order is all there is to do.
    fn narrow(&mut self) -> Option<Vec<usize>> {
        self.plan.positives.iter().map(|positive| self.narrow_step(positive.bit)).collect()
    }

    /// The start of a set can be at any step: tries each that an event at the earliest start can take.
    fn narrow_any(&mut self) -> Option<Vec<usize>> {
        let whole = self.matches.clone();
        let mut best: Option<(i64, Vec<usize>)> = None;
        for positive in &self.plan.positives {
            self.matches.clone_from(&whole);
            let Some(first) = self.narrow_step(positive.bit) else { continue };
            let start = self.events.ts[first];
            self.matches.clone_from(&whole);
            let at_start = |row: &usize| self.events.ts[*row] == start && whole[*row] & positive.bit != 0;
            let rows: Vec<usize> = (0..whole.len()).filter(at_start).collect();
            self.retain(positive.bit, &rows);
            let found = self.narrow().map(|rows| (start, rows));
            if best.is_none() || found < best {
                best = found.or(best);
            }
        }
        best.map(|(_, rows)| rows)
    }

    /// Leaves one row to the step with this bit: the first with which there still is a match.
    fn narrow_step(&mut self, bit: u16) -> Option<usize> {
        let events = self.events;
        let allowed = |row: &usize| self.matches[*row] & bit != 0 && events.ts[*row] <= self.end;
        let candidates: Vec<usize> = (0..events.len()).filter(allowed).collect();
        let (mut too_few, mut enough) = (0, candidates.len());
        while too_few + 1 < enough {
            let middle = too_few.midpoint(enough);
            self.retain(bit, &candidates[..middle]);
            let events = Events { matches: &self.matches, ..events };
            if first_end(self.plan, events, self.bounds, self.scratch) == Some(self.end) {
                enough = middle;
            } else {
                too_few = middle;
            }
        }
        let row = *candidates.get(enough.checked_sub(1)?)?;
        self.retain(bit, &[row]);
        Some(row)
    }

    /// Takes `bit` from all rows but these.
    fn retain(&mut self, bit: u16, rows: &[usize]) {
        self.matches.iter_mut().for_each(|matches| *matches &= !bit);
        rows.iter().for_each(|row| self.matches[*row] |= bit);
    }
}

/// The instant at which the match that ends earliest does so.
pub(crate) fn first_end(
    plan: &Plan,
    events: Events<'_>,
    bounds: Bounds,
    scratch: &mut EndsScratch,
) -> Option<i64> {
    let mut first: Option<i64> = None;
    visit_ends(plan, events, bounds, scratch, &mut |events, rows| {
        let ts = events.ts[rows[0]];
        first = Some(first.map_or(ts, |first| first.min(ts)));
        // Another session may end one earlier.
        if plan.scope == Scope::Session { Then::Restart } else { Then::Stop }
    });
    first
}
