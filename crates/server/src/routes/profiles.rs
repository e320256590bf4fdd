//! What is known of one user or account: profile, events, segments.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::{SegmentOf, TimelineCursor};
use whodid_model::{EntityKind, Event, Instant};

use crate::auth::{MayAdmin, MayRead};
use crate::envelope::{Answer, AnswerMeta, Many, One, PageMeta, Parameters, Resource};
use crate::problem::Problem;
use crate::routes::jobs::{JobAttributes, started};
use crate::services::Services;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(user, erase))
        .routes(routes!(account))
        .routes(routes!(user_timeline))
        .routes(routes!(account_timeline))
        .routes(routes!(user_segments))
        .routes(routes!(account_segments))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ProfileParameters {
    /// The evaluation instant: RFC 3339 or epoch milliseconds; absent: now.
    #[param(value_type = Option<String>)]
    at: Option<Instant>,
}

type Profile = One<BTreeMap<String, Value>, AnswerMeta>;

/// A user's profile. An anonymous user's id is `anonymous:<anonymous_id>`.
#[utoipa::path(
    get, path = "/users/{id}", tag = "Profiles", params(("id" = String, Path), ProfileParameters),
    responses((status = 200, body = One<BTreeMap<String, Object>, AnswerMeta>))
)]
async fn user(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<ProfileParameters>,
) -> Answer<Profile> {
    profile(&services, EntityKind::User, &id, parameters.at).await
}

/// Erases a user: every event that belongs to them, what lists say of them, and their id in the log of changes. The answer
/// is a job; its report says what was taken away and which segments' definitions still name them.
#[utoipa::path(
    delete, path = "/users/{id}", tag = "Profiles", params(("id" = String, Path)),
    responses((status = 202, body = One<JobAttributes>))
)]
async fn erase(
    _: MayAdmin,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<One<JobAttributes>>), Problem> {
    Ok(started(services.insights.erase_user(&id).await?))
}

/// An account's profile.
#[utoipa::path(
    get, path = "/accounts/{id}", tag = "Profiles", params(("id" = String, Path), ProfileParameters),
    responses((status = 200, body = One<BTreeMap<String, Object>, AnswerMeta>))
)]
async fn account(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<ProfileParameters>,
) -> Answer<Profile> {
    profile(&services, EntityKind::Account, &id, parameters.at).await
}

async fn profile(services: &Services, kind: EntityKind, id: &str, at: Option<Instant>) -> Answer<Profile> {
    let profile = services.insights.profile(kind, id, at).await.map_err(Problem::from)?;
    let attributes = profile.attributes.into_iter().map(|(name, value)| (name, value.to_json())).collect();
    let data = Resource { id: profile.id, kind: kind.name(), attributes };
    Ok(Json(One { data, meta: profile.meta.into() }))
}

const TIMELINE_PAGE: usize = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TimelineParameters {
    /// The evaluation instant: RFC 3339 or epoch milliseconds; absent: now.
    #[param(value_type = Option<String>)]
    at: Option<Instant>,
    /// `meta.page.next` of the page before.
    #[serde(rename = "page[cursor]")]
    cursor: Option<String>,
    /// How many at most, 100 if absent.
    #[serde(rename = "page[limit]")]
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
struct EventAttributes {
    #[serde(rename = "type")]
    kind: &'static str,
    #[schema(value_type = String, format = DateTime)]
    ts: Instant,
    /// By facet path; `usr.id` is that of the resolved user.
    #[schema(value_type = Object)]
    attributes: BTreeMap<String, Value>,
}

#[derive(Debug, Serialize, ToSchema)]
struct TimelineMeta {
    page: PageMeta,
    #[serde(flatten)]
    answer: AnswerMeta,
}

type EventPage = Many<EventAttributes, TimelineMeta>;

/// A user's events, newest first.
#[utoipa::path(
    get, path = "/users/{id}/timeline", tag = "Profiles", params(("id" = String, Path), TimelineParameters),
    responses((status = 200, body = Many<EventAttributes, TimelineMeta>))
)]
async fn user_timeline(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<TimelineParameters>,
) -> Answer<EventPage> {
    timeline(&services, EntityKind::User, &id, parameters).await
}

