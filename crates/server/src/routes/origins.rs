//! A definition of the people behind a number.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights as insights;
use whodid_insights::Origin;
use whodid_model::EntityKind;

use super::analytics::AnalyticsQuestion;
use super::journeys::JourneyQuestion;
use super::retention::RetentionQuestion;
use super::sankey::SankeyQuestion;
use crate::auth::MayRead;
use crate::envelope::{ATTRIBUTES, Answer, Envelope, JsonBody, One, one};
use crate::problem::Problem;
use crate::services::Services;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(segment_from))
}

#[derive(Debug, Deserialize, ToSchema)]
struct OriginQuestion {
    kind: OriginKind,
    /// The attributes of the request that drew the number.
    #[schema(value_type = Object)]
    request: Value,
    /// Which number: `{step, conversion_type}`, `{cohort, period}`, `{column, name}`, `{column, source, target}`,
    /// `{group, from, to}`; nothing for a query over profiles. Steps count from 1, the others from 0.
    #[schema(value_type = Option<Object>)]
    target: Option<Value>,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum OriginKind {
    FunnelStep,
    RetentionCell,
    PathwayNode,
    PathwayLink,
    UsersQuery,
    AnalyticsGroup,
}

#[derive(Debug, Deserialize)]
struct StepTarget {
    step: usize,
    #[serde(default)]
    conversion_type: Option<String>,
}

#[derive(Debug, Deserialize)]
struct CellTarget {
    cohort: usize,
    #[serde(default)]
    period: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct NodeTarget {
    column: usize,
    name: String,
}

#[derive(Debug, Deserialize)]
struct LinkTarget {
    column: usize,
    source: String,
    target: String,
}

#[derive(Debug, Deserialize)]
struct GroupTarget {
    #[serde(default)]
    group: BTreeMap<String, String>,
    #[serde(default)]
    from: Option<i64>,
    #[serde(default)]
    to: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct ProfilesQuestion {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    entity: Option<String>,
    #[serde(default)]
    wildcard_search_term: Option<String>,
    #[serde(default)]
    event_query: Option<Value>,
}

/// Reads a part of the request, and says where in it something is wrong.
fn part<T: DeserializeOwned>(value: Value, name: &str) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path: String = error.path().iter().map(|segment| format!("/{segment}")).collect();
        let path = if path == "/." { String::new() } else { path.replace(['[', ']'], "") };
        Problem::invalid(format!("the {name} can't be read: {}", error.into_inner()))
            .at(format!("{ATTRIBUTES}/{name}{path}"))
    })
}

impl OriginQuestion {
    fn read(self) -> Result<Origin, Problem> {
        let target = self.target.unwrap_or(Value::Object(serde_json::Map::new()));
        let request = self.request;
        Ok(match self.kind {
            OriginKind::FunnelStep => {
                let target: StepTarget = part(target, "target")?;
                let step = target.step.checked_sub(1).ok_or_else(|| {
                    Problem::invalid("steps count from 1").at(format!("{ATTRIBUTES}/target/step"))
                })?;
                let (request, ..) = part::<JourneyQuestion>(request, "request")?.split()?;
                let drop_off = match target.conversion_type.as_deref() {
                    None | Some("conversion") => false,
                    Some("drop-off" | "dropoff") => true,
                    Some(other) => {
                        let message = format!("`{other}` is not an outcome; write conversion or drop-off");
                        return Err(
                            Problem::invalid(message).at(format!("{ATTRIBUTES}/target/conversion_type"))
                        );
                    }
                };
                Origin::FunnelStep { request: Box::new(request), step, drop_off }
            }
            OriginKind::RetentionCell => {
                let CellTarget { cohort, period } = part(target, "target")?;
                let request = part::<RetentionQuestion>(request, "request")?.read()?.request;
                Origin::RetentionCell { request: Box::new(request), cohort, period }
            }
            OriginKind::PathwayNode => {
                let NodeTarget { column, name } = part(target, "target")?;
                let target = insights::PathwayTarget { column, name, next: None };
                Origin::Pathway {
                    request: Box::new(part::<SankeyQuestion>(request, "request")?.into()),
                    target,
                }
            }
            OriginKind::PathwayLink => {
                let LinkTarget { column, source, target } = part(target, "target")?;
                let target = insights::PathwayTarget { column, name: source, next: Some(target) };
                Origin::Pathway {
                    request: Box::new(part::<SankeyQuestion>(request, "request")?.into()),
                    target,
                }
            }
            OriginKind::UsersQuery => {
                let question: ProfilesQuestion = part(request, "request")?;
                let accounts = question.entity.is_some_and(|entity| entity.starts_with("account"));
                Origin::UsersQuery {
                    entity: if accounts { EntityKind::Account } else { EntityKind::User },
                    query: question.query.unwrap_or_default(),
                    narrowed: question.wildcard_search_term.is_some_and(|term| !term.is_empty())
                        || question.event_query.is_some_and(|query| !query.is_null()),
                }
            }
            OriginKind::AnalyticsGroup => {
                let GroupTarget { group, from, to } = part(target, "target")?;
                let mut request =
                    insights::AnalyticsRequest::from(part::<AnalyticsQuestion>(request, "request")?);
                request.from = from.unwrap_or(request.from);
                request.to = to.unwrap_or(request.to);
                Origin::AnalyticsGroup { request: Box::new(request), group }
            }
        })
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct OriginAnswer {
    #[schema(value_type = Object)]
    definition: Value,
    /// The definition in words.
    echo: String,
    /// Whether the members are exactly those whom the number counts.
    exact: bool,
    /// Why not, and what else is worth knowing.
    notes: Vec<String>,
}

/// A definition of the people behind a number in a chart.
#[utoipa::path(
    post, path = "/segments/from", tag = "Segments", request_body = Envelope<OriginQuestion>,
    responses((status = 200, body = One<OriginAnswer>))
)]
async fn segment_from(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<OriginQuestion>>,
) -> Answer<One<OriginAnswer>> {
    let origin = body.attributes("segment_from")?.read()?;
    let within_request = |error| Problem::from(error).within(&format!("{ATTRIBUTES}/request"));
    let found = services.insights.segment_from(&origin).await.map_err(within_request)?;
    let answer = OriginAnswer {
        definition: found.definition.to_json(),
        echo: found.echo,
        exact: found.exact,
        notes: found.notes,
    };
    Ok(Json(one("segment_from", "segment_from", answer)))
}
