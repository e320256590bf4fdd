//! Logging in, for browsers: a key, a one-time code or a password becomes a cookie.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::catalogue::{Holder, Scope, Session, csrf_token};
use whodid_model::{Instant, limits};

use crate::auth::{require_csrf, session};
use crate::envelope::{ATTRIBUTES, Answer, Envelope, JsonBody, One, one};
use crate::problem::Problem;
use crate::services::Services;

const TYPE: &str = "session";
/// Calendar weeks that name no start begin then.
const WEEK_START: &str = "monday";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(get, create, delete))
}

/// One way to show who one is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// The secret of a key that may read, write or do everything.
    key: Option<String>,
    /// The code of a link that the server printed.
    code: Option<String>,
    /// A person's address, with `password`.
    email: Option<String>,
    password: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SessionAttributes {
    /// To be sent as `X-CSRF-Token` with every request that changes something.
    csrf_token: String,
    /// What the session may do.
    #[schema(value_type = Vec<String>)]
    scopes: Vec<Scope>,
    /// viewer, editor or admin
    role: &'static str,
    /// The key's name, or of whoever logged in.
    name: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Instant,
    workspace: Workspace,
    /// Of the server.
    version: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct Workspace {
    /// Of calendar windows that name none.
    timezone: String,
    week_start: &'static str,
}

fn shown(services: &Services, session: Session, token: &str) -> One<SessionAttributes> {
    let attributes = SessionAttributes {
        csrf_token: csrf_token(token),
        scopes: Scope::ALL.into_iter().filter(|scope| session.scope.allows(*scope)).collect(),
        role: role(session.scope),
        name: session.name,
        expires_at: session.expires_at,
        workspace: Workspace {
            timezone: services.insights.timezone().iana_name().unwrap_or("UTC").to_string(),
            week_start: WEEK_START,
        },
        version: env!("CARGO_PKG_VERSION"),
    };
    one(TYPE, TYPE, attributes)
}

fn role(scope: Scope) -> &'static str {
    match scope {
        Scope::Ingest | Scope::Read => "viewer",
        Scope::Write => "editor",
        Scope::Admin => "admin",
    }
}

/// Opens a session: the answer sets a cookie that stands for the key from then on.
#[utoipa::path(
    post, path = "/session", tag = "Session", request_body = Envelope<Login>,
    responses((status = 200, body = One<SessionAttributes>))
)]
async fn create(
    State(services): State<Services>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Envelope<Login>>,
) -> Result<impl IntoResponse, Problem> {
    let holder = holder(&services, body.attributes(TYPE)?).await?;
    let (session, token) = services.catalogue().open_session(&holder).await?;
    let cookie = session::set_cookie(Some(&token), services.tls || session::over_tls(&headers))?;
    Ok((cookie, Json(shown(&services, session, &token))))
}

async fn holder(services: &Services, login: Login) -> Result<Holder, Problem> {
    let refused = |detail: &str, member: &str| {
        Problem::new(StatusCode::FORBIDDEN, detail).at(format!("{ATTRIBUTES}/{member}"))
    };
    match (login.key, login.code, login.email.zip(login.password)) {
        (None, None, Some((email, password))) => {
            services.rates.take(&format!("login {}", email.to_lowercase()), limits::LOGINS_PER_MINUTE)?;
            let person = services.catalogue().log_in(&email, &password).await?;
            let person =
                person.ok_or_else(|| refused("nobody has this address and this password", "password"));
            Ok(Holder::Person(person?.id))
        }
        (Some(secret), None, None) => match services.catalogue().find_key(&secret).await? {
            None => Err(refused("the key is unknown, revoked or expired", "key")),
            Some(key) if key.scope.allows(Scope::Read) => Ok(Holder::Key(key.id)),
            Some(key) => {
                let detail =
                    format!("`{}` may only {}; log in with a key that may read", key.name, key.scope);
                Err(refused(&detail, "key"))
            }
        },
        (None, Some(code), None) => match services.login_codes.take(&code, services.clock.now()) {
            true => Ok(Holder::Link),
            false => Err(refused("the code is unknown, used or too old; start from a new link", "code")),
        },
        _ => Err(Problem::invalid("write either `key`, or `code`, or `email` and `password`").at(ATTRIBUTES)),
    }
}

/// The session that the request belongs to; 401 without one.
#[utoipa::path(
    get, path = "/session", tag = "Session", responses((status = 200, body = One<SessionAttributes>))
)]
async fn get(State(services): State<Services>, headers: HeaderMap) -> Answer<One<SessionAttributes>> {
    let token = session::token(&headers).ok_or_else(session::over)?;
    let found = services.catalogue().find_session(&token).await?.ok_or_else(session::over)?;
    Ok(Json(shown(&services, found, &token)))
}

/// Ends the session that the request belongs to.
#[utoipa::path(delete, path = "/session", tag = "Session", responses((status = 204)))]
async fn delete(State(services): State<Services>, headers: HeaderMap) -> Result<impl IntoResponse, Problem> {
    if let Some(token) = session::token(&headers) {
        require_csrf(&headers)?;
        services.catalogue().close_session(&token).await?;
    }
    let cookie = session::set_cookie(None, services.tls || session::over_tls(&headers))?;
    Ok((StatusCode::NO_CONTENT, cookie))
}
