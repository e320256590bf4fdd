//! What browsers send. The SDK never reads the answer, but takes everything except 408, 429 and 5xx as delivered.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_intake::{Context, Decoded, Rejection, Report, rum};
use whodid_model::limits;
use whodid_store::Appended;

use crate::auth::may_ingest;
use crate::client_address::Peer;
use crate::envelope::{Parameters, next_piece, read_body, too_large};
use crate::problem::Problem;
use crate::services::{Counters, Services};

/// Every track that the SDK may send on. Only the first is kept.
pub(crate) const TRACKS: [&str; 7] = [
    "/api/v2/rum",
    "/api/v2/logs",
    "/api/v2/replay",
    "/api/v2/profile",
    "/api/v2/exposures",
    "/api/v2/flagevaluation",
    "/api/v2/debugger",
];

pub(super) fn routes() -> OpenApiRouter<Services> {
    let others = TRACKS[1..]
        .iter()
        .fold(Router::new(), |router, track| router.route(track, axum::routing::post(not_kept)));
    OpenApiRouter::new().routes(routes!(take_rum)).merge(OpenApiRouter::from(others))
}

/// The query parameters that the SDK sends, as far as they matter here.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct IntakeParameters {
    /// A key that may ingest; the header DD-API-KEY is as good.
    #[serde(rename = "dd-api-key")]
    api_key: Option<String>,
    /// `deflate`: the body is one zlib stream.
    #[serde(rename = "dd-evp-encoding")]
    encoding: Option<String>,
}

/// What became of the lines of a request.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Taken {
    /// New events, durable now.
    pub(crate) accepted: u64,
    /// Events that were known already.
    pub(crate) duplicates: u64,
    /// Lines that are read and not kept, by type: errors, resources, telemetry.
    pub(crate) not_stored: BTreeMap<String, u64>,
    /// How many lines could not be read.
    pub(crate) rejected_count: u64,
    /// The first of them.
    pub(crate) rejected: Vec<RejectedLine>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RejectedLine {
    /// Counted from 1.
    line: u64,
    reason: String,
}

impl From<Rejection> for RejectedLine {
    fn from(rejection: Rejection) -> RejectedLine {
        RejectedLine { line: rejection.line, reason: rejection.reason }
    }
}

impl Taken {
    /// From what reading found and what the store knew already.
    pub(crate) fn new(report: Report, appended: Appended) -> Taken {
        Taken {
            accepted: appended.accepted,
            duplicates: report.duplicates + appended.duplicates,
            not_stored: report.not_stored,
            rejected_count: report.rejected_count,
            rejected: report.rejected.into_iter().map(RejectedLine::from).collect(),
        }
    }

    pub(crate) fn count(&self, counters: &Counters) {
        Counters::add(&counters.accepted, self.accepted);
        Counters::add(&counters.duplicates, self.duplicates);
        Counters::add(&counters.not_stored, self.not_stored.values().sum());
        Counters::add(&counters.rejected, self.rejected_count);
    }
}

/// Takes a batch of RUM events: JSON objects separated by newlines. 202 once they are durable.
#[utoipa::path(
    post, path = "/api/v2/rum", tag = "Intake", params(IntakeParameters),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 202, body = Taken))
)]
async fn take_rum(
    State(services): State<Services>,
    Peer(peer): Peer,
    Parameters(parameters): Parameters<IntakeParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let body = read_body(body, limits::INTAKE_BODY_BYTES).await?;
    // From here on the batch is ours, whether or not its sender waits for the answer: a page that is being closed
    // does not.
    let finish = services.arrived.clone().spawn(async move {
        let sender = may_ingest(&services, parameters.api_key.as_deref(), &headers).await?;
        let deflate = parameters.encoding.as_deref() == Some("deflate");
        let received_at = services.clock.now();
        let client_ip = peer.map(|peer| services.client(peer, &headers));
        let (enricher, text) = (services.enricher.clone(), body.clone());
        let decode = move || {
            let user_agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
            rum::decode(&body, deflate, &Context { received_at, client_ip, user_agent }, &enricher)
        };
        let Decoded { events, report } = tokio::task::spawn_blocking(decode).await??;
        sender.may_send(&events)?;
        let notes = services.tail.notes("rum", received_at, &events);
        let readable: &[u8] = if deflate { &[] } else { &text };
        services.tail.rejected("rum", received_at, &report.rejected, readable);
        let taken = Taken::new(report, services.store.append(events).await?);
        services.tail.tell(notes);
        taken.count(&services.counters);
        Ok::<Taken, Problem>(taken)
    });
    Ok((StatusCode::ACCEPTED, Json(finish.await??)))
}

/// Session recordings, logs and the like: taken off the sender's hands and dropped.
async fn not_kept(body: Body) -> Result<(StatusCode, Json<serde_json::Value>), Problem> {
    let mut chunks = body.into_data_stream();
    let mut bytes = 0;
    while let Some(chunk) = next_piece(&mut chunks).await? {
        bytes += chunk.len();
        if bytes > limits::INTAKE_BODY_BYTES {
            return Err(too_large(limits::INTAKE_BODY_BYTES));
        }
    }
    Ok((StatusCode::ACCEPTED, Json(serde_json::json!({}))))
}
