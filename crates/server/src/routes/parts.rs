//! Parts of requests that the Datadog-compatible queries share, as they stand on the wire.

use serde::Deserialize;
use utoipa::ToSchema;
use whodid_insights as insights;

/// Which events.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct BaseQuery {
    /// `product_analytics`, or `product_analytics_occurrence` for the events of users who have them often enough.
    data_source: String,
    search: Search,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct Search {
    /// Absent or empty: everything.
    query: Option<String>,
    occurrences: Option<OccurrenceFilter>,
}

/// How often a user has to have done it.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct OccurrenceFilter {
    /// `=`, `>=`, `<=`, `>` or `<`
    operator: String,
    /// A whole number as text.
    value: String,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct GroupBy {
    /// An event facet, or with a `source` the bare name of a profile attribute.
    facet: String,
    limit: Option<u64>,
    should_exclude_missing: Option<bool>,
    sort: Option<Sort>,
    /// `product_analytics_audience_filters.users` or `….accounts`
    source: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Sort {
    /// Absent: the number that is asked for.
    aggregation: Option<String>,
    metric: Option<String>,
    order: Option<SortOrder>,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub(crate) enum SortOrder {
    #[serde(rename = "asc", alias = "ASC")]
    Asc,
    #[serde(rename = "desc", alias = "DESC")]
    Desc,
}

/// Sets of users and accounts by name, and a formula over the names.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AudienceFilters {
    users: Option<Vec<ProfileFilter>>,
    accounts: Option<Vec<ProfileFilter>>,
    segments: Option<Vec<SegmentFilter>>,
    /// AND, OR, NOT and parentheses; empty: all of them. Dashboards write `filter_condition`.
    #[serde(alias = "filter_condition")]
    formula: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ProfileFilter {
    name: String,
    query: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SegmentFilter {
    name: String,
    segment_id: String,
}

/// An interval of the calendar.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CalendarInterval {
    /// `minute`, `hour`, `day`, `week`, `month`, `quarter` or `year`
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    unit: insights::CalendarUnit,
    quantity: Option<u32>,
    /// An hour of the day, a day of the week or of the month, or a month.
    alignment: Option<String>,
    /// IANA name; absent: the workspace's.
    timezone: Option<String>,
}

impl From<BaseQuery> for insights::BaseQuery {
    fn from(base: BaseQuery) -> insights::BaseQuery {
        insights::BaseQuery { data_source: base.data_source, search: base.search.into() }
    }
}

impl From<Search> for insights::Search {
    fn from(search: Search) -> insights::Search {
        let occurrences = search.occurrences;
        insights::Search {
            query: search.query.unwrap_or_default(),
            occurrences: occurrences
                .map(|filter| insights::OccurrenceFilter { operator: filter.operator, value: filter.value }),
        }
    }
}

impl From<SortOrder> for insights::SortOrder {
    fn from(order: SortOrder) -> insights::SortOrder {
        match order {
            SortOrder::Asc => insights::SortOrder::Asc,
            SortOrder::Desc => insights::SortOrder::Desc,
        }
    }
}

impl From<GroupBy> for insights::GroupBy {
    fn from(group: GroupBy) -> insights::GroupBy {
        let sort = |sort: Sort| insights::Sort {
            aggregation: sort.aggregation,
            metric: sort.metric,
            order: sort.order.map(insights::SortOrder::from).unwrap_or_default(),
        };
        insights::GroupBy {
            facet: group.facet,
            limit: group.limit,
            should_exclude_missing: group.should_exclude_missing.unwrap_or_default(),
            sort: group.sort.map(sort),
            source: group.source,
        }
    }
}

impl From<AudienceFilters> for insights::AudienceFilters {
    fn from(filters: AudienceFilters) -> insights::AudienceFilters {
        let profiles = |filters: Option<Vec<ProfileFilter>>| {
            let filters = filters.unwrap_or_default().into_iter();
            filters.map(|filter| insights::ProfileFilter { name: filter.name, query: filter.query }).collect()
        };
        let segments = filters.segments.unwrap_or_default().into_iter();
        insights::AudienceFilters {
            users: profiles(filters.users),
            accounts: profiles(filters.accounts),
            segments: segments
                .map(|filter| insights::SegmentFilter { name: filter.name, segment_id: filter.segment_id })
                .collect(),
            formula: filters.formula,
        }
    }
}

impl From<CalendarInterval> for insights::CalendarInterval {
    fn from(interval: CalendarInterval) -> insights::CalendarInterval {
        let CalendarInterval { unit, quantity, alignment, timezone } = interval;
        insights::CalendarInterval { unit, quantity, alignment, timezone }
    }
}
