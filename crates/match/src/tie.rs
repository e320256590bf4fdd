//! Events that share an instant. Any of them may come after any other, so a match may take several consecutive steps
//! from them in whichever order fits: a question of assigning different events to steps.
//!
//! What an event can do depends on the steps it matches alone, so events are known here by their bits. A negative
//! step between two events of one instant, or an instant that a match enters or leaves, is kept when all events of
//! that step at this instant are the two (or the one) themselves: their number tells.

use whodid_model::limits::STEPS;

use crate::pattern::{Positive, Trailing, Watch};

const BITS: usize = u16::BITS as usize;

#[derive(Debug, Default)]
pub(crate) struct Tie {
    /// Sorted, and no more than matter; see [`Tie::thin_out`].
    masks: Vec<u16>,
    /// Stands for all events that were left out and match the last positive step.
    spare: Option<u16>,
    /// How many events match each step, counted to 3 at most: a match accounts for two at most.
    counts: [u8; BITS],
}

impl Tie {
    pub(crate) fn load(&mut self, masks: &[u16], positives: &[Positive]) {
        self.counts = [0; BITS];
        for mask in masks {
            for step in ones(*mask) {
                self.counts[step] = (self.counts[step] + 1).min(3);
            }
        }
        self.masks.clear();
        self.masks.extend(masks);
        self.masks.sort_unstable();
        self.spare = None;
        if masks.len() > positives.len() {
            self.thin_out(positives);
        }
    }

    /// A match of n steps takes n - 1 events for the other steps, so n candidates for a step are as good as more, as
    /// long as nothing else tells them apart: what matches a step that hardly any event matches stays.
    fn thin_out(&mut self, positives: &[Positive]) {
        let last = positives.last().map_or(0, |positive| positive.bit);
        let mut kept = [0; STEPS];
        self.masks.retain(|mask| {
            let is_scarce = ones(*mask).any(|step| self.counts[step] < 3);
            let mut is_needed = is_scarce;
            for (kept, _) in kept.iter_mut().zip(positives).filter(|(_, positive)| mask & positive.bit != 0) {
                is_needed |= *kept < positives.len();
                *kept += 1;
            }
            let is_spare = !is_needed && mask & last != 0 && self.spare.is_none();
            if is_spare {
                self.spare = Some(*mask);
            }
            is_needed || is_spare
        });
    }

    /// The event among [`Tie::distinct`] that can be last in a match whenever one with these steps can.
    pub(crate) fn representative(&self, mask: u16) -> Option<u16> {
        if self.masks.binary_search(&mask).is_ok() { Some(mask) } else { self.spare }
    }

    pub(crate) fn distinct(&self) -> impl Iterator<Item = u16> {
        self.masks.chunk_by(|a, b| a == b).map(|same| same[0])
    }

    /// How many events match the step with this bit, 3 standing for more.
    pub(crate) fn count(&self, bit: u16) -> u8 {
        self.counts[bit.trailing_zeros() as usize % BITS]
    }

    /// Whether an event with these steps is the only one here that matches the negative step, or none does.
    pub(crate) fn accounts_for(&self, bit: u16, mask: u16) -> bool {
        self.count(bit) == u8::from(mask & bit != 0)
    }

    pub(crate) fn may_leave(&self, watches: &[Watch], mask: u16) -> bool {
        watches.iter().all(|watch| self.accounts_for(watch.bit, mask))
    }

    pub(crate) fn may_be_last(&self, trailing: &[Trailing], mask: u16) -> bool {
        trailing.iter().all(|trailing| self.accounts_for(trailing.bit, mask))
    }

    /// The latest start with which a match can take positive step `step` here by an event that `last` accepts.
    /// `arrival` gives the latest start with which an event can take a step right after earlier instants.
    pub(crate) fn best_start(
        &self,
        positives: &[Positive],
        step: usize,
        last: impl Fn(u16) -> bool,
        arrival: impl Fn(usize, u16) -> Option<i64>,
    ) -> Option<i64> {
        let mut best = None;
        for entry in (0..=step).rev() {
            let mut tried = None;
            loop {
                let untried = |start: &i64| tried.is_none_or(|tried| *start < tried);
                let takes = |mask: &u16| mask & positives[entry].bit != 0;
                let entering = self.distinct().filter(takes).filter_map(|mask| arrival(entry, mask));
                let Some(start) = entering.filter(untried).max().filter(|start| best < Some(*start)) else {
                    break;
                };
                let first = |mask| arrival(entry, mask) >= Some(start);
                if Assignment::new(&self.masks, positives, entry..step + 1, first, &last).exists(self) {
                    best = Some(start);
                    break;
                }
                tried = Some(start);
            }
        }
        best
    }
}

