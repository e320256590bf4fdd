//! Questions about retention as they stand on the wire.

use serde::Deserialize;
use utoipa::ToSchema;
use whodid_insights as insights;
use whodid_model::Instant;

use crate::envelope::ATTRIBUTES;
use crate::problem::Problem;
use crate::routes::parts::{AudienceFilters, BaseQuery, CalendarInterval, GroupBy};

/// A question about retention. Each path reads the members that it knows.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RetentionQuestion {
    /// Epoch milliseconds, inclusive.
    from: i64,
    /// Epoch milliseconds, exclusive.
    to: i64,
    /// The evaluation instant; absent: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Instant>,
    /// Leave out events without a user.
    exclude_anonymous_traffic: Option<bool>,
    query: RetentionQuery,
}

#[derive(Debug, Deserialize, ToSchema)]
struct RetentionQuery {
    search: RetentionSearch,
    compute: Option<RetentionCompute>,
    computation_scope: Option<ScopeOfGrid>,
    group_by: Option<Vec<RetentionGroupBy>>,
    /// Of lists.
    columns: Option<Vec<RetentionColumn>>,
    /// Of lists; 0 or absent: no limit.
    limit: Option<u64>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct RetentionSearch {
    cohort_criteria: CohortCriteria,
    /// `@usr.id` or `@account.id`
    retention_entity: String,
    return_condition: ReturnCondition,
    /// Absent: the same event as the cohort's.
    return_criteria: Option<ReturnCriteria>,
    filters: Option<RetentionFilters>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct CohortCriteria {
    base_query: BaseQuery,
    time_interval: TimeInterval,
}

#[derive(Debug, Deserialize, ToSchema)]
struct ReturnCriteria {
    base_query: BaseQuery,
    time_interval: Option<TimeInterval>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ReturnCondition {
    ConversionOn,
    ConversionOnOrAfter,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
enum TimeInterval {
    Calendar { value: CalendarInterval },
    Fixed { unit: FixedIntervalUnit, value: f64 },
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FixedIntervalUnit {
    Day,
    Week,
    Month,
}

#[derive(Debug, Deserialize, ToSchema)]
struct RetentionFilters {
    /// A query that every event has to match.
    string_filter: Option<String>,
    audience_filters: Option<AudienceFilters>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct RetentionCompute {
    aggregation: Option<String>,
    /// `__dd.retention` (how many) or `__dd.retention_rate`
    metric: String,
}

#[derive(Debug, Deserialize, ToSchema)]
struct RetentionGroupBy {
    #[serde(flatten)]
    by: GroupBy,
    #[serde(rename = "target")]
    _target: RetentionGroupTarget,
}

/// Either way the value is that of the event that makes an entity join.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RetentionGroupTarget {
    Cohort,
    ReturnPeriod,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ScopeOfGrid {
    Cohort { target: ScopeTarget },
    ReturnPeriod { target: ScopeTarget },
    Cell { cohort_target: ScopeTarget, return_period_target: ScopeTarget },
}

/// One by its index from 0, or the row of averages.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
enum ScopeTarget {
    Index { value: usize },
    Aggregation { value: String },
}

#[derive(Debug, Deserialize, ToSchema)]
struct RetentionColumn {
    field: Option<RetentionColumnField>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct RetentionColumnField {
    path: Option<String>,
}

impl ScopeTarget {
    fn cohort(&self) -> Option<usize> {
        match self {
            ScopeTarget::Index { value } => Some(*value),
            ScopeTarget::Aggregation { .. } => None,
        }
    }

    fn period(&self, pointer: &str) -> Result<usize, Problem> {
        match self {
            ScopeTarget::Index { value } => Ok(*value),
            ScopeTarget::Aggregation { value } => {
                let message = format!("`{value}` names no return period; write its index, counted from 0");
                Err(Problem::invalid(message).at(format!("{ATTRIBUTES}/query/computation_scope/{pointer}")))
            }
        }
    }
}

impl ScopeOfGrid {
    fn read(scope: Option<&ScopeOfGrid>) -> Result<insights::RetentionScope, Problem> {
        Ok(match scope {
            None => insights::RetentionScope::Whole,
            Some(ScopeOfGrid::Cohort { target }) => insights::RetentionScope::Cohort(target.cohort()),
            Some(ScopeOfGrid::ReturnPeriod { target }) => {
                insights::RetentionScope::Period(target.period("target")?)
            }
            Some(ScopeOfGrid::Cell { cohort_target, return_period_target }) => {
                insights::RetentionScope::Cell {
                    cohort: cohort_target.cohort(),
                    period: return_period_target.period("return_period_target")?,
                }
            }
        })
    }
}

impl From<TimeInterval> for insights::Interval {
    fn from(interval: TimeInterval) -> insights::Interval {
        match interval {
            TimeInterval::Calendar { value } => insights::Interval::Calendar(value.into()),
            TimeInterval::Fixed { unit, value } => insights::Interval::Fixed {
                unit: match unit {
                    FixedIntervalUnit::Day => insights::FixedUnit::Day,
                    FixedIntervalUnit::Week => insights::FixedUnit::Week,
                    FixedIntervalUnit::Month => insights::FixedUnit::Month,
                },
                value,
            },
        }
    }
}

impl From<RetentionSearch> for insights::RetentionSearch {
    fn from(search: RetentionSearch) -> insights::RetentionSearch {
        let filters =
            search.filters.unwrap_or(RetentionFilters { string_filter: None, audience_filters: None });
        let (returning, return_interval) = match search.return_criteria {
            Some(criteria) => {
                (Some(criteria.base_query.into()), criteria.time_interval.map(insights::Interval::from))
            }
            None => (None, None),
        };
        insights::RetentionSearch {
            cohort: search.cohort_criteria.base_query.into(),
            cohort_interval: search.cohort_criteria.time_interval.into(),
            entity: search.retention_entity,
            or_after: search.return_condition == ReturnCondition::ConversionOnOrAfter,
            returning,
            return_interval,
            string_filter: filters.string_filter,
            audience_filters: filters.audience_filters.map(insights::AudienceFilters::from),
        }
    }
}

/// What is asked of the grid.
pub(crate) struct Asked {
    pub(crate) request: insights::RetentionRequest,
    pub(super) scope: insights::RetentionScope,
    /// Rates rather than counts.
    pub(super) rates: bool,
    pub(super) columns: Vec<String>,
    pub(super) limit: Option<u64>,
}

impl RetentionQuestion {
    pub(crate) fn read(self) -> Result<Asked, Problem> {
        let query = self.query;
        let rates = match query.compute.as_ref().map(|compute| compute.metric.as_str()) {
            None | Some("__dd.retention_rate") => true,
            Some("__dd.retention") => false,
            Some(other) => {
                let message =
                    format!("`{other}` is not a metric; write __dd.retention or __dd.retention_rate");
                return Err(Problem::invalid(message).at(format!("{ATTRIBUTES}/query/compute/metric")));
            }
        };
        let known = ["count", "cardinality", "sum", "avg", "unique"];
        let aggregation = query.compute.as_ref().and_then(|compute| compute.aggregation.as_deref());
        if let Some(unknown) = aggregation.filter(|name| !known.contains(name)) {
            let message = format!("`{unknown}` is not an aggregation of retention; write cardinality");
            return Err(Problem::invalid(message).at(format!("{ATTRIBUTES}/query/compute/aggregation")));
        }
        let columns = query.columns.unwrap_or_default().into_iter();
        Ok(Asked {
            scope: ScopeOfGrid::read(query.computation_scope.as_ref())?,
            rates,
            columns: columns.filter_map(|column| column.field?.path).collect(),
            limit: query.limit,
            request: insights::RetentionRequest {
                from: self.from,
                to: self.to,
                at: self.at,
                exclude_anonymous_traffic: self.exclude_anonymous_traffic.unwrap_or_default(),
                search: query.search.into(),
                group_by: query
                    .group_by
                    .unwrap_or_default()
                    .into_iter()
                    .map(|group| group.by.into())
                    .collect(),
            },
        })
    }
}

impl Asked {
    pub(super) fn facets(&self) -> Vec<String> {
        self.request.group_by.iter().map(|group| group.facet.clone()).collect()
    }

    pub(super) fn number(&self, number: &insights::RetentionNumber) -> Option<f64> {
        if self.rates { number.rate } else { number.count }
    }
}
