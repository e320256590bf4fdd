//! The analytics explorer, in the shapes of the Datadog-compatible API.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use whodid_insights as insights;
use whodid_insights::{AnalyticsRequest, MISSING, Scalar};
use whodid_model::Instant;

use crate::auth::MayRead;
use crate::envelope::{ATTRIBUTES, Answer, AnswerMeta, Envelope, JsonBody, One, Resource};
use crate::problem::Problem;
use crate::routes::parts::{AudienceFilters, BaseQuery, CalendarInterval, GroupBy};
use crate::services::Services;

const REQUEST_TYPE: &str = "formula_analytics_extended_request";
const ANSWER_TYPE: &str = "scalar_response";
/// The name that the number's column has.
const NUMBER: &str = "query";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(scalar))
}

#[derive(Debug, Deserialize, ToSchema)]
struct AnalyticsQuestion {
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
struct ScalarMeta {
    request_id: String,
    status: &'static str,
    #[serde(flatten)]
    answer: AnswerMeta,
}

/// One number per group of events.
#[utoipa::path(
    post, path = "/analytics/scalar", tag = "Analytics", request_body = Envelope<AnalyticsQuestion>,
    responses((status = 200, body = One<ScalarAnswer, ScalarMeta>))
)]
async fn scalar(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<AnalyticsQuestion>>,
) -> Answer<One<ScalarAnswer, ScalarMeta>> {
    let request = AnalyticsRequest::from(body.attributes(REQUEST_TYPE)?);
    let scalar =
        services.insights.scalar(&request).await.map_err(|error| Problem::from(error).within(ATTRIBUTES))?;
    let id = Uuid::new_v4().to_string();
    let attributes = ScalarAnswer { columns: columns(&scalar) };
    let data = Resource { id: id.clone(), kind: ANSWER_TYPE, attributes };
    Ok(Json(One { data, meta: ScalarMeta { request_id: id, status: "done", answer: scalar.meta.into() } }))
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
