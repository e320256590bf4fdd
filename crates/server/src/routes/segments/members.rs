//! Who is in a segment, or in a definition that is not saved; of a list also who is not there yet.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::{Members, MembersRequest, UnmatchedRequest};
use whodid_model::Instant;

use super::{PAGE_DEFAULT, read_definition};
use crate::auth::MayRead;
use crate::envelope::{
    ATTRIBUTES, Answer, AnswerMeta, Envelope, JsonBody, Many, PageMeta, Parameters, Resource,
};
use crate::problem::Problem;
use crate::services::Services;

/// What a definition's members are asked for by.
pub(super) const REQUEST_TYPE: &str = "segment_members_request";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(members)).routes(routes!(members_of))
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
    /// A profile attribute, with `-` before it for the largest first; absent: by id.
    sort: Option<String>,
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

type MembersAnswer = Many<BTreeMap<String, Value>, MembersMeta>;

/// Who is in a segment: in order of id, or of a profile attribute.
#[utoipa::path(
    get, path = "/segments/{id}/members", tag = "Segments", params(("id" = String, Path), MembersParameters),
    responses((status = 200, body = Many<BTreeMap<String, Object>, MembersMeta>))
)]
async fn members(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<MembersParameters>,
) -> Answer<MembersAnswer> {
    if parameters.matched == Some(false) {
        return unmatched(&services, &id, parameters).await;
    }
    let request = MembersRequest {
        at: parameters.at,
        after: parameters.cursor,
        limit: parameters.limit.unwrap_or(PAGE_DEFAULT),
        search: parameters.search,
        sort: parameters.sort,
        profiles: includes_profile(parameters.include.as_deref())?,
    };
    Ok(shown(services.insights.members(&id, &request).await?))
}

/// A definition whose members are asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MembersQuestion {
    #[schema(value_type = Object)]
    pub(super) definition: Value,
    /// The evaluation instant: RFC 3339 or epoch milliseconds; absent: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) at: Option<Instant>,
    /// `meta.page.next` of the page before.
    cursor: Option<String>,
    /// How many at most.
    limit: Option<usize>,
    /// A profile attribute, with `-` before it for the largest first; absent: by id.
    sort: Option<String>,
    /// Only ids that hold this text, whatever the case.
    q: Option<String>,
    /// `["profile"]`: with each member's profile.
    #[serde(default)]
    include: Vec<String>,
}

impl MembersQuestion {
    pub(super) fn profiles(&self) -> Result<bool, Problem> {
        let each = self.include.iter().map(|name| {
            includes_profile(Some(name)).map_err(|problem| problem.at(format!("{ATTRIBUTES}/include")))
        });
        Ok(each.collect::<Result<Vec<bool>, _>>()?.contains(&true))
    }
}

/// Who is in a definition, without saving it.
#[utoipa::path(
    post, path = "/segments/members", tag = "Segments", request_body = Envelope<MembersQuestion>,
    responses((status = 200, body = Many<BTreeMap<String, Object>, MembersMeta>))
)]
async fn members_of(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<MembersQuestion>>,
) -> Answer<MembersAnswer> {
    let question = body.attributes(REQUEST_TYPE)?;
    let definition = read_definition(&question.definition)?;
    let request = MembersRequest {
        at: question.at,
        profiles: question.profiles()?,
        after: question.cursor,
        limit: question.limit.unwrap_or(PAGE_DEFAULT),
        search: question.q,
        sort: question.sort,
    };
    let members = services.insights.members_of(&definition, None, &request).await;
    Ok(shown(members.map_err(|error| Problem::from(error).within(&super::definition_pointer()))?))
}

fn shown(members: Members) -> Json<MembersAnswer> {
    let kind = members.entity.name();
    let data = members.members.into_iter().map(|member| Resource {
        id: member.id,
        kind,
        attributes: member.profile.into_iter().map(|(name, value)| (name, value.to_json())).collect(),
    });
    let page = PageMeta { next: members.next };
    let meta = MembersMeta { total: members.total, page, answer: members.meta.into() };
    Json(Many { data: data.collect(), meta })
}

pub(super) fn includes_profile(include: Option<&str>) -> Result<bool, Problem> {
    match include {
        None | Some("") => Ok(false),
        Some("profile") => Ok(true),
        Some(other) => {
            Err(Problem::invalid(format!("`{other}` can't be included; write profile")).at("include"))
        }
    }
}

async fn unmatched(services: &Services, id: &str, parameters: MembersParameters) -> Answer<MembersAnswer> {
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
