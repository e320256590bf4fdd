//! Steps in any order: different events for all steps, close enough together.
//!
//! Sets of events that can be given to different steps form a matroid. The walk keeps one that is as recent as can be:
//! an event that comes in either finds a step, or pushes out the oldest event in whose place the others can stand. So
//! the kept events since any instant are as many as can be since that instant, and there is a match that ends here and
//! started no earlier exactly when all steps hold an event since then.

use crate::count::Then;
use crate::events::{Bounds, Events};
use crate::pattern::{Plan, Scope};
use whodid_model::limits::STEPS;

#[derive(Debug, Default)]
pub(crate) struct AnyOrderScratch {
    rows: Vec<usize>,
}

/// Calls `on_end` with rows that can be the last of a match, instant by instant in order of time. Of the last events of
/// one match that tie, the one with the smallest session is its last.
pub(crate) fn visit_ends(
    plan: &Plan,
    events: Events<'_>,
    bounds: Bounds,
    scratch: &mut AnyOrderScratch,
    on_end: &mut impl FnMut(Events<'_>, &[usize]) -> Then,
) -> Then {
    let all_steps = plan.positives.iter().fold(0, |bits, positive| bits | positive.bit);
    let mut recent = Recent::new(plan.positives.len());
    let mut row = events.ts.partition_point(|ts| *ts < bounds.from);
    while row < events.len() && events.ts[row] < bounds.to {
        let t = events.ts[row];
        let next = events.tie_end(row);
        let since = match plan.scope {
            Scope::Within(span_us) => t.saturating_sub(span_us),
            Scope::Entity | Scope::Session => i64::MIN,
        };
        let tied = &mut scratch.rows;
        tied.clear();
        tied.extend((row..next).filter(|row| events.matches[*row] & all_steps != 0));
        // Largest session first: what a session ends is then a match with no smaller one among its last events.
        tied.sort_by_key(|row| std::cmp::Reverse(events.session[*row]));
        for same in tied.chunk_by(|a, b| events.session[*a] == events.session[*b]) {
            for row in same {
                recent.add(t, events.matches[*row] & all_steps);
            }
            // Any of these events fits in, taking a step that it matches from whichever holds it.
            if !recent.all_since(since) {
                continue;
            }
            match on_end(events, same) {
                Then::Keep => {}
                Then::Stop => return Then::Stop,
                Then::Restart => {
                    recent = Recent::new(plan.positives.len());
                    break;
                }
            }
        }
        row = next;
    }
    Then::Keep
}

/// For each step the event it holds.
struct Recent {
    steps: usize,
    held: [Option<Held>; STEPS],
}

#[derive(Clone, Copy)]
struct Held {
    ts: i64,
    mask: u16,
}

impl Recent {
    fn new(steps: usize) -> Recent {
        Recent { steps, held: [None; STEPS] }
    }

    fn all_since(&self, since: i64) -> bool {
        self.held[..self.steps].iter().all(|held| held.is_some_and(|held| held.ts >= since))
    }

    /// Adds an event that is not older than any held.
    fn add(&mut self, ts: i64, mask: u16) {
        // For each step that can be freed for the new event: the step that its own event moves in from.
        let mut from: [Option<usize>; STEPS] = [None; STEPS];
        let mut seen = mask;
        let mut queue = mask;
        let mut oldest: Option<(i64, usize)> = None;
        while queue != 0 {
            let step = queue.trailing_zeros() as usize;
            queue &= queue - 1;
            let Some(held) = self.held[step] else {
                oldest = Some((i64::MIN, step));
                break;
            };
            if oldest.is_none_or(|(oldest_ts, _)| held.ts < oldest_ts) {
                oldest = Some((held.ts, step));
            }
            let mut fresh = held.mask & !seen;
            seen |= fresh;
            queue |= fresh;
            while fresh != 0 {
                from[fresh.trailing_zeros() as usize] = Some(step);
                fresh &= fresh - 1;
            }
        }
        let Some((_, mut step)) = oldest else { return };
        while let Some(before) = from[step] {
            self.held[step] = self.held[before];
            step = before;
        }
        self.held[step] = Some(Held { ts, mask });
    }
}
