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
use whodid_insights::{MISSING, Scalar, ScalarRequest};

use crate::auth::MayRead;
use crate::envelope::{ATTRIBUTES, Answer, AnswerMeta, Envelope, JsonBody, One, Resource};
use crate::problem::Problem;
use crate::services::Services;

const REQUEST_TYPE: &str = "formula_analytics_extended_request";
const ANSWER_TYPE: &str = "scalar_response";
/// The name that the number's column has.
const NUMBER: &str = "query";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(scalar))
}

#[derive(Debug, Deserialize, ToSchema)]
struct ScalarQuestion {
    /// Epoch milliseconds, inclusive.
    from: i64,
    /// Epoch milliseconds, exclusive.
    to: i64,
    query: ScalarQuery,
}

#[derive(Debug, Deserialize, ToSchema)]
struct ScalarQuery {
    query: BaseQuery,
    compute: Compute,
    #[serde(default)]
    group_by: Option<Vec<GroupBy>>,
    audience_filters: Option<AudienceFilters>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct BaseQuery {
    /// `product_analytics`
    data_source: String,
    search: Search,
}

#[derive(Debug, Deserialize, ToSchema)]
struct Search {
    /// Absent or empty: everything.
    query: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct Compute {
    /// `count`, `cardinality`, `sum`, `avg`, `min` or `max`; all but `count` need a metric.
    aggregation: String,
    metric: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct GroupBy {
    facet: String,
    limit: Option<u64>,
    should_exclude_missing: Option<bool>,
    sort: Option<Sort>,
    source: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct Sort {
    order: Option<SortOrder>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SortOrder {
    Asc,
    Desc,
}

/// Sets of users and accounts by name, and a formula over the names.
#[derive(Debug, Deserialize, ToSchema)]
struct AudienceFilters {
    users: Option<Vec<ProfileFilter>>,
    accounts: Option<Vec<ProfileFilter>>,
    segments: Option<Vec<SegmentFilter>>,
    /// AND, OR, NOT and parentheses; empty: all of them.
    formula: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct ProfileFilter {
    name: String,
    query: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct SegmentFilter {
    name: String,
    segment_id: String,
}

impl From<ScalarQuestion> for ScalarRequest {
    fn from(question: ScalarQuestion) -> ScalarRequest {
        let ScalarQuery { query, compute, group_by, audience_filters } = question.query;
        ScalarRequest {
            from: question.from,
            to: question.to,
            query: insights::ScalarQuery {
                query: insights::BaseQuery {
                    data_source: query.data_source,
                    search: insights::Search { query: query.search.query.unwrap_or_default() },
                },
                compute: insights::Compute { aggregation: compute.aggregation, metric: compute.metric },
                group_by: group_by.unwrap_or_default().into_iter().map(insights::GroupBy::from).collect(),
                audience_filters: audience_filters.map(insights::AudienceFilters::from),
            },
        }
    }
}

impl From<GroupBy> for insights::GroupBy {
    fn from(group: GroupBy) -> insights::GroupBy {
        let order = |sort: Sort| match sort.order {
            Some(SortOrder::Asc) => insights::SortOrder::Asc,
            Some(SortOrder::Desc) | None => insights::SortOrder::Desc,
        };
        insights::GroupBy {
            facet: group.facet,
            limit: group.limit,
            should_exclude_missing: group.should_exclude_missing.unwrap_or_default(),
            sort: group.sort.map(|sort| insights::Sort { order: order(sort) }),
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
    post, path = "/analytics/scalar", tag = "Analytics", request_body = Envelope<ScalarQuestion>,
    responses((status = 200, body = One<ScalarAnswer, ScalarMeta>))
)]
async fn scalar(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<ScalarQuestion>>,
) -> Answer<One<ScalarAnswer, ScalarMeta>> {
    let request = ScalarRequest::from(body.attributes(REQUEST_TYPE)?);
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
