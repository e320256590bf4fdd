use super::*;

#[test]
fn values_are_measured() {
    let check = |values: &[Value], expected: [Option<f64>; 5]| {
        let values: Vec<&Value> = values.iter().collect();
        let all = [
            Aggregation::Sum,
            Aggregation::Avg,
            Aggregation::Min,
            Aggregation::Max,
            Aggregation::Cardinality,
        ];
        assert_eq!(all.map(|aggregation| measure(aggregation, &values)), expected, "{values:?}");
    };
    check(&[], [Some(0.0), None, None, None, Some(0.0)]);
    check(&[4.0.into(), 1.0.into(), 4.0.into()], [Some(9.0), Some(3.0), Some(1.0), Some(4.0), Some(2.0)]);
    // What is not a number is ignored, and is a value nevertheless.
    check(&["7".into(), true.into(), 2.0.into()], [Some(2.0), Some(2.0), Some(2.0), Some(2.0), Some(3.0)]);
    check(&["x".into()], [Some(0.0), None, None, None, Some(1.0)]);
    // 3 and "3" read the same.
    check(&["3".into(), 3.0.into()], [Some(3.0), Some(3.0), Some(3.0), Some(3.0), Some(1.0)]);
    check(&[Value::List(vec!["a".into(), "b".into()]), "b".into()], [Some(0.0), None, None, None, Some(2.0)]);
    check(&[Value::Null], [Some(0.0), None, None, None, Some(0.0)]);
}

#[test]
fn the_order_of_the_events_changes_no_digit() {
    let numbers: Vec<Value> = [1e16, 1.0, -1e16, 0.1].map(Value::Number).to_vec();
    let forward: Vec<&Value> = numbers.iter().collect();
    let backward: Vec<&Value> = numbers.iter().rev().collect();
    assert_eq!(measure(Aggregation::Sum, &forward), measure(Aggregation::Sum, &backward));
}
