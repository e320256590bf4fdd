use whodid_model::limits;

use super::*;

fn read(json: &str, partial: bool) -> Result<String, String> {
    let reading = Reading { without: &["_dd"], partial };
    let attributes = flatten(json.as_bytes(), reading)?;
    let one = |(path, value): (&String, &Value)| {
        format!("{path}={}", serde_json::to_string(value).unwrap_or_default())
    };
    Ok(attributes.iter().map(one).collect::<Vec<_>>().join(" "))
}

#[test]
fn objects_become_dotted_paths() {
    let check = |json: &str, expected: &str| assert_eq!(read(json, false).as_deref(), Ok(expected), "{json}");
    check("{}", "");
    check(r#"{"a":{"b":{"c":1}},"d":"x"}"#, r#"a.b.c=1.0 d="x""#);
    check(r#"{"a":null,"b":{},"c":"","d":false}"#, r#"c="" d=false"#);
    check(r#"{"a":["x",1,true,null]}"#, r#"a=["x","1","true","null"]"#);
    check(r#"{"a":[]}"#, "a=[]");
    check(r#"{"a":[[1,2],[3]]}"#, r#"a=["1","2","3"]"#);
    check(r#"{"a":[{"b":1,"c":{"d":"x"}},{"b":2}]}"#, r#"a.b=["1","2"] a.c.d=["x"]"#);
    check(r#"{"a":[1,{"b":2}]}"#, r#"a=["1"] a.b=["2"]"#);
    check(r#"{"a.b":1,"a":{"b":2}}"#, "a.b=2.0");
    check(r#"{"a":1,"a":2}"#, "a=2.0");
    check(r#"{"n":9007199254740993,"m":-0.5}"#, r#"m=-0.5 n="9007199254740993""#);
    check(r#"{"usr":{"id":42},"context":{"id":42}}"#, r#"context.id=42.0 usr.id="42""#);
    check(r#"{"_dd":{"x":[1]},"a":{"_dd":2}}"#, "a._dd=2.0");
    check(r#"{"a":"\u00e9\n"}"#, "a=\"é\\n\"");
}

#[test]
fn a_difference_says_what_it_removes() {
    let check = |json: &str, expected: &str| assert_eq!(read(json, true).as_deref(), Ok(expected), "{json}");
    check(r#"{"view":{"name":null,"time_spent":5}}"#, "view.name=null view.time_spent=5.0");
    check(r#"{"context":{"a":1},"usr":{}}"#, "context=null context.a=1.0 usr=null");
    check(
        r#"{"view":{"custom_timings":{"ready":1}}}"#,
        "view.custom_timings=null view.custom_timings.ready=1.0",
    );
    check(r#"{"a":[{"b":1}]}"#, r#"a=null a.b=["1"]"#);
}

#[test]
fn limits_are_kept() {
    let check = |json: String, expected: &str| {
        let error = read(&json, false).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert!(read(&nested(limits::EVENT_DEPTH), false).is_ok());
    check(nested(limits::EVENT_DEPTH + 1), "deeper than 32 levels");
    check(format!(r#"{{"a":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000)), "deeper than 32 levels");
    let wide: Vec<String> = (0..=limits::EVENT_ATTRIBUTES).map(|i| format!(r#""k{i}":1"#)).collect();
    check(format!("{{{}}}", wide.join(",")), "more than 2000 attributes");
    check(format!(r#"{{"{}":1}}"#, "k".repeat(limits::PATH_BYTES + 1)), "longer than 512 bytes");
    check(r#"{"":1}"#.to_string(), "empty name");
    check(r#"{"a":1} x"#.to_string(), "column 9: trailing characters");
    check("[1]".to_string(), "expected a JSON object");
}
