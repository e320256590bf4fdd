//! A definition as its canonical document: defaults are left out.

use serde_json::{Map, Value, json};
use whodid_model::Value as Scalar;

use super::window::Window;
use super::{Bound, Condition, Definition, Measure, Order, Per, Performed, Step, Within};

pub(super) fn definition(definition: &Definition) -> Value {
    json!({"entity": definition.entity.name(), "where": condition(&definition.condition)})
}

fn condition(condition_: &Condition) -> Value {
    let list = |parts: &[Condition]| parts.iter().map(condition).collect::<Vec<_>>();
    match condition_ {
        Condition::All(parts) => json!({"all": list(parts)}),
        Condition::Any(parts) => json!({"any": list(parts)}),
        Condition::Not(inner) => json!({"not": condition(inner)}),
        Condition::Performed(clause) => json!({"performed": performed(clause)}),
        Condition::Profile(query) => json!({"profile": query.text}),
        Condition::Segment(id) => json!({"segment": id}),
    }
}

fn performed(clause: &Performed) -> Value {
    let steps: Vec<Value> = clause.steps.iter().map(step).collect();
    let mut members = Map::new();
    members.insert("steps".to_string(), steps.into());
    let mut set = |name: &str, value: Value| members.insert(name.to_string(), value);
    if clause.order == Order::Any {
        set("order", "any".into());
    }
    match clause.within {
        Some(Within::Session) => set("within", "session".into()),
        Some(Within::Span(span)) => set("within", span.to_string().into()),
        None => None,
    };
    if clause.during != Window::AllTime {
        set("during", window(&clause.during));
    }
    if clause.times != Bound::DEFAULT {
        set("times", json!({"op": clause.times.op.symbol(), "value": clause.times.value}));
    }
    match clause.per {
        Per::Occurrence => None,
        Per::Day => set("per", "day".into()),
        Per::Session => set("per", "session".into()),
    };
    if let Some(value) = &clause.measure {
        set("measure", measure(value));
    }
    members.into()
}

fn step(step: &Step) -> Value {
    let mut members = Map::new();
    members.insert("event".to_string(), step.event.text.clone().into());
    if step.negative {
        members.insert("not".to_string(), true.into());
    }
    if let Some(within) = step.within {
        members.insert("within".to_string(), within.to_string().into());
    }
    members.into()
}

fn measure(measure: &Measure) -> Value {
    json!({
        "aggregation": measure.aggregation.name(),
        "facet": format!("@{}", measure.facet),
        "op": measure.op.symbol(),
        "value": Scalar::Number(measure.value).to_json(),
    })
}

fn window(window: &Window) -> Value {
    let mut members = Map::new();
    let mut set = |name: &str, value: String| members.insert(name.to_string(), value.into());
    match window {
        Window::AllTime => {}
        Window::Last(span) => {
            set("last", span.to_string());
        }
        Window::SinceFirstSeen(span) => {
            set("since_first_seen", span.to_string());
        }
        Window::Between { from, to, .. } => {
            from.map(|moment| set("from", moment.name()));
            to.map(|moment| set("to", moment.name()));
        }
        Window::Calendar { calendar, week_start, .. } => {
            set("calendar", calendar.name());
            if *week_start != jiff::civil::Weekday::Monday {
                set("week_start", super::read::weekday_name(*week_start).to_string());
            }
        }
    }
    if let Window::Between { timezone: Some(zone), .. } | Window::Calendar { timezone: Some(zone), .. } =
        window
        && let Some(name) = zone.iana_name()
    {
        set("timezone", name.to_string());
    }
    members.into()
}
