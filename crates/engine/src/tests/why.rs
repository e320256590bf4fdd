//! Explanations against the evaluator for everybody, and what they say of single cases.

use std::sync::Arc;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use whodid_model::{EntityKind, Event, Instant, Span};
use whodid_query::definition::Definition;
use whodid_store::Snapshot;
use whodid_testkit::{action, view};

use super::{evaluate, strategies};
use crate::{Engine, LeavesAt, Missed, Observed, Population, Segments, Why};

fn why(snapshot: &Arc<Snapshot>, definition: &Definition, at: Instant, id: &str) -> Option<Why> {
    let zone = TimeZone::get("America/Sao_Paulo").unwrap();
    Engine::new(1).why(snapshot, definition, &Segments::new(), at, &zone, id).unwrap()
}

/// What had happened before `at`, and nothing since.
fn frozen(snapshot: &Arc<Snapshot>, at: Instant) -> Arc<Snapshot> {
    let mut events: Vec<Event> = Vec::new();
    for half in snapshot.buckets().iter().flat_map(|bucket| bucket.halves()) {
        let rows = half.runs().flat_map(|(_, run)| run.rows());
        events.extend(rows.map(|row| half.columns.event(row)).filter(|event| event.ts < at));
    }
    Snapshot::of_events(vec![events])
}

/// Hours after the evaluation instant at which a departure is looked for.
const LATER_HOURS: [i64; 9] = [1, 3, 8, 13, 24, 27, 48, 96, 24 * 15];

fn check(snapshot: &Arc<Snapshot>, definition: &Definition, at: Instant) -> Result<(), TestCaseError> {
    let (members, clauses) = evaluate(snapshot, definition, at);
    let seen = snapshot.at(at);
    let population = Population::of(definition.entity, &seen, at);
    let frozen = frozen(snapshot, at);
    let later: Vec<Instant> =
        LATER_HOURS.iter().map(|hours| at.plus(Span::from_seconds(hours * 3_600))).collect();
    let later: Vec<(Instant, Vec<String>)> =
        later.into_iter().map(|at| (at, evaluate(&frozen, definition, at).0)).collect();
    for id in population.ids(&seen, &population.everyone) {
        let why = why(snapshot, definition, at, &id).unwrap();
        prop_assert_eq!(why.member, members.contains(&id), "{} {}", id, definition.to_json());
        for (leaf, clause) in why.leaves.iter().zip(&clauses) {
            prop_assert_eq!(leaf.holds, clause.contains(&id), "{} {}", id, leaf.pointer);
            prop_assert_eq!(leaf.miss.is_some(), !leaf.holds && leaf.bound.is_some());
            if let (Observed::Count(count), Some((op, bound))) = (&leaf.observed, leaf.bound) {
                prop_assert_eq!(leaf.holds, op.holds(*count as f64, bound));
            }
        }
        let stays = |instant: Instant, members: &[String]| match why.leaves_at {
            LeavesAt::At(leaves_at) if instant >= leaves_at => Ok(()),
            _ if !why.member => Ok(()),
            _ => {
                prop_assert!(members.contains(&id), "{id} left at {instant}: {}", definition.to_json());
                Ok(())
            }
        };
        later.iter().try_for_each(|(instant, members)| stays(*instant, members))?;
        if let LeavesAt::At(leaves_at) = why.leaves_at {
            let then = evaluate(&frozen, definition, leaves_at).0;
            prop_assert!(!then.contains(&id), "{id} is there at {leaves_at}: {}", definition.to_json());
            let before = evaluate(&frozen, definition, Instant(leaves_at.0 - 1)).0;
            prop_assert!(before.contains(&id), "{id} left before {leaves_at}: {}", definition.to_json());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(16), ..ProptestConfig::default() })]
    #[test]
    fn an_explanation_agrees_with_the_evaluator(
        batches in strategies::batches(),
        definition in strategies::definition(),
        at in strategies::instant(),
    ) {
        check(&Snapshot::of_events(batches), &definition, at)?;
    }
}

