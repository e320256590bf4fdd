use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use whodid_model::FaultKind;

use super::*;

const CHROME: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";

const VIEW: &str = r#"{"_dd":{"format_version":2,"drift":-1,"configuration":{"session_sample_rate":100,"session_replay_sample_rate":0},"sdk_name":"rum","document_version":3,"page_states":[{"state":"active","start":0}]},"application":{"id":"7b0e1f52-0000-4000-8000-000000000001"},"date":1790000000123,"service":"shop","source":"browser","session":{"id":"5e551011-0000-4000-8000-000000000002","type":"user"},"view":{"id":"a11ce000-0000-4000-8000-000000000003","url":"https://shop.example/product/42?utm_source=news","referrer":"https://search.example/q","time_spent":5120000000,"loading_type":"initial_load","is_active":true,"action":{"count":1},"error":{"count":0},"frustration":{"count":0},"custom_timings":{"hero":120}},"usr":{"anonymous_id":"a9090000-0000-4000-8000-000000000004","id":"u-1","plan":"gold"},"display":{"viewport":{"width":1280,"height":720}},"connectivity":{"status":"connected","interfaces":["wifi"]},"device":{"locale":"pt-BR","locales":["pt-BR","en"],"time_zone":"America/Sao_Paulo"},"privacy":{"replay_level":"mask"},"context":{"cart":{"total":99.9}},"ddtags":"sdk_version:7.9.0,env:prod,service:shop,version:1.2.3","type":"view"}"#;

const ACTION: &str = r#"{"_dd":{"format_version":2,"action":{"name_source":"text_content"}},"application":{"id":"app"},"date":1790000001000,"session":{"id":"s","type":"user"},"view":{"id":"v","url":"https://shop.example/cart"},"action":{"id":"c11c0000-0000-4000-8000-000000000005","type":"click","target":{"name":"CHECKOUT"},"frustration":{"type":[]},"loading_time":120000000},"usr":{"anonymous_id":"anon"},"type":"action"}"#;

fn decode_text(body: &[u8]) -> Decoded {
    decode(body, false, &Context::default(), &Enricher::new()).unwrap()
}

fn decode_from_brazil(line: &str, user_agent: Option<&str>) -> Decoded {
    let context = Context {
        received_at: Instant(1_790_000_002_000_000),
        client_ip: "200.147.3.157".parse().ok(),
        user_agent,
    };
    decode(line.as_bytes(), false, &context, &Enricher::new()).unwrap()
}

