//! What was performed, how often, and when.

use whodid_model::EntityKind;

use super::event::Deed;
use super::words;
use crate::definition::{
    Aggregation, Bound, Calendar, CalendarUnit, Measure, Order, Per, Performed, Step, Window, Within,
};
use crate::op::Op;

/// The clause asks for one occurrence or more.
pub(super) fn is_at_least_once(clause: &Performed) -> bool {
    clause.measure.is_none() && clause.times == Bound::DEFAULT
}

fn is_never(clause: &Performed) -> bool {
    let Bound { op, value } = clause.times;
    clause.measure.is_none()
        && (matches!((op, value), (Op::Equal | Op::LessOrEqual, 0)) || (op, value) == (Op::Less, 1))
}

pub(super) fn performed(clause: &Performed, entity: EntityKind) -> String {
    if is_never(clause) {
        return never_performed(clause, entity);
    }
    if let Some(measure) = &clause.measure {
        return measured(clause, measure, entity);
    }
    let mut text = format!("{} {}", doer(entity), steps(clause));
    if clause.times != Bound::DEFAULT {
        let several = clause.steps.len() > 1;
        text += &format!("{} {}", if several { "," } else { "" }, often(clause.times, clause.per));
    }
    text + &during(&clause.during)
}

pub(super) fn never_performed(clause: &Performed, entity: EntityKind) -> String {
    let doer = doer(entity);
    let text = match clause.steps.as_slice() {
        [only] => format!("{doer} did not {}", Deed::of(&only.event).base()),
        _ => format!("{doer} never {}", steps(clause)),
    };
    text + &during(&clause.during)
}

fn measured(clause: &Performed, measure: &Measure, entity: EntityKind) -> String {
    let aggregation = match measure.aggregation {
        Aggregation::Sum => "total",
        Aggregation::Avg => "average",
        Aggregation::Min => "smallest",
        Aggregation::Max => "largest",
        Aggregation::Cardinality => "number of different values of",
    };
    let they = match entity {
        EntityKind::User => "they",
        EntityKind::Account => "their users",
    };
    let bound = match measure.aggregation {
        Aggregation::Cardinality => words::amount("", measure.value),
        _ => words::amount(&measure.facet, measure.value),
    };
    let facet = words::path(&measure.facet);
    let op = words::op(measure.op);
    format!(
        "whose {aggregation} {facet}, whenever {they} {}, is {op} {bound}{}",
        steps(clause),
        during(&clause.during)
    )
}

fn doer(entity: EntityKind) -> &'static str {
    match entity {
        EntityKind::User => "who",
        EntityKind::Account => "whose users",
    }
}

fn steps(clause: &Performed) -> String {
    let mut text = match clause.order {
        Order::Ordered => ordered(&clause.steps),
        Order::Any => {
            let deeds: Vec<String> = clause.steps.iter().map(|step| Deed::of(&step.event).past()).collect();
            deeds.join(" and ")
        }
    };
    if clause.steps.len() > 1 {
        if clause.order == Order::Any {
            text += ", in any order,";
        }
        match clause.within {
            Some(Within::Session) => text += " in the same session",
            Some(Within::Span(span)) => text += &format!(", all within {}", words::span(span)),
            None => {}
        }
    }
    text.trim_end_matches(',').to_string()
}

fn ordered(steps: &[Step]) -> String {
    let mut text = String::new();
    let mut negatives: Vec<&Step> = Vec::new();
    for step in steps {
        if step.negative {
            negatives.push(step);
            continue;
        }
        if !text.is_empty() {
            text += " and then";
        }
        if !negatives.is_empty() {
            let deeds: Vec<String> =
                negatives.drain(..).map(|step| Deed::of(&step.event).gerund() + &own_within(step)).collect();
            text += &format!(", without {} in between,", deeds.join(" or "));
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text += &(Deed::of(&step.event).past() + &own_within(step));
    }
    for (i, step) in negatives.into_iter().enumerate() {
        let then = if i == 0 { "and then did not" } else { "and did not" };
        text += &format!(" {then} {}{}", Deed::of(&step.event).base(), own_within(step));
    }
    text
}

fn own_within(step: &Step) -> String {
    step.within.map(|span| format!(" within {}", words::span(span))).unwrap_or_default()
}

fn often(times: Bound, per: Per) -> String {
    let Bound { op, value } = times;
    let count = match (per, value) {
        (Per::Occurrence, 1) => "once".to_string(),
        (Per::Occurrence, _) => format!("{value} times"),
        (Per::Day, 1) => "1 day".to_string(),
        (Per::Day, _) => format!("{value} days"),
        (Per::Session, 1) => "1 session".to_string(),
        (Per::Session, _) => format!("{value} sessions"),
    };
    let place = match per {
        Per::Occurrence => "",
        Per::Day => "on ",
        Per::Session => "in ",
    };
    let or_never = if times.holds(0) { " or never" } else { "" };
    let op = match op {
        Op::Less => "fewer than",
        op => words::op(op),
    };
    format!("{place}{op} {count}{or_never}")
}

/// With the comma before it; nothing for all time.
fn during(window: &Window) -> String {
    let mut text = match window {
        Window::AllTime => return String::new(),
        Window::Last(span) => match words::span(*span) {
            one if one.matches(' ').count() == 1 && one.starts_with("1 ") => {
                format!(", in the last {}", &one[2..])
            }
            several => format!(", in the last {several}"),
        },
        Window::SinceFirstSeen(span) => format!(", in the first {} since first seen", words::span(*span)),
        Window::Between { from, to, .. } => match (from, to) {
            (Some(from), Some(to)) => format!(", from {} and before {}", from.name(), to.name()),
            (Some(from), None) => format!(", since {}", from.name()),
            (None, Some(to)) => format!(", before {}", to.name()),
            (None, None) => ", at any time".to_string(),
        },
        Window::Calendar { calendar: Calendar::Date(date), .. } => format!(", on {date}"),
        Window::Calendar { calendar, .. } => format!(", {}", calendar.name()),
    };
    if let Window::Calendar { calendar, week_start, .. } = window
        && matches!(calendar, Calendar::This(CalendarUnit::Week) | Calendar::Last(CalendarUnit::Week))
        && *week_start != jiff::civil::Weekday::Monday
    {
        text += &format!(" (weeks begin on {week_start:?})");
    }
    if let Window::Between { timezone: Some(zone), .. } | Window::Calendar { timezone: Some(zone), .. } =
        window
        && let Some(name) = zone.iana_name()
    {
        text += &format!(" ({name} time)");
    }
    text
}
