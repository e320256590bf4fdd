//! Random events and definitions: few values, many ties, sessions that interleave, versions and duplicates.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use whodid_model::{Attributes, Event, EventType, Instant, Value, revision};
use whodid_query::definition::Definition;

/// The events lie within a few days, hours apart, so that calendar days, durations and ties all matter.
const START_US: i64 = 1_793_500_000_000_000;
const HOUR_US: i64 = 3_600_000_000;

pub(super) fn instant() -> impl Strategy<Value = Instant> {
    (0..64i64).prop_map(|hours| Instant(START_US + hours * HOUR_US))
}

pub(super) fn instant_after(hours: i64) -> Instant {
    Instant(START_US + hours * HOUR_US)
}

fn text(values: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    prop::option::of(prop::sample::select(values))
}

fn event() -> impl Strategy<Value = Event> {
    let attributes = (
        text(&["u1", "u2"]),
        text(&["a1", "a2"]),
        text(&["s1", "s2", "s3"]),
        text(&["acme", "globex"]),
        text(&["/cart", "/home", "/pay"]),
        prop::option::of(0..4u8),
        text(&["Brazil", "France"]),
        prop::option::of(prop::sample::select(vec![vec!["a"], vec!["a", "b"], vec!["b", "b"], vec![]])),
    );
    (0..3u8, 0..30u16, 0..60i64, 1..4u64, prop::bool::weighted(0.9), attributes).prop_map(
        |(kind, id, hours, revision, whole, (user, anonymous, session, account, name, n, country, tags))| {
            let kind = EventType::STORED[usize::from(kind)];
            let name_path = if kind == EventType::View { "view.name" } else { "action.name" };
            let texts = [
                ("usr.id", user),
                ("usr.anonymous_id", anonymous),
                ("session.id", session),
                ("account.id", account),
                (name_path, name),
                ("geo.country", country),
            ];
            let mut attributes: Attributes = texts
                .into_iter()
                .filter_map(|(path, text)| Some((path.to_string(), Value::text(text?))))
                .collect();
            if let Some(n) = n {
                let value = if n == 3 { Value::text("3") } else { Value::Number(n.into()) };
                attributes.insert("context.n".to_string(), value);
            }
            if let Some(tags) = tags {
                let tags = tags.into_iter().map(ToString::to_string).collect();
                attributes.insert("context.tags".to_string(), Value::List(tags));
            }
            let view = kind == EventType::View;
            // The same key with the same revision is the same event: one instant per id keeps duplicates frequent.
            let ts = Instant(START_US + (hours / 4) * 4 * HOUR_US);
            let revision = if view { revision } else { 0 };
            let event = Event { kind, id: format!("e{id}"), ts, revision, attributes, revisions: None };
            if view && !whole { revision::partial(event) } else { event }
        },
    )
}

/// Requests as they might have come in, with some events sent again.
pub(super) fn batches() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let batch = prop::collection::vec(event(), 0..14);
    (prop::collection::vec(batch, 1..4), any::<prop::sample::Index>()).prop_map(|(mut batches, again)| {
        if !batches[0].is_empty() {
            let repeated = again.get(&batches[0]).clone();
            batches.push(vec![repeated]);
        }
        batches
    })
}

pub(super) fn query() -> impl Strategy<Value = String> {
    let term = prop::sample::select(vec![
        "*",
        "@type:view",
        "@type:action",
        "@view.name:/cart",
        "@view.name:/*",
        "@action.name:/pay",
        "@action.name:(/cart OR /home)",
        "@context.n:>1",
        "@context.n:3",
        "@context.n:[0 TO 1]",
        "@context.n:*",
        "@geo.country:Brazil",
        "@usr.id:u1",
        "@session.id:s2",
        "cart",
    ]);
    prop::collection::vec((term, any::<bool>(), any::<bool>()), 1..3).prop_map(|terms| {
        let mut text = String::new();
        for (index, (term, negated, or)) in terms.into_iter().enumerate() {
            if index > 0 {
                text.push_str(if or { " OR " } else { " " });
            }
            let negated = negated && term != "*";
            text.push_str(&if negated { format!("-{term}") } else { term.to_string() });
        }
        text
    })
}

