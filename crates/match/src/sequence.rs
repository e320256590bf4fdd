//! Ordered steps, in one walk through the events. What the walk remembers of the events before is a [`Reach`]: for
//! each step but the last, the ways in which a match can stand at it and go on.
//!
//! Matches are laid by taking the one that ends earliest, then forgetting everything and going on at the next
//! instant. Of two ways to stand at a step at the same instant the one that started later is never worse, except for
//! a trailing negative step that is bounded from the first event; see [`Walk::stretches`].

use crate::count::Then;
use crate::events::{Bounds, Events};
use crate::pattern::{Plan, Scope, Until};
use crate::tie::Tie;
use crate::trailing::Lookahead;
use whodid_model::limits::STEPS;

mod automaton;
mod pools;

pub(crate) use automaton::Automaton;
use pools::Pools;

/// Which steps a match can stand at, and since when. Starts are instants in µs, or 0 where they do not matter.
trait Reach {
    fn clear(&mut self);

    /// Goes over an event that has its instant for itself. The latest start of a match that it ends.
    fn take(&mut self, plan: &Plan, t: i64, mask: u16, start: Option<i64>) -> Option<i64>;

    /// The latest start with which one event of a tie can take step `step`, which is not the first, coming from
    /// earlier instants.
    fn arrival(&self, plan: &Plan, step: usize, t: i64, mask: u16, tie: &Tie) -> Option<i64>;

    /// Goes on after a tie, with the latest start with which a match can stand at each step and leave it.
    fn leave(&mut self, plan: &Plan, t: i64, tie: &Tie, starts: &[Option<i64>]);
}

#[derive(Debug, Default)]
pub(crate) struct SequenceScratch {
    pools: Pools,
    tie: Tie,
    lookahead: Lookahead,
    last: Vec<u16>,
    ended: Vec<usize>,
}

/// Calls `on_end` with the rows that end a match, instant by instant in order of time. `events` end before `at`.
pub(crate) fn visit_ends(
    plan: &Plan,
    events: Events<'_>,
    bounds: Bounds,
    scratch: &mut SequenceScratch,
    on_end: &mut impl FnMut(Events<'_>, &[usize]) -> Then,
) -> Then {
    let SequenceScratch { pools, tie, lookahead, last, ended } = scratch;
    let (from, to) = (bounds.from, bounds.to);
    match &plan.automaton {
        Some(automaton) => {
            let reach = automaton.reach();
            Walk { plan, events, from, to, reach, tie, lookahead, last, ended }.stretches(on_end)
        }
        None => {
            let reach = pools.of(plan);
            Walk { plan, events, from, to, reach, tie, lookahead, last, ended }.stretches(on_end)
        }
    }
}

struct Walk<'a, R> {
    plan: &'a Plan,
    events: Events<'a>,
    /// Matches start at or after this instant. Moves on with every match that is laid.
    from: i64,
    to: i64,
    reach: R,
    tie: &'a mut Tie,
    lookahead: &'a mut Lookahead,
    /// At an instant that events share: what can be last in a match, in order.
    last: &'a mut Vec<u16>,
    ended: &'a mut Vec<usize>,
}

/// A part of the walk: matches start before `starts_before`, end at or after `ends_from` and before `until`.
#[derive(Clone, Copy)]
struct Stretch {
    starts_before: i64,
    ends_from: i64,
    until: i64,
}

