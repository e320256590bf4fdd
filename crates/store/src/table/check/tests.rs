use std::path::Path;

use whodid_model::Instant;
use whodid_testkit::action;

use super::*;
use crate::table::layout::Layout;
use crate::table::{PartId, write};

fn rows() -> Vec<Row> {
    let event = |n: i64| action("buy").id(&format!("e{n}")).ts(Instant(1_790_000_000_000_000 + n));
    let mut rows: Vec<Row> = (0..30)
        .map(|n| if n % 5 == 0 { event(n).build() } else { event(n).user(&format!("u{}", n % 8)).build() })
        .map(|event| Row::new(&Owner::named_by(&event), event))
        .collect();
    rows.sort_by(Row::order);
    rows
}

fn read_back(rows: &[Row]) -> PartRows {
    let mut layout = Layout::default();
    let columns = layout.admit(rows.iter().map(|row| &row.event));
    let bytes = write::part(rows, &layout, &columns).unwrap();
    read::rows(Path::new("part"), bytes.into()).unwrap()
}

fn check(rows: &[Row], spoil: impl Fn(&mut PartRows, &mut PartInfo), expected: &[&str]) {
    let mut part = read_back(rows);
    let instants = || part.events.iter().map(|event| event.ts);
    let (earliest, latest) = (instants().min().unwrap(), instants().max().unwrap());
    let id = PartId::named("part");
    let mut info = PartInfo { id, rows: rows.len() as u64, bytes: 0, earliest, latest };
    spoil(&mut part, &mut info);
    let found = faults(&info, &part);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found} should say {expected}");
    }
}

#[test]
fn every_fault_of_the_layout_is_said() {
    let good = rows();
    check(&good, |_, _| {}, &[]);
    check(&good, |_, info| info.rows = 31, &["it has 30 rows, and the table's log says 31"]);
    check(&good, |_, info| info.latest = info.earliest, &["is outside of"]);

    let mut swapped = good.clone();
    swapped.swap(3, 20);
    check(&swapped, |_, _| {}, &["should lie before the row before it"]);

    let mut late = good.clone();
    late[29].event.ts = Instant(late[29].event.ts.0 + 40 * 86_400_000_000);
    check(&late, |_, _| {}, &["row 29 is of another month"]);

    check(&good, |part, _| part.buckets[29] = 64, &["and its _bucket says 64"]);
    let user = good.iter().position(|row| row.user().is_some()).unwrap();
    check(&good, |part, _| part.users[user] = None, &["and its _user is empty", "should lie before"]);

    let border = good.windows(2).position(|pair| pair[0].bucket() != pair[1].bucket()).unwrap() + 1;
    check(&good, |part, _| part.row_groups = vec![border, 30 - border], &[]);
    let inside = good.windows(2).position(|pair| pair[0].bucket() == pair[1].bucket()).unwrap() + 1;
    check(&good, |part, _| part.row_groups = vec![inside, 30 - inside], &["row group 0 does not end"]);
    // What former versions wrote had no such layout.
    check(&swapped, |part, _| part.format = Some(1), &[]);
}
