use super::*;

fn by(limit: Option<u64>, should_exclude_missing: bool, order: Option<SortOrder>) -> GroupBy {
    let sort = order.map(|order| Sort { aggregation: None, metric: None, order });
    GroupBy { facet: "@x".to_string(), limit, should_exclude_missing, sort, source: None }
}

fn groups(rows: &[(&[&str], f64)]) -> Vec<Group> {
    let value = |text: &&str| (*text != MISSING).then(|| text.to_string());
    let group = |(values, number): &(&[&str], f64)| Group {
        values: values.iter().map(value).collect(),
        numbers: vec![Some(*number)],
    };
    rows.iter().map(group).collect()
}

#[test]
fn groups_are_ordered_and_cut_facet_by_facet() {
    let check = |rows: &[(&[&str], f64)], by: &[GroupBy], expected: &[(&[&str], f64)]| {
        assert_eq!(arrange(groups(rows), by), groups(expected));
    };
    let rows: &[(&[&str], f64)] = &[(&["a"], 1.0), (&["b"], 3.0), (&["N/A"], 2.0), (&["c"], 3.0)];
    check(rows, &[by(None, false, None)], &[(&["b"], 3.0), (&["c"], 3.0), (&["N/A"], 2.0), (&["a"], 1.0)]);
    check(rows, &[by(Some(2), true, Some(SortOrder::Asc))], &[(&["a"], 1.0), (&["b"], 3.0)]);
    let rows: &[(&[&str], f64)] =
        &[(&["a", "x"], 5.0), (&["b", "x"], 4.0), (&["a", "y"], 3.0), (&["b", "z"], 2.0)];
    check(
        rows,
        &[by(Some(1), false, None), by(None, false, None)],
        &[(&["a", "x"], 5.0), (&["a", "y"], 3.0)],
    );
    check(
        rows,
        &[by(None, false, None), by(Some(1), false, None)],
        &[(&["a", "x"], 5.0), (&["b", "x"], 4.0)],
    );
}
