//! The meaning of behaviour as pure functions over slices, with the naive oracle beside them.
//!
//! Everything here looks at the events of one entity (a user, an account, a session) at a time and knows neither
//! where they are stored nor how a search query reads: a bit says that an event matches a step.
//!
//! Reading order: [`events`] (what is handed over), [`pattern`] (what is looked for), [`count`] (how often it was
//! done), [`witness`] (by which events), [`measure`] (numbers over matching events), [`funnel`] (how far),
//! [`retention`] (who came back), [`pathway`] (which way), [`oracle`] (the same, by brute force). `sequence`, `tie`,
//! `trailing` and `any_order` are the kernel behind `count`.

pub mod count;
pub mod events;
pub mod funnel;
pub mod measure;
pub mod oracle;
pub mod pathway;
pub mod pattern;
pub mod retention;
pub mod witness;

mod any_order;
mod sequence;
mod tie;
mod trailing;

pub use count::{Per, Scratch, count};
pub use events::{Bounds, Days, Events, NO_SESSION, Stream};
pub use funnel::{Exclusion, Funnel, FunnelError, FunnelOrder, FunnelRules, FunnelScratch};
pub use measure::{Aggregation, measure};
pub use pathway::{Cut, PathGraph, PathLink, PathNode, PathTree, Place, collapse};
pub use pattern::{Order, Pattern, PatternError, Scope, StepRule};
pub use retention::{
    Grid, Member, Periods, Retention, RetentionCell, RetentionCohort, RetentionError, RetentionTable,
    Returning,
};
pub use witness::{witness, witnesses};

#[cfg(test)]
mod tests;
