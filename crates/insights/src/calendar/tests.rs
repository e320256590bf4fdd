use super::*;

fn boundaries(interval: serde_json::Value, from: &str, to: &str) -> Result<Vec<String>, String> {
    let interval: CalendarInterval = serde_json::from_value(interval).unwrap();
    let range = TimeRange { from: Instant::parse(from).unwrap(), to: Instant::parse(to).unwrap() };
    let calendar = interval.read(&TimeZone::UTC, "/i").map_err(|error| error.to_string())?;
    let boundaries = calendar.boundaries(range, "/i").map_err(|error| error.to_string())?;
    Ok(boundaries.iter().map(ToString::to_string).collect())
}

#[test]
fn units_begin_where_they_are_aligned() {
    let check = |interval: serde_json::Value, from: &str, to: &str, expected: &[&str]| {
        assert_eq!(boundaries(interval.clone(), from, to).unwrap(), expected, "{interval}");
    };
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    check(
        json(r#"{"type":"day"}"#),
        "2026-11-01T05:00:00Z",
        "2026-11-02T05:00:00Z",
        &["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"],
    );
    check(
        json(r#"{"type":"day","alignment":"2pm"}"#),
        "2026-11-01T05:00:00Z",
        "2026-11-01T14:00:00Z",
        &["2026-10-31T14:00:00Z", "2026-11-01T14:00:00Z"],
    );
    check(
        json(r#"{"type":"week"}"#),
        "2026-11-01T00:00:00Z",
        "2026-11-03T00:00:00Z",
        &["2026-10-26T00:00:00Z", "2026-11-02T00:00:00Z", "2026-11-09T00:00:00Z"],
    );
    check(
        json(r#"{"type":"week","alignment":"sunday"}"#),
        "2026-11-01T00:00:00Z",
        "2026-11-03T00:00:00Z",
        &["2026-11-01T00:00:00Z", "2026-11-08T00:00:00Z"],
    );
    check(
        json(r#"{"type":"month","alignment":"31st"}"#),
        "2026-01-31T00:00:00Z",
        "2026-03-01T00:00:00Z",
        &["2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"],
    );
    check(
        json(r#"{"type":"quarter"}"#),
        "2026-05-05T00:00:00Z",
        "2026-07-01T00:00:01Z",
        &["2026-04-01T00:00:00Z", "2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z"],
    );
    check(
        json(r#"{"type":"year","alignment":"april"}"#),
        "2026-02-05T00:00:00Z",
        "2026-04-01T00:00:00Z",
        &["2025-04-01T00:00:00Z", "2026-04-01T00:00:00Z"],
    );
    check(
        json(r#"{"type":"hour","quantity":6}"#),
        "2026-02-05T03:30:00Z",
        "2026-02-05T10:00:00Z",
        &["2026-02-05T03:00:00Z", "2026-02-05T09:00:00Z", "2026-02-05T15:00:00Z"],
    );
}

#[test]
fn days_are_23_and_25_hours_long_where_the_clocks_change() {
    let day: serde_json::Value =
        serde_json::from_str(r#"{"type":"day","timezone":"America/New_York"}"#).unwrap();
    assert_eq!(
        boundaries(day.clone(), "2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z").unwrap(),
        ["2026-10-31T04:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", "2026-11-03T05:00:00Z"]
    );
    assert_eq!(
        boundaries(day, "2026-03-08T12:00:00Z", "2026-03-09T12:00:00Z").unwrap(),
        ["2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", "2026-03-10T04:00:00Z"]
    );
}

#[test]
fn words_that_cannot_be_meant_are_refused() {
    let check = |interval: &str, word: &str| {
        let interval = serde_json::from_str(interval).unwrap();
        let error = boundaries(interval, "2026-01-01", "2026-02-01").unwrap_err();
        assert!(error.contains(word), "{error}");
    };
    check(r#"{"type":"day","timezone":"Mars/Base"}"#, "Mars/Base");
    check(r#"{"type":"week","alignment":"15th"}"#, "15th");
    check(r#"{"type":"day","alignment":"25"}"#, "25");
    check(r#"{"type":"day","quantity":0}"#, "0 units");
    check(r#"{"type":"minute"}"#, "more than");
}
