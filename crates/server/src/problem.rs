//! The one place that turns what went wrong into a status code and a body.
//!
//! Three families of body exist (the wire contract): our own endpoints and the server-event intake answer a list of
//! objects, the Datadog-compatible queries a list of strings. A handler returns a [`Problem`]; the family's layer
//! writes it down.

use std::any::Any;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;
use whodid_insights::InsightError;
use whodid_intake::IntakeError;
use whodid_model::FaultKind;
use whodid_query::definition::DefinitionError;
use whodid_query::search::SearchError;
use whodid_store::StoreError;

/// How long a client should wait when the store is full.
const RETRY_AFTER_S: u64 = 2;
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What is wrong, for people: where, what, and what to write instead.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    /// JSON pointer into the request, or the name of a query parameter.
    pointer: Option<String>,
    /// More for programs: what stands in the way of a change, where in a query it is.
    meta: Option<Value>,
    /// When it makes sense to ask again.
    retry_after_s: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem { status, detail: detail.into(), pointer: None, meta: None, retry_after_s: None }
    }

    /// More than is taken for now (429); `wait_s` says when to try again.
    pub(crate) fn too_many(detail: impl Into<String>, wait_s: u64) -> Problem {
        Problem { retry_after_s: Some(wait_s), ..Problem::new(StatusCode::TOO_MANY_REQUESTS, detail) }
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    /// A fault of ours: the detail goes to the log, the caller gets an id to look it up by.
    pub(crate) fn internal(detail: &str) -> Problem {
        let id = Uuid::new_v4();
        tracing::error!(%id, detail, "a request failed");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("something went wrong on our side; the server's log has it under {id}"),
        )
    }

    pub(crate) fn of(kind: FaultKind, error: &dyn std::error::Error) -> Problem {
        match status_of(kind) {
            StatusCode::INTERNAL_SERVER_ERROR => Problem::internal(&error.to_string()),
            status => Problem::new(status, error.to_string()),
        }
    }

    pub(crate) fn at(mut self, pointer: impl Into<String>) -> Problem {
        self.pointer = Some(pointer.into());
        self
    }

    /// Makes a pointer into a part of the request one into the whole; without one, points at the part.
    pub(crate) fn within(mut self, part: &str) -> Problem {
        if self.status == StatusCode::BAD_REQUEST || self.pointer.is_some() {
            self.pointer = Some(format!("{part}{}", self.pointer.unwrap_or_default()));
        }
        self
    }

    /// As it would be answered.
    pub(crate) fn body(&self) -> Value {
        json!({"errors": [self.as_object()]})
    }

    fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    fn as_object(&self) -> Value {
        let mut object = json!({
            "status": self.status.as_str(),
            "title": self.title(),
            "detail": self.detail,
        });
        if let Some(pointer) = &self.pointer {
            let member = if pointer.starts_with('/') { "pointer" } else { "parameter" };
            object["source"] = json!({member: pointer});
        }
        if let Some(meta) = &self.meta {
            object["meta"] = meta.clone();
        }
        object
    }

    fn as_text(&self) -> Value {
        match &self.pointer {
            Some(pointer) => format!("{} (at {pointer})", self.detail).into(),
            None => self.detail.clone().into(),
        }
    }

    fn respond(self, errors: Value) -> Response {
        let busy = matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let mut response = (self.status, Json(json!({"errors": [errors]}))).into_response();
        if busy {
            let wait_s = HeaderValue::from(self.retry_after_s.unwrap_or(RETRY_AFTER_S));
            response.headers_mut().insert(RETRY_AFTER, wait_s.clone());
            response.headers_mut().insert(RATE_LIMIT_RESET, wait_s);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The status code of each kind of error.
fn status_of(kind: FaultKind) -> StatusCode {
    match kind {
        FaultKind::Invalid => StatusCode::BAD_REQUEST,
        FaultKind::NotFound => StatusCode::NOT_FOUND,
        FaultKind::Conflict => StatusCode::CONFLICT,
        FaultKind::Stale => StatusCode::PRECONDITION_FAILED,
        FaultKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        FaultKind::Busy => StatusCode::TOO_MANY_REQUESTS,
        FaultKind::Cancelled => StatusCode::GATEWAY_TIMEOUT,
        FaultKind::Damaged | FaultKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let object = self.as_object();
        self.respond(object)
    }
}

/// Layer of the Datadog-compatible queries: errors are strings.
pub(crate) async fn as_strings(mut response: Response) -> Response {
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => {
            let text = problem.as_text();
            problem.respond(text)
        }
        None => response,
    }
}

/// Layer of reference tables: objects that say little of their status.
pub(crate) async fn as_generic(mut response: Response) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let text = problem.as_text();
    let object = match problem.status {
        StatusCode::BAD_REQUEST => json!({"title": "Generic Error", "detail": text}),
        status => json!({"title": problem.title(), "detail": text, "status": status.as_str()}),
    };
    problem.respond(object)
}

/// Outermost layer: an error that no handler wrote (an unknown route, a method that is not allowed, a body that could
/// not be unpacked) gets a body like the others.
pub(crate) async fn complete(response: Response) -> Response {
    let status = response.status();
    let unwritten = status.is_client_error() || status.is_server_error();
    if !unwritten || response.extensions().get::<Problem>().is_some() {
        return response;
    }
    let detail = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            "this path does not answer that method; the header Allow names those that it does".to_string()
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "the body's Content-Encoding is not known; send gzip, deflate, zstd or none".to_string()
        }
        StatusCode::PAYLOAD_TOO_LARGE => "the body is larger than this path takes".to_string(),
        _ => "the request could not be read".to_string(),
    };
    Problem::new(status, detail).into_response()
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a text")
}

impl From<InsightError> for Problem {
    fn from(error: InsightError) -> Problem {
        if let InsightError::Definition(error) = error {
            return error.into();
        }
        let mut problem = Problem::of(error.kind(), &error);
        match error {
            InsightError::Invalid { pointer, hint, .. } => {
                problem.pointer = pointer;
                if let Some(hint) = hint {
                    problem.detail = format!("{}; {hint}", problem.detail);
                }
            }
            InsightError::Conflict { users, .. } if !users.is_empty() => {
                problem.meta = Some(json!({"users": users}))
            }
            _ => {}
        }
        problem
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        Problem::of(error.kind(), &error)
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Problem {
        Problem::of(error.kind(), &error)
    }
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Problem {
        let meta = json!({"offset": error.offset, "length": error.length});
        Problem { meta: Some(meta), ..Problem::of(error.kind(), &error) }
    }
}

impl From<DefinitionError> for Problem {
    fn from(error: DefinitionError) -> Problem {
        let detail = format!("{}; {}", error.message, error.hint);
        let meta =
            error.search.as_ref().map(|search| json!({"offset": search.offset, "length": search.length}));
        Problem {
            pointer: Some(error.pointer.clone()),
            meta,
            ..Problem::new(status_of(error.kind()), detail)
        }
    }
}

/// A task of ours panicked or was stopped.
impl From<tokio::task::JoinError> for Problem {
    fn from(error: tokio::task::JoinError) -> Problem {
        match error.try_into_panic() {
            Ok(panic) => Problem::internal(panic_text(&*panic)),
            Err(_) => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping; try again in a moment")
            }
        }
    }
}