/// An account's events, newest first.
#[utoipa::path(
    get, path = "/accounts/{id}/timeline", tag = "Profiles", params(("id" = String, Path), TimelineParameters),
    responses((status = 200, body = Many<EventAttributes, TimelineMeta>))
)]
async fn account_timeline(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<TimelineParameters>,
) -> Answer<EventPage> {
    timeline(&services, EntityKind::Account, &id, parameters).await
}

async fn timeline(
    services: &Services,
    kind: EntityKind,
    id: &str,
    parameters: TimelineParameters,
) -> Answer<EventPage> {
    let after = parameters.cursor.as_deref().map(read_cursor).transpose()?;
    let limit = parameters.limit.unwrap_or(TIMELINE_PAGE);
    let timeline = services.insights.timeline(kind, id, parameters.at, after.as_ref(), limit).await?;
    let page = PageMeta { next: timeline.next.as_ref().map(write_cursor) };
    let meta = TimelineMeta { page, answer: timeline.meta.into() };
    Ok(Json(Many { data: timeline.events.into_iter().map(event).collect(), meta }))
}

fn event(event: Event) -> Resource<EventAttributes> {
    let attributes = event.attributes.into_iter().map(|(path, value)| (path, value.to_json())).collect();
    let attributes = EventAttributes { kind: event.kind.name(), ts: event.ts, attributes };
    Resource { id: event.id, kind: "event", attributes }
}

fn write_cursor(cursor: &TimelineCursor) -> String {
    format!("{}.{}.{}", cursor.ts.0, cursor.kind, cursor.id)
}

fn read_cursor(text: &str) -> Result<TimelineCursor, Problem> {
    let mut parts = text.splitn(3, '.');
    let mut next = || parts.next().unwrap_or_default();
    match (next().parse(), next().parse(), next()) {
        (Ok(ts), Ok(kind), id) => Ok(TimelineCursor { ts: Instant(ts), kind, id: id.to_string() }),
        _ => Err(Problem::invalid(format!(
            "`{text}` is not a cursor of this list; send the one of the page before, or none"
        ))
        .at("page[cursor]")),
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct SegmentOfAttributes {
    name: String,
    version: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct SegmentsOfMeta {
    /// Segments that can't be answered; then `partial` is true.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failing: Vec<FailingSegment>,
    #[serde(flatten)]
    answer: AnswerMeta,
}

#[derive(Debug, Serialize, ToSchema)]
struct FailingSegment {
    id: String,
    name: String,
    detail: String,
}

type SegmentList = Many<SegmentOfAttributes, SegmentsOfMeta>;

/// The segments that a user is in.
#[utoipa::path(
    get, path = "/users/{id}/segments", tag = "Profiles", params(("id" = String, Path), ProfileParameters),
    responses((status = 200, body = Many<SegmentOfAttributes, SegmentsOfMeta>))
)]
async fn user_segments(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<ProfileParameters>,
) -> Answer<SegmentList> {
    segments(&services, EntityKind::User, &id, parameters.at).await
}

/// The segments that an account is in.
#[utoipa::path(
    get, path = "/accounts/{id}/segments", tag = "Profiles", params(("id" = String, Path), ProfileParameters),
    responses((status = 200, body = Many<SegmentOfAttributes, SegmentsOfMeta>))
)]
async fn account_segments(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<ProfileParameters>,
) -> Answer<SegmentList> {
    segments(&services, EntityKind::Account, &id, parameters.at).await
}

async fn segments(
    services: &Services,
    kind: EntityKind,
    id: &str,
    at: Option<Instant>,
) -> Answer<SegmentList> {
    let of = services.insights.segments_of(kind, id, at).await?;
    let failing = |(segment, detail): (SegmentOf, String)| FailingSegment {
        id: segment.id,
        name: segment.name,
        detail,
    };
    let resource = |segment: SegmentOf| Resource {
        id: segment.id,
        kind: "segment",
        attributes: SegmentOfAttributes { name: segment.name, version: segment.version },
    };
    let meta =
        SegmentsOfMeta { failing: of.failing.into_iter().map(failing).collect(), answer: of.meta.into() };
    Ok(Json(Many { data: of.segments.into_iter().map(resource).collect(), meta }))
}
