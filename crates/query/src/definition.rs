//! Segment definitions: one condition tree over one kind of entity.
//!
//! ```text
//! Definition := {"entity": "user" | "account", "where": Condition}
//!
//! Condition  := {"all": [Condition, …]}     every one; empty: everybody
//!             | {"any": [Condition, …]}     at least one; empty: nobody
//!             | {"not": Condition}          all known entities minus it
//!             | {"performed": Performed}
//!             | {"profile": "<search query over profile attributes>"}
//!             | {"segment": "<segment id>"}
//!
//! Performed  := {"steps":   [Step, …],                       1..=16, the first positive
//!                "order":   "ordered" (default) | "any",
//!                "within":  "session" | "<duration>",
//!                "during":  Window,                          default: all time
//!                "times":   {"op": ">=", "value": 1},        default; op: > >= = <= <
//!                "per":     "occurrence" (default) | "day" | "session",
//!                "measure": {"aggregation": "sum" | "avg" | "min" | "max" | "cardinality",
//!                            "facet": "@…", "op": ">", "value": 100}}
//! Step       := {"event": "<event search query>", "not": false, "within": "<duration>"}
//! Window     := {"last": "7d"} | {"since_first_seen": "7d"}
//!             | {"from": …, "to": …, "timezone": …}
//!             | {"calendar": "this week", "week_start": "sunday", "timezone": …}
//! ```
//!
//! A definition is read whole or refused with a JSON pointer, a message and a hint. Cycles between segments and segments
//! of the other entity kind are for a caller who knows the segments: see [`Definition::segments`].
//!
//! Reading order: `window` (when), `read` (from JSON), `write` (to JSON), `lint` (warnings).

use serde_json::Value;
use whodid_model::{EntityKind, FaultKind, Span};

use crate::op::Op;
use crate::search::{Query, SearchError};

mod lint;
mod read;
#[cfg(test)]
mod tests;
mod window;
mod write;

pub use window::{Calendar, CalendarUnit, Moment, Resolved, Window, WindowError};

/// The grammar as JSON Schema, for editors and other tools. What it takes can still be refused: it does not read search
/// queries, nor what members mean beside each other.
pub const SCHEMA: &str = include_str!("definition/schema.json");

#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub entity: EntityKind,
    pub condition: Condition,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Performed(Performed),
    Profile(Query),
    /// Another segment's id.
    Segment(String),
}

/// What an entity did, how often, and when. The first step is positive; under [`Order::Any`] every step is, and none
/// has a `within`; a measure has one step and default `times` and `per`.
#[derive(Clone, Debug, PartialEq)]
pub struct Performed {
    pub steps: Vec<Step>,
    pub order: Order,
    pub within: Option<Within>,
    pub during: Window,
    pub times: Bound,
    pub per: Per,
    pub measure: Option<Measure>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub event: Query,
    pub negative: bool,
    pub within: Option<Span>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    #[default]
    Ordered,
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Within {
    Session,
    Span(Span),
}

/// How often: `count op value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bound {
    pub op: Op,
    pub value: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Per {
    #[default]
    Occurrence,
    Day,
    Session,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    pub aggregation: Aggregation,
    /// A path, without the `@`.
    pub facet: String,
    pub op: Op,
    pub value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregation {
    Sum,
    Avg,
    Min,
    Max,
    Cardinality,
}

/// A definition that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}; {hint}", if pointer.is_empty() { "the definition" } else { pointer })]
pub struct DefinitionError {
    /// A JSON pointer into the definition document; empty for the whole.
    pub pointer: String,
    pub message: String,
    pub hint: String,
    /// Where inside a search query, when the fault is there.
    pub search: Option<Box<SearchError>>,
    kind: FaultKind,
}

/// What can be meant and most likely is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// A JSON pointer into the definition document.
    pub pointer: String,
    pub message: String,
}

impl Bound {
    /// At least once.
    pub const DEFAULT: Bound = Bound { op: Op::GreaterOrEqual, value: 1 };

    pub fn holds(self, count: u64) -> bool {
        self.op.holds(count, self.value)
    }
}

impl Aggregation {
    pub const ALL: [Aggregation; 5] =
        [Aggregation::Sum, Aggregation::Avg, Aggregation::Min, Aggregation::Max, Aggregation::Cardinality];

