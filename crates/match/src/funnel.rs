//! Funnels: how far an entity gets through steps, by which attempt, and how often it gets through.

use whodid_model::FaultKind;

use crate::count::{EndsScratch, Then, visit_ends};
use crate::events::{Bounds, Events, NO_SESSION, Stream};
use crate::pattern::{Order, Plan, Positive, Scope, Watch};
use crate::witness::{find, first_end};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunnelOrder {
    /// Each event after (at or after, and another than) the one before.
    Ordered,
    /// The same, and no other event of the stream between two neighbours: a negative step that every event matches.
    Strict,
    /// The first n steps count as reached by a set of different events, one for each.
    Any,
}

/// No event of the exclusion between the events of two steps, numbered from 0: it stands as a negative step between any
/// two neighbours from `from_step` to `to_step`, and the steps strictly between take no event that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exclusion {
    pub from_step: usize,
    pub to_step: usize,
}

/// Why there is no such funnel. Steps are numbered from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunnelError {
    #[error("there are no steps; write at least one")]
    NoSteps,
    #[error(
        "{steps} steps and {exclusions} exclusions are too many; write 16 at most, taken together, 15 in strict order"
    )]
    TooMany { steps: usize, exclusions: usize },
    #[error(
        "exclusion {exclusion} stands between steps {from_step} and {to_step}; name an earlier and a later step"
    )]
    ExclusionSteps { exclusion: usize, from_step: usize, to_step: usize },
    #[error(
        "steps in any order have no events between them to exclude; leave the exclusions out or keep to an order"
    )]
    ExclusionInAnyOrder,
    #[error("a conversion window of {window_us} µs is negative; write a duration such as 24h")]
    NegativeWindow { window_us: i64 },
    #[error("a `within` of {within_us} µs at step {step} is negative; write a duration such as 30m")]
    NegativeWithin { step: usize, within_us: i64 },
    #[error("the first step has a `within`, and there is no step before it; put it on a later step")]
    FirstHasWithin,
    #[error("step {step} has a `within`, which needs an order; put a window on the whole instead")]
    WithinInAnyOrder { step: usize },
}

impl FunnelError {
    pub fn kind(&self) -> FaultKind {
        FaultKind::Invalid
    }
}

/// What a funnel asks.
#[derive(Clone, Debug)]
pub struct FunnelRules {
    pub steps: usize,
    pub order: FunnelOrder,
    /// From the first step's event to the last one's, inclusive.
    pub window_us: Option<i64>,
    /// By step, at most so long after the step before; steps past the end of the list have none.
    pub within_us: Vec<Option<i64>>,
    pub exclusions: Vec<Exclusion>,
}

impl FunnelRules {
    /// Steps in this order, without a window or anything else.
    pub fn ordered(steps: usize) -> FunnelRules {
        FunnelRules {
            steps,
            order: FunnelOrder::Ordered,
            window_us: None,
            within_us: Vec::new(),
            exclusions: Vec::new(),
        }
    }
}

/// In the streams of a funnel bit `i` says that the event matches step `i`, and bit `steps + i` that it matches
/// exclusion `i`; other bits are not set. Under [`FunnelOrder::Strict`] the stream holds every event that passes the
/// global filter, also those that match nothing; otherwise those may be left out.
#[derive(Clone, Debug)]
pub struct Funnel {
    order: FunnelOrder,
    window_us: Option<i64>,
    /// No exclusions and no step with its own `within`.
    plain: bool,
    /// For each number of steps from the first on.
    plans: Vec<Plan>,
    /// For each exclusion its bit, and those of the steps strictly inside it.
    inside: Vec<(u16, u16)>,
    /// Under strict order the bit of the negative step that every event matches; otherwise 0.
    everything: u16,
}

/// Memory that one evaluation after another may use again.
#[derive(Debug, Default)]
pub struct FunnelScratch {
    session: Vec<u32>,
    matches: Vec<u16>,
    ends: EndsScratch,
    rows: Vec<usize>,
}

