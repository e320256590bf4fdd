//! How near an entity came: the steps that it did, and what stood in the way of the next.
//!
//! Every question here is put to the kernels of `whodid-match`: a pattern with fewer steps, with its negative steps
//! blinded, or with a wider scope. The first relaxation that finds a match says what was in the way.

use std::collections::BTreeMap;

use whodid_match as kernel;
use whodid_match::{Bounds, Events, Order, Pattern, Scope, StepRule};
use whodid_query::definition::Bound;
use whodid_query::op::Op;

use crate::why::{Miss, Missed, Witness};

pub(super) struct Attempt<'a> {
    pub(super) pattern: &'a Pattern,
    /// The positive steps.
    pub(super) positives: &'a [usize],
    pub(super) events: Events<'a>,
    pub(super) bounds: Bounds,
}

/// Tells of an event by its row: occurrence, step, row.
type Tell<'t> = &'t dyn Fn(usize, usize, usize) -> Witness;

impl Attempt<'_> {
    /// Of a count that does not meet its bound.
    pub(super) fn miss(&self, times: Bound, observed: u64, tell: Tell<'_>) -> Miss {
        let least = match times.op {
            Op::Greater => times.value.saturating_add(1),
            Op::GreaterOrEqual | Op::Equal => times.value,
            Op::Less | Op::LessOrEqual => 0,
        };
        let most = match times.op {
            Op::Less => times.value.saturating_sub(1),
            Op::Equal | Op::LessOrEqual => times.value,
            Op::Greater | Op::GreaterOrEqual => u64::MAX,
        };
        let over = observed.saturating_sub(most);
        if over > 0 {
            return Miss { over_by: Some(over as f64), ..Miss::default() };
        }
        let short_by = Some(least.saturating_sub(observed) as f64);
        match (observed, self.pattern.order()) {
            (0, Order::Ordered) => Miss { short_by, ..self.furthest(tell) },
            (0, Order::Any) => Miss { short_by, ..self.furthest_of_set(tell) },
            _ => Miss { short_by, ..Miss::default() },
        }
    }

    /// The longest beginning of the steps that was done, and what came next.
    fn furthest(&self, tell: Tell<'_>) -> Miss {
        let found = (1..=self.positives.len()).rev().find_map(|done| {
            let steps = self.beginning(self.positives[done - 1]);
            Some((done, find(steps, self.pattern.scope(), self.events, self.bounds)?))
        });
        let (done, rows) = found.unwrap_or_default();
        let missed = match self.positives.get(done) {
            Some(step) => Some(self.next_step(done, *step, tell)),
            None => self.broken_after(&rows, tell),
        };
        let told = self.positives.iter().zip(&rows).map(|(step, row)| tell(0, *step, *row));
        Miss { steps_done: Some(done), done: told.collect(), missed, ..Miss::default() }
    }

    /// What kept the step from following the `done` positive ones before it.
    fn next_step(&self, done: usize, step: usize, tell: Tell<'_>) -> Missed {
        let after = done.checked_sub(1).map_or(0, |before| self.positives[before] + 1);
        let between = (after..step).fold(0, |bits, step| bits | 1 << step);
        let blind: Vec<u16> = self.events.matches.iter().map(|matches| matches & !between).collect();
        let blind = Events { matches: &blind, ..self.events };
        let scope = self.pattern.scope();
        let mut steps = self.beginning(step);
        if let Some(rows) = find(steps.clone(), scope, blind, self.bounds)
            && let Some((by, row)) = self.breaker(step, &rows, between)
        {
            return Missed::Broken { step: by, by: tell(0, by, row) };
        }
        let last = |rows: Vec<usize>| rows.last().map(|row| tell(0, step, *row));
        steps[step].within_us = None;
        let any_time = if matches!(scope, Scope::Within(_)) { Scope::Entity } else { scope };
        if let Some(event) = find(steps.clone(), any_time, blind, self.bounds).and_then(last) {
            return Missed::TooLate { step, event };
        }
        if let Some(event) = find(steps.clone(), Scope::Entity, blind, self.bounds).and_then(last) {
            return Missed::OtherSession { step, event };
        }
        let always = Bounds { from: i64::MIN, to: self.bounds.at, ..self.bounds };
        if find(steps, Scope::Entity, blind, always).is_some()
            && let Some(row) = self.latest_outside(step)
        {
            return Missed::OutsideWindow { step, event: tell(0, step, row) };
        }
        Missed::Never { step }
    }

    /// The negative event after all positive steps that keeps these rows from being a match.
    fn broken_after(&self, rows: &[usize], tell: Tell<'_>) -> Option<Missed> {
        let last = *self.positives.last()?;
        let after = (last + 1..self.pattern.steps().len()).fold(0, |bits, step| bits | 1 << step);
        let (step, row) = self.breaker(self.pattern.steps().len() - 1, rows, after)?;
        Some(Missed::Broken { step, by: tell(0, step, row) })
    }

    /// The negative step among `negatives` and the first row of it that breaks the match of these rows, judged by the
    /// steps up to `last`.
    fn breaker(&self, last: usize, rows: &[usize], negatives: u16) -> Option<(usize, usize)> {
        let steps = self.beginning(last);
        let candidates = (0..self.events.len()).filter(|row| self.events.matches[*row] & negatives != 0);
        let steps_of = |row: usize| {
            let matched = negatives & self.events.matches[row];
            (0..=last).filter(move |step| matched >> step & 1 == 1).map(move |step| (step, row))
        };
        candidates.flat_map(steps_of).find(|(step, row)| self.breaks(&steps, rows, *step, *row))
    }

    /// Whether the row, taken for the negative step, leaves no match among these rows by themselves.
    fn breaks(&self, steps: &[StepRule], rows: &[usize], step: usize, row: usize) -> bool {
        let mut few: BTreeMap<usize, u16> = BTreeMap::new();
        let taken = self.positives.iter().zip(rows).map(|(step, row)| (*row, 1 << step));
        for (row, bit) in taken.chain([(row, 1 << step)]) {
            *few.entry(row).or_default() |= bit;
        }
        let ts: Vec<i64> = few.keys().map(|row| self.events.ts[*row]).collect();
        let session: Vec<u32> = few.keys().map(|row| self.events.session[*row]).collect();
        let matches: Vec<u16> = few.into_values().collect();
        let events = Events { ts: &ts, session: &session, matches: &matches };
        find(steps.to_vec(), self.pattern.scope(), events, self.bounds).is_none()
    }

    /// Of steps in any order: which happened by themselves, and the first that did not.
    fn furthest_of_set(&self, tell: Tell<'_>) -> Miss {
        let scope = match self.pattern.scope() {
            Scope::Within(_) => Scope::Entity,
            scope => scope,
        };
        let (mut done, mut missed) = (Vec::new(), None);
        for step in self.positives {
            let only: Vec<u16> = self.events.matches.iter().map(|matches| matches >> step & 1).collect();
            let only = Events { matches: &only, ..self.events };
            let rule = vec![StepRule { negative: false, within_us: None }];
            match find(rule, scope, only, self.bounds).as_deref() {
                Some([row, ..]) => done.push(tell(0, *step, *row)),
                _ if missed.is_none() => missed = Some(self.step_alone(*step, tell)),
                _ => {}
            }
        }
        let missed = missed.or(Some(Missed::NotTogether));
        Miss { steps_done: Some(done.len()), done, missed, ..Miss::default() }
    }

    /// Why a step that stands by itself did not happen.
    fn step_alone(&self, step: usize, tell: Tell<'_>) -> Missed {
        let is_inside = |row: &usize| !self.is_outside(*row);
        let mut matching = (0..self.events.len()).filter(|row| self.events.matches[*row] >> step & 1 == 1);
        if let Some(row) = matching.clone().find(is_inside) {
            return Missed::OtherSession { step, event: tell(0, step, row) };
        }
        match matching.next_back() {
            Some(row) => Missed::OutsideWindow { step, event: tell(0, step, row) },
            None => Missed::Never { step },
        }
    }

    /// The latest event of the step that lies outside of the window.
    fn latest_outside(&self, step: usize) -> Option<usize> {
        let is_it = |row: &usize| self.events.matches[*row] >> step & 1 == 1 && self.is_outside(*row);
        (0..self.events.len()).rev().find(is_it)
    }

    fn is_outside(&self, row: usize) -> bool {
        let ts = self.events.ts[row];
        ts < self.bounds.from || ts >= self.bounds.to
    }

    /// The steps up to this one.
    fn beginning(&self, last: usize) -> Vec<StepRule> {
        self.pattern.steps()[..=last].to_vec()
    }
}

/// The earliest match of these steps.
fn find(steps: Vec<StepRule>, scope: Scope, events: Events<'_>, bounds: Bounds) -> Option<Vec<usize>> {
    let pattern = Pattern::new(steps, Order::Ordered, scope).ok()?;
    kernel::witness(&pattern, events, bounds)
}
