//! The cookie of a session, and the token that shows that a request comes from our own pages.

use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use whodid_insights::catalogue::csrf_token;

use super::{forbidden, text};
use crate::problem::Problem;

const COOKIE: &str = "whodid_session";
const CSRF: &str = "x-csrf-token";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The token of the session that a request says it belongs to.
pub(crate) fn token(headers: &HeaderMap) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    jar.get(COOKIE).map(|cookie| cookie.value().to_string()).filter(|token| !token.is_empty())
}

pub(crate) fn over() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "the session is over; log in again")
}

/// The header that gives a browser the session, or takes it away when there is no token.
pub(crate) fn set_cookie(token: Option<&str>, over_tls: bool) -> Result<HeaderMap, Problem> {
    let mut cookie = Cookie::build((COOKIE, token.unwrap_or_default().to_string()))
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(over_tls)
        .path("/")
        .build();
    if token.is_none() {
        cookie.make_removal();
    }
    let value = HeaderValue::from_str(&cookie.to_string())
        .map_err(|_| Problem::internal("a session cookie that is no header"))?;
    Ok(HeaderMap::from_iter([(SET_COOKIE, value)]))
}

/// Whether the browser's side of the connection is encrypted. A proxy's word is enough here: believing a lie only
/// makes the cookie stay away from a plain connection.
pub(crate) fn over_tls(headers: &HeaderMap) -> bool {
    text(headers, FORWARDED_PROTO).is_some_and(|proto| proto.eq_ignore_ascii_case("https"))
}

/// Errors: 403 unless the request carries the token of its session.
pub(crate) fn require_csrf(headers: &HeaderMap) -> Result<(), Problem> {
    let expected = token(headers).map(|token| csrf_token(&token));
    if expected.is_some() && text(headers, CSRF) == expected.as_deref() {
        return Ok(());
    }
    Err(forbidden("a change through a session needs the header X-CSRF-Token with the session's `csrf_token`"))
}
