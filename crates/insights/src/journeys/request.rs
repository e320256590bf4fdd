//! What a journey question consists of. One shape serves the funnel, numbers, series, lists and suggestions; each reads
//! what it knows.

use std::collections::BTreeMap;

use whodid_model::{Instant, Span};

use crate::analytics::{AudienceFilters, BaseQuery, GroupBy, ListSort};

#[derive(Clone, Debug)]
pub struct JourneyRequest {
    /// Epoch milliseconds, inclusive.
    pub from: i64,
    /// Epoch milliseconds, exclusive.
    pub to: i64,
    /// The evaluation instant; absent: now.
    pub at: Option<Instant>,
    /// Milliseconds from one step of a timeseries to the next.
    pub interval: Option<i64>,
    pub exclude_anonymous_traffic: bool,
    pub search: JourneySearch,
    pub compute: JourneyCompute,
    pub group_by: Vec<JourneyGroupBy>,
}

#[derive(Clone, Debug)]
pub struct JourneySearch {
    /// `A -> B -> C`
    pub expression: String,
    /// By alias.
    pub nodes: BTreeMap<String, JourneyNode>,
    /// `@session.id`, `@usr.id` or `@account.id`.
    pub entity: Option<String>,
    pub string_filter: Option<String>,
    pub audience_filters: Option<AudienceFilters>,
    pub graph_filters: Vec<GraphFilter>,
    /// `ordered`, `strict` or `any`.
    pub order: Option<String>,
    pub exclusions: Vec<JourneyExclusion>,
}

#[derive(Clone, Debug)]
pub struct JourneyNode {
    pub base: BaseQuery,
    /// At most so long after the step before.
    pub within: Option<Span>,
}

/// No event that matches `query` between the events of two steps.
#[derive(Clone, Debug)]
pub struct JourneyExclusion {
    pub query: String,
    /// Aliases; absent: the first and the last step.
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Clone, Debug)]
pub struct GraphFilter {
    /// `__dd.time_to_convert` (milliseconds), `__dd.session` (sessions that the events lie in) or `__dd.dropoff_rate` (in
    /// percent, of a group).
    pub name: String,
    pub operator: String,
    pub value: i64,
    pub target: Option<JourneyTarget>,
}

/// One step, or the way from one to another, by alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JourneyTarget {
    Node { value: String },
    Path { start: String, end: String },
}

#[derive(Clone, Debug, Default)]
pub struct JourneyCompute {
    pub aggregation: Option<String>,
    pub metric: Option<String>,
    pub target: Option<JourneyTarget>,
    pub interval: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct JourneyGroupBy {
    pub by: GroupBy,
    /// The step whose event has the value; absent: the first.
    pub target: Option<JourneyTarget>,
}

/// What is listed of a journey.
#[derive(Clone, Debug, Default)]
pub struct JourneyListing {
    pub target: Option<JourneyTarget>,
    /// Those who reached the start of the target and not its end, rather than those who reached it.
    pub drop_off: bool,
    /// Facets of the event at the target.
    pub entity_columns: Vec<String>,
    /// The instants of all steps.
    pub step_timestamps: bool,
    /// Over the event at the target.
    pub entity_filters: Option<String>,
    pub sort: Option<ListSort>,
    pub limit: Option<u64>,
}
