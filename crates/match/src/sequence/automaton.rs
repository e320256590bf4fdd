//! The common patterns: it only matters which steps were reached, so that one word of bits remembers everything.

use super::Reach;
use crate::pattern::{Plan, Positive, Scope};
use crate::tie::Tie;

const BITS: usize = u16::BITS as usize;

/// Bits are those of the events, of negative steps too. The bits of positive steps ascend.
#[derive(Clone, Debug)]
pub(crate) struct Automaton {
    positives: u32,
    negatives: u32,
    /// Bits that lie between those of positive steps.
    between: u32,
    first: u32,
    last: u32,
    /// For each negative bit the positive steps that it watches.
    forgets: [u32; BITS],
}

impl Automaton {
    /// `None` where instants matter: for a `within` on a step between others, or from first to last.
    pub(crate) fn new(positives: &[Positive], scope: Scope) -> Option<Automaton> {
        if matches!(scope, Scope::Within(_)) {
            return None;
        }
        let (mut positive_bits, mut negatives, mut forgets) = (0, 0, [0; BITS]);
        for positive in positives {
            if positive.within_us.is_some() {
                return None;
            }
            positive_bits |= u32::from(positive.bit);
            for watch in &positive.watches {
                if watch.within_us.is_some() {
                    return None;
                }
                negatives |= u32::from(watch.bit);
                forgets[watch.bit.trailing_zeros() as usize % BITS] |= u32::from(positive.bit);
            }
        }
        let (first, last) = (positives.first()?, positives.last()?);
        let (first, last) = (u32::from(first.bit), u32::from(last.bit));
        let span = last.wrapping_sub(first);
        let between = span & !positive_bits;
        Some(Automaton { positives: positive_bits, negatives, between, first, last, forgets })
    }

    pub(super) fn reach(&self) -> Reached<'_> {
        Reached { automaton: self, reached: 0 }
    }

    /// The positive steps that come next. A bit that is moved onto a run of other bits is carried over it by adding the
    /// run.
    fn next(&self, reached: u32) -> u32 {
        let moved = reached << 1;
        let carried = ((moved & self.between) + self.between) & !self.between;
        (moved | carried) & self.positives
    }
}

pub(super) struct Reached<'a> {
    automaton: &'a Automaton,
    /// Positive steps but the last, at which a match can stand.
    reached: u32,
}

impl Reached<'_> {
    fn forget(&mut self, negatives: u32) {
        let mut rest = negatives & self.automaton.negatives;
        while rest != 0 {
            self.reached &= !self.automaton.forgets[rest.trailing_zeros() as usize % BITS];
            rest &= rest - 1;
        }
    }
}

impl Reach for Reached<'_> {
    fn clear(&mut self) {
        self.reached = 0;
    }

    fn take(&mut self, _: &Plan, _: i64, mask: u16, start: Option<i64>) -> Option<i64> {
        let automaton = self.automaton;
        let mask = u32::from(mask);
        let first = if start.is_some() { automaton.first } else { 0 };
        let taken = (automaton.next(self.reached) | first) & mask;
        self.forget(mask);
        self.reached |= taken & !automaton.last;
        (taken & automaton.last != 0).then_some(0)
    }

    fn arrival(&self, plan: &Plan, step: usize, _: i64, mask: u16, tie: &Tie) -> Option<i64> {
        let before = &plan.positives[step - 1];
        let stands = self.reached & u32::from(before.bit) != 0;
        let kept = before.watches.iter().all(|watch| tie.accounts_for(watch.bit, mask));
        (stands && kept).then_some(0)
    }

    fn leave(&mut self, plan: &Plan, _: i64, tie: &Tie, starts: &[Option<i64>]) {
        for (positive, start) in plan.positives.iter().zip(starts) {
            let bit = u32::from(positive.bit);
            if positive.watches.iter().any(|watch| tie.count(watch.bit) != 0) {
                self.reached &= !bit;
            }
            if start.is_some() {
                self.reached |= bit;
            }
        }
    }
}
