//! Whatever the order of arrival, repetition, folding and flushing, a snapshot shows what a simple model says.

use std::collections::BTreeMap;

use proptest::prelude::*;
use whodid_model::Instant;

use super::*;
use crate::model_of_store::{any_event, model, shown};

#[derive(Clone, Debug)]
enum Step {
    Arrive(Vec<Event>),
    Look,
    Fold,
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(any_event(), 1..6).prop_map(Step::Arrive),
        1 => Just(Step::Look),
        1 => Just(Step::Fold),
        1 => Just(Step::Flush),
    ]
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
                Step::Look => {
                    let snapshot = live.snapshot(number as u64);
                    prop_assert_eq!(shown(&snapshot), model(&arrived, None));
                }
                Step::Fold => live.settle(),
                Step::Flush => {
                    let unflushed = live.take_unflushed(&FxHashSet::default());
                    for (owner, event) in unflushed.events {
                        prop_assert_eq!(&owner, &live.owner_of(&event));
                        flushed.insert(event.key(), event);
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
        for (_, event) in live.take_unflushed(&FxHashSet::default()).events {
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
