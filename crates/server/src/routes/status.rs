//! How the server is doing.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_model::Instant;
use whodid_store::StoreStatus;

use crate::auth::MayRead;
use crate::client_address::Peer;
use crate::envelope::{Answer, One, one};
use crate::problem::Problem;
use crate::services::Services;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(status))
}

/// For load balancers and supervisors: without a key, at the root.
pub(super) fn probes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready)).routes(routes!(metrics))
}

#[derive(Debug, Serialize, ToSchema)]
struct Status {
    version: &'static str,
    #[schema(value_type = String, format = DateTime)]
    started_at: Instant,
    #[schema(value_type = Object)]
    store: StoreStatus,
    since_start: SinceStart,
}

#[derive(Debug, Serialize, ToSchema)]
struct SinceStart {
    accepted: u64,
    duplicates: u64,
    not_stored: u64,
    rejected: u64,
    /// Buckets that questions have looked at.
    buckets_worked: u64,
    /// Requests that ended in a fault of ours.
    panics: u64,
}

/// Version, watermark, how much is stored and how much is in the log alone.
#[utoipa::path(get, path = "/status", tag = "Status", responses((status = 200, body = One<Status>)))]
async fn status(_: MayRead, State(services): State<Services>) -> Answer<One<Status>> {
    let counters = &services.counters;
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        started_at: services.started_at,
        store: services.store.status().await?,
        since_start: SinceStart {
            accepted: counters.accepted.load(Ordering::Relaxed),
            duplicates: counters.duplicates.load(Ordering::Relaxed),
            not_stored: counters.not_stored.load(Ordering::Relaxed),
            rejected: counters.rejected.load(Ordering::Relaxed),
            buckets_worked: whodid_insights::buckets_worked(),
            panics: counters.panics.load(Ordering::Relaxed),
        },
    };
    Ok(Json(one("status", "status", status)))
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "Status", responses((status = 200, body = Object)))]
async fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Figures in the text format of Prometheus. Without a key for callers in the networks of trusted proxies, which are
/// this machine and private ones unless told otherwise; others need a key that may read.
#[utoipa::path(
    get, path = "/metrics", tag = "Status",
    responses((status = 200, body = String, content_type = "text/plain; version=0.0.4"))
)]
async fn metrics(State(services): State<Services>, mut request: Parts) -> Result<impl IntoResponse, Problem> {
    let Ok(Peer(peer)) = Peer::from_request_parts(&mut request, &services).await;
    let client = peer.map(|peer| services.client(peer, &request.headers));
    if !client.is_some_and(|client| services.trusted_proxies.read().trusts(client)) {
        MayRead::from_request_parts(&mut request, &services).await?;
    }
    let text = crate::metrics::text(&services, &services.store.status().await?);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

/// The data can be read.
#[utoipa::path(get, path = "/readyz", tag = "Status", responses((status = 200, body = Object)))]
async fn ready(State(services): State<Services>) -> Result<Json<Value>, Problem> {
    services.store.snapshot().await?;
    Ok(Json(json!({"status": "ready"})))
}
