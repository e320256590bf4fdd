//! Whatever the order of arrival, repetition, folding and flushing, a snapshot shows what a simple model says.

use std::collections::BTreeMap;

use proptest::prelude::*;
use whodid_model::Instant;

use super::*;
use crate::model_of_store::{any_event, model, shown};

#[derive(Clone, Debug)]
enum Step {
    Arrive(Vec<Event>),
    /// As a batch that the table has at once; between picking and taking, others arrive.
    Import(Vec<Event>, Vec<Event>),
    Look,
    Fold,
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(any_event(), 1..6).prop_map(Step::Arrive),
        2 => (prop::collection::vec(any_event(), 1..12), prop::collection::vec(any_event(), 0..3))
            .prop_map(|(events, meanwhile)| Step::Import(events, meanwhile)),
        1 => Just(Step::Look),
        1 => Just(Step::Fold),
        1 => Just(Step::Flush),
    ]
}

fn import(
    live: &mut Live,
    events: Vec<Event>,
    meanwhile: Vec<Event>,
    flushed: &mut BTreeMap<EventKey, Event>,
) {
    let mut batch = EventBatch::default();
    let mut one_by_one: Vec<Event> = events.into_iter().filter_map(|event| batch.push(event)).collect();
    let batch = Arc::new(bulk::without_empty_users(batch));
    let hashes: Vec<KeyHash> =
        (0..batch.rows()).map(|row| KeyHash::of(batch.kinds()[row], batch.id(row))).collect();
    let picked = live.begin_bulk(batch.clone(), &hashes);
    live.apply(LogPosition(0), meanwhile);
    for row in &picked.fresh.rows {
        let event = batch.event(*row as usize);
        assert!(flushed.insert(event.key(), event).is_none(), "it was new to the table");
    }
    one_by_one.extend(picked.rest.iter().map(|row| batch.event(*row as usize)));
    live.end_bulk(Some(picked.fresh), &hashes);
    live.apply(LogPosition(0), one_by_one);
}

/// Everything that was ever flushed lies in one part. Its row of a superseded event is of the instant that is said.
fn located(live: &Live, flushed: &BTreeMap<EventKey, Event>) -> Located {
    let superseded = live.superseded().into_iter();
    superseded
        .map(|(key, ts)| {
            assert_eq!(flushed[&key].ts, ts);
            (key, Some(0))
        })
        .collect()
}

proptest! {
    #[test]
    fn snapshots_equal_the_model(steps in prop::collection::vec(step(), 1..14), cut in 0..7i64) {
        let mut live = Live::new();
        let mut arrived: Vec<Event> = Vec::new();
        let mut flushed: BTreeMap<EventKey, Event> = BTreeMap::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Arrive(events) => {
                    arrived.extend(events.iter().cloned());
                    live.apply(LogPosition(0), events);
                }
                Step::Import(events, meanwhile) => {
                    arrived.extend(events.iter().chain(&meanwhile).cloned());
                    import(&mut live, events, meanwhile, &mut flushed);
                }
                Step::Look => {
                    let snapshot = live.snapshot(number as u64);
                    prop_assert_eq!(shown(&snapshot), model(&arrived, None));
                }
                Step::Fold => live.settle(),
                Step::Flush => {
                    let unflushed = live.take_unflushed(&located(&live, &flushed), &FxHashSet::default());
                    for (owner, event) in unflushed.events {
                        prop_assert_eq!(&owner, &live.owner_of(&event));
                        let superseded = unflushed.superseded.get(&0);
                        let replaces = superseded.is_some_and(|keys| keys.contains(&event.key()));
                        prop_assert_eq!(flushed.insert(event.key(), event).is_some(), replaces);
                    }
                }
            }
        }
        let snapshot = live.snapshot(u64::MAX);
        prop_assert_eq!(shown(&snapshot), model(&arrived, None));
        prop_assert_eq!(snapshot.rows() as usize, model(&arrived, None).len());

        // As it was seen at an earlier instant: rows are cut by the reader, identity by the snapshot.
        let at = Instant(cut);
        let mut then = shown(&snapshot.at(at));
        then.retain(|_, (_, event)| event.ts < at);
        prop_assert_eq!(then, model(&arrived, Some(at)));

        // What was flushed and what is still to be flushed are together everything, once.
        let left = live.take_unflushed(&located(&live, &flushed), &FxHashSet::default());
        prop_assert_eq!(left.left, None);
        for (_, event) in left.events {
            flushed.insert(event.key(), event);
        }
        let everything: BTreeMap<EventKey, Event> =
            model(&arrived, None).into_iter().map(|(key, (_, event))| (key, event)).collect();
        prop_assert_eq!(flushed, everything);
    }

    #[test]
    fn the_same_events_again_are_duplicates(events in prop::collection::vec(any_event(), 1..20)) {
        let mut live = Live::new();
        live.apply(LogPosition(0), events.clone());
        let before = shown(&live.snapshot(1));
        let again = live.apply(LogPosition(0), before.values().map(|(_, event)| event.clone()).collect());
        prop_assert_eq!(again, Appended { accepted: 0, duplicates: before.len() as u64 });
        prop_assert_eq!(shown(&live.snapshot(2)), before);
    }
}
