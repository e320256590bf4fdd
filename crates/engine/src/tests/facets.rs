//! Facets and values against counting one event, and one profile, after another.

use std::collections::BTreeMap;

use whodid_model::Value;
use whodid_query::definition::Condition;
use whodid_store::{Owner, Snapshot};

use super::*;
use crate::Membership;

/// Each value with its count, by attribute.
type Tally = BTreeMap<String, BTreeMap<String, u64>>;

fn tally(into: &mut Tally, name: &str, value: &Value) {
    let texts = match value {
        Value::Null => Vec::new(),
        Value::List(items) => items.clone(),
        scalar => vec![scalar.as_text().into_owned()],
    };
    // An empty list is there, and has no value.
    if !matches!(value, Value::Null) {
        into.entry(name.to_string()).or_default();
    }
    for text in texts {
        *into.entry(name.to_string()).or_default().entry(text).or_default() += 1;
    }
}

fn events(snapshot: &Snapshot, at: Instant) -> Tally {
    let mut found = Tally::new();
    for half in snapshot.buckets().iter().flat_map(|bucket| bucket.halves()) {
        for row in half.runs().flat_map(|(_, run)| run.rows()) {
            let event = half.columns.resolved_event(row);
            if event.ts < at {
                tally(&mut found, "type", &Value::text(event.kind.name()));
                event.attributes.iter().for_each(|(path, value)| tally(&mut found, path, value));
            }
        }
    }
    found
}

fn membership(snapshot: &Arc<Snapshot>, kind: EntityKind, at: Instant) -> Membership {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let everyone = Definition { entity: kind, condition: Condition::All(Vec::new()) };
    let (engine, none) = (Engine::new(1), Segments::new());
    runtime.block_on(engine.membership(snapshot, &everyone, &none, at, &TimeZone::UTC)).unwrap()
}

fn listed(values: crate::TopValues) -> BTreeMap<String, u64> {
    assert_eq!(values.distinct, values.values.len() as u64);
    assert!(values.values.windows(2).all(|pair| pair[0].count >= pair[1].count));
    let mut found = BTreeMap::new();
    for one in values.values {
        *found.entry(one.value.as_text().into_owned()).or_default() += one.count;
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.min(64), ..ProptestConfig::default() })]

    #[test]
    fn facets_of_events_are_those_of_each_event(batches in strategies::batches(), at in strategies::instant()) {
        let engine = Engine::new(1);
        let snapshot = Snapshot::of_events(batches);
        let expected = events(&snapshot, at);
        let facets = engine.event_facets(&snapshot, at);
        let names: Vec<&String> = facets.iter().map(|facet| &facet.name).collect();
        let mut known: Vec<&String> = expected.keys().collect();
        known.sort();
        prop_assert_eq!(names, known);
        for (path, values) in &expected {
            let found = engine.event_values(&snapshot, path, at, &|_| true, 1_000);
            prop_assert_eq!(&listed(found), values, "{}", path);
        }
    }

    #[test]
    fn facets_of_profiles_are_those_of_each_profile(batches in strategies::batches(), at in strategies::instant()) {
        let engine = Engine::new(1);
        let snapshot = Snapshot::of_events(batches);
        for kind in [EntityKind::User, EntityKind::Account] {
            let answer = membership(&snapshot, kind, at);
            let (mut expected, mut carriers) = (Tally::new(), BTreeMap::<String, u64>::new());
            for profile in engine.profiles(&answer, &answer.population.everyone, at) {
                for (name, value) in &profile.attributes {
                    tally(&mut expected, name, value);
                    *carriers.entry(name.clone()).or_default() += 1;
                }
            }
            let facets = engine.profile_facets(&answer.snapshot, kind, at);
            let counted: BTreeMap<String, u64> =
                facets.into_iter().map(|facet| (facet.name, facet.count)).collect();
            prop_assert_eq!(&counted, &carriers);
            for (name, values) in &expected {
                let found = engine.profile_values(&answer.snapshot, kind, name, at, &|_| true, 1_000);
                prop_assert_eq!(&listed(found), values, "{}", name);
            }
        }
    }

    #[test]
    fn parts_end_in_the_whole_answer(
        batches in strategies::batches(),
        definition in strategies::definition(),
        at in strategies::instant(),
    ) {
        let snapshot = Snapshot::of_events(batches);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (engine, none, zone) = (Engine::new(2), Segments::new(), TimeZone::UTC);
        let whole = runtime.block_on(engine.membership(&snapshot, &definition, &none, at, &zone)).unwrap();
        let mut parts = Vec::new();
        let mut tell = |part| parts.push(part);
        let grown = runtime
            .block_on(engine.membership_in_parts(&snapshot, &definition, &none, at, &zone, &mut tell))
            .unwrap();
        prop_assert_eq!(&grown.members, &whole.members);
        prop_assert_eq!(&grown.clauses, &whole.clauses);
        prop_assert_eq!(&grown.kept, &whole.kept);
        for part in parts {
            for (bucket, (members, known)) in part.buckets.iter().enumerate() {
                prop_assert_eq!(*members, whole.members.bucket(bucket).len());
                prop_assert_eq!(*known, whole.population.everyone.bucket(bucket).len());
            }
        }
        if let Condition::All(parts) = &definition.condition {
            let last = parts.len().checked_sub(1).map(|last| format!("/where/all/{last}"));
            let kept = whole.kept.iter().find(|kept| Some(&kept.pointer) == last.as_ref());
            prop_assert_eq!(kept.map_or(whole.members.len(), |kept| kept.kept), whole.members.len());
        }
    }
}

#[test]
fn only_the_most_frequent_values_are_listed() {
    let event = |n: usize, path: &str| {
        let mut event = whodid_testkit::view(path).user(&format!("u{n}")).at("2026-11-01T00:00:00Z").build();
        event.id = format!("v{n}");
        (Owner::User(whodid_model::UserKey::Identified(format!("u{n}"))), event)
    };
    let paths = ["/a", "/b", "/b", "/c", "/c", "/c", "/d"];
    let snapshot = Snapshot::of_owned(paths.iter().enumerate().map(|(n, path)| event(n, path)).collect(), 1);
    let at = Instant::parse("2026-11-02T00:00:00Z").unwrap();
    let wanted = |text: &str| text != "/d";
    let found = Engine::new(1).event_values(&snapshot, "view.name", at, &wanted, 2);
    let values: Vec<(String, u64)> =
        found.values.iter().map(|one| (one.value.as_text().into_owned(), one.count)).collect();
    assert_eq!(values, [("/c".to_string(), 3), ("/b".to_string(), 2)]);
    assert_eq!(found.distinct, 3);
}
