//! Segments: ask without saving, save, change, and see who is in them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::catalogue::{PageRequest, SegmentVersion};
use whodid_insights::{NewSegment, Note, Segment, SegmentChange, SizeState};
use whodid_model::{EntityKind, IdentifierKey, Instant};
use whodid_query::definition::Definition;

use crate::auth::{MayRead, MayWrite};
use crate::envelope::{
    ATTRIBUTES, Answer, AnswerMeta, Envelope, JsonBody, ListMeta, Many, One, PageMeta, Parameters, Resource,
};
use crate::problem::Problem;
use crate::services::Services;

mod as_code;
mod comparing;
mod export;
mod imports;
mod members;
pub(crate) mod preview;
mod why;

use members::includes_profile;

const TYPE: &str = "segment";
const PAGE_DEFAULT: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .merge(preview::routes())
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(restore))
        .routes(routes!(versions))
        .merge(members::routes())
        .merge(imports::routes())
        .merge(export::routes())
        .merge(why::routes())
        .merge(comparing::routes())
        .merge(as_code::routes())
}

#[derive(Debug, Serialize, ToSchema)]
struct NoteAnswer {
    /// JSON pointer into the definition.
    pointer: String,
    message: String,
}

impl From<Note> for NoteAnswer {
    fn from(note: Note) -> NoteAnswer {
        NoteAnswer { pointer: note.pointer, message: note.message }
    }
}

fn definition_pointer() -> String {
    format!("{ATTRIBUTES}/definition")
}

