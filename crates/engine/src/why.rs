//! Why one entity is in a definition, or is not: the same evaluator over the entity's events by themselves.
//!
//! Reading order: the answer → `alone` (one entity as a small snapshot) → `departure` (when it would leave).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use whodid_model::{EntityKind, Event, EventType, IdentifierKey, Instant, TimeRange, Value};
use whodid_query::definition::{Condition, Definition};
use whodid_query::op::Op;
use whodid_store::Snapshot;

use crate::error::EngineError;
use crate::membership::{Referred, Segments};
use crate::run::Engine;

mod alone;
mod departure;

use alone::Alone;

#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    pub member: bool,
    /// One for each of [`Definition::leaves`].
    pub leaves: Vec<Leaf>,
    pub leaves_at: LeavesAt,
}

/// One clause and what was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// JSON pointer into the definition.
    pub pointer: String,
    pub holds: bool,
    pub observed: Observed,
    /// What `observed` is compared with; none for profiles and segments.
    pub bound: Option<(Op, f64)>,
    /// Where the clause looked; none for profiles and segments.
    pub window: Option<TimeRange>,
    /// The events of the first occurrences, at most [`whodid_model::limits::WHY_OCCURRENCES`] of them.
    pub witnesses: Vec<Witness>,
    /// Of a clause that does not hold: how far it is from holding.
    pub miss: Option<Miss>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    /// How often.
    Count(u64),
    /// The aggregate; none where there is no value.
    Measure(Option<f64>),
    /// The profile attributes that the query looks at.
    Profile(BTreeMap<String, Option<Value>>),
    /// Whether the entity is in the segment.
    Segment(bool),
    /// Whether the entity is in the list, and what it goes by there: none for who has no such identifier.
    List { member: bool, key: IdentifierKey, identifier: Option<String> },
}

/// An event that made a clause hold, or kept it from doing so.
#[derive(Clone, Debug, PartialEq)]
pub struct Witness {
    /// Occurrences count from 0.
    pub occurrence: usize,
    /// The step that the event took; steps count from 0.
    pub step: usize,
    pub event_id: String,
    pub kind: EventType,
    pub ts: Instant,
}

/// How far a `performed` clause is from holding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Miss {
    /// How many more it would take.
    pub short_by: Option<f64>,
    /// How many there are too many.
    pub over_by: Option<f64>,
    /// Of steps that nobody finished: how many positive ones were done in a row.
    pub steps_done: Option<usize>,
    /// The steps done, by the events that did them.
    pub done: Vec<Witness>,
    /// What came in between, or did not come.
    pub missed: Option<Missed>,
}

/// Why the next step is not reached. `step` counts from 0, negative steps too.
#[derive(Clone, Debug, PartialEq)]
pub enum Missed {
    /// It did not happen after the steps done.
    Never { step: usize },
    /// It happened, and a negative step did so before it, or after all steps.
    Broken { step: usize, by: Witness },
    /// It happened later than a `within` allows.
    TooLate { step: usize, event: Witness },
    /// It happened in another session, or in none.
    OtherSession { step: usize, event: Witness },
    /// It happened before or after the window.
    OutsideWindow { step: usize, event: Witness },
    /// Each step happened, but not together: in one scope, each by another event.
    NotTogether,
}

/// When a member would no longer be one if nothing more happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeavesAt {
    /// Not a member, or a member for ever.
    Never,
    At(Instant),
    /// A member at every instant up to this one; the search went no further.
    After(Instant),
}

impl Engine {
    /// Explains one entity; none if no event before `at` names it. `segments` as for [`Engine::membership`].
    pub fn why(
        &self,
        snapshot: &Arc<Snapshot>,
        definition: &Definition,
        segments: &Segments,
        at: Instant,
        timezone: &TimeZone,
        id: &str,
    ) -> Result<Option<Why>, EngineError> {
        let Some(alone) = Alone::of(snapshot, definition.entity, id, at, timezone) else { return Ok(None) };
        let decided = alone.decide(definition, segments, at)?;
        let leaves = definition.leaves().into_iter().zip(decided.leaves);
        let leaves = leaves
            .map(|((pointer, condition), holds)| leaf(&alone, segments, (pointer, condition), holds, at))
            .collect::<Result<_, _>>()?;
        let leaves_at = match decided.member {
            true => departure::leaves_at(&alone, definition, segments, at)?,
            false => LeavesAt::Never,
        };
        Ok(Some(Why { member: decided.member, leaves, leaves_at }))
    }
}

impl Engine {
    /// Whether one entity is in each of some segments, all about its kind; none if no event before `at` names it.
    /// `segments` holds them and all that they refer to. An error is of one segment and leaves the others their answer.
    pub fn is_member(
        &self,
        snapshot: &Arc<Snapshot>,
        entity: (EntityKind, &str),
        asked: &[&Definition],
        segments: &Segments,
        at: Instant,
        timezone: &TimeZone,
    ) -> Option<Vec<Result<bool, EngineError>>> {
        let alone = Alone::of(snapshot, entity.0, entity.1, at, timezone)?;
        let decide = |definition: &&Definition| Ok(alone.decide(definition, segments, at)?.member);
        Some(asked.iter().map(decide).collect())
    }

    /// Every event of one entity before `at`, by instant, id and type; none if there is none.
    pub fn events_of(
        &self,
        snapshot: &Arc<Snapshot>,
        kind: EntityKind,
        id: &str,
        at: Instant,
    ) -> Option<Vec<Event>> {
        Some(Alone::of(snapshot, kind, id, at, &TimeZone::UTC)?.events(at))
    }
}

fn leaf(
    alone: &Alone,
    segments: &Segments,
    (pointer, condition): (String, &Condition),
    holds: bool,
    at: Instant,
) -> Result<Leaf, EngineError> {
    let mut leaf = Leaf {
        pointer,
        holds,
        observed: Observed::Segment(holds),
        bound: None,
        window: None,
        witnesses: Vec::new(),
        miss: None,
    };
    match condition {
        Condition::Performed(performed) => {
            let reading = alone.read(performed, holds, at)?;
            leaf.observed = reading.observed;
            leaf.bound = Some(match &performed.measure {
                Some(measure) => (measure.op, measure.value),
                None => (performed.times.op, performed.times.value as f64),
            });
            leaf.window = Some(reading.window);
            leaf.witnesses = reading.witnesses;
            leaf.miss = reading.miss;
        }
        Condition::Profile(query) => leaf.observed = Observed::Profile(alone.profile_values(query, at)),
        Condition::Segment(id) => {
            if let Some(Referred::List(list)) = segments.get(id) {
                let identifier = alone.identifier(list.key, at);
                leaf.observed = Observed::List { member: holds, key: list.key, identifier };
            }
        }
        Condition::All(_) | Condition::Any(_) | Condition::Not(_) => {}
    }
    Ok(leaf)
}
