//! Journeys in the shapes of the Datadog-compatible API, and what comes next after one.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use whodid_insights as insights;

use crate::auth::MayRead;
use crate::envelope::{ATTRIBUTES, Answer, AnswerMeta, Envelope, JsonBody, One, Resource};
use crate::problem::Problem;
use crate::services::Services;

mod request;

pub(super) use request::{JoinKeys, JourneyQuestion};

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(funnel))
        .routes(routes!(scalar))
        .routes(routes!(timeseries))
        .routes(routes!(list))
}

/// Our own, beside the compatible ones.
pub(super) fn own_routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(suggestions))
}

#[derive(Debug, Serialize, ToSchema)]
struct FunnelAnswer {
    initial_count: u64,
    /// From 0 to 1; null if nobody entered.
    end_to_end_conversion_rate: Option<f64>,
    end_to_end_elapsed_time: Elapsed,
    funnel_steps: Vec<FunnelStep>,
}

/// Whole milliseconds.
#[derive(Debug, Serialize, ToSchema)]
struct Elapsed {
    min: i64,
    max: i64,
    avg: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct FunnelStep {
    label: String,
    value: u64,
    /// What is counted.
    unit: String,
    /// Zeros at the last step.
    elapsed_time_to_next_step: Elapsed,
    groups: Vec<FunnelGroup>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FunnelGroup {
    group_tags: Vec<String>,
    value: u64,
    conversion_count: u64,
    elapsed_time_to_next_step: Elapsed,
}

impl From<insights::ElapsedTime> for Elapsed {
    fn from(time: insights::ElapsedTime) -> Elapsed {
        Elapsed { min: time.min_ms, max: time.max_ms, avg: time.avg_ms }
    }
}

/// A column of groups or of numbers; all of one length.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NumberColumn {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[schema(value_type = Vec<Object>)]
    pub(super) values: Vec<Value>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NumbersAnswer {
    /// One `group` column per facet, then the `number` column.
    pub(super) columns: Vec<NumberColumn>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesAnswer {
    /// Epoch milliseconds.
    pub(super) times: Vec<i64>,
    pub(super) series: Vec<SeriesName>,
    /// By series, then time.
    #[schema(value_type = Vec<Vec<Option<f64>>>)]
    pub(super) values: Vec<Vec<Value>>,
    pub(super) intervals: Vec<SeriesInterval>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesName {
    pub(super) group_tags: Vec<String>,
    pub(super) query_index: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesInterval {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) milliseconds: i64,
    pub(super) start_time: i64,
    pub(super) times: Vec<i64>,
}

/// A whole number without a fraction.
pub(super) fn number(number: Option<f64>) -> Value {
    number.map_or(Value::Null, |number| whodid_model::Value::Number(number).to_json())
}

/// Groups without a number are left out: a typed column can't hold a null.
pub(super) fn columns(facets: &[String], rows: Vec<(Vec<String>, Option<f64>)>) -> NumbersAnswer {
    let rows: Vec<_> = rows.into_iter().filter(|(_, number)| number.is_some()).collect();
    let group = |(index, facet): (usize, &String)| NumberColumn {
        name: facet.clone(),
        kind: "group",
        values: rows.iter().map(|(tags, _)| tags[index].clone().into()).collect(),
    };
    let numbers = NumberColumn {
        name: "query".to_string(),
        kind: "number",
        values: rows.iter().map(|(_, value)| number(*value)).collect(),
    };
    NumbersAnswer { columns: facets.iter().enumerate().map(group).chain([numbers]).collect() }
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QueryMeta {
    request_id: String,
    status: &'static str,
    #[serde(flatten)]
    answer: AnswerMeta,
}

/// An answer to a query, which is always done.
pub(super) fn done<A>(kind: &'static str, attributes: A, meta: insights::Meta) -> Json<One<A, QueryMeta>> {
    let id = Uuid::new_v4().to_string();
    let data = Resource { id: id.clone(), kind, attributes };
    Json(One { data, meta: QueryMeta { request_id: id, status: "done", answer: meta.into() } })
}

pub(super) fn within(error: insights::InsightError) -> Problem {
    Problem::from(error).within(ATTRIBUTES)
}

/// How many reach each step of a journey.
#[utoipa::path(
    post, path = "/journey/funnel", tag = "Journeys", request_body = Envelope<JourneyQuestion>,
    responses((status = 200, body = One<FunnelAnswer, QueryMeta>))
)]
async fn funnel(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<JourneyQuestion>>,
) -> Answer<One<FunnelAnswer, QueryMeta>> {
    let (request, ..) = body.attributes("journey_request")?.split()?;
    let funnel = services.insights.journey_funnel(&request).await.map_err(within)?;
    let group = |group: insights::FunnelGroup| FunnelGroup {
        group_tags: group.tags,
        value: group.count,
        conversion_count: group.count,
        elapsed_time_to_next_step: group.elapsed_to_next.into(),
    };
    let step = |step: insights::FunnelStep| FunnelStep {
        label: step.label,
        value: step.count,
        unit: funnel.entity.to_string(),
        elapsed_time_to_next_step: step.elapsed_to_next.into(),
        groups: step.groups.into_iter().map(group).collect(),
    };
    let answer = FunnelAnswer {
        initial_count: funnel.initial_count,
        end_to_end_conversion_rate: funnel.conversion_rate,
        end_to_end_elapsed_time: funnel.elapsed.into(),
        funnel_steps: funnel.steps.into_iter().map(step).collect(),
    };
    Ok(done("funnel_response", answer, funnel.meta))
}

/// One number of a journey per group.
#[utoipa::path(
    post, path = "/journey/scalar", tag = "Journeys", request_body = Envelope<JourneyQuestion>,
    responses((status = 200, body = One<NumbersAnswer, QueryMeta>))
)]
async fn scalar(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<JourneyQuestion>>,
) -> Answer<One<NumbersAnswer, QueryMeta>> {
    let (request, ..) = body.attributes("formula_journey_request")?.split()?;
    let numbers = services.insights.journey_scalar(&request).await.map_err(within)?;
    Ok(done("journey_scalar_response", columns(&numbers.facets, numbers.groups), numbers.meta))
}

/// Numbers of a journey over time, by the instant of the first step.
#[utoipa::path(
    post, path = "/journey/timeseries", tag = "Journeys", request_body = Envelope<JourneyQuestion>,
    responses((status = 200, body = One<SeriesAnswer, QueryMeta>))
)]
async fn timeseries(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<JourneyQuestion>>,
) -> Answer<One<SeriesAnswer, QueryMeta>> {
    let (request, ..) = body.attributes("formula_journey_request")?.split()?;
    let found = services.insights.journey_timeseries(&request).await.map_err(within)?;
    let interval = SeriesInterval {
        kind: "fixed",
        milliseconds: found.interval_ms,
        start_time: found.times.first().copied().unwrap_or(request.from),
        times: found.times.clone(),
    };
    let (mut series, mut values) = (Vec::new(), Vec::new());
    for (group_tags, numbers) in found.series {
        series.push(SeriesName { group_tags, query_index: 0 });
        values.push(numbers.into_iter().map(number).collect());
    }
    let answer = SeriesAnswer { times: found.times, series, values, intervals: vec![interval] };
    Ok(done("journey_timeseries_response", answer, found.meta))
}

