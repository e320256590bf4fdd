//! What is looked for: steps, their order and their scope, checked once and laid out for the kernels.

use whodid_model::FaultKind;
use whodid_model::limits::STEPS;

use crate::sequence::Automaton;

/// One step. Whether an event matches it is bit `i` of [`crate::Events::matches`], `i` counting negative steps too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepRule {
    pub negative: bool,
    /// Positive: at most so long after the previous positive event. Negative: how long it watches, inclusive.
    pub within_us: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Each event after (at or after, and another than) the one before.
    Ordered,
    /// A set of different events, one per step.
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Anywhere in the entity's events.
    Entity,
    /// All in one session; negative steps look only at that session, and sessions add up.
    Session,
    /// The last event at most so many microseconds after the first.
    Within(i64),
}

/// Why steps make no pattern. Steps are numbered from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("there are {steps} steps; write 1 to {STEPS}")]
    StepCount { steps: usize },
    #[error("the first step is negative; begin with something that happened")]
    FirstIsNegative,
    #[error("the first step has a `within`, and there is no step before it; put it on a later step")]
    FirstHasWithin,
    #[error("step {step} is negative, which needs `order: ordered`")]
    NegativeInAnyOrder { step: usize },
    #[error("step {step} has a `within`, which needs `order: ordered`; put it on the whole instead")]
    WithinInAnyOrder { step: usize },
    #[error("a `within` of {within_us} µs is negative; write a duration such as 30m")]
    NegativeDuration { within_us: i64 },
}

impl PatternError {
    pub fn kind(&self) -> FaultKind {
        FaultKind::Invalid
    }
}

/// Steps that can be looked for. [`Pattern::new`] is the only way to make one.
#[derive(Clone, Debug)]
pub struct Pattern {
    steps: Vec<StepRule>,
    pub(crate) plan: Plan,
}

/// A pattern laid out for the kernels. There is at least one positive step.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) positives: Vec<Positive>,
    pub(crate) trailing: Vec<Trailing>,
    pub(crate) order: Order,
    pub(crate) scope: Scope,
    /// For patterns that need to remember no more than which steps were reached.
    pub(crate) automaton: Option<Automaton>,
}

impl Plan {
    pub(crate) fn new(positives: Vec<Positive>, trailing: Vec<Trailing>, order: Order, scope: Scope) -> Plan {
        let automaton = Automaton::new(&positives, scope);
        Plan { positives, trailing, order, scope, automaton }
    }
}

/// A positive step, and the negative steps that stand between it and the next one.
#[derive(Clone, Debug)]
pub(crate) struct Positive {
    pub(crate) bit: u16,
    pub(crate) within_us: Option<i64>,
    pub(crate) watches: Vec<Watch>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    pub(crate) bit: u16,
    pub(crate) within_us: Option<i64>,
}

/// A negative step after the last positive one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trailing {
    pub(crate) bit: u16,
    pub(crate) until: Until,
}

/// How far a trailing negative step watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// So long after the last positive event, inclusive.
    AfterLast(i64),
    /// So long after the first event of the match, inclusive.
    AfterFirst(i64),
    EndOfSession,
    EndOfWindow,
}

impl Pattern {
    pub fn new(steps: Vec<StepRule>, order: Order, scope: Scope) -> Result<Pattern, PatternError> {
        check(&steps, order, scope)?;
        let mut positives: Vec<Positive> = Vec::new();
        for (step, rule) in steps.iter().enumerate() {
            let (bit, within_us) = (1 << step, rule.within_us);
            match positives.last_mut() {
                Some(before) if rule.negative => before.watches.push(Watch { bit, within_us }),
                _ => positives.push(Positive { bit, within_us, watches: Vec::new() }),
            }
        }
        let single = positives.len() == 1;
        let last = positives.last_mut().map(|last| std::mem::take(&mut last.watches)).unwrap_or_default();
        let until = |watch: &Watch| match (watch.within_us, scope) {
            (Some(within_us), _) => Until::AfterLast(within_us),
            (None, Scope::Within(span_us)) if single => Until::AfterLast(span_us),
            (None, Scope::Within(span_us)) => Until::AfterFirst(span_us),
            (None, Scope::Session) => Until::EndOfSession,
            (None, Scope::Entity) => Until::EndOfWindow,
        };
        let trailing = last.iter().map(|watch| Trailing { bit: watch.bit, until: until(watch) }).collect();
        Ok(Pattern { steps, plan: Plan::new(positives, trailing, order, scope) })
    }

    pub fn steps(&self) -> &[StepRule] {
        &self.steps
    }

    pub fn order(&self) -> Order {
        self.plan.order
    }

    pub fn scope(&self) -> Scope {
        self.plan.scope
    }
}

fn check(steps: &[StepRule], order: Order, scope: Scope) -> Result<(), PatternError> {
    let Some(first) = steps.first().filter(|_| steps.len() <= STEPS) else {
        return Err(PatternError::StepCount { steps: steps.len() });
    };
    if first.negative {
        return Err(PatternError::FirstIsNegative);
    }
    if first.within_us.is_some() {
        return Err(PatternError::FirstHasWithin);
    }
    for (step, rule) in steps.iter().enumerate() {
        if order == Order::Any && rule.negative {
            return Err(PatternError::NegativeInAnyOrder { step });
        }
        if order == Order::Any && rule.within_us.is_some() {
            return Err(PatternError::WithinInAnyOrder { step });
        }
        if let Some(within_us) = rule.within_us.filter(|within_us| *within_us < 0) {
            return Err(PatternError::NegativeDuration { within_us });
        }
    }
    match scope {
        Scope::Within(within_us) if within_us < 0 => Err(PatternError::NegativeDuration { within_us }),
        _ => Ok(()),
    }
}
