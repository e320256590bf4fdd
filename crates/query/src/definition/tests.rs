use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};
use whodid_model::{FaultKind, Instant, TimeRange, limits};

use super::*;

mod schema;

fn read(json: &Value) -> Definition {
    assert!(schema::accepts(json), "the schema refuses {json}");
    Definition::from_json(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn user(condition: Value) -> Value {
    json!({"entity": "user", "where": condition})
}

/// One performed clause; `more` are its members beside `steps`.
fn performed(steps: Value, more: Value) -> Value {
    let mut clause = json!({"steps": steps});
    clause.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    user(json!({"performed": clause}))
}

fn during(window: Value) -> Value {
    performed(json!([{"event": "*"}]), json!({"during": window}))
}

/// The document in its canonical form, and that it reads back as the same definition.
fn canonical(json: &Value) -> Value {
    let definition = read(json);
    let written = definition.to_json();
    assert_eq!(read(&written), definition, "{json}");
    written
}

#[test]
fn a_whole_definition_reads() {
    let json = user(json!({"all": [
        {"performed": {
            "steps": [
                {"event": "@view.name:/cart"},
                {"event": "@action.name:CHECKOUT", "not": true, "within": "30m"},
                {"event": "@event.name:order", "within": "1h"},
            ],
            "within": "session",
            "during": {"last": "7d"},
            "times": {"op": "<=", "value": 2},
            "per": "day",
        }},
        {"any": [{"profile": "country_code:BR"}, {"not": {"segment": "s1"}}]},
    ]}));
    assert_eq!(canonical(&json), json);
    let definition = read(&json);
    let Condition::All(parts) = &definition.condition else { panic!() };
    let Condition::Performed(clause) = &parts[0] else { panic!() };
    assert_eq!(clause.steps.len(), 3);
    assert_eq!(clause.steps[1].within, Some("30m".parse().unwrap()));
    assert_eq!(clause.within, Some(Within::Session));
    assert_eq!(clause.times, Bound { op: Op::LessOrEqual, value: 2 });
    assert!(clause.holds_for_nothing());
    let leaves: Vec<String> = definition.leaves().into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(leaves, ["/where/all/0", "/where/all/1/any/0", "/where/all/1/any/1/not"]);
    assert_eq!(definition.segments(), [("/where/all/1/any/1/not/segment".to_string(), "s1")]);
    assert_eq!(definition.warnings(), []);
}

#[test]
fn defaults_are_left_out() {
    let step = json!([{"event": "@type:view"}]);
    let rows = [
        (
            performed(
                json!([{"event": "@type:view", "not": false}]),
                json!({"order": "ordered", "times": {"op": ">=", "value": 1}, "per": "occurrence"}),
            ),
            performed(step.clone(), json!({})),
        ),
        (performed(step.clone(), json!({"within": "24h"})), performed(step.clone(), json!({"within": "1d"}))),
        (
            performed(
                step.clone(),
                json!({"measure": {"aggregation": "sum", "facet": "price", "op": ">", "value": 1.0}}),
            ),
            performed(
                step,
                json!({"measure": {"aggregation": "sum", "facet": "@price", "op": ">", "value": 1}}),
            ),
        ),
        (
            during(json!({"calendar": "this week", "week_start": "monday", "timezone": "europe/lisbon"})),
            during(json!({"calendar": "this week", "timezone": "Europe/Lisbon"})),
        ),
        (
            during(json!({"from": 1_790_000_000_000_i64, "to": "2026-11-08"})),
            during(json!({"from": "2026-09-21T14:13:20Z", "to": "2026-11-08"})),
        ),
        (
            during(json!({"from": "2026-11-08 09:00", "timezone": "UTC"})),
            during(json!({"from": "2026-11-08T09:00:00", "timezone": "UTC"})),
        ),
        (during(json!({"timezone": "UTC"})), during(json!({"timezone": "UTC"}))),
        (during(json!({"since_first_seen": "7d"})), during(json!({"since_first_seen": "7d"}))),
        (
            during(json!({"calendar": "last quarter", "week_start": "sunday"})),
            during(json!({"calendar": "last quarter", "week_start": "sunday"})),
        ),
    ];
    for (json, expected) in rows {
        assert_eq!(canonical(&json), expected, "{json}");
    }
}

#[test]
fn errors_point_at_the_place() {
    let one = || json!([{"event": "*"}]);
    let two = |second: Value| json!([{"event": "*"}, second]);
    let measure = json!({"aggregation": "sum", "facet": "@x", "op": ">", "value": 1});
    let rows = [
        (json!(1), "", "here stands a number", "a definition"),
        (json!({"where": {"all": []}}), "", "needs a member `entity`", "\"user\" or \"account\""),
        (json!({"entity": "user"}), "", "needs a member `where`", "performed"),
        (json!({"entity": "usr", "where": {"all": []}}), "/entity", "not an entity kind", "user, account"),
        (json!({"entity": "user", "were": 1}), "/were", "no member `were`", "did you mean `where`?"),
        (json!({"entity": "user", "a/b~": 1}), "/a~1b~0", "no member `a/b~`", "entity, where"),
        (user(json!({})), "/where", "is empty", "all, any, not"),
        (user(json!({"all": [], "any": []})), "/where", "`all` and `any`", "wrap"),
        (user(json!({"all": {}})), "/where/all", "an object", "list of conditions"),
        (user(json!({"all": [{"prefile": "x"}]})), "/where/all/0/prefile", "no member", "`profile`"),
        (user(json!({"not": {"segment": 3}})), "/where/not/segment", "a number", "segment's id"),
        (user(json!({"profile": "a:1 )"})), "/where/profile", "position 5 of the query", "remove it"),
        (performed(json!([]), json!({})), "/where/performed/steps", "no steps", "at least one"),
        (performed(json!([1]), json!({})), "/where/performed/steps/0", "a number", "a step"),
        (performed(json!([{}]), json!({})), "/where/performed/steps/0", "needs a member `event`", "write"),
        (
            performed(json!([{"event": "@a"}]), json!({})),
            "/where/performed/steps/0/event",
            "not a term",
            "@a:value",
        ),
        (
            performed(json!([{"event": "*", "not": true}]), json!({})),
            "/where/performed/steps/0/not",
            "first",
            "begin",
        ),
        (
            performed(json!([{"event": "*", "not": 1}]), json!({})),
            "/where/performed/steps/0/not",
            "number",
            "true or",
        ),
        (
            performed(json!([{"event": "*", "within": "1h"}]), json!({})),
            "/where/performed/steps/0/within",
            "first",
            "later",
        ),
        (
            performed(two(json!({"event": "*", "within": "1 hour"})), json!({})),
            "/where/performed/steps/1/within",
            "not a duration",
            "24h",
        ),
        (
            performed(two(json!({"event": "*", "within": "1h"})), json!({"order": "any"})),
            "/where/performed/steps/1/within",
            "no step before",
            "whole clause",
        ),
        (
            performed(two(json!({"event": "*", "not": true})), json!({"order": "any"})),
            "/where/performed/steps/1/not",
            "negative",
            "ordered",
        ),
        (
            performed(two(json!({"event": "*", "witin": "1h"})), json!({})),
            "/where/performed/steps/1/witin",
            "no member",
            "`within`",
        ),
        (performed(one(), json!({"order": "all"})), "/where/performed/order", "not an order", "ordered, any"),
        (performed(one(), json!({"within": "day"})), "/where/performed/within", "neither", "\"session\""),
        (performed(one(), json!({"per": "week"})), "/where/performed/per", "not a unit", "occurrence, day"),
        (performed(one(), json!({"times": 3})), "/where/performed/times", "a number", "a bound"),
        (
            performed(one(), json!({"times": {"op": "=>", "value": 1}})),
            "/where/performed/times/op",
            "`=>`",
            ">=",
        ),
        (
            performed(one(), json!({"times": {"op": ">=", "value": -1}})),
            "/where/performed/times/value",
            "-1",
            "from 0",
        ),
        (
            performed(one(), json!({"times": {"op": ">=", "value": 1.5}})),
            "/where/performed/times/value",
            "1.5",
            "whole",
        ),
        (performed(one(), json!({"times": {"op": ">="}})), "/where/performed/times", "`value`", "{\"op\""),
        (
            performed(one(), json!({"measure": measure, "times": {"op": ">=", "value": 1}})),
            "/where/performed/times",
            "beside `measure`",
            "remove",
        ),
        (
            performed(one(), json!({"measure": measure, "per": "day"})),
            "/where/performed/per",
            "a measure has none",
            "remove",
        ),
        (
            performed(two(json!({"event": "*"})), json!({"measure": measure})),
            "/where/performed/steps",
            "one step",
            "leave",
        ),
        (
            performed(
                one(),
                json!({"measure": {"aggregation": "median", "facet": "@x", "op": ">", "value": 1}}),
            ),
            "/where/performed/measure/aggregation",
            "median",
            "cardinality",
        ),
        (
            performed(one(), json!({"measure": {"aggregation": "sum", "facet": "@", "op": ">", "value": 1}})),
            "/where/performed/measure/facet",
            "a facet",
            "@price",
        ),
        (
            performed(
                one(),
                json!({"measure": {"aggregation": "sum", "facet": "@x", "op": ">", "value": "1"}}),
            ),
            "/where/performed/measure/value",
            "a text",
            "a number",
        ),
        (during(json!("7d")), "/where/performed/during", "a text", "a window"),
        (during(json!({})), "/where/performed/during", "empty", "\"last\""),
        (during(json!({"last": "7"})), "/where/performed/during/last", "not a duration", "7d"),
        (
            during(json!({"last": "7d", "to": "2026-11-08"})),
            "/where/performed/during/to",
            "beside `last`",
            "last only",
        ),
        (
            during(json!({"from": "2026-11-01", "week_start": "sunday"})),
            "/where/performed/during/week_start",
            "beside `from`",
            "from, to",
        ),
        (during(json!({"since": "7d"})), "/where/performed/during/since", "no member", "last, from"),
        (during(json!({"from": "soon"})), "/where/performed/during/from", "neither an instant", "2026-11-08"),
        (during(json!({"from": "2026-02-30"})), "/where/performed/during/from", "neither", "date"),
        (
            during(json!({"from": "2026-11-08", "to": "2026-11-07"})),
            "/where/performed/during/to",
            "before it begins",
            "earlier",
        ),
        (
            during(json!({"from": "2026-11-08T01:00:00Z", "to": "2026-11-08", "timezone": "UTC"})),
            "/where/performed/during/to",
            "before it begins",
            "earlier",
        ),
        (
            during(json!({"from": "2026-11-08", "timezone": "Mars"})),
            "/where/performed/during/timezone",
            "not a known",
            "IANA",
        ),
        (
            during(json!({"calendar": "this fortnight"})),
            "/where/performed/during/calendar",
            "fortnight",
            "this week",
        ),
        (
            during(json!({"calendar": "today", "week_start": "sun"})),
            "/where/performed/during/week_start",
            "day of the week",
            "sunday",
        ),
    ];
    for (json, pointer, message, hint) in rows {
        let error = Definition::from_json(&json).expect_err(&json.to_string());
        assert_eq!(error.pointer, pointer, "{json}: {error}");
        assert!(error.message.contains(message), "{json}: {error}");
        assert!(error.hint.contains(hint), "{json}: {error}");
        assert_eq!(error.kind(), FaultKind::Invalid, "{json}");
    }
    let error = Definition::from_json(&user(json!({"profile": "ab:\"x"}))).unwrap_err();
    assert_eq!(error.search.as_ref().map(|search| (search.offset, search.length)), Some((3, 2)));
    assert_eq!(
        error.to_string(),
        "/where/profile: the quote is never closed, at position 4 of the query; close it with \" or write \\\" for the \
         character itself"
    );
}

#[test]
fn limits_are_errors() {
    let check = |json: Value, expected: Result<(), &str>| {
        let found = Definition::from_json(&json).map(|_| ()).map_err(|error| {
            assert_eq!(error.kind(), FaultKind::TooLarge);
            error.pointer
        });
        assert_eq!(found.as_ref().map_err(String::as_str).copied(), expected);
    };
    let steps = |n: usize| performed(vec![json!({"event": "*"}); n].into(), json!({}));
    check(steps(limits::STEPS), Ok(()));
    check(steps(limits::STEPS + 1), Err("/where/performed/steps"));
    let list = |n: usize| user(json!({"any": vec![json!({"segment": "s"}); n]}));
    check(list(limits::CONDITIONS - 1), Ok(()));
    check(list(limits::CONDITIONS), Err("/where/any/499"));
    let nested = |depth: usize| user((1..depth).fold(json!({"all": []}), |inner, _| json!({"not": inner})));
    check(nested(limits::NESTING_DEPTH), Ok(()));
    let deepest = format!("/where{}", "/not".repeat(limits::NESTING_DEPTH));
    check(nested(limits::NESTING_DEPTH + 1), Err(deepest.as_str()));
}

#[test]
fn likely_slips_are_warned_of() {
    let step = json!([{"event": "*"}]);
    let times = |op: &str, value: u64| performed(step.clone(), json!({"times": {"op": op, "value": value}}));
    let a = json!({"segment": "a"});
    let rows = [
        (times(">=", 0), "/where/performed/times", "everybody"),
        (times("<", 0), "/where/performed/times", "nobody"),
        (
            performed(
                step.clone(),
                json!({"times": {"op": ">", "value": 9}, "per": "day", "during": {"last": "7d"}}),
            ),
            "/where/performed/times",
            "at most 9 days",
        ),
        (
            performed(
                step.clone(),
                json!({"measure": {"aggregation": "cardinality", "facet": "@x", "op": "<", "value": 0}}),
            ),
            "/where/performed/measure",
            "nobody",
        ),
        (user(json!({"all": []})), "/where/all", "everybody"),
        (user(json!({"any": []})), "/where/any", "nobody"),
        (user(json!({"all": [a, {"not": a}]})), "/where/all/1", "nobody"),
        (user(json!({"any": [{"not": a}, a]})), "/where/any/0", "everybody"),
        (user(json!({"profile": "*"})), "/where/profile", "everybody"),
        (user(json!({"profile": "a:1 or b:2"})), "/where/profile", "write OR"),
        (
            performed(json!([{"event": "@type:session"}]), json!({})),
            "/where/performed/steps/0/event",
            "session rows",
        ),
        (
            performed(json!([{"event": "@a:1 -@a:1"}]), json!({})),
            "/where/performed/steps/0/event",
            "negation",
        ),
        (during(json!({"last": "0s"})), "/where/performed/during", "nobody"),
        (during(json!({"from": "2026-11-08", "to": "2026-11-08"})), "/where/performed/during", "no time"),
    ];
    for (json, pointer, message) in rows {
        let warnings = read(&json).warnings();
        assert_eq!(warnings.len(), 1, "{json}: {warnings:?}");
        assert_eq!(warnings[0].pointer, pointer, "{json}");
        assert!(warnings[0].message.contains(message), "{json}: {}", warnings[0].message);
    }
    for silent in [times("=", 0), times(">=", 1), times("<", 1), during(json!({"last": "7d"}))] {
        assert_eq!(read(&silent).warnings(), [], "{silent}");
    }
}

fn window(json: Value) -> Window {
    match read(&during(json)).condition {
        Condition::Performed(clause) => clause.during,
        other => panic!("{other:?}"),
    }
}

/// What a window comes to on Sunday 2026-11-15 at 01:30 UTC, which in New York is still Saturday evening.
#[test]
fn windows_come_to_ranges() {
    let new_york = TimeZone::get("America/New_York").unwrap();
    let at = Instant::parse("2026-11-15T01:30:00Z").unwrap();
    let rows = [
        (json!({"last": "7d"}), "2026-11-08T01:30:00Z", "2026-11-15T01:30:00Z"),
        (json!({"last": "0s"}), "2026-11-15T01:30:00Z", "2026-11-15T01:30:00Z"),
        (json!({"calendar": "today"}), "2026-11-14T05:00:00Z", "2026-11-15T01:30:00Z"),
        (json!({"calendar": "today", "timezone": "UTC"}), "2026-11-15", "2026-11-15T01:30:00Z"),
        (json!({"calendar": "yesterday"}), "2026-11-13T05:00:00Z", "2026-11-14T05:00:00Z"),
        (json!({"calendar": "this week"}), "2026-11-09T05:00:00Z", "2026-11-15T01:30:00Z"),
        (json!({"calendar": "last week"}), "2026-11-02T05:00:00Z", "2026-11-09T05:00:00Z"),
        (
            json!({"calendar": "this week", "week_start": "sunday", "timezone": "UTC"}),
            "2026-11-15",
            "2026-11-15T01:30:00Z",
        ),
        (
            json!({"calendar": "last week", "week_start": "sunday"}),
            "2026-11-01T04:00:00Z",
            "2026-11-08T05:00:00Z",
        ),
        (json!({"calendar": "this month"}), "2026-11-01T04:00:00Z", "2026-11-15T01:30:00Z"),
        (json!({"calendar": "last month"}), "2026-10-01T04:00:00Z", "2026-11-01T04:00:00Z"),
        (json!({"calendar": "this quarter"}), "2026-10-01T04:00:00Z", "2026-11-15T01:30:00Z"),
        (json!({"calendar": "last quarter"}), "2026-07-01T04:00:00Z", "2026-10-01T04:00:00Z"),
        (json!({"calendar": "this year"}), "2026-01-01T05:00:00Z", "2026-11-15T01:30:00Z"),
        (json!({"calendar": "last year"}), "2025-01-01T05:00:00Z", "2026-01-01T05:00:00Z"),
        // The clocks went back on this day: it has 25 hours.
        (json!({"calendar": "2026-11-01"}), "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
        (json!({"calendar": "2027-01-01"}), "2026-11-15T01:30:00Z", "2026-11-15T01:30:00Z"),
        (json!({"from": "2026-11-01", "to": "2026-11-08"}), "2026-11-01T04:00:00Z", "2026-11-08T05:00:00Z"),
        (
            json!({"from": "2026-11-01", "to": "2026-11-08", "timezone": "Asia/Kolkata"}),
            "2026-10-31T18:30:00Z",
            "2026-11-07T18:30:00Z",
        ),
        (
            json!({"from": "2026-11-01T09:00", "to": "2030-01-01"}),
            "2026-11-01T14:00:00Z",
            "2026-11-15T01:30:00Z",
        ),
        // Skipped by the clocks: the same distance after the change.
        (json!({"from": "2026-03-08T02:30"}), "2026-03-08T07:30:00Z", "2026-11-15T01:30:00Z"),
        (json!({"from": "2026-11-01T00:00:00+01:00"}), "2026-10-31T23:00:00Z", "2026-11-15T01:30:00Z"),
    ];
    for (json, from, to) in rows {
        let resolved = window(json.clone()).resolve(at, &new_york);
        let [from, to] = [from, to].map(|text| Instant::parse(text).unwrap());
        assert_eq!(resolved, Ok(Resolved::Fixed(TimeRange { from, to })), "{json}");
    }
    let all = TimeRange { from: Instant::MIN, to: at };
    assert_eq!(Window::AllTime.resolve(at, &new_york), Ok(Resolved::Fixed(all)));
    let first_week = window(json!({"since_first_seen": "7d"}));
    assert_eq!(first_week.resolve(at, &new_york), Ok(Resolved::SinceFirstSeen(Span::from_days(7))));
}

#[test]
fn windows_that_need_the_time_zone_are_refused_when_it_is_known() {
    let mixed = window(json!({"from": "2026-11-08T02:00:00Z", "to": "2026-11-08"}));
    let at = Instant::parse("2026-12-01").unwrap();
    assert!(matches!(mixed.resolve(at, &TimeZone::UTC), Err(WindowError::EndsBeforeItBegins { .. })));
    assert!(mixed.resolve(at, &TimeZone::get("America/New_York").unwrap()).is_ok());
    let today = window(json!({"calendar": "today"}));
    assert_eq!(today.resolve(Instant::MAX, &TimeZone::UTC), Err(WindowError::OutOfCalendar));
    assert_eq!(mixed.timezone(&TimeZone::UTC), TimeZone::UTC);
    let lisbon = TimeZone::get("Europe/Lisbon").unwrap();
    assert_eq!(window(json!({"timezone": "Europe/Lisbon"})).timezone(&TimeZone::UTC), lisbon);
}

proptest! {
    /// Whatever the window and the instant: never a panic, nothing at or after the instant, nothing backwards.
    #[test]
    fn windows_end_at_the_instant(at in any::<i64>(), index in 0..12_usize, days in 0..100_000_i64) {
        let timezone = TimeZone::get("America/New_York").unwrap();
        let window = match Calendar::WORDS.get(index) {
            Some((_, calendar)) => {
                Window::Calendar { calendar: *calendar, week_start: jiff::civil::Weekday::Sunday, timezone: None }
            }
            None if index == 10 => Window::Last(Span::from_days(days)),
            None => Window::AllTime,
        };
        if let Ok(Resolved::Fixed(range)) = window.resolve(Instant(at), &timezone) {
            prop_assert!(range.from <= range.to && range.to <= Instant(at));
        }
    }
}
