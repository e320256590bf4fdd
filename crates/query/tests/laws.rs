//! The laws of the fuzz targets, on random text and on their committed corpus.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

#[path = "../../../fuzz/laws/definition.rs"]
mod definition;
#[path = "../../../fuzz/laws/search.rs"]
mod search;

fn each_of_corpus(target: &str, law: fn(&str)) {
    let folder = Path::new("../../fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in files {
        law(&String::from_utf8_lossy(&std::fs::read(file).unwrap()));
    }
}

#[test]
fn the_corpus_obeys() {
    each_of_corpus("search", search::obeyed);
    each_of_corpus("definition", definition::obeyed);
}

/// Text made of what means something to the grammar.
fn query_text() -> impl Strategy<Value = String> {
    let words = vec![
        " ",
        " ",
        " ",
        "@",
        "a",
        "type",
        "view.name",
        ":",
        ":",
        "(",
        ")",
        "[",
        "]",
        "{",
        "\"",
        "\\",
        "*",
        "?",
        "-",
        "!",
        "&&",
        "||",
        "AND",
        "OR",
        "NOT",
        "IN",
        "TO",
        "CIDR",
        ",",
        ">",
        "<",
        "=",
        "5",
        "-0.5",
        "1e400",
        "3ms",
        "µs",
        "2026-11-01",
        "10.0.0.0/8",
        "true",
        "/",
        "é",
        "İ",
        "\u{a0}",
        "\n",
    ];
    prop::collection::vec(prop::sample::select(words), 0..24).prop_map(|words| words.concat())
}

/// Trees made of the members that definitions have, mostly where they belong.
fn definition_json() -> impl Strategy<Value = Value> {
    let texts = vec![
        "",
        "*",
        "@a:1",
        "@type:session",
        "a:\"",
        "session",
        "any",
        "ordered",
        "7d",
        "0s",
        "day",
        "today",
        "this week",
        "2026-11-08",
        "-009999-01-01",
        "9999-12-31",
        "2026-11-08T01:00:00Z",
        "UTC",
        "Europe/Lisbon",
        ">=",
        "<",
        "sum",
        "cardinality",
        "sunday",
        "user",
    ];
    let text = prop::sample::select(texts);
    let window =
        (prop::sample::select(vec!["last", "from", "to", "calendar", "since_first_seen"]), text.clone());
    let window = prop::collection::vec(window, 0..3).prop_map(|members| {
        Value::Object(members.into_iter().map(|(name, text)| (name.to_string(), json!(text))).collect())
    });
    let step = (text.clone(), any::<bool>(), text.clone()).prop_map(|(event, not, within)| match not {
        true => json!({"event": event, "not": true}),
        false if within == "7d" => json!({"event": event, "within": within}),
        false => json!({"event": event}),
    });
    let steps = prop::collection::vec(step, 0..4);
    let scalar = prop_oneof![text.clone().prop_map(|text| json!(text)), any::<i64>().prop_map(|n| json!(n))];
    let bound = (prop::sample::select(vec![">", ">=", "=", "<=", "<"]), 0..3_u64)
        .prop_map(|(op, value)| json!({"op": op, "value": value}));
    let more = prop_oneof![
        window.prop_map(|window| ("during", window)),
        bound.prop_map(|bound| ("times", bound)),
        (prop::sample::select(vec!["order", "within", "per", "measure"]), scalar.clone()),
    ];
    let performed = (steps, prop::collection::vec(more, 0..3)).prop_map(|(steps, more)| {
        let mut clause = json!({"steps": steps});
        more.into_iter().for_each(|(name, value)| clause[name] = value);
        json!({"performed": clause})
    });
    let leaf = prop_oneof![
        4 => performed,
        1 => text.clone().prop_map(|text| json!({"profile": text})),
        1 => text.prop_map(|text| json!({"segment": text})),
        1 => scalar,
    ];
    let tree = leaf.prop_recursive(3, 16, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 0..3);
        prop_oneof![
            parts.clone().prop_map(|parts| json!({"all": parts})),
            parts.prop_map(|parts| json!({"any": parts})),
            inner.prop_map(|inner| json!({"not": inner})),
        ]
    });
    tree.prop_map(|tree| json!({"entity": "user", "where": tree}))
}

proptest! {
    #[test]
    fn queries_obey(text in query_text()) {
        search::obeyed(&text);
    }

    #[test]
    fn any_text_obeys(text in ".{0,40}") {
        search::obeyed(&text);
        definition::obeyed(&text);
    }

    #[test]
    fn definitions_obey(json in definition_json()) {
        definition::obeyed(&json.to_string());
    }
}
