//! Segments as code: all of them written down, a list of them applied, and the schema of definitions.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::{AppliedChange, CodedSegment};
use whodid_model::limits;
use whodid_query::definition::{Definition, SCHEMA};

use crate::auth::{MayRead, MayWrite};
use crate::envelope::{Answer, AnswerMeta, One, Parameters, Resource, read_body};
use crate::problem::Problem;
use crate::services::Services;

const TYPE: &str = "segment_plan";
const YAML: &str = "application/yaml";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(apply)).routes(routes!(written)).routes(routes!(schema))
}

/// A segment as code.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Coded {
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    /// May refer to other segments by name.
    #[schema(value_type = Object)]
    definition: Value,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ApplyParameters {
    /// Only say what would be done.
    #[serde(default)]
    dry_run: bool,
    /// Delete the segments that are not in the list.
    #[serde(default)]
    prune: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct PlanAnswer {
    dry_run: bool,
    /// In the order of the list, then what is deleted.
    changes: Vec<ChangeAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ChangeAnswer {
    /// `create`, `change`, `unchanged` or `delete`.
    action: &'static str,
    /// Null for one that a dry run would create.
    segment_id: Option<String>,
    name: String,
    /// Which attributes differ.
    changed: Vec<&'static str>,
    members: MembersAnswer,
}

/// An unchanged segment can differ where it refers to a changed one.
#[derive(Debug, Serialize, ToSchema)]
struct MembersAnswer {
    before: u64,
    after: u64,
    joined: u64,
    left: u64,
}

fn change_answer(change: AppliedChange, dry_run: bool) -> ChangeAnswer {
    let AppliedChange { action, id, name, changed, before, after, joined, left } = change;
    let imagined = dry_run && action == whodid_insights::ApplyAction::Create;
    ChangeAnswer {
        action: action.name(),
        segment_id: (!imagined).then_some(id),
        name,
        changed,
        members: MembersAnswer { before, after, joined, left },
    }
}

/// Makes the saved segments be those of a list, in YAML or JSON: creates what is missing, changes what differs, all or
/// nothing. Segments are known by name. The answer says for each what is done and how its members change.
#[utoipa::path(
    post, path = "/segments/apply", tag = "Segments", params(ApplyParameters),
    request_body(content = Vec<Coded>, content_type = "application/yaml"),
    responses((status = 200, body = One<PlanAnswer, AnswerMeta>))
)]
async fn apply(
    _: MayWrite,
    State(services): State<Services>,
    Parameters(parameters): Parameters<ApplyParameters>,
    body: Body,
) -> Answer<One<PlanAnswer, AnswerMeta>> {
    let ApplyParameters { dry_run, prune } = parameters;
    let list = read_list(&read_body(body, limits::REQUEST_BODY_BYTES).await?)?;
    let applied = services.insights.apply_segments(list, prune, dry_run).await?;
    let changes = applied.changes.into_iter().map(|change| change_answer(change, dry_run)).collect();
    let data = Resource { id: TYPE.to_string(), kind: TYPE, attributes: PlanAnswer { dry_run, changes } };
    Ok(Json(One { data, meta: applied.meta.into() }))
}

/// A list of segments, or one by itself. Errors point into the list.
fn read_list(bytes: &[u8]) -> Result<Vec<CodedSegment>, Problem> {
    let document: Value = serde_saphyr::from_slice(bytes)
        .map_err(|error| Problem::invalid(format!("the body is neither YAML nor JSON: {error}")))?;
    let list = match document {
        Value::Array(list) => list,
        Value::Null => Vec::new(),
        one => vec![one],
    };
    let read = |(place, one): (usize, Value)| {
        let coded: Coded = serde_path_to_error::deserialize(one).map_err(|error| {
            let detail = format!(
                "this is no segment: {}; write name, definition and, if you like, description \
                                  and tags",
                error.inner()
            );
            Problem::invalid(detail).at(format!("/{place}"))
        })?;
        let definition = Definition::from_json(&coded.definition)
            .map_err(|error| Problem::from(error).within(&format!("/{place}/definition")))?;
        Ok(CodedSegment { name: coded.name, description: coded.description, tags: coded.tags, definition })
    };
    list.into_iter().enumerate().map(read).collect()
}

/// Every segment as code, in order of creation: what `/segments/apply` takes. References are written as names.
#[utoipa::path(
    get, path = "/segments.yaml", tag = "Segments",
    responses((status = 200, body = Vec<Coded>, content_type = "application/yaml"))
)]
async fn written(_: MayRead, State(services): State<Services>) -> Result<impl IntoResponse, Problem> {
    let segments = services.insights.segments_as_code().await?.into_iter().map(|segment| Coded {
        name: segment.name,
        description: segment.description,
        tags: segment.tags,
        definition: segment.definition.to_json(),
    });
    let list: Vec<Coded> = segments.collect();
    let yaml = serde_saphyr::to_string(&list)
        .map_err(|error| Problem::internal(&format!("segments can't be written as YAML: {error}")))?;
    Ok(([(CONTENT_TYPE, YAML)], yaml))
}

/// The grammar of definitions as JSON Schema; `#/$defs/segment` is that of a segment as code.
#[utoipa::path(
    get, path = "/segments/schema.json", tag = "Segments", security(()),
    responses((status = 200, body = Object, content_type = "application/schema+json"))
)]
async fn schema() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/schema+json")], SCHEMA)
}
