//! Who may do what. A handler says what it needs by taking [`MayRead`], [`MayWrite`], [`MayAdmin`] or [`MayIngest`];
//! what takes its key from elsewhere asks [`may_ingest`].

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use whodid_insights::catalogue::{Catalogue, Scope};

use crate::problem::Problem;
use crate::services::Services;

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

/// A bearer token, or an application key beside an API key. What is missing or unknown is 403 (the wire contract).
async fn require(parts: &Parts, catalogue: &Catalogue, needed: Scope) -> Result<(), Problem> {
    if parts.extensions.get::<InProcess>().is_some() {
        return Ok(());
    }
    let forbidden = |detail: String| Problem::new(StatusCode::FORBIDDEN, detail);
    let headers = &parts.headers;
    let secret = match (bearer(headers), text(headers, APPLICATION_KEY)) {
        (Some(token), _) => token,
        (None, Some(application_key)) => {
            let api_key = text(headers, API_KEY)
                .ok_or_else(|| forbidden("DD-APPLICATION-KEY needs DD-API-KEY beside it".to_string()))?;
            if catalogue.find_key(api_key).await?.is_none() {
                return Err(forbidden("the key in DD-API-KEY is unknown, revoked or expired".to_string()));
            }
            application_key
        }
        (None, None) => {
            return Err(forbidden(format!(
                "this needs a key that may {needed}: send `Authorization: Bearer <key>`, or DD-API-KEY and \
                 DD-APPLICATION-KEY"
            )));
        }
    };
    match catalogue.find_key(secret).await? {
        None => Err(forbidden("the key is unknown, revoked or expired".to_string())),
        Some(key) if key.scope.allows(needed) => Ok(()),
        Some(key) => {
            Err(forbidden(format!("this needs a key that may {needed}; `{}` may {}", key.name, key.scope)))
        }
    }
}

/// The caller may send events, by its headers.
pub(crate) struct MayIngest;

impl FromRequestParts<Services> for MayIngest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<MayIngest, Problem> {
        if parts.extensions.get::<InProcess>().is_none() {
            may_ingest(services.catalogue(), None, &parts.headers).await?;
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
    let forbidden = |detail: String| Err(Problem::new(StatusCode::FORBIDDEN, detail));
    match catalogue.find_key(secret).await? {
        None => forbidden("the key is unknown, revoked or expired".to_string()),
        Some(key) if key.scope.allows(Scope::Ingest) => Ok(()),
        Some(key) => {
            forbidden(format!("sending events needs a key that may ingest; `{}` may {}", key.name, key.scope))
        }
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
