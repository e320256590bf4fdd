use whodid_model::{EventType, UserKey, Value};

use super::*;

fn event(id: &str, ts_us: i64, attributes: &[(&str, Value)]) -> Event {
    Event {
        kind: EventType::Action,
        id: id.to_string(),
        ts: Instant(ts_us),
        revision: 0,
        attributes: attributes.iter().map(|(path, value)| (path.to_string(), value.clone())).collect(),
        revisions: None,
    }
}

fn user(id: &str) -> Owner {
    Owner::User(UserKey::Identified(id.to_string()))
}

#[test]
fn a_column_has_as_narrow_codes_as_its_values_allow() {
    let width = |values: usize| {
        let events =
            (0..values).map(|n| (user("u"), event(&n.to_string(), n as i64, &[("x", (n as f64).into())])));
        match Columns::build(events.collect()).attribute("x").unwrap().codes() {
            Codes::U8(_) => 8,
            Codes::U16(_) => 16,
            Codes::U32(_) => 32,
        }
    };
    assert_eq!([1, 255, 256, 65_535, 65_536].map(width), [8, 8, 16, 16, 32]);
}

#[test]
fn values_of_different_types_stay_different() {
    let rows = [Value::Number(5.0), Value::text("5"), Value::Bool(true), Value::List(vec!["5".to_string()])];
    let events = rows.iter().enumerate();
    let events =
        events.map(|(n, value)| (user("u"), event(&n.to_string(), n as i64, &[("x", value.clone())])));
    let columns = Columns::build(events.collect());
    let read: Vec<Value> = (0..4).map(|row| columns.event(row).attributes["x"].clone()).collect();
    assert_eq!(read, rows);
}

#[test]
fn assembling_keeps_chosen_runs_and_drops_unused_values() {
    let build = |id: &str, value: &str| {
        Columns::build(vec![(user(id), event(id, 1, &[("x", value.into()), (id, true.into())]))])
    };
    let (a, b, c) = (build("a", "1"), build("b", "2"), build("c", "1"));
    let columns = Columns::assemble(&[&c, &b, &a], |source, _| source != 1);
    let owners: Vec<&Owner> = columns.runs().iter().map(|run| &run.owner).collect();
    assert_eq!(owners, [&user("a"), &user("c")]);
    assert_eq!(columns.attribute("x").unwrap().dictionary().map(Value::clone), [Value::text("1")]);
    assert!(columns.attribute("b").is_none());
    assert_eq!(
        columns.resolved_event(0),
        event("a", 1, &[("x", "1".into()), ("a", true.into()), ("usr.id", "a".into())])
    );
    assert_eq!(columns.event(0), event("a", 1, &[("x", "1".into()), ("a", true.into())]));
}
