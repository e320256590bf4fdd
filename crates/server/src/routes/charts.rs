//! Saved charts.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::InsightError;
use whodid_insights::catalogue::{Chart, ChartChange, ChartKind, NewChart, PageRequest};
use whodid_model::Instant;

use super::segments::expected_version;
use crate::auth::{MayRead, MayWrite};
use crate::envelope::{
    ATTRIBUTES, Answer, Envelope, JsonBody, ListMeta, Many, One, PageMeta, Parameters, Resource, one,
};
use crate::problem::Problem;
use crate::services::Services;

const TYPE: &str = "chart";
const PAGE_DEFAULT: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, update, delete))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChartDraft {
    name: String,
    #[serde(default)]
    description: String,
    /// explorer, funnel, retention or pathway
    kind: String,
    /// Anything: how the chart is shown.
    #[serde(default)]
    #[schema(value_type = Object)]
    state: Value,
    /// The question behind it: `{"path": "/analytics/timeseries", "body": {…}}`.
    #[schema(value_type = Option<Object>)]
    query: Option<Value>,
    /// Segments that it rests on, beside those that the query's audience filters name.
    #[serde(default)]
    segment_ids: Vec<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChartPatch {
    name: Option<String>,
    description: Option<String>,
    kind: Option<String>,
    #[schema(value_type = Option<Object>)]
    state: Option<Value>,
    /// null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    query: Option<Option<Value>>,
    segment_ids: Option<Vec<String>>,
}

/// Tells a member that is null from one that is not there.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Value>>, D::Error> {
    Option::<Value>::deserialize(deserializer).map(Some)
}

#[derive(Debug, Serialize, ToSchema)]
struct ChartAttributes {
    name: String,
    description: String,
    kind: &'static str,
    #[schema(value_type = Object)]
    state: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    query: Option<Value>,
    segment_ids: Vec<String>,
    /// One more with every change.
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Instant,
    #[schema(value_type = String, format = DateTime)]
    modified_at: Instant,
}

fn parts(chart: Chart) -> (String, ChartAttributes) {
    let attributes = ChartAttributes {
        name: chart.name,
        description: chart.description,
        kind: chart.kind.name(),
        state: chart.state,
        query: chart.query,
        segment_ids: chart.segment_ids,
        version: chart.version,
        created_at: chart.created_at,
        modified_at: chart.modified_at,
    };
    (chart.id, attributes)
}

fn answer(chart: Chart) -> Json<One<ChartAttributes>> {
    let (id, attributes) = parts(chart);
    Json(one(id, TYPE, attributes))
}

fn kind(name: &str) -> Result<ChartKind, Problem> {
    ChartKind::named(name).ok_or_else(|| {
        let kinds = ChartKind::ALL.map(ChartKind::name).join(", ");
        Problem::invalid(format!("`{name}` is not a kind of chart; the kinds are {kinds}"))
    })
}

fn kind_of_body(name: &str) -> Result<ChartKind, Problem> {
    kind(name).map_err(|problem| problem.at(format!("{ATTRIBUTES}/kind")))
}

/// A segment that the chart names and that is not there is a fault of the request, not of its path.
fn refused(error: InsightError) -> Problem {
    match error {
        InsightError::NotFound { what: "segment", .. } => {
            Problem::invalid(error.to_string()).at(format!("{ATTRIBUTES}/segment_ids"))
        }
        other => Problem::from(other).within(ATTRIBUTES),
    }
}

/// Saves a chart under a name.
#[utoipa::path(
    post, path = "/charts", tag = "Charts", request_body = Envelope<ChartDraft>,
    responses((status = 201, body = One<ChartAttributes>))
)]
async fn create(
    _: MayWrite,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<ChartDraft>>,
) -> Result<(StatusCode, Json<One<ChartAttributes>>), Problem> {
    let ChartDraft { name, description, kind, state, query, segment_ids } = body.attributes(TYPE)?;
    let kind = kind_of_body(&kind)?;
    let new = NewChart { name, description, kind, state, query, segment_ids };
    let chart = services.catalogue().create_chart(new).await.map_err(refused)?;
    Ok((StatusCode::CREATED, answer(chart)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// Only those that hold this text in name or description.
    #[serde(default, rename = "filter[q]")]
    search: String,
    /// Only those of this kind.
    #[serde(rename = "filter[kind]")]
    kind: Option<String>,
    /// `meta.page.next` of the page before.
    #[serde(rename = "page[cursor]")]
    cursor: Option<String>,
    /// How many at most.
    #[serde(rename = "page[limit]")]
    limit: Option<usize>,
}

/// Lists charts in order of creation.
#[utoipa::path(
    get, path = "/charts", tag = "Charts", params(ListParameters),
    responses((status = 200, body = Many<ChartAttributes>))
)]
async fn list(
    _: MayRead,
    State(services): State<Services>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Answer<Many<ChartAttributes>> {
    let kind = parameters.kind.as_deref().map(kind).transpose();
    let kind = kind.map_err(|problem| problem.at("filter[kind]"))?;
    let page = PageRequest { after: parameters.cursor, limit: parameters.limit.unwrap_or(PAGE_DEFAULT) };
    let charts = services.catalogue().list_charts(&parameters.search, kind, &page).await?;
    let resource = |chart: Chart| {
        let (id, attributes) = parts(chart);
        Resource { id, kind: TYPE, attributes }
    };
    let meta = ListMeta { page: PageMeta { next: charts.next } };
    Ok(Json(Many { data: charts.items.into_iter().map(resource).collect(), meta }))
}

/// One chart.
#[utoipa::path(
    get, path = "/charts/{id}", tag = "Charts", params(("id" = String, Path)),
    responses((status = 200, body = One<ChartAttributes>))
)]
async fn get(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Answer<One<ChartAttributes>> {
    Ok(answer(services.catalogue().chart(&id).await?))
}

/// Changes the given attributes. `If-Match: "<version>"` refuses (412) when someone else was faster.
#[utoipa::path(
    patch, path = "/charts/{id}", tag = "Charts", params(("id" = String, Path)),
    request_body = Envelope<ChartPatch>, responses((status = 200, body = One<ChartAttributes>))
)]
async fn update(
    _: MayWrite,
    State(services): State<Services>,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Envelope<ChartPatch>>,
) -> Answer<One<ChartAttributes>> {
    let patch = body.attributes(TYPE)?;
    let change = ChartChange {
        name: patch.name,
        description: patch.description,
        kind: patch.kind.as_deref().map(kind_of_body).transpose()?,
        state: patch.state,
        query: patch.query,
        segment_ids: patch.segment_ids,
    };
    let expected_version = expected_version(&headers)?;
    let chart = services.catalogue().update_chart(&id, change, expected_version).await;
    Ok(answer(chart.map_err(refused)?))
}

/// Deletes a chart for good.
#[utoipa::path(
    delete, path = "/charts/{id}", tag = "Charts", params(("id" = String, Path)),
    responses((status = 204))
)]
async fn delete(
    _: MayWrite,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    services.catalogue().delete_chart(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