impl Funnel {
    pub fn new(rules: &FunnelRules) -> Result<Funnel, FunnelError> {
        check(rules)?;
        let FunnelRules { steps, order, window_us, ref within_us, ref exclusions } = *rules;
        let bit = |position: usize| 1u16 << position;
        let everything = if order == FunnelOrder::Strict { bit(steps + exclusions.len()) } else { 0 };
        // The negative steps between `step` and the next.
        let watches = |step: usize| {
            let spans = |exclusion: &Exclusion| (exclusion.from_step..exclusion.to_step).contains(&step);
            let numbers = (0..exclusions.len()).filter(|number| spans(&exclusions[*number]));
            let bits = numbers.map(|number| bit(steps + number)).chain([everything]);
            bits.filter(|bit| *bit != 0).map(|bit| Watch { bit, within_us: None }).collect::<Vec<_>>()
        };
        let plan = |length: usize| {
            let watches = |step| if step + 1 < length { watches(step) } else { Vec::new() };
            let positive = |step: usize| Positive {
                bit: bit(step),
                within_us: within_us.get(step).copied().flatten(),
                watches: watches(step),
            };
            let scope = window_us.map_or(Scope::Entity, Scope::Within);
            let order = if order == FunnelOrder::Any { Order::Any } else { Order::Ordered };
            Plan::new((0..length).map(positive).collect(), Vec::new(), order, scope)
        };
        let inside = |(number, exclusion): (usize, &Exclusion)| {
            let steps_inside = (exclusion.from_step + 1..exclusion.to_step).map(bit).sum();
            (bit(steps + number), steps_inside)
        };
        let inside = exclusions.iter().enumerate().map(inside).collect();
        let plain = exclusions.is_empty() && within_us.iter().all(Option::is_none);
        Ok(Funnel { order, window_us, plain, plans: (1..=steps).map(plan).collect(), inside, everything })
    }

    pub fn steps(&self) -> usize {
        self.plans.len()
    }

