//! What an analytics question consists of, in the words of the public API.

use serde::Deserialize;
use whodid_model::Instant;

use crate::calendar::CalendarInterval;

/// A number, or one per step of time.
#[derive(Clone, Debug, Deserialize)]
pub struct AnalyticsRequest {
    /// Epoch milliseconds, inclusive.
    pub from: i64,
    /// Epoch milliseconds, exclusive.
    pub to: i64,
    /// The evaluation instant; absent: now.
    #[serde(default)]
    pub at: Option<Instant>,
    pub query: AnalyticsQuery,
}

#[derive(Clone, Debug, Deserialize)]
pub struct AnalyticsQuery {
    pub query: BaseQuery,
    pub compute: Compute,
    #[serde(default)]
    pub group_by: Vec<GroupBy>,
    #[serde(default)]
    pub audience_filters: Option<AudienceFilters>,
}

/// Rows of events.
#[derive(Clone, Debug, Deserialize)]
pub struct ListRequest {
    /// Epoch milliseconds, inclusive.
    pub from: i64,
    /// Epoch milliseconds, exclusive.
    pub to: i64,
    /// The evaluation instant; absent: now.
    #[serde(default)]
    pub at: Option<Instant>,
    pub query: ListQuery,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ListQuery {
    pub query: BaseQuery,
    /// Facets; none: everything that a row has.
    #[serde(default)]
    pub columns: Vec<String>,
    #[serde(default)]
    pub limit: Option<u64>,
    #[serde(default)]
    pub sort: Option<ListSort>,
    #[serde(default)]
    pub audience_filters: Option<AudienceFilters>,
}

/// Absent members: by time, the latest first.
#[derive(Clone, Debug, Deserialize)]
pub struct ListSort {
    #[serde(default)]
    pub facet: Option<String>,
    #[serde(default)]
    pub order: SortOrder,
}

/// Which events.
#[derive(Clone, Debug, Deserialize)]
pub struct BaseQuery {
    /// `product_analytics`, or `product_analytics_occurrence` for the events of users who have them often enough.
    pub data_source: String,
    pub search: Search,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Search {
    /// Empty matches everything.
    #[serde(default)]
    pub query: String,
    #[serde(default)]
    pub occurrences: Option<OccurrenceFilter>,
}

/// How often a user has to have done it.
#[derive(Clone, Debug, Deserialize)]
pub struct OccurrenceFilter {
    /// `=`, `>=`, `<=`, `>` or `<`
    pub operator: String,
    /// A whole number as text.
    pub value: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Compute {
    pub aggregation: String,
    #[serde(default)]
    pub metric: Option<String>,
    /// Milliseconds from one step of a timeseries to the next; steps begin at multiples of it since 1970.
    #[serde(default)]
    pub interval: Option<i64>,
    /// Steps of the calendar instead.
    #[serde(default)]
    pub rollup: Option<CalendarInterval>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct GroupBy {
    /// An event facet, or with a `source` the bare name of a profile attribute.
    pub facet: String,
    #[serde(default)]
    pub limit: Option<u64>,
    #[serde(default)]
    pub should_exclude_missing: bool,
    #[serde(default)]
    pub sort: Option<Sort>,
    /// `product_analytics_audience_filters.users` or `….accounts`: by the profile of the event's user or account.
    #[serde(default)]
    pub source: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Sort {
    /// What the values are ordered by; absent: the number that is asked for.
    #[serde(default)]
    pub aggregation: Option<String>,
    #[serde(default)]
    pub metric: Option<String>,
    #[serde(default)]
    pub order: SortOrder,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SortOrder {
    Asc,
    #[default]
    Desc,
}

/// Named sets of users and accounts, and a formula over the names. Without a formula all of them must hold.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AudienceFilters {
    #[serde(default)]
    pub users: Vec<ProfileFilter>,
    #[serde(default)]
    pub accounts: Vec<ProfileFilter>,
    #[serde(default)]
    pub segments: Vec<SegmentFilter>,
    /// AND, OR, NOT and parentheses; dashboards write it as `filter_condition`.
    #[serde(default, alias = "filter_condition")]
    pub formula: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ProfileFilter {
    pub name: String,
    /// Over profile attributes; absent or empty: everyone.
    #[serde(default)]
    pub query: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct SegmentFilter {
    pub name: String,
    pub segment_id: String,
}