fn shop() -> Arc<Snapshot> {
    let on = |day: u8, minute: u8| format!("2026-11-{day:02}T10:{minute:02}:00Z");
    let ana = |event: whodid_testkit::EventBuilder, session: &str, at: String| {
        event.user("ana").session(session).at(&at).attr("geo.country", "Brazil").build()
    };
    Snapshot::of_events(vec![vec![
        ana(view("/home"), "s0", on(1, 0)),
        ana(view("/cart"), "s1", on(7, 0)),
        ana(action("COUPON"), "s1", on(7, 3)),
        ana(action("CHECKOUT"), "s1", on(7, 5)),
        ana(view("/cart"), "s2", on(7, 30)),
    ]])
}

const AT: &str = "2026-11-08T12:00:00Z";

fn ask(condition: Json) -> Why {
    let definition = Definition::from_json(&json!({"entity": "user", "where": condition})).unwrap();
    why(&shop(), &definition, Instant::parse(AT).unwrap(), "ana").unwrap()
}

fn performed(steps: &[(&str, bool)], more: Json) -> Json {
    let steps: Vec<Json> = steps.iter().map(|(event, not)| json!({"event": event, "not": not})).collect();
    let mut performed = json!({"steps": steps});
    for (name, value) in more.as_object().into_iter().flatten() {
        performed[name] = value.clone();
    }
    json!({"performed": performed})
}

#[test]
fn a_miss_says_what_stood_in_the_way() {
    let check = |steps: &[(&str, bool)], more: Json, expected: &str| {
        let why = ask(performed(steps, more));
        let miss = why.leaves[0].miss.clone().unwrap();
        let done: Vec<&str> = miss.done.iter().map(|event| event.event_id.as_str()).collect();
        let missed = match &miss.missed {
            None => String::new(),
            Some(Missed::Never { step }) => format!("never {step}"),
            Some(Missed::Broken { step, by }) => format!("broken {step} {}", by.ts),
            Some(Missed::TooLate { step, event }) => format!("late {step} {}", event.ts),
            Some(Missed::OtherSession { step, event }) => format!("session {step} {}", event.ts),
            Some(Missed::OutsideWindow { step, event }) => format!("outside {step} {}", event.ts),
            Some(Missed::NotTogether) => "not together".to_string(),
        };
        let told = format!(
            "short {:?} over {:?} done {:?}/{} {missed}",
            miss.short_by.unwrap_or_default(),
            miss.over_by.unwrap_or_default(),
            miss.steps_done.unwrap_or_default(),
            done.len()
        );
        assert_eq!(told, expected, "{steps:?}");
    };
    let cart = ("@view.name:/cart", false);
    let checkout = ("@action.name:CHECKOUT", false);
    check(&[cart], json!({"times": {"op": ">=", "value": 5}}), "short 3.0 over 0.0 done 0/0 ");
    check(&[cart], json!({"times": {"op": "<", "value": 2}}), "short 0.0 over 1.0 done 0/0 ");
    check(&[cart], json!({"times": {"op": "=", "value": 0}}), "short 0.0 over 2.0 done 0/0 ");
    check(&[("@view.name:/pay", false)], json!({}), "short 1.0 over 0.0 done 0/0 never 0");
    check(
        &[("@view.name:/home", false)],
        json!({"during": {"last": "7d"}}),
        "short 1.0 over 0.0 done 0/0 outside 0 2026-11-01T10:00:00Z",
    );
    check(&[cart, ("@view.name:/pay", false)], json!({}), "short 1.0 over 0.0 done 1/1 never 1");
    check(
        &[cart, checkout],
        json!({"within": "2m"}),
        "short 1.0 over 0.0 done 1/1 late 1 2026-11-07T10:05:00Z",
    );
    check(
        &[checkout, cart],
        json!({"within": "session"}),
        "short 1.0 over 0.0 done 1/1 session 1 2026-11-07T10:30:00Z",
    );
    check(
        &[cart, ("@action.name:COUPON", true), checkout],
        json!({}),
        "short 1.0 over 0.0 done 1/1 broken 1 2026-11-07T10:03:00Z",
    );
    check(
        &[("@view.name:/home", false), ("@action.name:CHECKOUT", true)],
        json!({}),
        "short 1.0 over 0.0 done 1/1 broken 1 2026-11-07T10:05:00Z",
    );
    check(
        &[checkout, ("@view.name:/home", false)],
        json!({"order": "any", "within": "1d"}),
        "short 1.0 over 0.0 done 2/2 not together",
    );
    check(
        &[checkout, ("@view.name:/pay", false)],
        json!({"order": "any"}),
        "short 1.0 over 0.0 done 1/1 never 1",
    );
}

