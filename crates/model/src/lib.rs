//! Ids, events, instants, windows, limits and error kinds that every other crate speaks of.
//!
//! Reading order: [`time`] (instants and durations), [`value`] (what an attribute can hold), [`event`] (what
//! happened), [`batch`] (many of them as columns), [`revision`] (how the versions of one view become one event), [`entity`] (who it happened to),
//! [`limits`] (every bound, named), [`fault`] (the kinds of error).

pub mod batch;
pub mod entity;
pub mod event;
pub mod fault;
pub mod limits;
pub mod revision;
pub mod time;
pub mod value;

pub use batch::{BatchColumn, EventBatch};
pub use entity::{EntityKind, IdentifierKey, UserKey};
pub use event::{Attributes, Event, EventKey, EventType};
pub use fault::FaultKind;
pub use time::{Clock, Instant, Span, SystemClock, TimeRange};
pub use value::Value;
