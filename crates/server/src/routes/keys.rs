//! Access keys. A secret is answered once, when its key is made.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::catalogue::{Key, NewKey, PageRequest, Scope};
use whodid_model::{Instant, Span};

use crate::auth::MayAdmin;
use crate::envelope::{
    ATTRIBUTES, Answer, Envelope, JsonBody, ListMeta, Many, One, PageMeta, PageParameters, Parameters,
    Resource, one,
};
use crate::problem::Problem;
use crate::services::Services;

const TYPE: &str = "key";
const PAGE_DEFAULT: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke)).routes(routes!(rotate))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKeyAttributes {
    name: String,
    #[schema(value_type = String, example = "ingest")]
    scope: Scope,
    /// A secret of one's own; absent: a random one.
    secret: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Instant>,
    /// The only application whose events it takes; for keys that may ingest.
    application_id: Option<String>,
    /// The only origins whose pages may use it, such as `https://shop.example`; empty: any.
    #[serde(default)]
    origins: Vec<String>,
    /// Absent: the limit that keys have by default.
    requests_per_minute: Option<u32>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RotationAttributes {
    /// How long the old key goes on, such as `24h`.
    #[serde(default = "day")]
    #[schema(value_type = String, example = "24h")]
    overlap: Span,
}

fn day() -> Span {
    Span::from_days(1)
}

#[derive(Debug, Serialize, ToSchema)]
struct KeyAttributes {
    name: String,
    #[schema(value_type = String)]
    scope: Scope,
    /// The first characters of the secret.
    prefix: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Instant,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Instant>,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Instant>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Instant>,
    application_id: Option<String>,
    origins: Vec<String>,
    requests_per_minute: Option<u32>,
    /// The key that it took over from.
    rotated_from: Option<String>,
    /// Only in the answer that makes the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

fn resource(key: Key, secret: Option<String>) -> Resource<KeyAttributes> {
    let attributes = KeyAttributes {
        name: key.name,
        scope: key.scope,
        prefix: key.prefix,
        created_at: key.created_at,
        last_used_at: key.last_used_at,
        revoked_at: key.revoked_at,
        expires_at: key.expires_at,
        application_id: key.application_id,
        origins: key.origins,
        requests_per_minute: key.requests_per_minute,
        rotated_from: key.rotated_from,
        secret,
    };
    Resource { id: key.id, kind: TYPE, attributes }
}

/// Lists all keys, revoked ones too, in order of creation.
#[utoipa::path(get, path = "/keys", tag = "Keys", params(PageParameters), responses((status = 200, body = Many<KeyAttributes>)))]
async fn list(
    _: MayAdmin,
    State(services): State<Services>,
    Parameters(page): Parameters<PageParameters>,
) -> Answer<Many<KeyAttributes>> {
    let page = PageRequest { after: page.cursor, limit: page.limit.unwrap_or(PAGE_DEFAULT) };
    let keys = services.catalogue().list_keys(&page).await?;
    let data = keys.items.into_iter().map(|key| resource(key, None)).collect();
    Ok(Json(Many { data, meta: ListMeta { page: PageMeta { next: keys.next } } }))
}

/// Makes a key.
#[utoipa::path(post, path = "/keys", tag = "Keys", request_body = Envelope<NewKeyAttributes>, responses((status = 201, body = One<KeyAttributes>)))]
async fn create(
    _: MayAdmin,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<NewKeyAttributes>>,
) -> Result<(StatusCode, Json<One<KeyAttributes>>), Problem> {
    let attributes = body.attributes(TYPE)?;
    let new = NewKey {
        name: attributes.name,
        scope: attributes.scope,
        secret: attributes.secret,
        expires_at: attributes.expires_at,
        application_id: attributes.application_id,
        origins: attributes.origins,
        requests_per_minute: attributes.requests_per_minute,
    };
    let made = services.catalogue().create_key(new).await;
    made_key(made.map_err(|error| Problem::from(error).within(ATTRIBUTES))?)
}

/// Makes a key that may do what this one may; the old one goes on for a while.
#[utoipa::path(
    post, path = "/keys/{id}/rotate", tag = "Keys", params(("id" = String, Path)),
    request_body = Envelope<RotationAttributes>, responses((status = 201, body = One<KeyAttributes>))
)]
async fn rotate(
    _: MayAdmin,
    State(services): State<Services>,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Envelope<RotationAttributes>>,
) -> Result<(StatusCode, Json<One<KeyAttributes>>), Problem> {
    let RotationAttributes { overlap } = body.attributes("key_rotation")?;
    made_key(services.catalogue().rotate_key(&id, overlap).await?)
}

fn made_key((key, secret): (Key, String)) -> Result<(StatusCode, Json<One<KeyAttributes>>), Problem> {
    let key = resource(key, Some(secret));
    Ok((StatusCode::CREATED, Json(one(key.id, TYPE, key.attributes))))
}

/// Makes a key useless for good.
#[utoipa::path(delete, path = "/keys/{id}", tag = "Keys", params(("id" = String, Path)), responses((status = 204)))]
async fn revoke(
    _: MayAdmin,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    services.catalogue().revoke_key(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
