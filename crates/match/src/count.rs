//! How often an entity did it.

use rustc_hash::FxHashSet;
use whodid_model::limits::STEPS;

use crate::any_order::{self, AnyOrderScratch};
use crate::events::{Bounds, Days, Events, NO_SESSION};
use crate::pattern::{Order, Pattern, Plan, Scope};
use crate::sequence::{self, SequenceScratch};
use crate::trailing::Lookahead;

mod sessions;

use sessions::Sessions;

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub enum Per<'a> {
    /// With one positive step every event that survives; with more, matches laid one after another.
    Occurrence,
    /// Days on which the last positive event of some match lies.
    Day(&'a Days),
    /// Sessions in which the last positive event of some match lies.
    Session,
}

/// Memory that one evaluation after another may use again.
#[derive(Debug, Default)]
pub struct Scratch {
    ends: EndsScratch,
    distinct: FxHashSet<i64>,
}

#[derive(Debug, Default)]
pub(crate) struct EndsScratch {
    sessions: Sessions,
    walk: WalkScratch,
}

#[derive(Debug, Default)]
struct WalkScratch {
    sequence: SequenceScratch,
    any_order: AnyOrderScratch,
    lookahead: Lookahead,
}

/// How often the entity with these events did what `pattern` says, counted up to `enough`.
///
/// Costs one look at each event for patterns without a `within`; never more than the square of the events.
pub fn count(
    pattern: &Pattern,
    events: Events<'_>,
    bounds: Bounds,
    per: Per<'_>,
    enough: u64,
    scratch: &mut Scratch,
) -> u64 {
    if enough == 0 {
        return 0;
    }
    let Scratch { ends, distinct } = scratch;
    distinct.clear();
    let mut seen = |value: i64| {
        distinct.insert(value);
        if distinct.len() as u64 >= enough { Then::Stop } else { Then::Keep }
    };
    match per {
        Per::Occurrence => {
            let mut count = 0;
            visit_ends(&pattern.plan, events, bounds, ends, &mut |_, _| {
                count += 1;
                if count >= enough { Then::Stop } else { Then::Restart }
            });
            return count;
        }
        Per::Day(days) => visit_ends(&pattern.plan, events, bounds, ends, &mut |events, rows| {
            seen(i64::from(days.day_of(events.ts[rows[0]])))
        }),
        Per::Session => visit_ends(&pattern.plan, events, bounds, ends, &mut |events, rows| {
            let sessions = rows.iter().map(|row| events.session[*row]).filter(|code| *code != NO_SESSION);
            sessions.fold(Then::Keep, |_, code| seen(i64::from(code)))
        }),
    };
    (distinct.len() as u64).min(enough)
}

/// What to do after an instant at which matches end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Go on, and tell of every further end.
    Keep,
    /// Lay the match: the next one starts at a later instant.
    Restart,
    Stop,
}

/// Calls `on_end` with the rows that can be the last of a match, all of one instant; of one positive step, each on its
/// own. Instants ascend within a session under [`Scope::Session`], within the entity otherwise.
pub(crate) fn visit_ends(
    plan: &Plan,
    events: Events<'_>,
    bounds: Bounds,
    scratch: &mut EndsScratch,
    on_end: &mut impl FnMut(Events<'_>, &[usize]) -> Then,
) -> Then {
    let events = events.before(bounds.at);
    let EndsScratch { sessions, walk } = scratch;
    match plan.scope {
        Scope::Session => sessions.for_each(events, |events| walk.visit_ends(plan, events, bounds, on_end)),
        Scope::Entity | Scope::Within(_) => walk.visit_ends(plan, events, bounds, on_end),
    }
}

impl WalkScratch {
    fn visit_ends(
        &mut self,
        plan: &Plan,
        events: Events<'_>,
        bounds: Bounds,
        on_end: &mut impl FnMut(Events<'_>, &[usize]) -> Then,
    ) -> Then {
        match (plan.positives.len(), plan.order) {
            (1, _) => single_step(plan, events, bounds, &mut self.lookahead, on_end),
            (_, Order::Ordered) => sequence::visit_ends(plan, events, bounds, &mut self.sequence, on_end),
            (_, Order::Any) => any_order::visit_ends(plan, events, bounds, &mut self.any_order, on_end),
        }
    }
}

fn single_step(
    plan: &Plan,
    events: Events<'_>,
    bounds: Bounds,
    lookahead: &mut Lookahead,
    on_end: &mut impl FnMut(Events<'_>, &[usize]) -> Then,
) -> Then {
    let (bit, trailing) = (plan.positives[0].bit, &plan.trailing);
    lookahead.rewind(trailing);
    let mut row = events.ts.partition_point(|ts| *ts < bounds.from);
    while row < events.len() && events.ts[row] < bounds.to {
        // The rows of one instant; each negative event among them breaks all but itself.
        let next = if trailing.is_empty() { row + 1 } else { events.tie_end(row) };
        let (t, tied) = (events.ts[row], &events.matches[row..next]);
        let mut negatives = [0; STEPS];
        for (count, trailing) in negatives.iter_mut().zip(trailing) {
            *count = tied.iter().filter(|mask| *mask & trailing.bit != 0).take(2).count();
        }
        for (candidate, mask) in (row..next).zip(tied).filter(|(_, mask)| *mask & bit != 0) {
            let mut negatives = trailing.iter().zip(negatives);
            let alone = negatives.all(|(trailing, count)| count == usize::from(mask & trailing.bit != 0));
            let survives = alone && lookahead.is_clear(trailing, events, next, t, bounds.to);
            if survives && on_end(events, &[candidate]) == Then::Stop {
                return Then::Stop;
            }
        }
        row = next;
    }
    Then::Keep
}
