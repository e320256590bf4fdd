//! Who may do what. A handler says what it needs by taking [`MayRead`], [`MayWrite`], [`MayAdmin`] or [`MayIngest`];
//! what takes its key from elsewhere asks [`may_ingest`]. Every way leads to [`Caller`] and [`admit`]. The layer
//! [`watch`] writes down what was changed and says how much of a rate is left.

pub(crate) mod login_codes;
mod rates;
pub(crate) mod session;
mod watch;

use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use whodid_insights::catalogue::{Actor, Catalogue, Holder, Key, Scope, Session};
use whodid_model::{Event, limits};

use crate::problem::Problem;
use crate::services::Services;

pub(crate) use rates::{Rate, Rates};
pub(crate) use session::require_csrf;
pub(crate) use watch::watch;

const API_KEY: &str = "dd-api-key";
const APPLICATION_KEY: &str = "dd-application-key";
const APPLICATION_ID: &str = "application.id";

/// Marks a request that never left the process: the command line on a data folder of its own. No header can set it.
#[derive(Clone, Copy)]
pub(crate) struct InProcess;

/// Who asks, and what they may do: the one thing that keys, bearer tokens and session cookies come to.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) actor: Actor,
    pub(crate) scope: Scope,
    /// Its own rate, if it has one.
    pub(crate) requests_per_minute: Option<u32>,
    /// Came in by a cookie, which a browser sends whoever made the page.
    by_cookie: bool,
}

/// A caller that was let in, for what, and what is left of its rate.
#[derive(Debug)]
struct Admitted {
    caller: Caller,
    needed: Scope,
    rate: Rate,
}

/// Where [`admit`] leaves for [`watch`] whom it let in.
#[derive(Clone, Default)]
struct Noted(Arc<OnceLock<Admitted>>);

macro_rules! right {
    ($(#[$doc:meta])* $name:ident, $scope:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl FromRequestParts<Services> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<$name, Problem> {
                let caller = identify(parts, services.catalogue(), $scope).await?;
                admit(services, parts, caller, $scope).map(|()| $name)
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

/// By a bearer token, an application key beside an API key, or the cookie of a session.
///
/// Errors: 403 without any of these (the wire contract) and for a key that opens nothing, 401 for a session that is over.
async fn identify(parts: &Parts, catalogue: &Catalogue, needed: Scope) -> Result<Caller, Problem> {
    if parts.extensions.get::<InProcess>().is_some() {
        return Ok(Caller::process());
    }
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
            let token = session::token(headers).ok_or_else(|| {
                forbidden(format!(
                    "this needs a key that may {needed}: send `Authorization: Bearer <key>`, or DD-API-KEY and \
                     DD-APPLICATION-KEY"
                ))
            })?;
            let session = catalogue.find_session(&token).await?.ok_or_else(session::over)?;
            return Ok(Caller::session(session));
        }
    };
    match catalogue.find_key(secret).await? {
        None => Err(forbidden("the key is unknown, revoked or expired")),
        Some(key) => {
            check_origin(&key, headers)?;
            Ok(Caller::key(&key))
        }
    }
}

/// The one check: whether this caller may do what is needed, and has not used up its rate. By a cookie alone nothing is
/// changed: the token that the session's answer carries has to come along, which no other site can read.
fn admit(services: &Services, parts: &Parts, caller: Caller, needed: Scope) -> Result<(), Problem> {
    let rate = check(services, &caller, needed)?;
    if caller.by_cookie && needed != Scope::Read && !parts.method.is_safe() {
        require_csrf(&parts.headers)?;
    }
    if let Some(Noted(noted)) = parts.extensions.get::<Noted>() {
        noted.set(Admitted { caller, needed, rate }).ok();
    }
    Ok(())
}

fn check(services: &Services, caller: &Caller, needed: Scope) -> Result<Rate, Problem> {
    if !caller.scope.allows(needed) {
        let Caller { actor, scope, .. } = caller;
        return Err(forbidden(format!("this needs a key that may {needed}; `{}` may {scope}", actor.name)));
    }
    let rates = &services.rates;
    rates.take(&caller.actor.id, caller.requests_per_minute.unwrap_or_else(|| rates.usual()))
}

/// The caller may send events of any application, by its headers.
pub(crate) struct MayIngest;

impl FromRequestParts<Services> for MayIngest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<MayIngest, Problem> {
        if parts.extensions.get::<InProcess>().is_some() {
            return Ok(MayIngest);
        }
        let keyless = text(&parts.headers, API_KEY).is_none() && bearer(&parts.headers).is_none();
        if keyless && session::token(&parts.headers).is_some() {
            let caller = identify(parts, services.catalogue(), Scope::Ingest).await?;
            return admit(services, parts, caller, Scope::Ingest).map(|()| MayIngest);
        }
        let sender = may_ingest(services, None, &parts.headers).await?;
        match sender.application_id {
            None => Ok(MayIngest),
            Some(id) => Err(forbidden(format!(
                "this key takes events of the application {id} alone; files need a key that is bound to none"
            ))),
        }
    }
}