#[derive(Debug, Serialize, ToSchema)]
struct JourneyRecords {
    /// `session`, `user` or `account`
    entity: &'static str,
    /// Before the limit.
    total_count: u64,
    /// By the join key, `timestamp`, the asked columns, and `<alias>_timestamp` of each step; instants are epoch
    /// milliseconds.
    #[schema(value_type = Vec<Object>)]
    records: Vec<BTreeMap<String, Value>>,
}

pub(super) fn json_records(
    records: Vec<BTreeMap<String, whodid_model::Value>>,
) -> Vec<BTreeMap<String, Value>> {
    let record = |record: BTreeMap<String, whodid_model::Value>| {
        record.into_iter().map(|(name, value)| (name, value.to_json())).collect()
    };
    records.into_iter().map(record).collect()
}

/// Who got to a step of a journey, or left before it.
#[utoipa::path(
    post, path = "/journey/list", tag = "Journeys", request_body = Envelope<JourneyQuestion>,
    responses((status = 200, body = One<JourneyRecords, QueryMeta>))
)]
async fn list(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<JourneyQuestion>>,
) -> Answer<One<JourneyRecords, QueryMeta>> {
    let (request, listing, _) = body.attributes("journey_list_request")?.split()?;
    let list = services.insights.journey_list(&request, &listing).await.map_err(within)?;
    let answer =
        JourneyRecords { entity: list.entity, total_count: list.total, records: json_records(list.records) };
    Ok(done("journey_list_response", answer, list.meta))
}

#[derive(Debug, Serialize, ToSchema)]
struct Suggestions {
    suggestions: Vec<Suggestion>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Suggestion {
    /// A query for a further step.
    query: String,
    label: String,
    /// `view`, `action` or `server`
    #[serde(rename = "type")]
    kind: String,
    count: u64,
    /// Of those who reached the last step.
    rate: f64,
}

/// What those who reached the last step did next.
#[utoipa::path(
    post, path = "/journey/suggestions", tag = "Journeys", request_body = Envelope<JourneyQuestion>,
    responses((status = 200, body = One<Suggestions, QueryMeta>))
)]
async fn suggestions(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<JourneyQuestion>>,
) -> Answer<One<Suggestions, QueryMeta>> {
    let (request, _, limit) = body.attributes("journey_suggestions_request")?.split()?;
    let (found, meta) = services.insights.journey_suggestions(&request, limit).await.map_err(within)?;
    let suggestion = |suggestion: insights::Suggestion| {
        let insights::Suggestion { query, label, kind, count, rate } = suggestion;
        Suggestion { query, label, kind, count, rate }
    };
    let answer = Suggestions { suggestions: found.into_iter().map(suggestion).collect() };
    Ok(done("journey_suggestions", answer, meta))
}
