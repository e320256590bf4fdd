//! Asking without saving: the whole answer at once, or estimates that grow into it.

use std::collections::HashMap;
use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::{ClauseCount, Estimate, Preview};
use whodid_model::Instant;
use whodid_query::definition::Definition;

use super::{NoteAnswer, definition_pointer, read_definition};
use crate::auth::MayRead;
use crate::envelope::{AnswerMeta, Envelope, JsonBody, One, Resource};
use crate::problem::Problem;
use crate::services::Services;

const TYPE: &str = "segment_preview";
pub(super) const SAMPLE_SIZE: usize = 20;
const EVENT_STREAM: &str = "text/event-stream";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(preview))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreviewQuestion {
    #[schema(value_type = Object)]
    definition: Value,
    /// The evaluation instant: RFC 3339 or epoch milliseconds; absent: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Instant>,
    /// How many ids to show, 20 if absent.
    sample_size: Option<usize>,
    /// Any id of an editor, random for choice: a newer question with the same id cancels this one.
    editor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreviewAnswer {
    count: u64,
    /// All known entities of the kind.
    population: u64,
    /// Each clause by itself, in document order.
    clauses: Vec<ClauseAnswer>,
    /// The parts of an `all` that are more than one clause.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<ClauseAnswer>,
    /// Some members' ids.
    sample: Vec<String>,
    /// The definition in words.
    echo: String,
    /// What is allowed and hardly meant.
    warnings: Vec<NoteAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ClauseAnswer {
    /// JSON pointer into the definition.
    pointer: String,
    count: u64,
    /// In an `all`: how many are left after this part and those before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<u64>,
    /// Of a sequence: how many get as far as each positive step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<u64>,
}

impl From<ClauseCount> for ClauseAnswer {
    fn from(ClauseCount { pointer, count, kept, steps }: ClauseCount) -> ClauseAnswer {
        ClauseAnswer { pointer, count, kept, steps }
    }
}

impl From<Preview> for PreviewAnswer {
    fn from(preview: Preview) -> PreviewAnswer {
        PreviewAnswer {
            count: preview.count,
            population: preview.population,
            clauses: preview.clauses.into_iter().map(ClauseAnswer::from).collect(),
            groups: preview.groups.into_iter().map(ClauseAnswer::from).collect(),
            sample: preview.sample,
            echo: preview.echo,
            warnings: preview.warnings.into_iter().map(NoteAnswer::from).collect(),
        }
    }
}

/// The question that each editor is waiting for.
#[derive(Default)]
pub(crate) struct Editors(Mutex<HashMap<String, CancellationToken>>);

impl Editors {
    /// Takes a new question of an editor and cancels the one before.
    fn begin(&self, editor: Option<&str>) -> CancellationToken {
        let token = CancellationToken::new();
        if let Some(editor) = editor {
            let mut waiting = self.0.lock();
            // Nobody waits for what only this table still knows.
            waiting.retain(|_, token| !token.is_cancelled());
            if let Some(before) = waiting.insert(editor.to_string(), token.clone()) {
                before.cancel();
            }
        }
        token
    }
}

/// Ends the wait when a question is answered or given up.
struct Waiting(CancellationToken);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Counts who is in a definition, without saving it.
///
/// With `Accept: text/event-stream` the answer grows: `estimate` events (`count`, `low`, `high` with 95 % confidence,
/// `fraction` of the entities looked at, `population`, `clauses`), then `result` with the whole answer, `error`, or
/// `cancelled` when the same editor asked something newer.
#[utoipa::path(
    post, path = "/segments/preview", tag = "Segments", request_body = Envelope<PreviewQuestion>,
    responses((status = 200, content((One<PreviewAnswer, AnswerMeta> = "application/json"), (String = "text/event-stream"))))
)]
async fn preview(
    _: MayRead,
    State(services): State<Services>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Envelope<PreviewQuestion>>,
) -> Result<Response, Problem> {
    let question = body.attributes(TYPE)?;
    let definition = read_definition(&question.definition)?;
    let sample_size = question.sample_size.unwrap_or(SAMPLE_SIZE);
    let cancelled = services.editors.begin(question.editor.as_deref());
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.contains(EVENT_STREAM) {
        let events = growing(services, definition, question.at, sample_size, cancelled);
        return Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response());
    }
    let _waiting = Waiting(cancelled.clone());
    let answered = services.insights.preview(&definition, question.at, sample_size);
    let preview = tokio::select! {
        preview = answered => preview.map_err(problem)?,
        () = cancelled.cancelled() => {
            return Err(Problem::new(StatusCode::CONFLICT, "the same editor asked something newer"));
        }
    };
    Ok(Json(answer(preview)).into_response())
}

fn problem(error: whodid_insights::InsightError) -> Problem {
    Problem::from(error).within(&definition_pointer())
}

fn answer(preview: Preview) -> One<PreviewAnswer, AnswerMeta> {
    let meta = AnswerMeta::from(preview.meta.clone());
    One { data: Resource { id: TYPE.to_string(), kind: TYPE, attributes: preview.into() }, meta }
}

/// Asks in a task of its own, which ends as soon as nobody reads the events any more.
fn growing(
    services: Services,
    definition: Definition,
    at: Option<Instant>,
    sample_size: usize,
    cancelled: CancellationToken,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let asking = AbortOnDropHandle::new(tokio::spawn(async move {
        let _waiting = Waiting(cancelled.clone());
        let estimates = sender.clone();
        let mut tell = |estimate: Estimate| {
            estimates.send(event("estimate", &estimate_json(estimate))).ok();
        };
        let asked = services.insights.preview_growing(&definition, at, sample_size, &mut tell);
        let last = tokio::select! {
            preview = asked => match preview.map_err(problem) {
                Ok(preview) => event("result", &json!(answer(preview))),
                Err(problem) => event("error", &problem.body()),
            },
            () = cancelled.cancelled() => event("cancelled", &json!({})),
        };
        sender.send(last).ok();
    }));
    UnboundedReceiverStream::new(receiver).map(move |event| {
        // Lives as long as the stream.
        let _ = &asking;
        Ok(event)
    })
}

fn estimate_json(estimate: Estimate) -> Value {
    let clauses: Vec<Value> = estimate
        .clauses
        .iter()
        .map(|clause| json!({"pointer": clause.pointer, "count": clause.count}))
        .collect();
    json!({
        "count": estimate.count,
        "low": estimate.low,
        "high": estimate.high,
        "fraction": estimate.fraction,
        "population": estimate.population,
        "clauses": clauses,
    })
}

fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}
