//! Around every handler: changes are written into the audit log, and the caller is told what is left of its rate.

use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value;
use whodid_insights::asked_by;
use whodid_insights::catalogue::{Change, Scope};
use xxhash_rust::xxh3::Xxh3;

use super::{Admitted, Noted, Rate};
use crate::services::Services;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const PERIOD: HeaderName = HeaderName::from_static("x-ratelimit-period");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What is asked about a person has their id in its path.
const A_PERSON: &str = "/users/{id}";

/// Answers larger than this are not looked into for the id of what was made.
const READ_BYTES: u64 = 256 * 1024;

/// The layer.
pub(crate) async fn watch(State(services): State<Services>, mut request: Request, next: Next) -> Response {
    let noted = Noted::default();
    request.extensions_mut().insert(noted.clone());
    let path = request.uri().path().to_string();
    let pattern = request.extensions().get::<MatchedPath>().map_or(path.as_str(), MatchedPath::as_str);
    let action = format!("{} {pattern}", request.method());
    // The log lasts longer than what is known of a person.
    let path = if pattern.contains(A_PERSON) { pattern.to_string() } else { path };
    let safe = request.method().is_safe();
    let asker = asker(request.headers());
    let response = asked_by(asker, next.run(request)).await;
    let Some(Admitted { caller, needed, rate }) = noted.0.get() else { return response };
    let mut response = match needed {
        Scope::Write | Scope::Admin if !safe && response.status().is_success() => {
            let (response, target) = target(response).await;
            let change = Change { actor: caller.actor.clone(), action, path, target };
            if let Err(error) = services.catalogue().note_change(change).await {
                tracing::error!(%error, "could not write a change into the audit log");
            }
            response
        }
        _ => response,
    };
    if rate.per_minute < u32::MAX {
        tell(&mut response, rate);
    }
    response
}

/// The same number for requests with the same credentials, right or wrong.
fn asker(headers: &HeaderMap) -> u64 {
    let mut hash = Xxh3::new();
    for name in [AUTHORIZATION.as_str(), super::APPLICATION_KEY, COOKIE.as_str()] {
        hash.update(headers.get(name).map_or(&[][..], |value| value.as_bytes()));
    }
    hash.digest()
}

fn tell(response: &mut Response, rate: &Rate) {
    let headers = response.headers_mut();
    headers.insert(LIMIT, HeaderValue::from(rate.per_minute));
    headers.insert(PERIOD, HeaderValue::from(60));
    headers.insert(REMAINING, HeaderValue::from(rate.remaining));
    headers.entry(RESET).or_insert(HeaderValue::from(rate.reset_s));
}

/// The id that a short JSON answer has for what was made or changed.
async fn target(response: Response) -> (Response, Option<String>) {
    let json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !json || response.body().size_hint().upper().is_none_or(|bytes| bytes > READ_BYTES) {
        return (response, None);
    }
    let (head, body) = response.into_parts();
    match axum::body::to_bytes(body, READ_BYTES as usize).await {
        Ok(bytes) => {
            let id = serde_json::from_slice::<Value>(&bytes)
                .ok()
                .and_then(|answer| answer["data"]["id"].as_str().map(str::to_string));
            (Response::from_parts(head, Body::from(bytes)), id)
        }
        // The size was announced, so this cannot be; what was made stays made.
        Err(_) => (Response::from_parts(head, Body::empty()), None),
    }
}
