//! The whole engine against a second, simple reading of the semantics; plans as bytes and back.

mod aggregate;
mod codec;
mod facets;
mod journeys;
mod oracle;
mod strategies;
mod why;

use std::sync::Arc;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use whodid_model::{EntityKind, Event, Instant};
use whodid_query::definition::Definition;
use whodid_store::Snapshot;

use crate::{Engine, EngineError, Segments};

/// Members, and the members of each clause, by id.
fn evaluate(
    snapshot: &Arc<Snapshot>,
    definition: &Definition,
    at: Instant,
) -> (Vec<String>, Vec<Vec<String>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let zone = TimeZone::get("America/Sao_Paulo").unwrap();
    let answer = runtime
        .block_on(Engine::new(2).membership(snapshot, definition, &Segments::new(), at, &zone))
        .unwrap();
    let ids = |set| answer.population.ids(&answer.snapshot, set);
    (ids(&answer.members), answer.clauses.iter().map(ids).collect())
}

fn check(batches: Vec<Vec<Event>>, definition: &Definition, at: Instant) -> Result<(), TestCaseError> {
    let arrived: Vec<Event> = batches.iter().flatten().cloned().collect();
    let zone = TimeZone::get("America/Sao_Paulo").unwrap();
    let expected = oracle::members(&arrived, definition, at, &zone);
    let snapshot = Snapshot::of_events(batches);
    let (members, clauses) = evaluate(&snapshot, definition, at);
    prop_assert_eq!(members, expected, "{}", definition.to_json());
    for ((pointer, clause), members) in definition.leaves().into_iter().zip(clauses) {
        let alone = Definition { entity: definition.entity, condition: clause.clone() };
        prop_assert_eq!(
            members,
            oracle::members(&arrived, &alone, at, &zone),
            "{} of {}",
            pointer,
            definition.to_json()
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_engine_equals_the_oracle(
        batches in strategies::batches(),
        definition in strategies::definition(),
        at in strategies::instant(),
    ) {
        check(batches, &definition, at)?;
    }
}

#[test]
fn everybody_and_nobody() {
    let events = vec![whodid_testkit::view("/cart").user("u1").at("2026-11-01T10:00:00Z").build()];
    let snapshot = Snapshot::of_events(vec![events]);
    let count = |text: &str, at: &str| {
        let definition = Definition::from_json(&serde_json::from_str(text).unwrap()).unwrap();
        evaluate(&snapshot, &definition, Instant::parse(at).unwrap()).0.len()
    };
    let later = "2026-11-02T00:00:00Z";
    assert_eq!(count(r#"{"entity":"user","where":{"all":[]}}"#, later), 1);
    assert_eq!(count(r#"{"entity":"user","where":{"any":[]}}"#, later), 0);
    assert_eq!(count(r#"{"entity":"account","where":{"all":[]}}"#, later), 0);
    // What is at the evaluation instant does not exist yet.
    assert_eq!(count(r#"{"entity":"user","where":{"all":[]}}"#, "2026-11-01T10:00:00Z"), 0);
    assert_eq!(EntityKind::User.to_string(), "user");
}

#[test]
fn a_question_that_takes_too_long_is_stopped_and_says_so() {
    let snapshot = Snapshot::of_events(vec![Vec::new()]);
    let json =
        serde_json::json!({"entity": "user", "where": {"performed": {"steps": [{"event": "@type:view"}]}}});
    let definition = Definition::from_json(&json).unwrap();
    let engine = Engine::new(2);
    engine.set_limits(&crate::QueryLimits { time: std::time::Duration::ZERO, ..Default::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (segments, zone) = (Segments::new(), TimeZone::UTC);
    let outcome = runtime.block_on(engine.membership(&snapshot, &definition, &segments, Instant(0), &zone));
    assert!(matches!(outcome, Err(EngineError::OutOfTime { .. })));
    assert_eq!((engine.status().out_of_time, engine.status().running), (1, 0));
}
