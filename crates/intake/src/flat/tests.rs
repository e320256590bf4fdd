use std::io::Write;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, ListBuilder, RecordBatch, StringArray,
    StringBuilder, StructArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use whodid_model::{EventType, FaultKind, Instant, Value};

use super::*;

/// All events, the report, and the sizes of the pieces.
fn read_all(bytes: &[u8], options: &Options) -> Result<(Vec<Event>, Report, Vec<usize>), IntakeError> {
    let (mut events, mut pieces) = (Vec::new(), Vec::new());
    let mut sink = |piece: Vec<Event>| -> Result<(), IntakeError> {
        pieces.push(piece.len());
        events.extend(piece);
        Ok(())
    };
    let report = read(Input::Bytes(bytes.to_vec().into()), options, &Enricher::new(), &mut sink)?;
    Ok((events, report, pieces))
}

fn options(mapping: &str) -> Options {
    Options { mapping: mapping.parse().unwrap(), ..Options::default() }
}

/// One line per event: type, instant, attributes.
fn shown(events: &[Event]) -> String {
    let one = |event: &Event| {
        let attributes: Vec<String> = event
            .attributes
            .iter()
            .map(|(path, value)| format!("{path}={}", serde_json::to_string(value).unwrap()))
            .collect();
        format!("{} {} {}", event.kind, event.ts, attributes.join(" "))
    };
    events.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[test]
fn csv_cells_find_their_types() {
    let csv = "\u{feff}timestamp,usr.id,action.name,context.total,context.gift,zip,big,\"note, long\",\r\n\
        2026-11-01T00:00:00Z,007,buy,12.50,true,01234,9007199254740993,\"said \"\"hi\"\"\nthere\",0\r\n\
        1793491200,8,,-3,FALSE,+5,1e3,,1\r\n";
    let (events, report, _) = read_all(csv.as_bytes(), &Options::default()).unwrap();
    assert_eq!((report.accepted, report.lines()), (2, 2));
    insta::assert_snapshot!(shown(&events), @r#"
    action 2026-11-01T00:00:00Z action.name="buy" big="9007199254740993" context.gift=true context.total=12.5 note, long="said \"hi\"\nthere" usr.id="007" zip="01234"
    view 2026-11-01T00:00:00Z big=1000.0 context.gift=false context.total=-3.0 usr.id="8" zip="+5"
    "#);
}

#[test]
fn the_same_rows_are_the_same_events_in_every_format() {
    let csv =
        "timestamp,usr.id,type,view.url,n\n1793491200123,u1,view,/cart/1,3\n1793491201000,u2,action,,0.5\n";
    let ndjson = r#"{"timestamp":1793491200123,"usr":{"id":"u1"},"view.url":"/cart/1","n":3}
        {"timestamp":"2026-11-01T00:00:01Z","usr.id":"u2","type":"action","n":0.5}"#;
    let parquet = parquet_bytes(vec![
        (
            "timestamp",
            Arc::new(TimestampNanosecondArray::from(vec![
                1_793_491_200_123_000_000,
                1_793_491_201_000_000_000,
            ])),
        ),
        ("usr.id", Arc::new(StringArray::from(vec!["u1", "u2"]))),
        ("type", Arc::new(StringArray::from(vec![None, Some("action")]))),
        ("view.url", Arc::new(StringArray::from(vec![Some("/cart/1"), None]))),
        ("n", Arc::new(Float64Array::from(vec![3.0, 0.5]))),
    ]);
    let options = Options::default();
    let (first, ..) = read_all(csv.as_bytes(), &options).unwrap();
    assert_eq!(first.len(), 2);
    assert_eq!(first[0].text("view.name"), Some("/cart/?"));
    assert_eq!(read_all(ndjson.as_bytes(), &options).unwrap().0, first);
    assert_eq!(read_all(&parquet, &options).unwrap().0, first);
}

#[test]
fn rows_that_cannot_be_read_are_reported_and_the_rest_goes_on() {
    let mut csv = b"timestamp,usr.id,type,n\n".to_vec();
    for row in [
        &b"2026-11-01T00:00:00Z,u1,view,1"[..],
        b",u1,view,1",
        b"yesterday,u1,view,1",
        b"2026-11-01T00:00:00Z,u1,session,1",
        b"2026-11-01T00:00:00Z,u1,error,1",
        b"2026-11-01T00:00:00Z,u1,view",
        b"2026-11-01T00:00:00Z,\xff,view,1",
        b"2026-11-01T00:00:00Z,u1,view,1",
        b"-5,u1,view,1",
    ] {
        csv.extend_from_slice(row);
        csv.push(b'\n');
    }
    let (events, report, _) = read_all(&csv, &Options::default()).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(report.lines(), 9);
    insta::assert_json_snapshot!(report, @r#"
    {
      "accepted": 1,
      "duplicates": 1,
      "not_stored": {
        "error": 1
      },
      "rejected_count": 6,
      "rejected": [
        {
          "line": 3,
          "reason": "`timestamp` is missing; if another column holds it, map it, such as ts=timestamp"
        },
        {
          "line": 4,
          "reason": "`timestamp` is `yesterday`; write RFC 3339, such as 2026-11-01T00:00:00Z, or an epoch number"
        },
        {
          "line": 5,
          "reason": "`session` is not an event type; the types are view, action and server"
        },
        {
          "line": 7,
          "reason": "the row has 3 fields and the header 4"
        },
        {
          "line": 8,
          "reason": "the value of `usr.id` is not UTF-8"
        },
        {
          "line": 10,
          "reason": "`timestamp` is 1969-12-31T23:59:55Z; years are 1970 to 9999"
        }
      ]
    }
    "#);
}

#[test]
fn ndjson_lines_are_rum_events_or_rows() {
    let text = r#"{"type":"view","date":1793491200000,"_dd":{"document_version":2},"view":{"id":"v1","url":"/a"},"session":{"id":"s"}}
{"timestamp":1793491200000,"view.name":"/a","date":"a column","usr.id":5,"order.id":7,"id":12}

{"type":"error","date":1793491200000}
{"timestamp":1793491200000,"view":{"name":"/a"},"tags":["x",1],"@env":"prod"}
{"timestamp":1793491200000
{"usr.id":"u"}"#;
    let (events, report, _) = read_all(text.as_bytes(), &Options::default()).unwrap();
    insta::assert_snapshot!(shown(&events), @r#"
    view 2026-11-01T00:00:00Z session.id="s" view.id="v1" view.name="/a" view.url="/a" view.url_path="/a" view.url_path_group="/a"
    view 2026-11-01T00:00:00Z date="a column" order.id="7" usr.id="5" view.name="/a"
    view 2026-11-01T00:00:00Z env="prod" tags=["x","1"] view.name="/a"
    "#);
    assert_eq!((events[0].id.as_str(), events[0].revision, events[1].id.as_str()), ("v1", 2, "12"));
    let lines: Vec<u64> = report.rejected.iter().map(|rejection| rejection.line).collect();
    assert_eq!((lines, report.accepted, report.lines()), (vec![6, 7], 3, 6));
}

#[test]
fn columns_are_renamed() {
    let mapping = "user_id=usr.id, event=@action.name ,ts=timestamp,props=context";
    let csv = "ts,user_id,event,@props.size\n1793491200,5,buy,3\n";
    let (events, ..) = read_all(csv.as_bytes(), &options(mapping)).unwrap();
    assert_eq!(shown(&events), r#"action 2026-11-01T00:00:00Z action.name="buy" props.size=3.0 usr.id="5""#);
    let ndjson = r#"{"ts":1793491200,"user_id":5,"event":"buy","props":{"size":3}}"#;
    let (events, ..) = read_all(ndjson.as_bytes(), &options(mapping)).unwrap();
    assert_eq!(
        shown(&events),
        r#"action 2026-11-01T00:00:00Z action.name="buy" context.size=3.0 usr.id="5""#
    );
    for bad in ["a", "a=", "=b", "a=b,a=c", "a=@"] {
        assert!(bad.parse::<Mapping>().unwrap_err().to_string().contains("user_id=usr.id"), "{bad}");
    }
}

#[test]
fn duplicates_are_kept_when_asked_and_the_same_file_stays_the_same() {
    let csv = "timestamp,usr.id\n1,u\n1,u\n2,u\n";
    let ids = |options: &Options| {
        let (events, report, _) = read_all(csv.as_bytes(), options).unwrap();
        (events.into_iter().map(|event| event.id).collect::<Vec<_>>(), report.duplicates)
    };
    let (once, duplicates) = ids(&Options::default());
    assert_eq!((once.len(), duplicates), (2, 1));
    let keep =
        |source: &str| Options { keep_duplicates: true, source: source.to_string(), ..Options::default() };
    let (all, duplicates) = ids(&keep("a.csv"));
    assert_eq!((all.len(), duplicates), (3, 0));
    assert_eq!(ids(&keep("a.csv")).0, all);
    assert!(ids(&keep("b.csv")).0.iter().all(|id| !all.contains(id)));
}

#[test]
fn files_come_in_pieces() {
    let rows: String = (0..1_000).map(|i| format!("{i},u{i}\n")).collect();
    let options = Options { chunk_events: 300, ..Options::default() };
    let (events, report, pieces) =
        read_all(format!("timestamp,usr.id\n{rows}").as_bytes(), &options).unwrap();
    assert_eq!((events.len(), report.accepted, pieces), (1_000, 1_000, vec![300, 300, 300, 100]));
    let large: String =
        (0..18).map(|i| format!("{{\"timestamp\":{i},\"a\":\"{}\"}}\n", "x".repeat(1_000_000))).collect();
    let (_, _, pieces) = read_all(large.as_bytes(), &Options::default()).unwrap();
    assert_eq!(pieces, [17, 1]);
}

#[test]
fn compression_is_recognised() {
    let csv = "timestamp,usr.id\n1,u\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(csv.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(csv.as_bytes(), 1).unwrap();
    for bytes in [&gzip, &zstd] {
        assert_eq!(read_all(bytes, &Options::default()).unwrap().0.len(), 1);
        let error = read_all(&bytes[..bytes.len() / 2], &Options::default()).unwrap_err();
        assert_eq!(error.kind(), FaultKind::Invalid, "{error}");
    }
}

#[test]
fn what_cannot_be_a_file_is_an_error() {
    let check = |bytes: &[u8], expected: &str| {
        let error = read_all(bytes, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), FaultKind::Invalid);
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(b"a,a\n1,2\n", "columns 1 and 2 are both `a`");
    check(b"PAR1 and nothing more", "Parquet file cannot be read");
    let mut unclosed = b"timestamp,a\n1,\"".to_vec();
    unclosed.resize(4_000_000, b'x');
    check(&unclosed, "line 2: a row is larger than");
    let stream = Input::Stream(Box::new(&b"PAR1"[..]));
    let mut sink = |_: Vec<Event>| -> Result<(), IntakeError> { Ok(()) };
    let error = read(stream, &Options::default(), &Enricher::new(), &mut sink).unwrap_err();
    assert!(error.to_string().contains("give it whole"), "{error}");
    for nothing in [&b""[..], b"\n\n", b"timestamp\n"] {
        assert_eq!(read_all(nothing, &Options::default()).unwrap().1, Report::default());
    }
}

#[test]
fn a_line_that_is_too_long_is_skipped() {
    let long = "x".repeat(3 * whodid_model::limits::EVENT_BYTES);
    let text = format!("{{\"timestamp\":1}}\n{{\"a\":\"{long}\"}}\n{{\"timestamp\":2}}\n");
    let (events, report, _) = read_all(text.as_bytes(), &Options::default()).unwrap();
    assert_eq!((events.len(), report.rejected[0].line), (2, 2));
}

#[test]
fn a_sink_that_fails_ends_the_reading() {
    let mut sink =
        |_: Vec<Event>| -> Result<(), IntakeError> { Err(IntakeError::Format { name: "full".to_string() }) };
    let input = Input::Bytes("timestamp\n1\n".into());
    assert!(read(input, &Options::default(), &Enricher::new(), &mut sink).is_err());
}

#[test]
fn formats_are_told_by_type_and_name() {
    let check = |text: &str, expected: Option<Format>| {
        let found = Format::from_content_type(text).or(Format::from_file_name(text));
        assert_eq!(found, expected, "{text}");
    };
    check("text/csv; charset=utf-8", Some(Format::Csv));
    check("application/x-ndjson", Some(Format::Ndjson));
    check("application/vnd.apache.parquet", Some(Format::Parquet));
    check("application/octet-stream", None);
    check("Events.CSV.gz", Some(Format::Csv));
    check("a.b.jsonl.zst", Some(Format::Ndjson));
    check("part-0.parquet", Some(Format::Parquet));
    check("csv", None);
    assert_eq!("parquet".parse::<Format>().unwrap(), Format::Parquet);
    assert!("xlsx".parse::<Format>().is_err());
}

fn parquet_bytes(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    );
    let batch = batch.unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

pub(crate) fn sample_parquet() -> Vec<u8> {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("a"), Some("b")]);
    lists.append_null();
    let name: DictionaryArray<Int32Type> = [Some("/cart"), None].into_iter().collect();
    let nested = StructArray::from(vec![
        (
            Arc::new(Field::new("id", DataType::Int64, true)),
            Arc::new(Int64Array::from(vec![7, 8])) as ArrayRef,
        ),
        (
            Arc::new(Field::new("vip", DataType::Boolean, true)),
            Arc::new(BooleanArray::from(vec![true, false])) as ArrayRef,
        ),
    ]);
    parquet_bytes(vec![
        ("ts", Arc::new(Int64Array::from(vec![1_793_491_200_000, 0]))),
        ("usr", Arc::new(nested)),
        ("view.name", Arc::new(name)),
        ("big", Arc::new(Int64Array::from(vec![9_007_199_254_740_993, 4]))),
        ("at", Arc::new(TimestampNanosecondArray::from(vec![Some(0), None]).with_timezone("UTC"))),
        ("tags", Arc::new(lists.finish())),
    ])
}

#[test]
fn parquet_columns_keep_their_types() {
    let bytes = sample_parquet();
    let (events, report, _) = read_all(&bytes, &options("ts=timestamp")).unwrap();
    assert_eq!(report.accepted, 2);
    insta::assert_snapshot!(shown(&events), @r#"
    view 2026-11-01T00:00:00Z at="1970-01-01T00:00:00Z" big="9007199254740993" tags=["a","b"] usr.id="7" usr.vip=true view.name="/cart"
    view 1970-01-01T00:00:00Z big=4.0 usr.id="8" usr.vip=false
    "#);
    assert_eq!(events[1].ts, Instant(0));
    assert_eq!(events[0].kind, EventType::View);
    assert_eq!(events[1].attributes.get("usr.vip"), Some(&Value::Bool(false)));
}