impl<R: Reach> Walk<'_, R> {
    /// With a trailing negative step that is watched until the first event + D, a match that starts at `s` survives
    /// if it ends after the last negative event at or before `s` + D. So those events cut the starts into stretches;
    /// within one stretch the later start is never worse, and stretches end one after another.
    fn stretches(&mut self, on_end: &mut impl FnMut(Events<'_>, &[usize]) -> Then) -> Then {
        let mut negative = 0;
        let mut span_us = None;
        for trailing in &self.plan.trailing {
            if let Until::AfterFirst(within_us) = trailing.until {
                negative |= trailing.bit;
                span_us = Some(within_us);
            }
        }
        let Some(span_us) = span_us else {
            let begin = self.events.ts.partition_point(|ts| *ts < self.from);
            let all = Stretch { starts_before: i64::MAX, ends_from: i64::MIN, until: self.to };
            return self.stretch(begin, all, on_end);
        };
        let (mut begin, mut row, mut ends_from) = (0, 0, i64::MIN);
        loop {
            let is_next =
                |row: &usize| self.events.matches[*row] & negative != 0 && self.events.ts[*row] > ends_from;
            let next = (row..self.events.len()).find(is_next);
            let next_ts = next.map(|row| self.events.ts[row]);
            let starts_from = self.from.max(ends_from.saturating_sub(span_us));
            let stretch = Stretch {
                starts_before: next_ts.map_or(i64::MAX, |ts| ts.saturating_sub(span_us)),
                ends_from,
                until: next_ts.map_or(self.to, |ts| ts.min(self.to)),
            };
            begin = self.first_start(begin, starts_from, stretch.starts_before);
            if let Some(ts) = self.events.ts.get(begin).filter(|ts| **ts < stretch.starts_before) {
                let same = self.events.ts[..begin].iter().rev().take_while(|before| *before == ts);
                if let Then::Stop = self.stretch(begin - same.count(), stretch, on_end) {
                    return Then::Stop;
                }
            }
            match (next, next_ts) {
                (Some(next), Some(ts)) => (row, ends_from) = (next, ts),
                _ => return Then::Keep,
            }
        }
    }

    /// The first row from `row` on that a match can start with, or some row at or after `before`.
    fn first_start(&self, row: usize, from: i64, before: i64) -> usize {
        let first = self.plan.positives[0].bit;
        let starts = |row: &usize| {
            let ts = self.events.ts[*row];
            ts >= before || (ts >= from && self.events.matches[*row] & first != 0)
        };
        (row..self.events.len()).find(starts).unwrap_or(self.events.len())
    }

    fn stretch(
        &mut self,
        begin: usize,
        stretch: Stretch,
        on_end: &mut impl FnMut(Events<'_>, &[usize]) -> Then,
    ) -> Then {
        self.reach.clear();
        self.lookahead.rewind(&self.plan.trailing);
        let events = self.events;
        let mut row = begin;
        while row < events.len() && events.ts[row] < stretch.until {
            let t = events.ts[row];
            let tied = events.ts.get(row + 1) == Some(&t);
            let next = if tied { events.tie_end(row) } else { row + 1 };
            let any = if tied { self.many(row..next, stretch) } else { self.one(row, stretch) };
            if any {
                match on_end(events, self.ended) {
                    Then::Keep => {}
                    Then::Stop => return Then::Stop,
                    Then::Restart => {
                        self.reach.clear();
                        self.from = t.saturating_add(1);
                    }
                }
            }
            row = next;
        }
        Then::Keep
    }

    fn one(&mut self, row: usize, stretch: Stretch) -> bool {
        let (t, mask) = (self.events.ts[row], self.events.matches[row]);
        let start = self.start(t, stretch);
        let Some(start) = self.reach.take(self.plan, t, mask, start) else { return false };
        if !is_in_scope(self.plan, start, t, stretch) || !self.stays_clear(row + 1, t) {
            return false;
        }
        self.ended.clear();
        self.ended.push(row);
        true
    }

    fn many(&mut self, rows: std::ops::Range<usize>, stretch: Stretch) -> bool {
        let plan = self.plan;
        let positives = &plan.positives;
        let t = self.events.ts[rows.start];
        let start = self.start(t, stretch);
        self.tie.load(&self.events.matches[rows.clone()], positives);
        let (tie, reach) = (&*self.tie, &self.reach);
        let arrival = |step: usize, mask: u16| match step {
            0 => start,
            _ => reach.arrival(plan, step, t, mask, tie),
        };
        let last = positives.len() - 1;
        let mut starts = [None; STEPS];
        for step in 0..last {
            let may_leave = |mask| tie.may_leave(&positives[step].watches, mask);
            starts[step] = tie.best_start(positives, step, may_leave, arrival);
        }
        let takes_last = |mask: u16| mask & positives[last].bit != 0;
        self.last.clear();
        self.last.extend(tie.distinct().filter(|mask| {
            let may_be_last = takes_last(*mask) && tie.may_be_last(&plan.trailing, *mask);
            let best = || tie.best_start(positives, last, |other| other == *mask, arrival);
            may_be_last && best().is_some_and(|best| is_in_scope(plan, best, t, stretch))
        }));
        let is_last = |row: &usize| {
            let mask = self.events.matches[*row];
            let stands_for = tie.representative(mask).filter(|_| takes_last(mask));
            stands_for.is_some_and(|mask| self.last.binary_search(&mask).is_ok())
        };
        self.ended.clear();
        self.ended.extend(rows.clone().filter(is_last));
        self.reach.leave(plan, t, self.tie, &starts[..last]);
        !self.ended.is_empty() && self.stays_clear(rows.end, t)
    }

    /// What the start of a match at `t` is remembered as, if one may start there.
    fn start(&self, t: i64, stretch: Stretch) -> Option<i64> {
        let remembered = if matches!(self.plan.scope, Scope::Within(_)) { t } else { 0 };
        (t < stretch.starts_before).then_some(remembered)
    }

    fn stays_clear(&mut self, rest: usize, t: i64) -> bool {
        self.plan.trailing.is_empty()
            || self.lookahead.is_clear(&self.plan.trailing, self.events, rest, t, self.to)
    }
}

fn is_in_scope(plan: &Plan, start: i64, t: i64, stretch: Stretch) -> bool {
    let spans = match plan.scope {
        Scope::Within(span_us) => start >= t.saturating_sub(span_us),
        Scope::Entity | Scope::Session => true,
    };
    spans && t >= stretch.ends_from
}
