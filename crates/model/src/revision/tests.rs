use proptest::prelude::*;

use super::*;
use crate::EventType;

fn view(revision: u64, pairs: &[(&str, Value)]) -> Event {
    Event {
        kind: EventType::View,
        id: "v".into(),
        ts: Instant(revision as i64),
        revision,
        attributes: pairs.iter().map(|(path, value)| (path.to_string(), value.clone())).collect(),
        revisions: None,
    }
}

fn shown(event: &Event) -> String {
    let pairs: Vec<String> = event.attributes.iter().map(|(k, v)| format!("{k}={}", v.as_text())).collect();
    format!("v{} {}", event.revision, pairs.join(" "))
}

#[test]
fn a_partial_update_changes_what_it_carries() {
    let full = view(1, &[("usr.id", "u".into()), ("usr.plan", "pro".into()), ("view.x", 1.0.into())]);
    let update = partial(view(3, &[("usr", Value::Null), ("usr.id", "w".into()), ("view.x", 2.0.into())]));
    assert_eq!(shown(&merge(full, update)), "v3 usr.id=w view.x=2");
}

#[test]
fn a_null_removes_the_member_and_all_below() {
    let full = view(1, &[("a.b", 1.0.into()), ("a.c", 1.0.into()), ("ab", 1.0.into())]);
    assert_eq!(shown(&merge(full, partial(view(2, &[("a", Value::Null)])))), "v2 ab=1");
}

#[test]
fn a_derived_name_follows_the_url_and_a_given_name_stays() {
    let group = paths::VIEW_URL_PATH_GROUP;
    let update = || partial(view(2, &[(group, "/b".into())]));
    let derived = view(1, &[(group, "/a".into()), ("view.name", "/a".into())]);
    assert_eq!(shown(&merge(derived, update())), "v2 view.name=/b view.url_path_group=/b");
    let given = view(1, &[(group, "/a".into()), ("view.name", "Home".into())]);
    assert_eq!(shown(&merge(given, update())), "v2 view.name=Home view.url_path_group=/b");
}

fn version() -> impl Strategy<Value = Event> {
    let value = prop_oneof![Just(Value::Null), (0..3u8).prop_map(|n| Value::Number(n.into()))];
    let attributes = proptest::collection::btree_map(
        prop::sample::select(vec!["a", "a.b", "a.c", "usr.id", "view.name", paths::VIEW_URL_PATH_GROUP]),
        value,
        0..4,
    );
    (1..6u64, any::<bool>(), attributes).prop_map(|(revision, whole, attributes)| {
        let pairs: Vec<(&str, Value)> = attributes.into_iter().collect();
        let mut event = view(revision, &pairs);
        if whole {
            event.attributes.retain(|_, value| *value != Value::Null);
            event
        } else {
            partial(event)
        }
    })
}

proptest! {
    /// Any order, any grouping and any repetition of the versions gives the same event.
    #[test]
    fn order_and_repetition_do_not_matter(
        versions in proptest::collection::vec(version(), 1..6),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        split in any::<prop::sample::Index>(),
    ) {
        let forward = versions.iter().cloned().reduce(merge).unwrap();
        let backward = versions.iter().rev().cloned().reduce(merge).unwrap();
        prop_assert_eq!(&forward, &backward);
        let repeated = order
            .iter()
            .map(|index| index.get(&versions).clone())
            .chain(versions.iter().cloned())
            .reduce(merge)
            .unwrap();
        prop_assert_eq!(&forward, &repeated);
        let (left, right) = versions.split_at(split.index(versions.len()));
        if let (Some(left), Some(right)) =
            (left.iter().cloned().reduce(merge), right.iter().cloned().reduce(merge))
        {
            prop_assert_eq!(&forward, &merge(left, right));
        }
    }
}
