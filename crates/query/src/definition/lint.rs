//! Definitions that can be meant and most likely are not: what everybody or nobody can meet.

use whodid_model::Span;

use super::{Aggregation, Condition, Definition, Per, Performed, Warning, Window};
use crate::op::Op;
use crate::search::{Expr, Query};

pub(super) fn warnings(definition: &Definition) -> Vec<Warning> {
    let mut found = Found(Vec::new());
    definition.condition.visit("/where", &mut |pointer, condition| match condition {
        Condition::All(parts) => list(&mut found, &format!("{pointer}/all"), parts, true),
        Condition::Any(parts) => list(&mut found, &format!("{pointer}/any"), parts, false),
        Condition::Performed(clause) => performed(&mut found, &format!("{pointer}/performed"), clause),
        Condition::Profile(profile) => {
            let pointer = format!("{pointer}/profile");
            if profile.expr == Expr::Everything {
                found.add(&pointer, "the query is empty: everybody meets it");
            }
            query(&mut found, &pointer, profile);
        }
        Condition::Not(_) | Condition::Segment(_) => {}
    });
    found.0
}

struct Found(Vec<Warning>);

impl Found {
    fn add(&mut self, pointer: &str, message: impl Into<String>) {
        self.0.push(Warning { pointer: pointer.to_string(), message: message.into() });
    }
}

fn list(found: &mut Found, pointer: &str, parts: &[Condition], all: bool) {
    let effect = if all { "everybody" } else { "nobody" };
    if parts.is_empty() {
        found.add(pointer, format!("the list is empty: {effect} meets it"));
    }
    for (i, part) in parts.iter().enumerate() {
        if let Condition::Not(inner) = part
            && parts.contains(inner)
        {
            let effect = if all { "nobody" } else { "everybody" };
            found.add(
                &format!("{pointer}/{i}"),
                format!("a condition stands beside its own negation: {effect} meets both"),
            );
        }
    }
}

fn performed(found: &mut Found, pointer: &str, clause: &Performed) {
    for (i, step) in clause.steps.iter().enumerate() {
        let pointer = format!("{pointer}/steps/{i}/event");
        query(found, &pointer, &step.event);
        if step.event.names_sessions() {
            found.add(
                &pointer,
                "steps look at views, actions and server events; session rows never match one",
            );
        }
    }
    bound(found, pointer, clause);
    window(found, pointer, clause);
}

fn query(found: &mut Found, pointer: &str, query: &Query) {
    for (span, message) in query.warnings() {
        found.add(pointer, format!("{message}, at position {} of the query", query.position(span.start)));
    }
}

fn bound(found: &mut Found, pointer: &str, clause: &Performed) {
    let (pointer, op, value) = match &clause.measure {
        Some(measure) if measure.aggregation == Aggregation::Cardinality => {
            (format!("{pointer}/measure"), measure.op, measure.value)
        }
        Some(_) => return,
        None => (format!("{pointer}/times"), clause.times.op, clause.times.value as f64),
    };
    let everybody =
        matches!(op, Op::GreaterOrEqual) && value <= 0.0 || matches!(op, Op::Greater) && value < 0.0;
    let nobody = match op {
        Op::Less => value <= 0.0,
        Op::LessOrEqual | Op::Equal => value < 0.0,
        Op::Greater | Op::GreaterOrEqual => false,
    };
    if everybody {
        found.add(&pointer, format!("a count is always {op} {value}: everybody meets it"));
    }
    if nobody {
        found.add(&pointer, format!("a count is never {op} {value}: nobody meets it"));
    }
    if let Some(days) = most_days(clause)
        && !(0..=days).any(|count| clause.times.holds(count))
    {
        found.add(&pointer, format!("the window touches at most {days} days: nobody meets {op} {value}"));
    }
}

/// The most calendar days that a window of fixed length can touch, where days are counted.
fn most_days(clause: &Performed) -> Option<u64> {
    const LONGEST_DAYS: u64 = 1_000;
    let (Window::Last(span) | Window::SinceFirstSeen(span)) = clause.during else { return None };
    let days = span.0 as u64 / Span::from_days(1).0 as u64 + 2;
    (clause.per == Per::Day && days <= LONGEST_DAYS).then_some(days)
}

fn window(found: &mut Found, pointer: &str, clause: &Performed) {
    let is_empty = match &clause.during {
        Window::Last(span) | Window::SinceFirstSeen(span) => span.0 == 0,
        Window::Between { from: Some(from), to: Some(to), .. } => from == to,
        _ => false,
    };
    if is_empty {
        let effect = if clause.holds_for_nothing() { "everybody" } else { "nobody" };
        found.add(
            &format!("{pointer}/during"),
            format!("the window holds no time at all (its end is not part of it): {effect} meets the clause"),
        );
    }
}