#[test]
fn a_member_leaves_when_the_windows_pass() {
    let check = |condition: Json, expected: LeavesAt| {
        let why = ask(condition.clone());
        assert!(why.member, "{condition}");
        assert_eq!(why.leaves_at, expected, "{condition}");
    };
    let at = |text: &str| LeavesAt::At(Instant::parse(text).unwrap());
    let cart = [("@view.name:/cart", false)];
    let last = |times: Json| performed(&cart, json!({"during": {"last": "7d"}, "times": times}));
    check(performed(&cart, json!({})), LeavesAt::Never);
    check(last(json!({"op": ">=", "value": 1})), at("2026-11-14T10:30:00.000001Z"));
    check(last(json!({"op": ">=", "value": 2})), at("2026-11-14T10:00:00.000001Z"));
    check(last(json!({"op": "<=", "value": 2})), LeavesAt::Never);
    // Two events make it no longer one.
    check(last(json!({"op": "=", "value": 2})), at("2026-11-14T10:00:00.000001Z"));
    // Midnight in São Paulo.
    check(performed(&cart, json!({"during": {"calendar": "yesterday"}})), at("2026-11-09T03:00:00Z"));
    check(performed(&cart, json!({"during": {"calendar": "this month"}})), at("2026-12-01T03:00:00Z"));
    check(performed(&cart, json!({"during": {"since_first_seen": "7d"}})), LeavesAt::Never);
    check(json!({"profile": "country:Brazil"}), LeavesAt::Never);
    let either = json!({"any": [last(json!({"op": ">=", "value": 1})), {"profile": "country:Brazil"}]});
    check(either, LeavesAt::Never);
}

#[test]
fn what_was_observed_comes_with_its_events() {
    let why = ask(json!({"all": [
        performed(&[("@view.name:/cart", false), ("@action.name:CHECKOUT", false)], json!({"within": "session"})),
        {"profile": "country:Brazil plan:pro"},
    ]}));
    assert!(!why.member);
    let steps: Vec<(usize, usize, String)> = why.leaves[0]
        .witnesses
        .iter()
        .map(|event| (event.occurrence, event.step, event.ts.to_string()))
        .collect();
    assert_eq!(
        steps,
        [(0, 0, "2026-11-07T10:00:00Z".to_string()), (0, 1, "2026-11-07T10:05:00Z".to_string())]
    );
    assert_eq!(why.leaves[0].observed, Observed::Count(1));
    let Observed::Profile(values) = &why.leaves[1].observed else { panic!("a profile") };
    assert_eq!(values["country"].as_ref().unwrap().as_text(), "Brazil");
    assert_eq!(values["plan"], None);
    assert_eq!(Population::of(EntityKind::User, &shop(), Instant::MIN).everyone.len(), 0);
    let everybody = Definition::from_json(&json!({"entity": "user", "where": {"all": []}})).unwrap();
    assert!(super::why::why(&shop(), &everybody, Instant::parse(AT).unwrap(), "bia").is_none());
}
