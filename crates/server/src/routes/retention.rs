//! Retention in the shapes of the Datadog-compatible API.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights as insights;
use whodid_model::Instant;

use crate::auth::MayRead;
use crate::envelope::{ATTRIBUTES, Answer, Envelope, JsonBody, One};
use crate::problem::Problem;
use crate::routes::journeys::{
    NumbersAnswer, QueryMeta, SeriesAnswer, SeriesInterval, SeriesName, columns, done, json_records, number,
    within,
};
use crate::routes::parts::{AudienceFilters, BaseQuery, CalendarInterval, GroupBy};
use crate::services::Services;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(grid))
        .routes(routes!(scalar))
        .routes(routes!(timeseries))
        .routes(routes!(list))
}

/// A question about retention. Each path reads the members that it knows.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RetentionQuestion {
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
pub(super) struct Asked {
    pub(super) request: insights::RetentionRequest,
    scope: insights::RetentionScope,
    /// Rates rather than counts.
    rates: bool,
    columns: Vec<String>,
    limit: Option<u64>,
}

impl RetentionQuestion {
    pub(super) fn read(self) -> Result<Asked, Problem> {
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
    fn facets(&self) -> Vec<String> {
        self.request.group_by.iter().map(|group| group.facet.clone()).collect()
    }

    fn number(&self, number: &insights::RetentionNumber) -> Option<f64> {
        if self.rates { number.rate } else { number.count }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct RetentionGrid {
    retention_entity: String,
    retention_periods: Vec<Period>,
    /// Of each group its cohorts and then the row of its averages.
    cohorts: Vec<Cohort>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Period {
    unit: &'static str,
    value: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct Cohort {
    /// `raw` or `aggregated`
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    cohort_index: usize,
    cohort_size: u64,
    /// Epoch milliseconds.
    cohort_start_time: i64,
    cohort_end_time: i64,
    group_tags: Vec<String>,
    cells: Vec<Cell>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Cell {
    #[serde(rename = "type")]
    kind: &'static str,
    return_period_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_period_start_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_period_end_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cell_count: Option<u64>,
    /// From 0 to 1.
    cell_rate: f64,
    /// The count or the rate, whichever was asked for; null of nobody.
    #[schema(value_type = Option<f64>)]
    cell_value: Value,
    /// Against the period before.
    cell_relative_value_change: Option<f64>,
    /// The period has not ended, or the range ends within it.
    is_partial_data: bool,
}

fn millis(us: i64) -> i64 {
    us.div_euclid(1_000)
}

/// Fills in how each value differs from the one before, in relation to it.
fn with_changes(mut cells: Vec<Cell>) -> Vec<Cell> {
    let values: Vec<Option<f64>> = cells.iter().map(|cell| cell.cell_value.as_f64()).collect();
    for (cell, pair) in cells.iter_mut().skip(1).zip(values.windows(2)) {
        cell.cell_relative_value_change = match (pair[0], pair[1]) {
            (Some(before), Some(value)) if before != 0.0 => Some((value - before) / before),
            _ => None,
        };
    }
    cells
}

impl Asked {
    fn rows(&self, group: &insights::RetentionGroup) -> Vec<Cohort> {
        let mut rows: Vec<Cohort> = Vec::new();
        for (index, cohort) in &group.cohorts {
            let cell = |(period, cell): (usize, &insights::RetentionCell)| Cell {
                kind: "raw",
                return_period_index: period,
                return_period_start_time: Some(millis(cell.start_us)),
                return_period_end_time: Some(millis(cell.end_us)),
                cell_count: Some(cell.returned),
                cell_rate: cell.rate.unwrap_or(0.0),
                cell_value: if self.rates { number(cell.rate) } else { cell.returned.into() },
                cell_relative_value_change: None,
                is_partial_data: cell.partial,
            };
            rows.push(Cohort {
                kind: "raw",
                name: Instant(cohort.start_us).to_string(),
                cohort_index: *index,
                cohort_size: cohort.size,
                cohort_start_time: millis(cohort.start_us),
                cohort_end_time: millis(cohort.end_us),
                group_tags: group.tags.clone(),
                cells: with_changes(cohort.cells.iter().enumerate().map(cell).collect()),
            });
        }
        let cell = |(period, average): (usize, &insights::RetentionAverage)| Cell {
            kind: "aggregated",
            return_period_index: period,
            return_period_start_time: None,
            return_period_end_time: None,
            cell_count: None,
            cell_rate: average.rate.unwrap_or(0.0),
            cell_value: number(if self.rates { average.rate } else { average.count }),
            cell_relative_value_change: None,
            is_partial_data: average.partial,
        };
        rows.push(Cohort {
            kind: "aggregated",
            name: "Weighted average".to_string(),
            cohort_index: rows.last().map_or(0, |last| last.cohort_index + 1),
            cohort_size: group.cohorts.iter().map(|(_, cohort)| cohort.size).sum(),
            cohort_start_time: rows.first().map_or(self.request.from, |first| first.cohort_start_time),
            cohort_end_time: rows.last().map_or(self.request.to, |last| last.cohort_end_time),
            group_tags: group.tags.clone(),
            cells: with_changes(group.averages.iter().enumerate().map(cell).collect()),
        });
        rows
    }
}

/// Who came back, cohort by cohort and period by period.
#[utoipa::path(
    post, path = "/retention/grid", tag = "Retention", request_body = Envelope<RetentionQuestion>,
    responses((status = 200, body = One<RetentionGrid, QueryMeta>))
)]
async fn grid(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<RetentionQuestion>>,
) -> Answer<One<RetentionGrid, QueryMeta>> {
    let asked = body.attributes("retention_grid_request")?.read()?;
    let grid = services.insights.retention_grid(&asked.request).await.map_err(within)?;
    let period = |value| Period { unit: grid.unit, value };
    let answer = RetentionGrid {
        retention_periods: (0..grid.periods).map(period).collect(),
        cohorts: grid.groups.iter().flat_map(|group| asked.rows(group)).collect(),
        retention_entity: grid.entity,
    };
    Ok(done("retention_grid_response", answer, grid.meta))
}

/// The numbers of a part of the grid: a cell, the average of a period, or each period of a cohort.
#[utoipa::path(
    post, path = "/retention/scalar", tag = "Retention", request_body = Envelope<RetentionQuestion>,
    responses((status = 200, body = One<NumbersAnswer, QueryMeta>))
)]
async fn scalar(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<RetentionQuestion>>,
) -> Answer<One<NumbersAnswer, QueryMeta>> {
    let asked = body.attributes("formula_retention_request")?.read()?;
    let found = services.insights.retention_numbers(&asked.request, asked.scope).await;
    let (numbers, meta) = found.map_err(within)?;
    let mut facets = asked.facets();
    if numbers.iter().any(|number| number.period.is_some()) {
        facets.push("return_period".to_string());
    }
    let row = |number: &insights::RetentionNumber| {
        let period = number.period.map(|period| period.to_string());
        (number.tags.iter().cloned().chain(period).collect(), asked.number(number))
    };
    Ok(done("scalar_response", columns(&facets, numbers.iter().map(row).collect()), meta))
}

/// A period over the cohorts, or a cohort over its periods.
#[utoipa::path(
    post, path = "/retention/timeseries", tag = "Retention", request_body = Envelope<RetentionQuestion>,
    responses((status = 200, body = One<SeriesAnswer, QueryMeta>))
)]
async fn timeseries(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<RetentionQuestion>>,
) -> Answer<One<SeriesAnswer, QueryMeta>> {
    let asked = body.attributes("formula_retention_request")?.read()?;
    let found = services.insights.retention_points(&asked.request, asked.scope).await;
    let (points, meta) = found.map_err(within)?;
    let times: Vec<i64> =
        points.iter().map(|point| millis(point.start_us)).collect::<BTreeSet<_>>().into_iter().collect();
    // In the order in which they come: by group, then by period.
    let mut named: Vec<(Vec<String>, BTreeMap<i64, Option<f64>>)> = Vec::new();
    for point in &points {
        let tags: Vec<String> =
            point.tags.iter().cloned().chain(point.period.map(|period| period.to_string())).collect();
        if named.last().is_none_or(|(last, _)| *last != tags) {
            named.push((tags, BTreeMap::new()));
        }
        if let Some((_, values)) = named.last_mut() {
            values.insert(millis(point.start_us), asked.number(point));
        }
    }
    let of_times = |values: &BTreeMap<i64, Option<f64>>| {
        times.iter().map(|time| number(values.get(time).copied().flatten())).collect::<Vec<_>>()
    };
    let intervals = points.first().map(|first| SeriesInterval {
        kind: "calendar",
        milliseconds: millis(first.end_us) - millis(first.start_us),
        start_time: times[0],
        times: times.clone(),
    });
    let values = named.iter().map(|(_, values)| of_times(values)).collect();
    let series = named.into_iter().map(|(group_tags, _)| SeriesName { group_tags, query_index: 0 });
    let answer =
        SeriesAnswer { series: series.collect(), values, intervals: intervals.into_iter().collect(), times };
    Ok(done("timeseries_response", answer, meta))
}

#[derive(Debug, Serialize, ToSchema)]
struct RetentionRecords {
    retention_entity: String,
    /// Before the limit.
    total_count: u64,
    #[schema(value_type = Vec<Object>)]
    records: Vec<BTreeMap<String, Value>>,
}

/// Who is counted in a cell of the grid.
#[utoipa::path(
    post, path = "/retention/list", tag = "Retention", request_body = Envelope<RetentionQuestion>,
    responses((status = 200, body = One<RetentionRecords, QueryMeta>))
)]
async fn list(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<RetentionQuestion>>,
) -> Answer<One<RetentionRecords, QueryMeta>> {
    let asked = body.attributes("retention_list_request")?.read()?;
    let listed = services.insights.retention_list(&asked.request, asked.scope, &asked.columns, asked.limit);
    let list = listed.await.map_err(within)?;
    let answer = RetentionRecords {
        retention_entity: list.entity,
        total_count: list.total,
        records: json_records(list.records),
    };
    Ok(done("retention_list_response", answer, list.meta))
}
