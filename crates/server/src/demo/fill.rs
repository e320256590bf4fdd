//! Takes the shop's traffic in as if it had just arrived.

use std::time::Duration;

use tokio::sync::mpsc;
use whodid_insights::NewSegment;
use whodid_intake::{Context, Enricher, IntakeError, rum, server_event};
use whodid_model::Event;
use whodid_query::definition::Definition;

use super::{Shop, Visit, ready_made};
use crate::services::Services;
use crate::start::StartError;

/// How many events go into the store at once: enough to share one sync to disk, few enough to keep both cores busy.
const APPEND_EVENTS: usize = 8_000;
const APPENDS_AHEAD: usize = 2;

pub(crate) struct Filled {
    pub(crate) events: u64,
    pub(crate) elapsed: Duration,
}

/// Fills an empty store and saves the ready-made segments. One thread reads while the other writes.
pub(crate) async fn fill(services: &Services, shop: Shop) -> Result<Filled, StartError> {
    let started_at = services.clock.now();
    let (sender, mut receiver) = mpsc::channel::<Vec<Event>>(APPENDS_AHEAD);
    let enricher = services.enricher.clone();
    let reading = tokio::task::spawn_blocking(move || read(&shop, &enricher, &sender));
    let mut events = 0;
    while let Some(batch) = receiver.recv().await {
        events += services.store.append(batch).await?.accepted;
    }
    reading.await.map_err(|error| StartError::Demo(error.to_string()))??;
    for segment in ready_made() {
        let definition = Definition::from_json(&segment.definition)
            .map_err(|error| StartError::Demo(error.to_string()))?;
        let new = NewSegment {
            name: segment.name.to_string(),
            description: segment.description.to_string(),
            tags: vec!["demo".to_string()],
            definition,
        };
        services.insights.create_segment(new).await?;
    }
    let elapsed = services.clock.now().0 - started_at.0;
    Ok(Filled { events, elapsed: Duration::from_micros(elapsed.max(0) as u64) })
}

fn read(shop: &Shop, enricher: &Enricher, sender: &mpsc::Sender<Vec<Event>>) -> Result<(), StartError> {
    let mut batch = Vec::with_capacity(APPEND_EVENTS);
    for visit in shop.visits() {
        batch.extend(events_of(visit, shop, enricher).map_err(|error| StartError::Demo(error.to_string()))?);
        if batch.len() >= APPEND_EVENTS {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(APPEND_EVENTS));
            // The receiver goes away only when its end has failed; that end reports it.
            if sender.blocking_send(full).is_err() {
                return Ok(());
            }
        }
    }
    sender.blocking_send(batch).ok();
    Ok(())
}

fn events_of(visit: Visit, shop: &Shop, enricher: &Enricher) -> Result<Vec<Event>, IntakeError> {
    let context = Context { received_at: shop.end, client_ip: None, user_agent: Some(visit.user_agent) };
    let mut events = rum::decode(visit.rum.as_bytes(), false, &context, enricher)?.events;
    for (received_at, body) in visit.server_events {
        let context = Context { received_at, client_ip: None, user_agent: None };
        events.push(server_event::decode(body.as_bytes(), &context, enricher)?);
    }
    Ok(events)
}