    /// The rows of the attempt that counts, one per step it reaches in the order of the steps: their number is the
    /// entity's depth. Of the attempts that get furthest it is the one that gets there first, of those the one that
    /// started first; each step takes the first row that this attempt can use. Under [`FunnelOrder::Any`] rows need not
    /// ascend.
    pub fn attempt<'s>(
        &self,
        stream: Stream<'_>,
        bounds: Bounds,
        scratch: &'s mut FunnelScratch,
    ) -> &'s [usize] {
        let FunnelScratch { session, matches, ends, rows } = scratch;
        rows.clear();
        let events = self.events(stream, bounds, session, matches);
        match self.order {
            FunnelOrder::Ordered if self.plain && events.ts.is_sorted_by(|a, b| a < b) => {
                self.quick_attempt(events, bounds, rows);
            }
            _ => {
                let mut reached = None;
                for plan in &self.plans {
                    if first_end(plan, events, bounds, ends).is_none() {
                        break;
                    }
                    reached = Some(plan);
                }
                rows.extend(reached.and_then(|plan| find(plan, events, bounds, ends)).unwrap_or_default());
            }
        }
        rows
    }

    /// How often the entity got through the first `steps` steps: passes laid one after another, each beginning at a
    /// later instant than the end of the one before, as many as possible. Of one step every event counts.
    pub fn passes(
        &self,
        steps: usize,
        stream: Stream<'_>,
        bounds: Bounds,
        scratch: &mut FunnelScratch,
    ) -> u64 {
        let Some(plan) = steps.checked_sub(1).and_then(|last| self.plans.get(last)) else { return 0 };
        let FunnelScratch { session, matches, ends, .. } = scratch;
        let events = self.events(stream, bounds, session, matches);
        let mut passes = 0;
        visit_ends(plan, events, bounds, ends, &mut |_, _| {
            passes += 1;
            Then::Restart
        });
        passes
    }

    /// The events before `at`, without the steps that an exclusion forbids them, and under strict order with the bit of
    /// everything.
    fn events<'a>(
        &self,
        stream: Stream<'a>,
        bounds: Bounds,
        session: &'a mut Vec<u32>,
        matches: &'a mut Vec<u16>,
    ) -> Events<'a> {
        let length = stream.ts.len().min(stream.matches.len());
        session.clear();
        session.resize(length, NO_SESSION);
        let whole = Events { ts: stream.ts, session, matches: stream.matches };
        if self.everything == 0 && self.inside.iter().all(|(_, steps)| *steps == 0) {
            return whole.before(bounds.at);
        }
        matches.clear();
        matches.extend(stream.matches.iter().map(|mask| {
            let excluding = self.inside.iter().filter(|(exclusion, _)| mask & exclusion != 0);
            excluding.fold(mask | self.everything, |mask, (_, steps)| mask & !steps)
        }));
        Events { matches, ..whole }.before(bounds.at)
    }

    /// Without ties and exclusions one walk finds how far and when, and another, from the first start that is not too
    /// early, takes the first event for each step.
    fn quick_attempt(&self, events: Events<'_>, bounds: Bounds, rows: &mut Vec<usize>) {
        let begin = events.ts.partition_point(|ts| *ts < bounds.from);
        let end = begin.max(events.ts.partition_point(|ts| *ts < bounds.to));
        let mut first = begin;
        if let Some(window_us) = self.window_us {
            let Some(reached_ts) = self.first_reach(events, begin..end, window_us) else { return };
            let since = reached_ts.saturating_sub(window_us);
            first = begin.max(events.ts.partition_point(|ts| *ts < since));
        }
        for row in first..end {
            if events.matches[row] >> rows.len() & 1 == 0 {
                continue;
            }
            let in_window = |window_us| match rows.first() {
                Some(start) => events.ts[row].saturating_sub(window_us) <= events.ts[*start],
                None => true,
            };
            if !self.window_us.is_none_or(in_window) {
                return;
            }
            rows.push(row);
            if rows.len() == self.plans.len() {
                return;
            }
        }
    }

    /// The instant at which the furthest step is first reached.
    fn first_reach(&self, events: Events<'_>, rows: std::ops::Range<usize>, window_us: i64) -> Option<i64> {
        // For each step the latest start with which it was reached.
        let mut starts: [Option<i64>; u16::BITS as usize] = [None; u16::BITS as usize];
        let mut depth = 0;
        let mut reached_ts = None;
        for row in rows {
            let (ts, mask) = (events.ts[row], events.matches[row]);
            let since = ts.saturating_sub(window_us);
            // From the furthest step to the first, so that each looks at what was reached before this event.
            for step in (0..self.plans.len().min(depth + 1)).rev().filter(|step| mask >> step & 1 == 1) {
                let start = match step {
                    0 => Some(ts),
                    _ => starts[step - 1].filter(|start| *start >= since),
                };
                if start.is_some() {
                    starts[step] = start;
                    if step == depth {
                        depth += 1;
                        reached_ts = Some(ts);
                    }
                }
            }
            if depth == self.plans.len() {
                break;
            }
        }
        reached_ts
    }
}

fn check(rules: &FunnelRules) -> Result<(), FunnelError> {
    let FunnelRules { steps, order, window_us, ref within_us, ref exclusions } = *rules;
    if steps == 0 {
        return Err(FunnelError::NoSteps);
    }
    let bits =
        steps.saturating_add(exclusions.len()).saturating_add(usize::from(order == FunnelOrder::Strict));
    if bits > u16::BITS as usize {
        return Err(FunnelError::TooMany { steps, exclusions: exclusions.len() });
    }
    for (exclusion, Exclusion { from_step, to_step }) in exclusions.iter().copied().enumerate() {
        if from_step >= to_step || to_step >= steps {
            return Err(FunnelError::ExclusionSteps { exclusion, from_step, to_step });
        }
    }
    if !exclusions.is_empty() && order == FunnelOrder::Any {
        return Err(FunnelError::ExclusionInAnyOrder);
    }
    let own = within_us.iter().enumerate().filter_map(|(step, within_us)| Some((step, (*within_us)?)));
    for (step, within_us) in own {
        if step == 0 {
            return Err(FunnelError::FirstHasWithin);
        }
        if order == FunnelOrder::Any {
            return Err(FunnelError::WithinInAnyOrder { step });
        }
        if within_us < 0 {
            return Err(FunnelError::NegativeWithin { step, within_us });
        }
    }
    match window_us {
        Some(window_us) if window_us < 0 => Err(FunnelError::NegativeWindow { window_us }),
        _ => Ok(()),
    }
}
