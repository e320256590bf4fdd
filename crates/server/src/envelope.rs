//! Requests and answers are one JSON:API resource: `data{id, type, attributes}`, and `meta` beside it.

use axum::Json;
use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_path_to_error::Segment;
use tokio_stream::Elapsed;
use utoipa::ToSchema;
use whodid_insights::Meta;
use whodid_model::{Instant, limits};

use crate::problem::Problem;

/// Where the attributes of a request lie in it.
pub(crate) const ATTRIBUTES: &str = "/data/attributes";

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Envelope<A> {
    pub(crate) data: Data<A>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Data<A> {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) attributes: A,
}

impl<A> Envelope<A> {
    /// The attributes, once the resource has the type that is meant.
    pub(crate) fn attributes(self, kind: &str) -> Result<A, Problem> {
        if self.data.kind == kind {
            return Ok(self.data.attributes);
        }
        Err(Problem::invalid(format!("the type is `{}`; here it has to be `{kind}`", self.data.kind))
            .at("/data/type"))
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Resource<A> {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) attributes: A,
}

/// One resource as an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct One<A, M = Nothing> {
    pub(crate) data: Resource<A>,
    #[serde(skip_serializing_if = "is_nothing")]
    pub(crate) meta: M,
}

/// A list of resources as an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Many<A, M = ListMeta> {
    pub(crate) data: Vec<Resource<A>>,
    pub(crate) meta: M,
}

/// No `meta`.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Nothing {}

/// A zero-sized `meta` says nothing.
fn is_nothing<M>(_: &M) -> bool {
    size_of::<M>() == 0
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListMeta {
    pub(crate) page: PageMeta,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PageMeta {
    /// What `page[cursor]` has to be for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// When and over what an answer was computed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AnswerMeta {
    /// What is at or after this instant does not exist for the answer.
    #[schema(value_type = String, format = DateTime)]
    as_of: Instant,
    /// How far into the acknowledged events the answer reaches.
    watermark: u64,
    elapsed_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    definition_version: Option<i64>,
    /// Whether something that belongs into the answer is missing.
    partial: bool,
}

impl From<Meta> for AnswerMeta {
    fn from(meta: Meta) -> AnswerMeta {
        AnswerMeta {
            as_of: meta.as_of,
            watermark: meta.watermark,
            elapsed_ms: meta.elapsed_ms,
            definition_version: meta.definition_version,
            partial: meta.partial,
        }
    }
}

pub(crate) fn one<A>(id: impl Into<String>, kind: &'static str, attributes: A) -> One<A> {
    One { data: Resource { id: id.into(), kind, attributes }, meta: Nothing {} }
}

/// A JSON body read into `T`, whatever its content type says. Too large is 413; what can't be read is 400 with a
/// pointer to the place.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<JsonBody<T>, Problem> {
        let bytes = read_body(request.into_body(), limits::REQUEST_BODY_BYTES).await?;
        read_json(&bytes).map(JsonBody)
    }
}

pub(crate) fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        let problem = Problem::invalid(format!("the body can't be read: {}", error.into_inner()));
        if pointer.is_empty() { problem } else { problem.at(pointer) }
    })?;
    reader
        .end()
        .map_err(|error| Problem::invalid(format!("the body holds more than one JSON value: {error}")))?;
    Ok(value)
}

/// A whole body of at most `limit_bytes`, counted after decompression.
pub(crate) async fn read_body(body: Body, limit_bytes: usize) -> Result<Bytes, Problem> {
    let mut chunks = body.into_data_stream();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = next_piece(&mut chunks).await? {
        if bytes.len() + chunk.len() > limit_bytes {
            return Err(too_large(limit_bytes));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

pub(crate) async fn next_piece(chunks: &mut BodyDataStream) -> Result<Option<Bytes>, Problem> {
    chunks.next().await.transpose().map_err(broken_body)
}

pub(crate) fn too_large(limit_bytes: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit_bytes} bytes"))
}

pub(crate) fn broken_body(error: axum::Error) -> Problem {
    if is_slow(&error) {
        return Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body stopped coming; send it again without pauses",
        );
    }
    Problem::invalid(format!("the body did not arrive whole, or is not compressed as it says: {error}"))
}

/// Whether the guard around all requests gave up waiting.
fn is_slow(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(cause) = error {
        if cause.is::<Elapsed>() {
            return true;
        }
        error = cause.source();
    }
    false
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")))
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// A page of a list, from `page[cursor]` and `page[limit]`.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParameters {
    /// `meta.page.next` of the page before.
    #[serde(rename = "page[cursor]")]
    pub(crate) cursor: Option<String>,
    /// How many at most.
    #[serde(rename = "page[limit]")]
    pub(crate) limit: Option<usize>,
}

/// Query parameters; what can't be read is 400.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> axum::extract::FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> Result<Parameters<T>, Problem> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(parameters)) => Ok(Parameters(parameters)),
            Err(error) => {
                Err(Problem::invalid(format!("the query parameters can't be read: {}", error.body_text())))
            }
        }
    }
}

/// A JSON answer.
pub(crate) type Answer<T> = Result<Json<T>, Problem>;
