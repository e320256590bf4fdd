//! What a snapshot must show, said as simply as possible. For tests.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rustc_hash::FxHashMap;
use whodid_model::event::paths;
use whodid_model::{Event, EventKey, EventType, Instant, UserKey, Value, revision};

use crate::owner::Owner;
use crate::snapshot::Snapshot;

/// One row of a snapshot in words: owner, event, whether its user was adopted.
pub(crate) type Shown = BTreeMap<EventKey, (Owner, Event)>;

pub(crate) fn shown(snapshot: &Snapshot) -> Shown {
    let mut shown = Shown::new();
    for (number, bucket) in snapshot.buckets().iter().enumerate() {
        for half in bucket.halves() {
            let mut last_of: FxHashMap<u32, (i64, String)> = FxHashMap::default();
            for (ordinal, run) in half.runs() {
                assert_eq!(run.owner.bucket(), number, "an owner lies in its own bucket");
                for row in run.rows() {
                    let event = half.columns.event(row);
                    let place = (event.ts.0, event.id.clone());
                    if let Some(last) = last_of.insert(ordinal, place.clone()) {
                        assert!(last <= place, "rows are sorted by (ts, id)");
                    }
                    let resolved = half.columns.resolved_event(row);
                    if let Owner::User(UserKey::Identified(id)) = &run.owner {
                        assert_eq!(resolved.usr_id().as_deref(), Some(id.as_str()));
                    }
                    let twice = shown.insert(event.key(), (run.owner.clone(), event));
                    assert!(twice.is_none(), "one row per event");
                }
            }
        }
    }
    shown
}

/// The meaning, straight from the words: the highest version of each key; the first user of each anonymous id.
pub(crate) fn model(arrived: &[Event], before: Option<Instant>) -> Shown {
    let mut events: BTreeMap<EventKey, Event> = BTreeMap::new();
    for event in arrived {
        let merged = match events.remove(&event.key()) {
            Some(known) => revision::merge(known, event.clone()),
            None => event.clone(),
        };
        events.insert(merged.key(), merged);
    }
    if let Some(before) = before {
        events.retain(|_, event| event.ts < before);
    }
    let owner = |event: &Event| {
        let anonymous = match Owner::named_by(event) {
            Owner::User(UserKey::Anonymous(id)) => id,
            other => return other,
        };
        let links = events.values().filter(|e| e.anonymous_id().as_deref() == Some(&anonymous));
        match links.filter_map(|e| Some((e.ts, e.usr_id()?))).min() {
            Some((_, usr_id)) => Owner::User(UserKey::Identified(usr_id)),
            None => Owner::User(UserKey::Anonymous(anonymous)),
        }
    };
    events.values().map(|event| (event.key(), (owner(event), event.clone()))).collect()
}

/// Events of few ids, users and versions, so that they meet often.
pub(crate) fn any_event() -> impl Strategy<Value = Event> {
    let attributes = (
        prop::option::of(prop::sample::select(vec!["u1", "u2", "u3"])),
        prop::option::of(prop::sample::select(vec!["a1", "a2"])),
        prop::option::of(prop::sample::select(vec!["s1", "s2"])),
        prop::option::of(prop_oneof![
            Just(Value::Number(5.0)),
            Just(Value::text("5")),
            Just(Value::Bool(true)),
            Just(Value::List(vec!["x".into(), "y".into()])),
        ]),
    );
    (any::<bool>(), 0..12u8, 0..6i64, 1..4u64, any::<bool>(), attributes).prop_map(
        |(view, id, ts, revision, whole, (user, anonymous, session, extra))| {
            let mut attributes = whodid_model::Attributes::new();
            let texts =
                [(paths::USR_ID, user), (paths::ANONYMOUS_ID, anonymous), (paths::SESSION_ID, session)];
            for (path, text) in texts {
                if let Some(text) = text {
                    attributes.insert(path.to_string(), text.into());
                }
            }
            if let Some(extra) = extra {
                attributes.insert("context.extra".to_string(), extra);
            }
            let kind = if view { EventType::View } else { EventType::Action };
            let revision = if view { revision } else { 0 };
            let event =
                Event { kind, id: format!("e{id}"), ts: Instant(ts), revision, attributes, revisions: None };
            if view && !whole { revision::partial(event) } else { event }
        },
    )
}
