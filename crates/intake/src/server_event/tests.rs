use whodid_model::{FaultKind, Instant};

use super::*;

const ARRIVED: Instant = Instant(1_790_000_000_000_000);

fn decode_at(body: &str, received_at: Instant) -> Result<Event, IntakeError> {
    let context = Context { received_at, client_ip: "8.8.8.8".parse().ok(), user_agent: Some("python/3") };
    decode(body.as_bytes(), &context, &Enricher::new())
}

#[test]
fn custom_members_become_facets() {
    let body = r#"{"type":"server","application":{"id":"app"},"event":{"name":"payment"},"usr":{"id":"u1"},
        "session":{"id":"s1"},"order":{"total":12.5,"items":["a","b"],"gift":false},"id":"o-1","ts":5}"#;
    let event = decode_at(body, ARRIVED).unwrap();
    assert_eq!((event.kind, event.ts, event.revision), (EventType::Server, ARRIVED, 0));
    assert_eq!(event.id.len(), 32);
    insta::assert_json_snapshot!(event.attributes, @r#"
    {
      "application.id": "app",
      "context.id": "o-1",
      "context.ts": 5.0,
      "event.name": "payment",
      "order.gift": false,
      "order.items": [
        "a",
        "b"
      ],
      "order.total": 12.5,
      "session.id": "s1",
      "usr.id": "u1"
    }
    "#);
}

#[test]
fn the_id_is_what_was_said_and_when() {
    let a = r#"{"type":"server","application":{"id":"a"},"event":{"name":"e"},"usr":{"id":"u"},"n":1}"#;
    let reordered =
        r#"{ "n":1, "usr":{"id":"u"}, "event":{"name":"e"}, "application":{"id":"a"}, "type":"server" }"#;
    let other = r#"{"type":"server","application":{"id":"a"},"event":{"name":"e"},"usr":{"id":"u"},"n":2}"#;
    let id = |body, at| decode_at(body, at).unwrap().id;
    assert_eq!(id(a, ARRIVED), id(reordered, ARRIVED));
    assert_ne!(id(a, ARRIVED), id(other, ARRIVED));
    assert_ne!(id(a, ARRIVED), id(a, Instant(ARRIVED.0 + 1)));
    // The bytes behind the id are part of the stored format.
    assert_eq!(id(a, ARRIVED), "026299894db3711a5f80453724568178");
}

#[test]
fn required_members_are_named() {
    let check = |body: &str, expected: &str| {
        let error = decode_at(body, ARRIVED).unwrap_err();
        assert_eq!(error.kind(), FaultKind::Invalid);
        assert!(error.to_string().contains(expected), "{error}");
    };
    check("", "not a readable JSON object");
    check("[]", "expected a JSON object");
    check("{}", "`type` is not there");
    check(r#"{"type":"action"}"#, "write \"type\": \"server\"");
    check(r#"{"type":"server"}"#, "`application.id` is missing");
    check(r#"{"type":"server","application":{"id":""}}"#, "`application.id` is missing");
    check(r#"{"type":"server","application":{"id":"a"}}"#, "`event.name` is missing");
    check(r#"{"type":"server","application":{"id":"a"},"event":{"name":3}}"#, "`event.name` is missing");
    check(r#"{"type":"server","application":{"id":"a"},"event":{"name":"e"}}"#, "`usr.id` is missing");
    check(
        r#"{"type":"server","application":{"id":"a"},"event":{"name":"e"},"usr":{"anonymous_id":"x"}}"#,
        "account.id",
    );
    for owner in ["usr", "account", "session"] {
        let body = format!(
            r#"{{"type":"server","application":{{"id":"a"}},"event":{{"name":"e"}},"{owner}":{{"id":7}}}}"#
        );
        assert_eq!(decode_at(&body, ARRIVED).unwrap().text(&format!("{owner}.id")), Some("7"));
    }
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(limits::SERVER_EVENT_BYTES));
    assert_eq!(decode_at(&large, ARRIVED).unwrap_err().kind(), FaultKind::TooLarge);
}
