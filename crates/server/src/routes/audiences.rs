//! Users and accounts by their profiles, in the shapes of the Datadog-compatible API.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::{AttributeValuesRequest, EventFilter, MappedAttribute, Profiles, ProfilesRequest};
use whodid_model::EntityKind;

use crate::auth::MayRead;
use crate::envelope::{ATTRIBUTES, Answer, AnswerMeta, Envelope, JsonBody, One, Resource};
use crate::problem::Problem;
use crate::services::Services;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(query_users))
        .routes(routes!(query_accounts))
        .routes(routes!(query_event_filtered_users))
        .routes(routes!(user_facet_info))
        .routes(routes!(account_facet_info))
        .routes(routes!(user_mapping))
        .routes(routes!(account_mapping))
}

#[derive(Debug, Deserialize, ToSchema)]
struct ProfilesQuestion {
    /// Over profile attributes; absent or empty: everyone.
    query: Option<String>,
    limit: Option<u64>,
    /// Names of profile attributes; absent or empty: all that a profile has.
    select_columns: Option<Vec<String>>,
    sort: Option<ProfileSort>,
    /// Text in the id, the name or the email; `*` and `?` stand for others.
    wildcard_search_term: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct ProfileSort {
    field: Option<String>,
    /// `ASC` or `DESC`, which is the default.
    order: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct EventFilteredQuestion {
    query: Option<String>,
    limit: Option<u64>,
    select_columns: Option<Vec<String>>,
    /// Adds `row_count` to each hit: how many of the events there are.
    include_row_count: Option<bool>,
    event_query: Option<EventQuery>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct EventQuery {
    query: Option<String>,
    time_frame: Option<TimeFrame>,
}

/// Seconds since 1970.
#[derive(Debug, Deserialize, ToSchema)]
struct TimeFrame {
    start: Option<i64>,
    end: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ProfilesAnswer {
    /// Values by column; null where a profile has none.
    #[schema(value_type = Vec<Object>)]
    hits: Vec<Map<String, Value>>,
    /// How many there are, whatever the limit.
    total: u64,
}

#[derive(Debug, Deserialize, ToSchema)]
struct FacetInfoQuestion {
    facet_id: String,
    limit: u64,
    search: Option<FacetSearch>,
    term_search: Option<TermSearch>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct FacetSearch {
    /// Over profile attributes.
    query: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct TermSearch {
    /// Part of the facet's value.
    value: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FacetInfoAnswer {
    result: FacetValues,
}

#[derive(Debug, Serialize, ToSchema)]
struct FacetValues {
    /// The most frequent first.
    values: Vec<FacetValue>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FacetValue {
    value: String,
    count: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct MappingAnswer {
    attributes: Vec<Attribute>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Attribute {
    attribute: String,
    /// `string`, `number`, `boolean` or `date`
    #[serde(rename = "type")]
    value_type: &'static str,
    display_name: String,
    description: String,
    groups: Vec<String>,
    is_custom: bool,
}

impl From<MappedAttribute> for Attribute {
    fn from(mapped: MappedAttribute) -> Attribute {
        let MappedAttribute { name, value_type, display_name, description, groups, is_custom } = mapped;
        let attribute = if is_custom { format!("@{name}") } else { name };
        Attribute { attribute, value_type, display_name, description, groups, is_custom }
    }
}

impl ProfilesQuestion {
    fn request(self) -> Result<ProfilesRequest, Problem> {
        Ok(ProfilesRequest {
            query: self.query.unwrap_or_default(),
            limit: self.limit,
            columns: self.select_columns.unwrap_or_default(),
            sort: self.sort.map(ProfileSort::read).transpose()?.flatten(),
            term: self.wildcard_search_term,
            events: None,
            row_count: false,
        })
    }
}

impl ProfileSort {
    fn read(self) -> Result<Option<(String, bool)>, Problem> {
        let ascending = match self.order.as_deref().unwrap_or_default().to_lowercase().as_str() {
            "asc" => true,
            "" | "desc" => false,
            other => {
                return Err(Problem::invalid(format!("`{other}` is not an order; write ASC or DESC"))
                    .at(format!("{ATTRIBUTES}/sort/order")));
            }
        };
        Ok(self.field.filter(|field| !field.is_empty()).map(|field| (field, ascending)))
    }
}

type ProfilesResponse = One<ProfilesAnswer, AnswerMeta>;

fn answer(found: Profiles) -> ProfilesResponse {
    let attributes = ProfilesAnswer { hits: found.hits, total: found.total };
    let data = Resource { id: "query_response".to_string(), kind: "query_response", attributes };
    One { data, meta: found.meta.into() }
}

async fn query(services: &Services, kind: EntityKind, request: &ProfilesRequest) -> Answer<ProfilesResponse> {
    let found = services.insights.query_profiles(kind, request).await;
    Ok(Json(answer(found.map_err(|error| Problem::from(error).within(ATTRIBUTES))?)))
}

/// Users by their profiles: identified ones, unless the query asks for `is_anonymous`.
#[utoipa::path(
    post, path = "/users/query", tag = "Audiences", request_body = Envelope<ProfilesQuestion>,
    responses((status = 200, body = One<ProfilesAnswer, AnswerMeta>))
)]
async fn query_users(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<ProfilesQuestion>>,
) -> Answer<ProfilesResponse> {
    query(&services, EntityKind::User, &body.attributes("query_users_request")?.request()?).await
}

/// Accounts by their profiles.
#[utoipa::path(
    post, path = "/accounts/query", tag = "Audiences", request_body = Envelope<ProfilesQuestion>,
    responses((status = 200, body = One<ProfilesAnswer, AnswerMeta>))
)]
async fn query_accounts(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<ProfilesQuestion>>,
) -> Answer<ProfilesResponse> {
    query(&services, EntityKind::Account, &body.attributes("query_account_request")?.request()?).await
}

/// Users by their profiles who have such an event in a time frame.
#[utoipa::path(
    post, path = "/users/event_filtered_query", tag = "Audiences",
    request_body = Envelope<EventFilteredQuestion>,
    responses((status = 200, body = One<ProfilesAnswer, AnswerMeta>))
)]
async fn query_event_filtered_users(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<EventFilteredQuestion>>,
) -> Answer<ProfilesResponse> {
    let question = body.attributes("query_event_filtered_users_request")?;
    let events = question.event_query.map(|events| EventFilter {
        query: events.query.unwrap_or_default(),
        from_s: events.time_frame.as_ref().and_then(|frame| frame.start),
        to_s: events.time_frame.as_ref().and_then(|frame| frame.end),
    });
    let request = ProfilesRequest {
        query: question.query.unwrap_or_default(),
        limit: question.limit,
        columns: question.select_columns.unwrap_or_default(),
        events: Some(events.unwrap_or_default()),
        row_count: question.include_row_count.unwrap_or_default(),
        ..ProfilesRequest::default()
    };
    query(&services, EntityKind::User, &request).await
}

type FacetInfoResponse = One<FacetInfoAnswer, AnswerMeta>;

async fn facet_info(
    services: &Services,
    kind: EntityKind,
    body: Envelope<FacetInfoQuestion>,
) -> Answer<FacetInfoResponse> {
    let question = body.attributes("users_facet_info_request")?;
    let request = AttributeValuesRequest {
        attribute: question.facet_id,
        limit: question.limit,
        query: question.search.and_then(|search| search.query).unwrap_or_default(),
        term: question.term_search.and_then(|search| search.value),
    };
    let values = services.insights.attribute_values(kind, &request).await;
    let values = values.map_err(|error| Problem::from(error).within(ATTRIBUTES))?;
    let value = |(value, count)| FacetValue { value, count };
    let result = FacetValues { values: values.values.into_iter().map(value).collect() };
    let data = Resource {
        id: "facet_info_response".to_string(),
        kind: "users_facet_info",
        attributes: FacetInfoAnswer { result },
    };
    Ok(Json(One { data, meta: values.meta.into() }))
}

/// Values of an attribute of users with how many have each.
#[utoipa::path(
    post, path = "/users/facet_info", tag = "Audiences", request_body = Envelope<FacetInfoQuestion>,
    responses((status = 200, body = One<FacetInfoAnswer, AnswerMeta>))
)]
async fn user_facet_info(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<FacetInfoQuestion>>,
) -> Answer<FacetInfoResponse> {
    facet_info(&services, EntityKind::User, body).await
}

/// Values of an attribute of accounts with how many have each.
#[utoipa::path(
    post, path = "/accounts/facet_info", tag = "Audiences", request_body = Envelope<FacetInfoQuestion>,
    responses((status = 200, body = One<FacetInfoAnswer, AnswerMeta>))
)]
async fn account_facet_info(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<FacetInfoQuestion>>,
) -> Answer<FacetInfoResponse> {
    facet_info(&services, EntityKind::Account, body).await
}

async fn mapping(services: &Services, kind: EntityKind) -> Answer<One<MappingAnswer>> {
    let attributes = services.insights.mapping(kind).await?;
    let attributes = MappingAnswer { attributes: attributes.into_iter().map(Attribute::from).collect() };
    Ok(Json(crate::envelope::one("get_mappings_response", "get_mappings_response", attributes)))
}

/// The attributes that profiles of users have.
#[utoipa::path(
    get, path = "/users/mapping", tag = "Audiences",
    responses((status = 200, body = One<MappingAnswer>))
)]
async fn user_mapping(_: MayRead, State(services): State<Services>) -> Answer<One<MappingAnswer>> {
    mapping(&services, EntityKind::User).await
}

/// The attributes that profiles of accounts have.
#[utoipa::path(
    get, path = "/accounts/mapping", tag = "Audiences",
    responses((status = 200, body = One<MappingAnswer>))
)]
async fn account_mapping(_: MayRead, State(services): State<Services>) -> Answer<One<MappingAnswer>> {
    mapping(&services, EntityKind::Account).await
}