    pub fn name(self) -> &'static str {
        match self {
            Aggregation::Sum => "sum",
            Aggregation::Avg => "avg",
            Aggregation::Min => "min",
            Aggregation::Max => "max",
            Aggregation::Cardinality => "cardinality",
        }
    }

    /// The value over no events: `sum` and `cardinality` are 0, the others have none.
    pub fn of_nothing(self) -> Option<f64> {
        matches!(self, Aggregation::Sum | Aggregation::Cardinality).then_some(0.0)
    }
}

impl Measure {
    pub fn holds(&self, observed: f64) -> bool {
        self.op.holds(observed, self.value)
    }
}

impl Performed {
    /// Whether an entity without any matching event meets the clause.
    pub fn holds_for_nothing(&self) -> bool {
        match &self.measure {
            Some(measure) => measure.aggregation.of_nothing().is_some_and(|value| measure.holds(value)),
            None => self.times.holds(0),
        }
    }
}

impl Definition {
    /// Reads a definition document. Everything not in the grammar above is refused.
    pub fn from_json(json: &Value) -> Result<Definition, DefinitionError> {
        read::definition(json)
    }

    /// The canonical document: defaults are left out; reads back as an equal definition.
    pub fn to_json(&self) -> Value {
        write::definition(self)
    }

    /// What everybody or nobody can meet, and other likely slips.
    pub fn warnings(&self) -> Vec<Warning> {
        lint::warnings(self)
    }

    /// The clauses that look at data (`performed`, `profile`, `segment`), in the order written, each with the pointer of
    /// its condition, such as `/where/all/0`.
    pub fn leaves(&self) -> Vec<(String, &Condition)> {
        let mut leaves = Vec::new();
        self.condition.visit("/where", &mut |pointer, condition| {
            if matches!(condition, Condition::Performed(_) | Condition::Profile(_) | Condition::Segment(_)) {
                leaves.push((pointer.to_string(), condition));
            }
        });
        leaves
    }

    /// The segments that the definition refers to, in the order written, each with the pointer of its id, such as
    /// `/where/all/0/segment`.
    pub fn segments(&self) -> Vec<(String, &str)> {
        let mut segments = Vec::new();
        self.condition.visit("/where", &mut |pointer, condition| {
            if let Condition::Segment(id) = condition {
                segments.push((format!("{pointer}/segment"), id.as_str()));
            }
        });
        segments
    }
}

impl Condition {
    /// Visits this condition and everything below it in the order written, each with its pointer.
    fn visit<'a>(&'a self, pointer: &str, visit: &mut dyn FnMut(&str, &'a Condition)) {
        visit(pointer, self);
        match self {
            Condition::All(parts) => visit_list(parts, &format!("{pointer}/all"), visit),
            Condition::Any(parts) => visit_list(parts, &format!("{pointer}/any"), visit),
            Condition::Not(inner) => inner.visit(&format!("{pointer}/not"), visit),
            Condition::Performed(_) | Condition::Profile(_) | Condition::Segment(_) => {}
        }
    }
}

fn visit_list<'a>(parts: &'a [Condition], pointer: &str, visit: &mut dyn FnMut(&str, &'a Condition)) {
    for (i, part) in parts.iter().enumerate() {
        part.visit(&format!("{pointer}/{i}"), visit);
    }
}

impl DefinitionError {
    /// [`FaultKind::TooLarge`] when a named limit is passed, else [`FaultKind::Invalid`].
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    fn new(
        pointer: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> DefinitionError {
        DefinitionError {
            pointer: pointer.into(),
            message: message.into(),
            hint: hint.into(),
            search: None,
            kind: FaultKind::Invalid,
        }
    }

    fn too_large(
        pointer: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> DefinitionError {
        DefinitionError { kind: FaultKind::TooLarge, ..DefinitionError::new(pointer, message, hint) }
    }

    fn in_query(pointer: impl Into<String>, error: SearchError) -> DefinitionError {
        DefinitionError {
            pointer: pointer.into(),
            message: format!("{}, at position {} of the query", error.message, error.position),
            hint: error.hint.clone(),
            kind: error.kind(),
            search: Some(Box::new(error)),
        }
    }
}
