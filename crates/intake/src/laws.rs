//! Laws that hold for any bytes.

use proptest::prelude::*;
use whodid_model::{Event, Instant};

use crate::{Context, Enricher, IntakeError, Report, flat, rum, server_event};

/// Lines as a client might send them, whole and broken.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (0..4_u64, 0..3_u64, "view|view_update|action|error|telemetry|odd").prop_map(|(id, version, kind)| format!(
            r#"{{"type":"{kind}","date":1790000000000,"_dd":{{"document_version":{version}}},"view":{{"id":"v{id}"}},"action":{{"id":"a{id}"}}}}"#
        )),
        2 => (0..5_u64).prop_map(|n| format!(r#"{{"timestamp":{n},"usr.id":"u","n":[{n},{{"x":null}}]}}"#)),
        1 => "[ -~]{0,30}",
        1 => r#"\{("type"|"date"|"timestamp"|"id"|"_dd"):("view"|-1|null|\[\]|\{\}|1e300),"type":"(view|action)"\}"#,
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(line(), 0..20).prop_map(|lines| lines.join("\n").into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..200),
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| [
            &b"{\"type\":\"view\",\"date\":1,"[..],
            &bytes
        ]
        .concat()),
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| [&b"\x78\x9c"[..], &bytes].concat()),
        proptest::collection::vec(any::<u8>(), 0..200)
            .prop_map(|bytes| [&b"timestamp,a\n1,"[..], &bytes].concat()),
    ]
}

fn read_flat(bytes: Vec<u8>, options: &flat::Options) -> (Result<Report, IntakeError>, Vec<Event>) {
    let mut events = Vec::new();
    let mut sink = |piece: Vec<Event>| -> Result<(), IntakeError> {
        events.extend(piece);
        Ok(())
    };
    let report = flat::read(flat::Input::Bytes(bytes.into()), options, &Enricher::new(), &mut sink);
    (report, events)
}

fn lines_in(bytes: &[u8]) -> u64 {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count() as u64
}

proptest! {
    #[test]
    fn any_batch_is_read_or_refused(body in body(), deflate in any::<bool>()) {
        let _ = rum::decode(&body, deflate, &Context::default(), &Enricher::new());
        let _ = server_event::decode(&body, &Context::default(), &Enricher::new());
    }

    #[test]
    fn every_line_of_a_batch_is_counted_once(lines in proptest::collection::vec(line(), 0..30)) {
        let body = lines.join("\n");
        let decoded = rum::decode(body.as_bytes(), false, &Context::default(), &Enricher::new())?;
        prop_assert_eq!(decoded.report.lines(), lines_in(body.as_bytes()));
        prop_assert!(decoded.events.len() as u64 <= decoded.report.accepted);
    }

    #[test]
    fn the_order_of_lines_changes_no_event(lines in proptest::collection::vec(line(), 0..12), turn in 0..12_usize) {
        let decode = |lines: &[String]| {
            let decoded = rum::decode(lines.join("\n").as_bytes(), false, &Context::default(), &Enricher::new());
            decoded.map(|decoded| {
                let mut events = decoded.events;
                events.sort_by_key(Event::key);
                events
            })
        };
        let mut turned = lines.clone();
        turned.rotate_left(turn.min(lines.len()));
        prop_assert_eq!(decode(&lines)?, decode(&turned)?);
    }

    #[test]
    fn any_file_is_read_or_refused(body in body(), format in 0..4_usize) {
        let format = [None, Some(flat::Format::Csv), Some(flat::Format::Ndjson), Some(flat::Format::Parquet)][format];
        let options = flat::Options { format, ..flat::Options::default() };
        let (report, events) = read_flat(body.clone(), &options);
        if let (Ok(report), Some(flat::Format::Ndjson)) = (report, format) && !body.starts_with(b"\x78") {
            prop_assert_eq!(report.lines(), lines_in(&body));
        }
        prop_assert!(events.iter().all(|event| event.ts >= Instant(0)));
    }

    #[test]
    fn a_damaged_parquet_file_is_read_or_refused(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = flat::tests::sample_parquet();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read_flat(bytes, &flat::Options::default());
    }
}