/// Different events for consecutive steps, under the negative steps between them.
struct Assignment<'a, F, L> {
    masks: &'a [u16],
    positives: &'a [Positive],
    steps: std::ops::Range<usize>,
    first: F,
    last: L,
    /// Negative bits that the event of a step must and must not have.
    required: [u16; STEPS],
    forbidden: [u16; STEPS],
    /// The index of the event that each step holds.
    held: [Option<usize>; STEPS],
}

impl<'a, F: Fn(u16) -> bool, L: Fn(u16) -> bool> Assignment<'a, F, L> {
    fn new(
        masks: &'a [u16],
        positives: &'a [Positive],
        steps: std::ops::Range<usize>,
        first: F,
        last: L,
    ) -> Self {
        let none = [0; STEPS];
        Assignment {
            masks,
            positives,
            steps,
            first,
            last,
            required: none,
            forbidden: none,
            held: [None; STEPS],
        }
    }

    fn exists(&mut self, tie: &Tie) -> bool {
        self.steps.clone().all(|step| self.has_candidate(step)) && self.place(tie, self.steps.start, 0)
    }

    /// Decides for each negative step between two steps which of the two takes the events that match it, and then
    /// looks for different events. Each decision names one event, so there are few that can hold.
    fn place(&mut self, tie: &Tie, step: usize, watch: usize) -> bool {
        if step + 1 == self.steps.end {
            return self.assign();
        }
        let Some(bit) = self.positives[step].watches.get(watch).map(|watch| watch.bit) else {
            return self.place(tie, step + 1, 0);
        };
        let options: &[[bool; 2]] = match tie.count(bit) {
            0 => return self.place(tie, step, watch + 1),
            1 => &[[true, false], [false, true]],
            2 => &[[true, true]],
            _ => return false,
        };
        let saved = (self.required, self.forbidden);
        for taken in options {
            for (step, taken) in [step, step + 1].into_iter().zip(*taken) {
                let side = if taken { &mut self.required } else { &mut self.forbidden };
                side[step] |= bit;
            }
            let possible = self.has_candidate(step) && self.has_candidate(step + 1);
            if possible && self.place(tie, step, watch + 1) {
                return true;
            }
            (self.required, self.forbidden) = saved;
        }
        false
    }

    fn is_candidate(&self, step: usize, mask: u16) -> bool {
        mask & self.positives[step].bit != 0
            && mask & self.required[step] == self.required[step]
            && mask & self.forbidden[step] == 0
            && (step != self.steps.start || (self.first)(mask))
            && (step + 1 != self.steps.end || (self.last)(mask))
    }

    fn has_candidate(&self, step: usize) -> bool {
        self.masks.iter().any(|mask| self.is_candidate(step, *mask))
    }

    fn assign(&mut self) -> bool {
        self.held = [None; STEPS];
        self.steps.clone().all(|step| self.augment(step, &mut 0))
    }

    /// Finds an event for `step`, moving other steps to other events where that helps (an augmenting path).
    fn augment(&mut self, step: usize, visited: &mut u16) -> bool {
        *visited |= 1 << step;
        for event in 0..self.masks.len() {
            if !self.is_candidate(step, self.masks[event]) {
                continue;
            }
            let holder = self.steps.clone().find(|holder| self.held[*holder] == Some(event));
            let free = match holder {
                None => true,
                Some(holder) => *visited & (1 << holder) == 0 && self.augment(holder, visited),
            };
            if free {
                self.held[step] = Some(event);
                return true;
            }
        }
        false
    }
}

/// The positions of the bits that are set.
fn ones(mut mask: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let position = mask.trailing_zeros() as usize;
        (mask != 0).then(|| {
            mask &= mask - 1;
            position
        })
    })
}
