//! Journeys, retention and pathways of random events against the kernels' oracles over every entity by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use whodid_match::oracle::funnel::PlainFunnel;
use whodid_match::{
    Bounds, Exclusion, FunnelOrder, FunnelRules, Periods, Retention, Returning, Stream, oracle as naive,
};
use whodid_model::{Event, Instant, TimeRange};
use whodid_query::search::{Dialect, Query, parse};
use whodid_store::Snapshot;

use super::{oracle, strategies};
use crate::{
    Engine, Follow, Grain, JourneySpec, Node, PathCut, PathwaySpec, RetentionSpec, ScanSpec, Wanted,
};

const HOUR_US: i64 = 3_600_000_000;

fn grain() -> impl Strategy<Value = Grain> {
    prop_oneof![3 => Just(Grain::Session), 2 => Just(Grain::User), 1 => Just(Grain::Account)]
}

fn query() -> impl Strategy<Value = Query> {
    strategies::query().prop_map(|text| parse(&text, Dialect::Event).unwrap())
}

/// Whose events, and which of them.
#[derive(Clone, Debug)]
struct Asked {
    grain: Grain,
    filter: Query,
    identified_only: bool,
    /// Hours after the first instant at which an event can be.
    from: i64,
    hours: i64,
    at: Instant,
}

fn asked() -> impl Strategy<Value = Asked> {
    let filter = prop_oneof![3 => Just(String::new()), 1 => strategies::query()];
    let filter = filter.prop_map(|text| parse(&text, Dialect::Event).unwrap());
    (grain(), filter, any::<bool>(), 0..20i64, 1..60i64, strategies::instant()).prop_map(
        |(grain, filter, identified_only, from, hours, at)| Asked {
            grain,
            filter,
            identified_only,
            from,
            hours,
            at,
        },
    )
}

impl Asked {
    fn range(&self) -> TimeRange {
        let from = Instant(1_793_500_000_000_000 + self.from * HOUR_US);
        TimeRange { from, to: Instant(from.0 + self.hours * HOUR_US) }.cut_at(self.at)
    }

    fn bounds(&self) -> Bounds {
        let range = self.range();
        Bounds { from: range.from.0, to: range.to.0, at: range.to.0 }
    }

    /// The events of everyone that pass the filter.
    fn entities(&self, arrived: &[Event]) -> BTreeMap<String, Vec<Event>> {
        let events = oracle::known(arrived, self.at);
        let mut entities = match self.grain {
            Grain::Session => oracle::by_session(&events),
            Grain::User => oracle::by_user(&events),
            Grain::Account => oracle::by_account(&events),
        };
        let range = self.range();
        for events in entities.values_mut() {
            let named = |event: &Event| event.usr_id().is_some();
            let session_is_named = events.iter().any(|event| named(event) && event.ts < range.to);
            events.retain(|event| {
                let identified = if self.grain == Grain::Session { session_is_named } else { named(event) };
                oracle::matches(&self.filter, event)
                    && range.contains(event.ts)
                    && (identified || !self.identified_only)
            });
        }
        entities.retain(|_, events| !events.is_empty());
        entities
    }

    async fn follow(&self, engine: &Engine, snapshot: &Arc<Snapshot>) -> Follow {
        Follow {
            subjects: engine.subjects(self.grain, snapshot).await.unwrap(),
            scan: ScanSpec::new(self.filter.clone(), self.range()),
            identified_only: self.identified_only,
        }
    }
}

fn run<T>(
    batches: Vec<Vec<Event>>,
    asked: &Asked,
    ask: impl AsyncFnOnce(Engine, Arc<Snapshot>, Follow) -> T,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let engine = Engine::new(2);
        let snapshot = Snapshot::of_events(batches).at(asked.at);
        let follow = asked.follow(&engine, &snapshot).await;
        ask(engine, snapshot, follow).await
    })
}

fn node(query: &Query) -> Node {
    Node { query: query.clone(), occurrences: None }
}

