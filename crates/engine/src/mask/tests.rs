use proptest::prelude::*;
use whodid_query::search::{Dialect, parse};
use whodid_store::{Columns, Snapshot};

use super::*;

#[test]
fn ones_are_the_set_rows_of_the_range() {
    for rows in [0, 1, 63, 64, 65, 200] {
        let mask = Mask::from_test(rows, |row| row % 3 == 0);
        assert_eq!(mask.count(), rows.div_ceil(3));
        for (start, end) in [(0, rows), (1, rows), (rows / 2, rows), (rows / 3, rows / 2)] {
            if start <= end {
                let expected: Vec<usize> = (start..end).filter(|row| row % 3 == 0).collect();
                assert_eq!(mask.ones(start..end).collect::<Vec<_>>(), expected, "{start}..{end} of {rows}");
                assert_eq!(mask.count_in(start..end), expected.len() as u64);
            }
        }
        let mut narrowed = mask.clone();
        narrowed.retain(|row| row % 2 == 0);
        assert_eq!(narrowed, Mask::from_test(rows, |row| row % 6 == 0));
        let others = mask.not().ones(0..rows).count();
        assert_eq!(others, (0..rows).filter(|row| row % 3 != 0).count());
    }
}

/// Checks a query against a look at each event by itself.
fn check(columns: &Columns, text: &str) {
    let query = parse(text, Dialect::Event).unwrap();
    let holds = |row: usize| {
        let event = columns.resolved_event(row);
        query.expr.matches(&|path| match path {
            "type" => Some(Value::text(event.kind.name())),
            path => event.attributes.get(path).cloned(),
        })
    };
    assert_eq!(matching(&query, columns), Mask::from_test(columns.rows(), holds), "{text}");
}

proptest! {
    /// Narrow and wide codes, values that pass as one run and as several.
    #[test]
    fn masks_equal_a_look_at_each_event(values in prop::collection::vec(0..400u16, 0..300), wide in any::<bool>()) {
        let events = values.iter().enumerate().map(|(index, value)| {
            let name = format!("/p{}", if wide { *value } else { *value % 40 });
            let event = whodid_testkit::view(&name).user("u").id(&index.to_string()).at("2026-11-01T10:00:00Z");
            let event = event.attr("n", f64::from(*value % 5));
            if value % 3 == 0 { event.attr("x", "y").build() } else { event.build() }
        });
        let snapshot = Snapshot::of_events(vec![events.collect()]);
        for half in snapshot.buckets().iter().flat_map(|bucket| bucket.halves()) {
            for text in [
                "@view.name:/p1*", "@view.name:/p17", "@view.name:(/p1 OR /p3)", "@view.name:*7", "-@view.name:/p2*",
                "@view.name:/p1* @n:>2", "@view.name:/p* @x:y @type:view", "@x:* @n:[1 TO 3]", "@x:y OR @n:0", "@never:seen",
                "@type:action @view.name:/p1", "p3", "(@n:1 OR @n:2) -@x:y",
            ] {
                check(half.columns, text);
            }
        }
    }
}