fn read_definition(json: &Value) -> Result<Definition, Problem> {
    Definition::from_json(json).map_err(|error| Problem::from(error).within(&definition_pointer()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SegmentDraft {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tags: Vec<String>,
    #[schema(value_type = Object)]
    definition: Value,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SegmentPatch {
    name: Option<String>,
    description: Option<String>,
    tags: Option<Vec<String>>,
    #[schema(value_type = Option<Object>)]
    definition: Option<Value>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SegmentAttributes {
    name: String,
    description: String,
    tags: Vec<String>,
    kind: &'static str,
    #[schema(value_type = String, example = "user")]
    entity: EntityKind,
    /// Absent for a static segment, which holds a list.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<Value>,
    /// What the list of a static segment names people by: `usr.id` or `usr.email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'static str>,
    /// How many identifiers the list of a static segment has, of people who are known or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    identifiers: Option<u64>,
    /// One more with every change.
    version: i64,
    size: u64,
    #[schema(value_type = String, format = DateTime)]
    size_as_of: Instant,
    /// How far into the log of acknowledged events the size reaches.
    size_watermark: u64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Instant,
    #[schema(value_type = String, format = DateTime)]
    modified_at: Instant,
    /// The definition in words.
    echo: String,
    /// What refers to it.
    used_in: Vec<UsedIn>,
    warnings: Vec<NoteAnswer>,
    /// Recorded sizes of a dynamic segment, oldest first: midnights of the workspace, then the latest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recent: Vec<RecentSize>,
    /// The size now less that of a week ago, where that was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    change_7d: Option<i64>,
    /// `kind`: fresh, stale (`since`), or failed (`since`, `reason`: the size is the last good one).
    #[schema(value_type = Object)]
    state: SizeState,
}

#[derive(Debug, Serialize, ToSchema)]
struct RecentSize {
    #[schema(value_type = String, format = DateTime)]
    at: Instant,
    size: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct UsedIn {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    name: String,
}

fn resource(segment: Segment) -> Resource<SegmentAttributes> {
    let used_in = segment.used_in.into_iter();
    let attributes = SegmentAttributes {
        name: segment.name,
        description: segment.description,
        tags: segment.tags,
        kind: segment.kind,
        entity: segment.entity,
        definition: segment.definition,
        key: segment.key.map(IdentifierKey::name),
        identifiers: segment.identifiers,
        version: segment.version,
        size: segment.size,
        size_as_of: segment.size_as_of,
        size_watermark: segment.size_watermark,
        created_at: segment.created_at,
        modified_at: segment.modified_at,
        echo: segment.echo,
        used_in: used_in.map(|user| UsedIn { kind: user.kind, id: user.id, name: user.name }).collect(),
        warnings: segment.warnings.into_iter().map(NoteAnswer::from).collect(),
        recent: segment.recent.points.into_iter().map(|(at, size)| RecentSize { at, size }).collect(),
        change_7d: segment.recent.change_7d,
        state: segment.recent.state,
    };
    Resource { id: segment.id, kind: TYPE, attributes }
}

fn answer(segment: Segment) -> Json<One<SegmentAttributes, AnswerMeta>> {
    let meta = AnswerMeta::from(segment.meta.clone());
    Json(One { data: resource(segment), meta })
}

/// Saves a definition under a name.
#[utoipa::path(
    post, path = "/segments", tag = "Segments", request_body = Envelope<SegmentDraft>,
    responses((status = 201, body = One<SegmentAttributes, AnswerMeta>))
)]
async fn create(
    _: MayWrite,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<SegmentDraft>>,
) -> Result<(StatusCode, Json<One<SegmentAttributes, AnswerMeta>>), Problem> {
    let SegmentDraft { name, description, tags, definition } = body.attributes(TYPE)?;
    let new = NewSegment { name, description, tags, definition: read_definition(&definition)? };
    let segment = services
        .insights
        .create_segment(new)
        .await
        .map_err(|error| Problem::from(error).within(ATTRIBUTES))?;
    Ok((StatusCode::CREATED, answer(segment)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// Only those that hold this text in name, description or a tag.
    #[serde(rename = "filter[q]")]
    search: Option<String>,
    /// `meta.page.next` of the page before.
    #[serde(rename = "page[cursor]")]
    cursor: Option<String>,
    /// How many at most.
    #[serde(rename = "page[limit]")]
    limit: Option<usize>,
}

/// Lists segments in order of creation.
#[utoipa::path(
    get, path = "/segments", tag = "Segments", params(ListParameters),
    responses((status = 200, body = Many<SegmentAttributes>))
)]
async fn list(
    _: MayRead,
    State(services): State<Services>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Answer<Many<SegmentAttributes>> {
    let page = PageRequest { after: parameters.cursor, limit: parameters.limit.unwrap_or(PAGE_DEFAULT) };
    let segments = services.insights.list_segments(parameters.search.as_deref(), &page).await?;
    let data = segments.items.into_iter().map(resource).collect();
    Ok(Json(Many { data, meta: ListMeta { page: PageMeta { next: segments.next } } }))
}

/// One segment.
#[utoipa::path(
    get, path = "/segments/{id}", tag = "Segments", params(("id" = String, Path)),
    responses((status = 200, body = One<SegmentAttributes, AnswerMeta>))
)]
async fn get(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Answer<One<SegmentAttributes, AnswerMeta>> {
    Ok(answer(services.insights.segment(&id).await?))
}

/// Changes the given attributes. `If-Match: "<version>"` refuses (412) when someone else was faster.
#[utoipa::path(
    patch, path = "/segments/{id}", tag = "Segments", params(("id" = String, Path)),
    request_body = Envelope<SegmentPatch>, responses((status = 200, body = One<SegmentAttributes, AnswerMeta>))
)]
async fn update(
    _: MayWrite,
    State(services): State<Services>,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Envelope<SegmentPatch>>,
) -> Answer<One<SegmentAttributes, AnswerMeta>> {
    let patch = body.attributes(TYPE)?;
    let change = SegmentChange {
        name: patch.name,
        description: patch.description,
        tags: patch.tags,
        definition: patch.definition.as_ref().map(read_definition).transpose()?,
    };
    let expected_version = expected_version(&headers)?;
    let segment = services.insights.update_segment(&id, change, expected_version).await;
    Ok(answer(segment.map_err(|error| Problem::from(error).within(ATTRIBUTES))?))
}

pub(super) fn expected_version(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.trim_matches('"').parse();
    version.map(Some).map_err(|_| Problem::invalid("If-Match has to be a version in quotes, such as \"3\""))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeleteParameters {
    /// Delete it although others refer to it; those fail until they are changed.
    #[serde(default)]
    force: bool,
}

/// Deletes a segment; it can be restored within 30 days. 409 names what refers to it.
#[utoipa::path(
    delete, path = "/segments/{id}", tag = "Segments", params(("id" = String, Path), DeleteParameters),
    responses((status = 204))
)]
async fn delete(
    _: MayWrite,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<DeleteParameters>,
) -> Result<StatusCode, Problem> {
    services.insights.delete_segment(&id, parameters.force).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted segment back.
#[utoipa::path(
    post, path = "/segments/{id}/restore", tag = "Segments", params(("id" = String, Path)),
    responses((status = 200, body = One<SegmentAttributes, AnswerMeta>))
)]
async fn restore(
    _: MayWrite,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Answer<One<SegmentAttributes, AnswerMeta>> {
    Ok(answer(services.insights.restore_segment(&id).await?))
}

#[derive(Debug, Serialize, ToSchema)]
struct VersionAttributes {
    version: i64,
    name: String,
    #[schema(value_type = String)]
    entity: EntityKind,
    /// Absent for a static segment.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<Value>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Instant,
}

fn version_resource(segment: &str, version: SegmentVersion) -> Result<Resource<VersionAttributes>, Problem> {
    let definition: Value = serde_json::from_str(&version.definition)
        .map_err(|error| Problem::internal(&format!("the stored definition is not JSON: {error}")))?;
    let attributes = VersionAttributes {
        version: version.version,
        name: version.name,
        entity: version.entity,
        // A static segment is kept as a reference to itself.
        definition: (definition["where"]["segment"] != segment).then_some(definition),
        created_at: version.created_at,
    };
    Ok(Resource { id: version.version.to_string(), kind: "segment_version", attributes })
}

/// How a segment was defined over time, oldest first.
#[utoipa::path(
    get, path = "/segments/{id}/versions", tag = "Segments", params(("id" = String, Path)),
    responses((status = 200, body = Many<VersionAttributes>))
)]
async fn versions(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Answer<Many<VersionAttributes>> {
    let versions = services.insights.segment_versions(&id).await?;
    let data =
        versions.into_iter().map(|version| version_resource(&id, version)).collect::<Result<_, _>>()?;
    Ok(Json(Many { data, meta: ListMeta { page: PageMeta { next: None } } }))
}