fn deflated(text: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_view_as_the_browser_sends_it() {
    let decoded = decode_from_brazil(VIEW, Some(CHROME));
    assert_eq!((decoded.report.accepted, decoded.report.lines()), (1, 1));
    insta::assert_json_snapshot!(decoded.events);
}

#[test]
fn an_action_as_the_browser_sends_it() {
    let decoded = decode_from_brazil(ACTION, None);
    insta::assert_json_snapshot!(decoded.events);
}

#[test]
fn lines_of_all_kinds_are_counted_once() {
    let body = [
        VIEW,
        ACTION,
        ACTION,
        r#"{"type":"resource","date":1,"resource":{"id":"r"}}"#,
        r#"{"type":"error","date":1}"#,
        r#"{"type":"telemetry","date":1,"action":{"id":[]},"anonymous_id":"x"}"#,
        r#"{"type":"resource","_dd":{"document_version":1}}"#,
        r#"{"type":"something_new"}"#,
        "",
        "not json",
        r#"{"type":"action","date":1790000001000}"#,
    ]
    .join("\n");
    let decoded = decode_text(body.as_bytes());
    assert_eq!(decoded.events.len(), 2);
    insta::assert_json_snapshot!(decoded.report, @r#"
    {
      "accepted": 2,
      "duplicates": 1,
      "not_stored": {
        "error": 1,
        "other": 1,
        "resource": 2,
        "telemetry": 1
      },
      "rejected_count": 2,
      "rejected": [
        {
          "line": 10,
          "reason": "the line is not a JSON object"
        },
        {
          "line": 11,
          "reason": "`action.id` is missing; it is what makes the action one event"
        }
      ]
    }
    "#);
    assert_eq!(decoded.report.lines(), 10);
}

#[test]
fn a_bad_line_is_told_what_is_wrong() {
    let check = |line: &str, expected: &str| {
        let decoded = decode_text(format!("{ACTION}\n{line}\r\n").as_bytes());
        assert_eq!(decoded.events.len(), 1, "{line}");
        let rejected = &decoded.report.rejected[0];
        assert_eq!(rejected.line, 2);
        assert!(rejected.reason.contains(expected), "{line}: {}", rejected.reason);
    };
    check("[1]", "not a JSON object");
    check("{\"type\":\"view\"", "column 14: EOF");
    check("{}", "`type` is missing");
    check(r#"{"type":7}"#, "expected a string");
    check(r#"{"type":"view","view":{"id":"v"}}"#, "`date` is missing");
    check(r#"{"type":"view","date":"today","view":{"id":"v"}}"#, "`date` is missing");
    check(r#"{"type":"view","date":-1,"view":{"id":"v"}}"#, "not an instant");
    check(r#"{"type":"view","date":1e30,"view":{"id":"v"}}"#, "not an instant");
    check(r#"{"type":"view","date":1,"view":{"id":""}}"#, "`view.id` is missing");
    check(r#"{"type":"view","date":1,"view":[]}"#, "`view.id` is missing");
    check(r#"{"type":"action","date":1,"action":{"id":[]}}"#, "`action.id` is missing");
    check(r#"{"type":"view_update","date":1,"view":{"id":"v"}}"#, "`_dd.document_version` is missing");
    check(r#"{"type":"view","date":1,"view":{"id":"v"},"_dd":{"document_version":"3"}}"#, "invalid type");
    check(&format!(r#"{{"type":"view","a":"{}"}}"#, "x".repeat(limits::EVENT_BYTES)), "larger than");
}

#[test]
fn bytes_that_are_no_text_spoil_their_line_alone() {
    let mut body = ACTION.as_bytes().to_vec();
    body.extend_from_slice(b"\n{\"type\":\"action\",\"date\":1,\"action\":{\"id\":\"\xff\xfe\"}}\n");
    body.extend_from_slice(VIEW.as_bytes());
    let report = decode_text(&body).report;
    assert_eq!((report.accepted, report.rejected_count), (2, 1));
}

#[test]
fn versions_of_a_view_are_one_event_and_not_duplicates() {
    let view = |version: u64, spent: u64| {
        format!(
            r#"{{"type":"view","date":1790000000000,"_dd":{{"document_version":{version}}},"view":{{"id":"v","url":"/a","time_spent":{spent}}}}}"#
        )
    };
    let body = [view(1, 10), view(3, 30), view(2, 20), view(3, 30), view(1, 10)].join("\n");
    let decoded = decode_text(body.as_bytes());
    assert_eq!((decoded.report.accepted, decoded.report.duplicates), (3, 2));
    let [event] = &decoded.events[..] else { panic!("one view") };
    assert_eq!((event.revision, event.attributes.get("view.time_spent")), (3, Some(&Value::Number(30.0))));
}

#[test]
fn partial_updates_are_merged_onto_their_view() {
    let full = r#"{"type":"view","date":1790000000000,"_dd":{"document_version":1},"usr":{"id":"u","plan":"gold"},"view":{"id":"v","url":"https://shop.example/p/1?a=1","time_spent":1,"custom_timings":{"x":1}}}"#;
    let update = r#"{"type":"view_update","date":1790000000000,"_dd":{"document_version":2},"usr":{"id":"u2"},"view":{"id":"v","url":"https://shop.example/p/1","time_spent":2,"custom_timings":{"y":2}}}"#;
    let check = |lines: &[&str]| {
        let decoded = decode_text(lines.join("\n").as_bytes());
        let [event] = &decoded.events[..] else { panic!("one view") };
        let shown = |path: &str| event.attributes.get(path).map(|value| value.as_text().into_owned());
        assert_eq!(event.revision, 2);
        assert_eq!(shown("usr.id").as_deref(), Some("u2"));
        assert_eq!(shown("usr.plan"), None);
        assert_eq!(shown("view.custom_timings.x"), None);
        assert_eq!(shown("view.custom_timings.y").as_deref(), Some("2"));
        assert_eq!(shown("view.url_query.a"), None);
        assert_eq!(shown("view.name").as_deref(), Some("/p/?"));
        assert!(event.attributes.values().all(|value| *value != Value::Null));
    };
    check(&[full, update]);
    check(&[update, full]);
    let alone = decode_text(update.as_bytes());
    assert_eq!(alone.events[0].text("view.name"), Some("/p/?"));
    assert!(alone.events[0].revisions.is_some());
}

#[test]
fn tags_become_attributes() {
    let line = r#"{"type":"action","date":1,"env":"own","ddtags":"env:prod,team:web,team:ops,url:http://x,beta,:x,id:7, version:1.2","action":{"id":"a"}}"#;
    let decoded = decode_text(line.as_bytes());
    let event = &decoded.events[0];
    let shown =
        |path: &str| event.attributes.get(path).map(|value| value.as_text().into_owned()).unwrap_or_default();
    assert_eq!(shown("env"), "own");
    assert_eq!(shown("team"), "web,ops");
    assert_eq!(shown("url"), "http://x");
    assert_eq!(shown("version"), "1.2");
    assert_eq!(shown("context.id"), "7");
    assert_eq!(event.text("beta"), Some(""));
    assert!(!event.attributes.contains_key("ddtags"));
}

#[test]
fn compressed_batches_are_recognised_either_way() {
    let context = Context::default();
    let enricher = Enricher::new();
    let packed = deflated(&format!("{ACTION}\n{VIEW}"));
    for (body, deflate) in [(&packed[..], true), (&packed[..], false), (ACTION.as_bytes(), true)] {
        assert!(!decode(body, deflate, &context, &enricher).unwrap().events.is_empty());
    }
    let error = decode(b"neither", true, &context, &enricher).unwrap_err();
    assert_eq!(error.kind(), FaultKind::Invalid);
    assert!(error.to_string().contains("deflate"), "{error}");
}

#[test]
fn a_stream_that_ends_early_keeps_its_whole_lines() {
    let lines: Vec<String> = (0..500)
        .map(|i| format!(r#"{{"type":"action","date":{i},"action":{{"id":"{i}"}},"n":{}}}"#, i * i))
        .collect();
    let packed = deflated(&lines.join("\n"));
    let cut = &packed[..packed.len() / 2];
    let decoded = decode(cut, true, &Context::default(), &Enricher::new()).unwrap();
    assert!((10..490).contains(&decoded.report.accepted), "{:?}", decoded.report.accepted);
    assert_eq!(decoded.report.rejected_count, 1);
    assert_eq!(decoded.report.rejected[0].line, decoded.report.accepted + 1);
    // The checksum is the last of a stream.
    let mut damaged = packed.clone();
    damaged[packed.len() - 1] ^= 0xff;
    let error = decode(&damaged, true, &Context::default(), &Enricher::new()).unwrap_err();
    assert_eq!(error.kind(), FaultKind::Invalid);
}

#[test]
fn a_bomb_is_refused() {
    let body = " ".repeat(100_000);
    let packed = deflated(&body);
    assert!(inflate(&packed, true, 100_000).is_ok());
    for bytes in [&packed[..], body.as_bytes()] {
        let error = inflate(bytes, false, 99_999).unwrap_err();
        assert_eq!(error.kind(), FaultKind::TooLarge);
    }
}