fn duration() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["0s", "4h", "8h", "1d", "2d"])
}

fn window() -> impl Strategy<Value = Json> {
    prop_oneof![
        3 => Just(Json::Null),
        2 => duration().prop_filter("a window has a length", |d| *d != "0s").prop_map(|d| json!({"last": d})),
        1 => duration().prop_filter("a window has a length", |d| *d != "0s").prop_map(|d| json!({"since_first_seen": d})),
        1 => prop::sample::select(vec!["today", "yesterday", "this week", "last week"]).prop_map(|c| json!({"calendar": c})),
        1 => (0..30i64, 1..30i64).prop_map(|(from, hours)| {
            let instant = |hours: i64| Instant(START_US + hours * HOUR_US).to_string();
            json!({"from": instant(from), "to": instant(from + hours)})
        }),
    ]
}

fn times() -> impl Strategy<Value = Json> {
    prop_oneof![
        3 => Just(Json::Null),
        2 => (prop::sample::select(vec![">", ">=", "=", "<", "<="]), 0..4u64)
            .prop_map(|(op, value)| json!({"op": op, "value": value})),
    ]
}

fn performed() -> impl Strategy<Value = Json> {
    let step = (query(), prop::bool::weighted(0.3), prop::option::weighted(0.2, duration()));
    let rest = prop::collection::vec(step, 0..4);
    let within = prop_oneof![
        2 => Just(Json::Null),
        2 => Just(json!("session")),
        1 => duration().prop_map(|d| json!(d)),
    ];
    let per = prop::sample::select(vec!["occurrence", "occurrence", "day", "session"]);
    (query(), rest, prop::bool::weighted(0.2), within, window(), times(), per).prop_map(
        |(first, rest, any_order, within, during, times, per)| {
            let mut steps = vec![json!({"event": first})];
            steps.extend(rest.into_iter().map(|(event, negative, within)| {
                let mut step = json!({"event": event});
                if negative && !any_order {
                    step["not"] = json!(true);
                }
                if let Some(within) = within.filter(|_| !any_order) {
                    step["within"] = json!(within);
                }
                step
            }));
            let mut performed = json!({"steps": steps, "per": per});
            if any_order {
                performed["order"] = json!("any");
            }
            for (name, value) in [("within", within), ("during", during), ("times", times)] {
                if !value.is_null() {
                    performed[name] = value;
                }
            }
            json!({"performed": performed})
        },
    )
}

fn measured() -> impl Strategy<Value = Json> {
    let aggregation = prop::sample::select(vec!["sum", "avg", "min", "max", "cardinality"]);
    let op = prop::sample::select(vec![">", ">=", "=", "<", "<="]);
    (query(), window(), aggregation, op, 0..4u8).prop_map(|(event, during, aggregation, op, value)| {
        let measure = json!({"aggregation": aggregation, "facet": "@context.n", "op": op, "value": value});
        let mut performed = json!({"steps": [{"event": event}], "measure": measure});
        if !during.is_null() {
            performed["during"] = during;
        }
        json!({"performed": performed})
    })
}

fn profile() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        "is_anonymous:true",
        "user_id:u1",
        "-first_country:Brazil",
        "last_country:(Brazil OR France)",
        "session_count:>=2",
        "events_count:[1 TO 4]",
        "last_context.n:3",
        "account_id:acme OR user_count:>1",
    ])
    .prop_map(|query| json!({"profile": query}))
}

fn condition() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![6 => performed(), 1 => measured(), 2 => profile()];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|parts| json!({"all": parts})),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|parts| json!({"any": parts})),
            inner.prop_map(|inner| json!({"not": inner})),
        ]
    })
}

pub(super) fn definition() -> impl Strategy<Value = Definition> {
    (prop::bool::weighted(0.25), condition()).prop_map(|(account, condition)| {
        let entity = if account { "account" } else { "user" };
        let json = json!({"entity": entity, "where": condition});
        Definition::from_json(&json).unwrap_or_else(|error| panic!("{error} in {json}"))
    })
}
