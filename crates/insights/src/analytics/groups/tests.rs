use super::*;

type Row<'a> = (&'a [&'a str], f64);

fn groups(rows: &[Row<'_>]) -> Vec<Group> {
    let value = |text: &&str| (!text.is_empty()).then(|| text.to_string());
    let group = |(values, number): &Row<'_>| Group {
        values: values.iter().map(value).collect(),
        step: 0,
        numbers: vec![Some(*number)],
    };
    rows.iter().map(group).collect()
}

#[test]
fn groups_are_ordered_and_cut_within_their_parents() {
    let rank =
        |limit, exclude_missing, ascending| Rank { by: Aggregate::Count, ascending, limit, exclude_missing };
    let check = |rows: &[Row<'_>], parents: &[&[&str]], rank: Rank, expected: &[Row<'_>]| {
        let parent = |parent: &&[&str]| parent.iter().map(|text| Some(text.to_string())).collect();
        assert_eq!(keep(groups(rows), parents.iter().map(parent).collect(), &rank), groups(expected));
    };
    let rows: &[Row<'_>] = &[(&["a"], 1.0), (&["b"], 3.0), (&[""], 2.0), (&["c"], 3.0)];
    check(rows, &[&[]], rank(9, false, false), &[(&["b"], 3.0), (&["c"], 3.0), (&[""], 2.0), (&["a"], 1.0)]);
    check(rows, &[&[]], rank(2, true, true), &[(&["a"], 1.0), (&["b"], 3.0)]);
    let rows: &[Row<'_>] = &[(&["a", "x"], 5.0), (&["b", "x"], 4.0), (&["a", "y"], 3.0), (&["c", "z"], 2.0)];
    check(rows, &[&["b"], &["a"]], rank(1, false, false), &[(&["b", "x"], 4.0), (&["a", "x"], 5.0)]);
    check(rows, &[&["a"]], rank(9, false, true), &[(&["a", "y"], 3.0), (&["a", "x"], 5.0)]);
}
