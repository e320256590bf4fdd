//! Who may do what. A handler says what it needs by taking [`MayRead`], [`MayWrite`], [`MayAdmin`] or [`MayIngest`];
//! what takes its key from elsewhere asks [`may_ingest`].

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use whodid_insights::catalogue::{Catalogue, Scope};

use crate::problem::Problem;
use crate::services::Services;

pub(crate) mod login_codes;
pub(crate) mod session;

pub(crate) use session::require_csrf;

const API_KEY: &str = "dd-api-key";
const APPLICATION_KEY: &str = "dd-application-key";

/// Marks a request that never left the process: the command line on a data folder of its own. No header can set it.
#[derive(Clone, Copy)]
pub(crate) struct InProcess;

macro_rules! right {
    ($(#[$doc:meta])* $name:ident, $scope:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl FromRequestParts<Services> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<$name, Problem> {
                require(parts, services.catalogue(), $scope).await.map(|()| $name)
            }
        }
    };
}

right!(
    /// The caller may ask questions.
    MayRead,
    Scope::Read
);
right!(
    /// The caller may change definitions.
    MayWrite,
    Scope::Write
);
right!(
    /// The caller may do everything.
    MayAdmin,
    Scope::Admin
);

/// Who asks, and what they may do: the one thing that keys, bearer tokens and session cookies come to.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The name of a key, or of whoever logged in.
    pub(crate) name: String,
    pub(crate) scope: Scope,
    /// Came in by a cookie, which a browser sends whoever made the page.
    by_cookie: bool,
}

/// Refuses (403, the wire contract) who is not known or may not do what is needed.
async fn require(parts: &Parts, catalogue: &Catalogue, needed: Scope) -> Result<(), Problem> {
    if parts.extensions.get::<InProcess>().is_some() {
        return Ok(());
    }
    let Some(caller) = caller(parts, catalogue).await? else {
        return Err(forbidden(format!(
            "this needs a key that may {needed}: send `Authorization: Bearer <key>`, or DD-API-KEY and \
             DD-APPLICATION-KEY"
        )));
    };
    check(&caller, parts, needed)
}

/// Whether this caller may do what is needed. By a cookie alone nothing is changed: the token that the session's
/// answer carries has to come along, which no other site can read.
fn check(caller: &Caller, parts: &Parts, needed: Scope) -> Result<(), Problem> {
    if !caller.scope.allows(needed) {
        let Caller { name, scope, .. } = caller;
        return Err(forbidden(format!("this needs a key that may {needed}; `{name}` may {scope}")));
    }
    if caller.by_cookie && needed != Scope::Read && !parts.method.is_safe() {
        require_csrf(&parts.headers)?;
    }
    Ok(())
}

/// By a bearer token, an application key beside an API key, or the cookie of a session; none without any of these.
///
/// Errors: 403 for a key that opens nothing, 401 for a session that is over.
async fn caller(parts: &Parts, catalogue: &Catalogue) -> Result<Option<Caller>, Problem> {
    let headers = &parts.headers;
    let secret = match (bearer(headers), text(headers, APPLICATION_KEY)) {
        (Some(token), _) => token,
        (None, Some(application_key)) => {
            let api_key = text(headers, API_KEY)
                .ok_or_else(|| forbidden("DD-APPLICATION-KEY needs DD-API-KEY beside it"))?;
            if catalogue.find_key(api_key).await?.is_none() {
                return Err(forbidden("the key in DD-API-KEY is unknown, revoked or expired"));
            }
            application_key
        }
        (None, None) => {
            let Some(token) = session::token(headers) else { return Ok(None) };
            let session = catalogue.find_session(&token).await?.ok_or_else(session::over)?;
            return Ok(Some(Caller { name: session.name, scope: session.scope, by_cookie: true }));
        }
    };
    match catalogue.find_key(secret).await? {
        None => Err(forbidden("the key is unknown, revoked or expired")),
        Some(key) => Ok(Some(Caller { name: key.name, scope: key.scope, by_cookie: false })),
    }
}

fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, detail)
}

/// The caller may send events, by its headers.
pub(crate) struct MayIngest;

impl FromRequestParts<Services> for MayIngest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<MayIngest, Problem> {
        if parts.extensions.get::<InProcess>().is_some() {
            return Ok(MayIngest);
        }
        let keyless = text(&parts.headers, API_KEY).is_none() && bearer(&parts.headers).is_none();
        match session::token(&parts.headers) {
            Some(_) if keyless => require(parts, services.catalogue(), Scope::Ingest).await?,
            _ => may_ingest(services.catalogue(), None, &parts.headers).await?,
        }
        Ok(MayIngest)
    }
}

/// Whether events may be sent with this key: from the query parameter `dd-api-key`, else the header of that name,
/// else a bearer token. A missing key is 401, a wrong one 403.
pub(crate) async fn may_ingest(
    catalogue: &Catalogue,
    parameter: Option<&str>,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    let secret =
        parameter.or_else(|| text(headers, API_KEY)).or_else(|| bearer(headers)).ok_or_else(|| {
            Problem::new(StatusCode::UNAUTHORIZED, "send a key that may ingest in the header DD-API-KEY")
        })?;
    match catalogue.find_key(secret).await? {
        None => Err(forbidden("the key is unknown, revoked or expired")),
        Some(key) if key.scope.allows(Scope::Ingest) => Ok(()),
        Some(key) => Err(forbidden(format!(
            "sending events needs a key that may ingest; `{}` may {}",
            key.name, key.scope
        ))),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
