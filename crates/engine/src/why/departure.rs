//! When a member would leave if nothing more happened.
//!
//! With nothing more happening a definition changes for an entity only where a moving window passes an event. Those
//! instants are known, so the same evaluator is asked at them, in order.

use std::collections::BTreeSet;

use jiff::ToSpan;
use whodid_model::{Instant, Span, limits};
use whodid_query::definition::{Bound, Calendar, Condition, Definition, Moment, Performed, Resolved, Window};
use whodid_query::op::Op;

use super::LeavesAt;
use super::alone::Alone;
use crate::error::EngineError;
use crate::membership::{Segments, clauses_of};

/// No calendar window moves on less often than once in so many days.
const CALENDAR_DAYS: usize = 2 * 366 + 1;

pub(super) fn leaves_at(
    alone: &Alone,
    definition: &Definition,
    segments: &Segments,
    at: Instant,
) -> Result<LeavesAt, EngineError> {
    let mut changes = BTreeSet::new();
    for clause in clauses_of(definition, segments)? {
        if let Condition::Performed(performed) = clause {
            changes.extend(changes_of(alone, &performed, at)?);
        }
    }
    let mut last = at;
    for (asked, instant) in changes.into_iter().enumerate() {
        if asked == limits::WHY_INSTANTS {
            return Ok(LeavesAt::After(last));
        }
        if !alone.decide(definition, segments, instant)?.member {
            return Ok(LeavesAt::At(instant));
        }
        last = instant;
    }
    Ok(LeavesAt::Never)
}

/// The instants after `at` at which the clause may change for the entity, and every one at which it does.
fn changes_of(alone: &Alone, performed: &Performed, at: Instant) -> Result<Vec<Instant>, EngineError> {
    match &performed.during {
        Window::Last(span) => {
            let passed = passings(&alone.instants_us(performed, at)?, *span, at);
            if performed.measure.is_some() { Ok(passed) } else { count_changes(alone, performed, &passed) }
        }
        Window::Calendar { calendar, .. } if !matches!(calendar, Calendar::Date(_)) => {
            calendar_changes(alone, &performed.during, at)
        }
        // What is fixed, or begins with the entity, has its events and keeps them.
        Window::AllTime | Window::Between { .. } | Window::SinceFirstSeen(_) | Window::Calendar { .. } => {
            Ok(Vec::new())
        }
    }
}

/// The first instants at which the window no longer holds each of the events.
fn passings(instants_us: &[i64], span: Span, at: Instant) -> Vec<Instant> {
    let passed = instants_us.iter().map(|ts| Instant(ts.saturating_add(span.0).saturating_add(1)));
    let mut passed: Vec<Instant> =
        passed.filter(|instant| *instant > at && *instant < Instant::MAX).collect();
    passed.dedup();
    passed
}

/// A window that only lets go of events lets go of matches, so a count only falls: bisection finds where it falls below
/// the bound, and below the bound and one more.
fn count_changes(
    alone: &Alone,
    performed: &Performed,
    passed: &[Instant],
) -> Result<Vec<Instant>, EngineError> {
    let mut changes = Vec::new();
    for value in [performed.times.value, performed.times.value.saturating_add(1)] {
        let times = Bound { op: Op::GreaterOrEqual, value };
        let clause = Condition::Performed(Performed { times, ..performed.clone() });
        let (mut from, mut to) = (0, passed.len());
        while from < to {
            let middle = from.midpoint(to);
            if alone.holds(&clause, passed[middle])? {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        changes.extend(passed.get(from));
    }
    Ok(changes)
}

/// The midnights after `at` at which the window moves, until it has left all events behind.
fn calendar_changes(alone: &Alone, window: &Window, at: Instant) -> Result<Vec<Instant>, EngineError> {
    let zone = window.timezone(alone.timezone());
    let begin = |instant: Instant| match window.resolve(instant, &zone).map_err(EngineError::window)? {
        Resolved::Fixed(range) => Ok::<Instant, EngineError>(range.from),
        Resolved::SinceFirstSeen(_) => Ok(Instant::MIN),
    };
    let mut from = begin(at)?;
    let mut changes = Vec::new();
    let Ok(now) = jiff::Timestamp::from_microsecond(at.0) else { return Ok(changes) };
    let mut day = zone.to_datetime(now).date();
    for _ in 0..CALENDAR_DAYS {
        let Ok(next) = day.checked_add(1.day()) else { break };
        day = next;
        let midnight = Moment::Date(day).instant(&zone).map_err(EngineError::window)?;
        let moved = begin(midnight)?;
        if moved != from {
            changes.push(midnight);
            from = moved;
        }
        if from >= at {
            break;
        }
    }
    Ok(changes)
}
