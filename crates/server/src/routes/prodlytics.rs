//! What servers send: one event a request, stamped on arrival.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_intake::{Context, server_event};
use whodid_model::limits;

use crate::auth::may_ingest;
use crate::client_address::Peer;
use crate::envelope::read_body;
use crate::problem::Problem;
use crate::services::{Counters, Services};

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(take_server_event))
}

/// Takes one server-side event. 202 once it is durable.
#[utoipa::path(
    post, path = "/api/v2/prodlytics", tag = "Intake",
    request_body(content = Object, description = "`type: server`, `application.id`, `event.name`, at least one of \
        `usr.id`, `account.id`, `session.id`; any other member becomes a facet"),
    responses((status = 202, body = Object))
)]
async fn take_server_event(
    State(services): State<Services>,
    Peer(peer): Peer,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let body = read_body(body, limits::SERVER_EVENT_BYTES).await?;
    let finish = services.arrived.clone().spawn(async move {
        let sender = may_ingest(&services, None, &headers).await?;
        let received_at = services.clock.now();
        let client_ip = peer.map(|peer| services.client(peer, &headers));
        let (enricher, text) = (services.enricher.clone(), body.clone());
        let decode = move || {
            let user_agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
            server_event::decode(&body, &Context { received_at, client_ip, user_agent }, &enricher)
        };
        let decoded = tokio::task::spawn_blocking(decode).await?;
        let event = decoded.inspect_err(|error| {
            services.tail.refused("prodlytics", received_at, &error.to_string(), &text);
        })?;
        let events = vec![event];
        sender.may_send(&events)?;
        let notes = services.tail.notes("prodlytics", received_at, &events);
        let appended = services.store.append(events).await?;
        services.tail.tell(notes);
        Counters::add(&services.counters.accepted, appended.accepted);
        Counters::add(&services.counters.duplicates, appended.duplicates);
        Ok::<(), Problem>(())
    });
    finish.await??;
    Ok((StatusCode::ACCEPTED, Json(json!({}))))
}
