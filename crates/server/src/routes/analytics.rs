//! The analytics explorer, in the shapes of the Datadog-compatible API.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use whodid_insights as insights;
use whodid_insights::{AnalyticsRequest, ListRequest, MISSING, Meta, Scalar};
use whodid_model::Instant;

use crate::auth::MayRead;
use crate::envelope::{ATTRIBUTES, Answer, AnswerMeta, Envelope, JsonBody, One, Resource};
use crate::problem::Problem;
use crate::routes::parts::{AudienceFilters, BaseQuery, CalendarInterval, GroupBy, SortOrder};
use crate::services::Services;

const REQUEST_TYPE: &str = "formula_analytics_extended_request";
const LIST_REQUEST_TYPE: &str = "formula_analytics_extended_list_request";
/// The name that the number's column has.
const NUMBER: &str = "query";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(scalar)).routes(routes!(timeseries)).routes(routes!(list))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct AnalyticsQuestion {
    /// Epoch milliseconds, inclusive.
    from: i64,
    /// Epoch milliseconds, exclusive.
    to: i64,
    /// The evaluation instant; absent: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Instant>,
    query: AnalyticsQuery,
}

#[derive(Debug, Deserialize, ToSchema)]
struct AnalyticsQuery {
    query: BaseQuery,
    compute: Compute,
    group_by: Option<Vec<GroupBy>>,
    audience_filters: Option<AudienceFilters>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct Compute {
    /// `count`, `cardinality`, `sum`, `avg`, `min`, `max`, `median` or `pc` and a number; all but `count` need a metric.
    aggregation: String,
    metric: Option<String>,
    /// Milliseconds from one step to the next; a timeseries needs it, or a `rollup`.
    interval: Option<i64>,
    rollup: Option<CalendarInterval>,
}

impl From<AnalyticsQuestion> for AnalyticsRequest {
    fn from(question: AnalyticsQuestion) -> AnalyticsRequest {
        let AnalyticsQuery { query, compute, group_by, audience_filters } = question.query;
        AnalyticsRequest {
            from: question.from,
            to: question.to,
            at: question.at,
            query: insights::AnalyticsQuery {
                query: query.into(),
                compute: insights::Compute {
                    aggregation: compute.aggregation,
                    metric: compute.metric,
                    interval: compute.interval,
                    rollup: compute.rollup.map(insights::CalendarInterval::from),
                },
                group_by: group_by.unwrap_or_default().into_iter().map(insights::GroupBy::from).collect(),
                audience_filters: audience_filters.map(insights::AudienceFilters::from),
            },
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
struct ListQuestion {
    /// Epoch milliseconds, inclusive.
    from: i64,
    /// Epoch milliseconds, exclusive.
    to: i64,
    /// The evaluation instant; absent: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Instant>,
    query: ListQuery,
}

#[derive(Debug, Deserialize, ToSchema)]
struct ListQuery {
    query: BaseQuery,
    /// Facets; absent or empty: everything that a row has.
    columns: Option<Vec<String>>,
    /// 1 to 1000
    limit: Option<u64>,
    sort: Option<ListSort>,
    audience_filters: Option<AudienceFilters>,
}

/// Absent: by time, the latest first.
#[derive(Debug, Deserialize, ToSchema)]
struct ListSort {
    facet: Option<String>,
    order: Option<SortOrder>,
}

impl From<ListQuestion> for ListRequest {
    fn from(question: ListQuestion) -> ListRequest {
        let ListQuery { query, columns, limit, sort, audience_filters } = question.query;
        let read_sort = |sort: ListSort| insights::ListSort {
            facet: sort.facet,
            order: sort.order.map(insights::SortOrder::from).unwrap_or_default(),
        };
        ListRequest {
            from: question.from,
            to: question.to,
            at: question.at,
            query: insights::ListQuery {
                query: query.into(),
                columns: columns.unwrap_or_default(),
                limit,
                sort: sort.map(read_sort),
                audience_filters: audience_filters.map(insights::AudienceFilters::from),
            },
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct ListAnswer {
    /// Values by column; null where a row has none.
    #[schema(value_type = Vec<Object>)]
    records: Vec<Map<String, Value>>,
    /// How many rows there are, whatever the limit.
    total_count: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct TimeseriesAnswer {
    /// Where each step begins, epoch milliseconds.
    times: Vec<i64>,
    series: Vec<SeriesHead>,
    /// Parallel to the series, then to the times.
    #[schema(value_type = Vec<Vec<Option<f64>>>)]
    values: Vec<Vec<Value>>,
    intervals: Vec<SeriesInterval>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesHead {
    /// The values of the facets.
    pub(super) group_tags: Vec<String>,
    pub(super) query_index: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct SeriesInterval {
    /// `fixed`, or `calendar` where steps are not all of one length.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The length of the first step.
    milliseconds: i64,
    start_time: i64,
    times: Vec<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ScalarAnswer {
    /// One `group` column per facet, then the `number` column; all of one length.
    columns: Vec<ScalarColumn>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ScalarColumn {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[schema(value_type = Vec<Object>)]
    values: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<ColumnMeta>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ColumnMeta {
    #[schema(value_type = Option<Vec<Object>>)]
    unit: Option<Vec<Value>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AnalyticsMeta {
    request_id: String,
    status: &'static str,
    #[serde(flatten)]
    answer: AnswerMeta,
}

pub(super) type Response<A> = One<A, AnalyticsMeta>;

/// Any of the analytics answers.
pub(super) fn response<A>(kind: &'static str, attributes: A, meta: Meta) -> Json<Response<A>> {
    let id = Uuid::new_v4().to_string();
    let data = Resource { id: id.clone(), kind, attributes };
    Json(One { data, meta: AnalyticsMeta { request_id: id, status: "done", answer: meta.into() } })
}

/// One number per group of events.
#[utoipa::path(
    post, path = "/analytics/scalar", tag = "Analytics", request_body = Envelope<AnalyticsQuestion>,
    responses((status = 200, body = One<ScalarAnswer, AnalyticsMeta>))
)]
async fn scalar(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<AnalyticsQuestion>>,
) -> Answer<Response<ScalarAnswer>> {
    let request = AnalyticsRequest::from(body.attributes(REQUEST_TYPE)?);
    let scalar =
        services.insights.scalar(&request).await.map_err(|error| Problem::from(error).within(ATTRIBUTES))?;
    let attributes = ScalarAnswer { columns: columns(&scalar) };
    Ok(response("scalar_response", attributes, scalar.meta))
}

/// One number per step of time and group of events.
#[utoipa::path(
    post, path = "/analytics/timeseries", tag = "Analytics", request_body = Envelope<AnalyticsQuestion>,
    responses((status = 200, body = One<TimeseriesAnswer, AnalyticsMeta>))
)]
async fn timeseries(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<AnalyticsQuestion>>,
) -> Answer<Response<TimeseriesAnswer>> {
    let request = AnalyticsRequest::from(body.attributes(REQUEST_TYPE)?);
    let answer = services.insights.timeseries(&request).await;
    let answer = answer.map_err(|error| Problem::from(error).within(ATTRIBUTES))?;
    let times: Vec<i64> = answer.times.iter().map(|time| time.millis()).collect();
    let interval = |start_time: &i64| SeriesInterval {
        kind: if answer.interval.calendar { "calendar" } else { "fixed" },
        milliseconds: answer.interval.ms,
        start_time: *start_time,
        times: times.clone(),
    };
    let series = answer.series.iter().map(|one| SeriesHead { group_tags: tags(&one.values), query_index: 0 });
    let attributes = TimeseriesAnswer {
        series: series.collect(),
        values: answer
            .series
            .iter()
            .map(|one| one.numbers.iter().map(|n| number_json(*n)).collect())
            .collect(),
        intervals: times.first().map(interval).into_iter().collect(),
        times,
    };
    Ok(response("timeseries_response", attributes, answer.meta))
}

/// The values of a group, as texts.
fn tags(values: &[Option<String>]) -> Vec<String> {
    values.iter().map(|value| value.as_deref().unwrap_or(MISSING).to_string()).collect()
}

/// A whole number without a fraction; null for none.
pub(super) fn number_json(number: Option<f64>) -> Value {
    number.map_or(Value::Null, |number| whodid_model::Value::Number(number).to_json())
}

/// Events as rows.
#[utoipa::path(
    post, path = "/analytics/list", tag = "Analytics", request_body = Envelope<ListQuestion>,
    responses((status = 200, body = One<ListAnswer, AnalyticsMeta>))
)]
async fn list(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<ListQuestion>>,
) -> Answer<Response<ListAnswer>> {
    let request = ListRequest::from(body.attributes(LIST_REQUEST_TYPE)?);
    let list = services.insights.list(&request).await;
    let list = list.map_err(|error| Problem::from(error).within(ATTRIBUTES))?;
    let attributes = ListAnswer { records: list.records, total_count: list.total };
    Ok(response("list_response", attributes, list.meta))
}

/// Groups in which nothing was measured have no number, and a typed column can't hold a null: they are left out.
fn columns(scalar: &Scalar) -> Vec<ScalarColumn> {
    let rows: Vec<_> =
        scalar.rows.iter().filter_map(|row| Some((row, row.numbers.first().copied().flatten()?))).collect();
    let group = |(index, facet): (usize, &String)| ScalarColumn {
        name: facet.clone(),
        kind: "group",
        values: rows.iter().map(|(row, _)| row.values[index].as_deref().unwrap_or(MISSING).into()).collect(),
        meta: None,
    };
    let number = ScalarColumn {
        name: NUMBER.to_string(),
        kind: "number",
        values: rows.iter().map(|(_, number)| whodid_model::Value::Number(*number).to_json()).collect(),
        meta: Some(ColumnMeta { unit: None }),
    };
    scalar.facets.iter().enumerate().map(group).chain([number]).collect()
}
