//! Retention in the shapes of the Datadog-compatible API.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights as insights;
use whodid_model::Instant;

use crate::auth::MayRead;
use crate::envelope::{Answer, Envelope, JsonBody, One};
use crate::routes::journeys::{
    NumbersAnswer, QueryMeta, SeriesAnswer, SeriesInterval, SeriesName, columns, done, json_records, number,
    within,
};
use crate::services::Services;

mod request;

use request::Asked;
pub(super) use request::RetentionQuestion;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(grid))
        .routes(routes!(scalar))
        .routes(routes!(timeseries))
        .routes(routes!(list))
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

/// A group and its values by instant, in milliseconds.
type Named = (Vec<String>, BTreeMap<i64, Option<f64>>);

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
    let mut named: Vec<Named> = Vec::new();
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
