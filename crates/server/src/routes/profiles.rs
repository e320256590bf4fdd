//! What is known of one user or account.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_model::{EntityKind, Instant};

use crate::auth::MayRead;
use crate::envelope::{Answer, AnswerMeta, One, Parameters, Resource};
use crate::problem::Problem;
use crate::services::Services;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(user)).routes(routes!(account))
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
