//! Access keys. A secret is answered once, when its key is made.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::catalogue::{Key, PageRequest, Scope};
use whodid_model::Instant;

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
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    name: String,
    #[schema(value_type = String, example = "ingest")]
    scope: Scope,
    /// A secret of one's own; absent: a random one.
    secret: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Instant>,
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
#[utoipa::path(post, path = "/keys", tag = "Keys", request_body = Envelope<NewKey>, responses((status = 201, body = One<KeyAttributes>)))]
async fn create(
    _: MayAdmin,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<NewKey>>,
) -> Result<(StatusCode, Json<One<KeyAttributes>>), Problem> {
    let new = body.attributes(TYPE)?;
    let catalogue = services.catalogue();
    let made = match new.secret {
        None => catalogue.create_key(&new.name, new.scope, new.expires_at).await,
        Some(secret) => {
            let key = catalogue.create_key_with_secret(&new.name, new.scope, new.expires_at, &secret).await;
            key.map(|key| (key, secret))
        }
    };
    let (key, secret) = made.map_err(|error| Problem::from(error).within(ATTRIBUTES))?;
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