fn stream(events: &[Event], nodes: &[&Query]) -> (Vec<i64>, Vec<u16>) {
    let bits = |event: &Event| {
        let set = nodes.iter().enumerate().filter(|(_, query)| oracle::matches(query, event));
        set.fold(0u16, |bits, (number, _)| bits | (1 << number))
    };
    (events.iter().map(|event| event.ts.0).collect(), events.iter().map(bits).collect())
}

fn rules() -> impl Strategy<Value = FunnelRules> {
    let order = prop_oneof![
        3 => Just(FunnelOrder::Ordered),
        1 => Just(FunnelOrder::Strict),
        1 => Just(FunnelOrder::Any)
    ];
    let span = || prop::option::of((0..12i64).prop_map(|hours| hours * HOUR_US));
    (1..4usize, order, span(), span(), any::<bool>()).prop_map(
        |(steps, order, window_us, within_us, excludes)| {
            let ordered = order != FunnelOrder::Any && steps > 1;
            let exclusions =
                if ordered && excludes { vec![Exclusion { from_step: 0, to_step: 1 }] } else { vec![] };
            let within_us = if ordered { vec![None, within_us] } else { vec![] };
            FunnelRules { steps, order, window_us, within_us, exclusions }
        },
    )
}

proptest! {
    #[test]
    fn attempts_are_those_of_every_entity_by_itself(
        batches in strategies::batches(),
        asked in asked(),
        rules in rules(),
        queries in prop::collection::vec(query(), 3),
        excluded in query(),
    ) {
        let arrived: Vec<Event> = batches.iter().flatten().cloned().collect();
        let steps = &queries[..rules.steps];
        let nodes: Vec<&Query> = steps.iter().chain(rules.exclusions.iter().map(|_| &excluded)).collect();
        let plain = PlainFunnel(rules.clone());
        let mut expected = BTreeMap::new();
        for (id, events) in asked.entities(&arrived) {
            let (ts, matches) = stream(&events, &nodes);
            let stream = Stream { ts: &ts, matches: &matches };
            let attempt = plain.attempt(stream, asked.bounds());
            if !attempt.is_empty() {
                let passes: Vec<u64> =
                    (1..=rules.steps).map(|steps| plain.passes(steps, stream, asked.bounds())).collect();
                let instants: Vec<i64> = attempt.iter().map(|row| ts[*row]).collect();
                expected.insert(id, (instants, passes));
            }
        }
        let spec = |follow| JourneySpec {
            follow,
            steps: steps.iter().map(node).collect(),
            exclusions: rules.exclusions.iter().map(|_| node(&excluded)).collect(),
            rules: rules.clone(),
            passes: true,
            columns: vec![Wanted::Id],
        };
        let attempts = run(batches, &asked, async |engine: Engine, snapshot, follow| {
            engine.journey(&snapshot, spec(follow)).await.unwrap()
        });
        let mut found = BTreeMap::new();
        for (row, id) in attempts.ids.iter().enumerate() {
            let instants: Vec<i64> = attempts.steps.iter().filter_map(|step| step[row]).collect();
            let passes: Vec<u64> = attempts.passes.iter().map(|step| step[row]).collect();
            found.insert(id.clone(), (instants, passes));
        }
        prop_assert_eq!(found.len(), attempts.len(), "every entity once");
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn returns_are_those_of_every_entity_by_itself(
        batches in strategies::batches(),
        asked in asked(),
        (cohort, returning) in (query(), query()),
        after in any::<bool>(),
    ) {
        let arrived: Vec<Event> = batches.iter().flatten().cloned().collect();
        let range = asked.range();
        let mut boundaries: Vec<i64> = (0..8).map(|k| range.from.0 + k * 8 * HOUR_US).collect();
        boundaries.dedup();
        let on = if after { Returning::OnOrAfter } else { Returning::On };
        let rules = Retention::aligned(Periods::new(boundaries.clone()).unwrap(), on, false);
        let returns: Vec<Vec<i64>> = (0..7).map(|cohort| boundaries[cohort..].to_vec()).collect();
        let mut expected = BTreeMap::new();
        for (id, events) in asked.entities(&arrived) {
            let (ts, matches) = stream(&events, &[&cohort, &returning]);
            let stream = Stream { ts: &ts, matches: &matches };
            let member =
                naive::retention::member(&boundaries, &returns, on, false, stream, asked.bounds());
            expected.extend(member.map(|member| (id, member)));
        }
        let joined = run(batches, &asked, async |engine: Engine, snapshot, follow| {
            let (cohort, returning) = (node(&cohort), node(&returning));
            let spec = RetentionSpec { follow, cohort, returning, rules, columns: vec![Wanted::Id] };
            engine.retention(&snapshot, spec).await.unwrap()
        });
        let mut found = BTreeMap::new();
        for (row, id) in joined.ids.iter().enumerate() {
            let cohort = joined.cohorts[row] as usize;
            let returned: Vec<bool> = (0..7 - cohort).map(|period| joined.has_returned(row, period)).collect();
            found.insert(id.clone(), (cohort, returned));
        }
        prop_assert_eq!(found.len(), joined.cohorts.len(), "every entity once");
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn paths_are_those_of_every_entity_by_itself(
        batches in strategies::batches(),
        asked in asked(),
        side in 0..3u8,
        steps in 1..4usize,
    ) {
        let arrived: Vec<Event> = batches.iter().flatten().cloned().collect();
        let mut expected = Vec::new();
        for (id, events) in asked.entities(&arrived) {
            let label = |event: &Event| {
                let path = if event.kind == whodid_model::EventType::View { "view.name" } else { "action.name" };
                (event.kind != whodid_model::EventType::Server).then(|| event.text(path)).flatten().map(str::to_string)
            };
            let mut places: Vec<String> = events.iter().filter_map(label).collect();
            let is_home = |place: &String| place == "/home";
            match side {
                1 => match places.iter().position(is_home) {
                    Some(first) => places = places.split_off(first),
                    None => continue,
                },
                2 => match places.iter().rposition(is_home) {
                    Some(last) => {
                        places.truncate(last + 1);
                        places.reverse();
                    }
                    None => continue,
                },
                _ => {}
            }
            let mut path: Vec<String> = Vec::new();
            for place in places {
                if !path.contains(&place) && path.len() < steps {
                    path.push(place);
                }
            }
            if !path.is_empty() {
                expected.push((id, path));
            }
        }
        let home = || parse("@any:/hom?", Dialect::Event).unwrap();
        let spec = |follow| PathwaySpec {
            follow,
            labels: [Some("view.name".to_string()), Some("action.name".to_string()), None],
            cut: match side {
                1 => PathCut::StartingAt(home()),
                2 => PathCut::EndingAt(home()),
                _ => PathCut::None,
            },
            steps,
            each: false,
        };
        let (paths, each) = run(batches, &asked, async |engine: Engine, snapshot, follow: Follow| {
            let each = engine.paths_of_each(&snapshot, spec(follow.clone())).await.unwrap();
            (engine.pathways(&snapshot, spec(follow)).await.unwrap(), each)
        });
        // Events of one instant may stand in either order, so these are compared where there are none.
        prop_assume!(asked.entities(&arrived).values().all(|events| events.is_sorted_by(|a, b| a.ts < b.ts)));
        prop_assert_eq!(&each, &expected);
        let mut weights: BTreeMap<(usize, String), u64> = BTreeMap::new();
        for (_, path) in &expected {
            for (step, place) in path.iter().enumerate() {
                *weights.entry((step, place.clone())).or_default() += 1;
            }
        }
        let graph = paths.tree.graph(steps, usize::MAX);
        for (step, places) in graph.steps.iter().enumerate() {
            for (place, sessions) in places {
                if let whodid_match::Place::Value(value) = place {
                    let key = (step, paths.values[*value as usize].clone());
                    prop_assert_eq!(weights.remove(&key), Some(*sessions));
                }
            }
        }
        prop_assert!(weights.is_empty());
    }
}
