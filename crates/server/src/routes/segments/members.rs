//! Who is in a segment, page by page; of a list also who is not there yet.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::{MembersRequest, UnmatchedRequest};
use whodid_model::Instant;

use super::{PAGE_DEFAULT, includes_profile};
use crate::auth::MayRead;
use crate::envelope::{Answer, AnswerMeta, Many, PageMeta, Parameters, Resource};
use crate::services::Services;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(members))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MembersParameters {
    /// The evaluation instant: RFC 3339 or epoch milliseconds; absent: now.
    #[param(value_type = Option<String>)]
    at: Option<Instant>,
    /// Only ids that hold this text, whatever the case.
    #[serde(rename = "filter[q]")]
    search: Option<String>,
    /// `profile`: with each member's profile.
    include: Option<String>,
    /// Of a static segment: false asks for the identifiers that name nobody yet, instead of the members.
    matched: Option<bool>,
    /// `meta.page.next` of the page before.
    #[serde(rename = "page[cursor]")]
    cursor: Option<String>,
    /// How many at most.
    #[serde(rename = "page[limit]")]
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
struct MembersMeta {
    /// All members that the filter accepts, on whichever page.
    total: u64,
    page: PageMeta,
    #[serde(flatten)]
    answer: AnswerMeta,
}

/// Who is in a segment, in order of id.
#[utoipa::path(
    get, path = "/segments/{id}/members", tag = "Segments", params(("id" = String, Path), MembersParameters),
    responses((status = 200, body = Many<BTreeMap<String, Object>, MembersMeta>))
)]
async fn members(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<MembersParameters>,
) -> Answer<Many<BTreeMap<String, Value>, MembersMeta>> {
    let profiles = includes_profile(parameters.include.as_deref())?;
    if parameters.matched == Some(false) {
        return unmatched(&services, &id, parameters).await;
    }
    let request = MembersRequest {
        at: parameters.at,
        after: parameters.cursor,
        limit: parameters.limit.unwrap_or(PAGE_DEFAULT),
        search: parameters.search,
        profiles,
    };
    let members = services.insights.members(&id, &request).await?;
    let kind = members.entity.name();
    let data = members.members.into_iter().map(|member| Resource {
        id: member.id,
        kind,
        attributes: member.profile.into_iter().map(|(name, value)| (name, value.to_json())).collect(),
    });
    let page = PageMeta { next: members.next };
    let meta = MembersMeta { total: members.total, page, answer: members.meta.into() };
    Ok(Json(Many { data: data.collect(), meta }))
}

async fn unmatched(
    services: &Services,
    id: &str,
    parameters: MembersParameters,
) -> Answer<Many<BTreeMap<String, Value>, MembersMeta>> {
    let request = UnmatchedRequest {
        at: parameters.at,
        after: parameters.cursor,
        limit: parameters.limit.unwrap_or(PAGE_DEFAULT),
        search: parameters.search,
    };
    let found = services.insights.unmatched(id, &request).await?;
    let data = found.identifiers.into_iter().map(|identifier| Resource {
        attributes: BTreeMap::from([(found.key.name().to_string(), identifier.clone().into())]),
        id: identifier,
        kind: "identifier",
    });
    let page = PageMeta { next: found.next };
    let meta = MembersMeta { total: found.total, page, answer: found.meta.into() };
    Ok(Json(Many { data: data.collect(), meta }))
}