/// Who sends events.
pub(crate) struct Sender {
    /// The only application whose events may come.
    application_id: Option<String>,
}

impl Sender {
    /// Whether all events are of the application that the key is bound to.
    pub(crate) fn may_send(&self, events: &[Event]) -> Result<(), Problem> {
        let Some(bound) = &self.application_id else { return Ok(()) };
        let other =
            events.iter().map(|event| event.text(APPLICATION_ID)).find(|id| *id != Some(bound.as_str()));
        match other {
            None => Ok(()),
            Some(other) => Err(forbidden(format!(
                "this key takes events of the application {bound} alone, not of {}",
                other.unwrap_or("one without an id")
            ))),
        }
    }
}

/// Whether events may be sent with this key: from the query parameter `dd-api-key`, else the header of that name,
/// else a bearer token. A missing key is 401, a wrong one 403.
pub(crate) async fn may_ingest(
    services: &Services,
    parameter: Option<&str>,
    headers: &HeaderMap,
) -> Result<Sender, Problem> {
    let secret =
        parameter.or_else(|| text(headers, API_KEY)).or_else(|| bearer(headers)).ok_or_else(|| {
            Problem::new(StatusCode::UNAUTHORIZED, "send a key that may ingest in the header DD-API-KEY")
        })?;
    let key = services.catalogue().find_key(secret).await?;
    let key = key.ok_or_else(|| forbidden("the key is unknown, revoked or expired"))?;
    check_origin(&key, headers)?;
    check(services, &Caller::key(&key), Scope::Ingest)?;
    Ok(Sender { application_id: key.application_id })
}

/// A key that is bound to origins opens only pages of these. A browser always says where a page that sends is from.
fn check_origin(key: &Key, headers: &HeaderMap) -> Result<(), Problem> {
    if key.origins.is_empty() {
        return Ok(());
    }
    match text(headers, ORIGIN.as_str()) {
        Some(origin) if key.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) => Ok(()),
        Some(origin) => Err(forbidden(format!("`{}` is not open to pages of {origin}", key.name))),
        None => Err(forbidden(format!("`{}` is open to pages of its origins only", key.name))),
    }
}

impl Caller {
    fn key(key: &Key) -> Caller {
        // All visitors of an application send by one key.
        let usual = (key.scope == Scope::Ingest).then_some(limits::INTAKE_REQUESTS_PER_MINUTE);
        Caller {
            actor: Actor { kind: "key", id: key.id.clone(), name: key.name.clone() },
            scope: key.scope,
            requests_per_minute: key.requests_per_minute.or(usual),
            by_cookie: false,
        }
    }

    fn session(session: Session) -> Caller {
        let (kind, id) = match session.holder {
            Holder::Key(id) => ("key", id),
            Holder::Person(id) => ("person", id),
            Holder::Link => ("link", String::new()),
        };
        Caller {
            actor: Actor { kind, id, name: session.name },
            scope: session.scope,
            requests_per_minute: None,
            by_cookie: true,
        }
    }

    fn process() -> Caller {
        let name = "command line".to_string();
        Caller {
            actor: Actor { kind: "process", id: name.clone(), name },
            scope: Scope::Admin,
            requests_per_minute: Some(u32::MAX),
            by_cookie: false,
        }
    }
}

fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, detail)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
