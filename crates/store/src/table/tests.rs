use std::collections::BTreeSet;
use std::path::Path;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::PageIndexPolicy;
use proptest::prelude::*;
use whodid_model::{Attributes, EventType, Value};

use super::layout::{Kind, MAX_COLUMNS};
use super::*;
use crate::log::tests::any_event;
use crate::owner::Owner;

fn event(n: i64, attributes: &[(&str, Value)]) -> Event {
    Event {
        kind: EventType::View,
        id: format!("v{n}"),
        ts: Instant(1_790_000_000_000_000 + n),
        revision: 1,
        attributes: attributes.iter().map(|(path, value)| (path.to_string(), value.clone())).collect(),
        revisions: None,
    }
}

fn plain(numbers: std::ops::Range<i64>) -> Vec<Event> {
    numbers.map(|n| event(n, &[("usr.id", format!("u{n}").into()), ("view.name", "/cart".into())])).collect()
}

fn row(event: Event) -> Row {
    Row::new(&Owner::named_by(&event), event)
}

fn adding(add: Vec<Event>, covers: u64) -> Change {
    let add = vec![add.into_iter().map(row).collect()];
    Change { add, covers: LogPosition(covers), ..Change::default() }
}

async fn read_all(table: &EventTable) -> Vec<Event> {
    let mut events = Vec::new();
    for part in table.parts() {
        events.extend(table.read(&part.id).await.unwrap());
    }
    events
}

/// Names of the Parquet files in the folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".parquet")).collect()
}

/// The columns that events lie in, and what goes to the overflow, by `encode` alone.
fn columns_of(layout: &mut Layout, events: &[Event]) -> Vec<String> {
    let columns = layout.admit(events);
    columns.iter().map(|column| layout.name_and_kind(*column).0.to_string()).collect()
}

fn round_trip(layout: &mut Layout, events: &[Event]) -> Vec<Event> {
    let columns = layout.admit(events);
    let rows: Vec<Row> = events.iter().cloned().map(row).collect();
    let bytes = write::part(&rows, layout, &columns).unwrap();
    read::events(Path::new("part"), bytes.into()).unwrap()
}

#[test]
fn a_path_of_two_types_keeps_both() {
    let mut layout = Layout::default();
    let events =
        [event(1, &[("a", 1.0.into())]), event(2, &[("a", "x".into())]), event(3, &[("a", true.into())])];
    assert_eq!(columns_of(&mut layout, &events[..1]), ["a"]);
    assert_eq!(columns_of(&mut layout, &events), ["a", "a#boolean", "a#string"]);
    assert_eq!(round_trip(&mut layout, &events), events);
    let stored = Layout::of(&layout.delta_schema().unwrap());
    assert_eq!(stored, layout);
}

#[test]
fn what_no_column_can_carry_goes_to_the_overflow() {
    for path in ["", "a b", "a,b", "a=b", "a\nb", "a#number", "type", "TS", "_user", "_overflow", "a(b)"] {
        let mut layout = Layout::default();
        let events = [event(1, &[(path, "x".into())])];
        assert_eq!(columns_of(&mut layout, &events), [""; 0], "{path}");
        assert_eq!(round_trip(&mut layout, &events), events, "{path}");
    }
    let mut layout = Layout::default();
    let events =
        [event(1, &[("usr.Id", "x".into())]), event(2, &[("usr.id", 1.0.into()), ("gone", Value::Null)])];
    assert_eq!(columns_of(&mut layout, &events), ["usr.Id"]);
    assert_eq!(round_trip(&mut layout, &events), events);
}

#[test]
fn paths_beyond_the_limit_are_kept_without_a_column() {
    let mut layout = Layout::default();
    let attributes: Attributes =
        (0..MAX_COLUMNS + 50).map(|n| (format!("p{n:04}"), Value::Number(n as f64))).collect();
    let events = [Event { attributes, ..event(1, &[]) }];
    assert_eq!(columns_of(&mut layout, &events).len(), MAX_COLUMNS);
    assert_eq!(round_trip(&mut layout, &events), events);
}

proptest! {
    // Each case writes and reads two files of many columns.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(4), ..ProptestConfig::default() })]

    #[test]
    fn a_part_gives_back_what_was_put_in(
        first in proptest::collection::vec(any_event(), 0..12),
        second in proptest::collection::vec(any_event(), 0..12),
    ) {
        let mut layout = Layout::default();
        prop_assert_eq!(round_trip(&mut layout, &first), first);
        prop_assert_eq!(round_trip(&mut layout, &second), second);
        prop_assert_eq!(Layout::of(&layout.delta_schema().unwrap()), layout);
    }
}

#[test]
fn a_part_longer_than_a_batch_keeps_its_gaps() {
    let events: Vec<Event> = (0..20_000)
        .map(|n| match n % 3 {
            0 => {
                event(n, &[("list", Value::List(vec!["a".into(), format!("{n}")])), ("n", (n as f64).into())])
            }
            1 => event(n, &[("list", Value::List(Vec::new())), ("flag", (n % 2 == 0).into())]),
            _ => event(n, &[]),
        })
        .collect();
    assert_eq!(round_trip(&mut Layout::default(), &events), events);
}

#[test]
fn damaged_and_foreign_parts_are_refused() {
    let events = plain(0..10);
    let mut layout = Layout::default();
    let columns = layout.admit(&events);
    let bytes = write::part(&events.into_iter().map(row).collect::<Vec<_>>(), &layout, &columns).unwrap();
    for cut in [0, 4, bytes.len() / 2, bytes.len() - 1] {
        let error = read::events(Path::new("part"), bytes[..cut].to_vec().into()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }
    for at in (0..bytes.len()).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x20;
        // Either an error or events; never a panic.
        let _ = read::events(Path::new("part"), flipped.into());
    }
}

#[tokio::test]
async fn changes_survive_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("tables").join("events");
    let mut table = EventTable::open(TablePlace::folder(&folder).unwrap()).await.unwrap();
    assert_eq!((table.covered(), table.parts().len()), (LogPosition(0), 0));

    let added = table.commit(adding(plain(0..10), 10)).await.unwrap();
    assert_eq!((added.len(), added[0].rows), (1, 10));
    assert_eq!((added[0].earliest.0, added[0].latest.0), (1_790_000_000_000_000, 1_790_000_000_000_009));
    let mut odd = plain(10..12);
    odd[0].attributes.insert("view.name".into(), 7.0.into());
    odd[1].attributes.insert("new.path".into(), Value::List(vec!["x".into()]));
    table.commit(adding(odd.clone(), 12)).await.unwrap();
    let before = table.parts();
    drop(table);

    let mut table = EventTable::open(TablePlace::folder(&folder).unwrap()).await.unwrap();
    assert_eq!(table.covered(), LogPosition(12));
    assert_eq!(table.parts(), before);
    let mut expected = plain(0..10);
    expected.extend(odd);
    assert_eq!(read_all(&table).await, expected);

    let everything = table.parts().into_iter().map(|part| part.id).collect();
    let change = Change { remove: everything, ..adding(expected[3..].to_vec(), 5) };
    table.commit(change).await.unwrap();
    assert_eq!(table.covered(), LogPosition(12));
    assert_eq!(read_all(&table).await, expected[3..]);
    assert_eq!(files(&folder).len(), 3);
    table.commit(adding(Vec::new(), 20)).await.unwrap();
    assert_eq!(files(&folder).len(), 1);
    assert_eq!(
        EventTable::open(TablePlace::folder(&folder).unwrap()).await.unwrap().covered(),
        LogPosition(20)
    );
}

#[tokio::test]
async fn a_change_that_fails_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
    table.commit(adding(plain(0..3), 3)).await.unwrap();
    let before = files(dir.path());
    let unknown = PartId::named("events-none.parquet");
    let error = table.commit(Change { remove: vec![unknown], ..adding(plain(3..5), 5) }).await.unwrap_err();
    assert!(error.to_string().contains("no part events-none.parquet"), "{error}");
    assert_eq!(files(dir.path()), before);
    assert_eq!(table.covered(), LogPosition(3));
    table.commit(adding(plain(3..5), 5)).await.unwrap();
    assert_eq!(read_all(&table).await, plain(0..5));
}

#[tokio::test]
async fn a_large_change_becomes_several_parts_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
    table.part_rows = 4;
    let mut events = plain(0..10);
    events[9].attributes.insert("late".into(), true.into());
    let added = table.commit(adding(events.clone(), 10)).await.unwrap();
    assert_eq!(added.iter().map(|part| part.rows).collect::<Vec<_>>(), [4, 4, 2]);
    assert_eq!(read_all(&table).await, events);
}

#[tokio::test]
async fn a_commit_of_unknown_outcome_stops_changes_until_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
    table.commit(adding(plain(0..3), 3)).await.unwrap();
    let (log, away) = (dir.path().join("_delta_log"), dir.path().join("away"));
    std::fs::rename(&log, &away).unwrap();
    std::fs::write(&log, b"in the way").unwrap();
    for _ in 0..2 {
        let error = table.commit(adding(plain(3..5), 5)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unsettled { .. }), "{error}");
    }
    std::fs::remove_file(&log).unwrap();
    std::fs::rename(&away, &log).unwrap();
    drop(table);
    let table = EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
    assert_eq!((table.covered(), read_all(&table).await), (LogPosition(3), plain(0..3)));
    assert_eq!(files(dir.path()).len(), 1);
}

#[tokio::test]
async fn leftovers_of_a_crash_are_deleted_and_other_files_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
    table.commit(adding(plain(0..3), 3)).await.unwrap();
    std::fs::write(dir.path().join("events-0.parquet"), b"half").unwrap();
    std::fs::write(dir.path().join("mine.parquet"), b"not ours").unwrap();
    drop(table);
    let mut table = EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
    assert_eq!(files(dir.path()).len(), 2);
    let remove = vec![table.parts()[0].id.clone()];
    table.commit(Change { remove, ..adding(plain(0..2), 3) }).await.unwrap();
    table.vacuum().await.unwrap();
    assert_eq!(files(dir.path()).len(), 2);
    assert_eq!(read_all(&table).await, plain(0..2));
}

#[tokio::test]
async fn a_commit_torn_at_any_byte_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
    table.commit(adding(plain(0..3), 3)).await.unwrap();
    let newest = dir.path().join("_delta_log").join(format!("{:020}.json", 2));
    table.commit(adding(plain(3..5), 5)).await.unwrap();
    drop(table);
    let whole = std::fs::read(&newest).unwrap();
    let part: Vec<_> = files(dir.path()).into_iter().collect();
    let part = (dir.path().join(&part[1]), std::fs::read(dir.path().join(&part[1])).unwrap());
    for cut in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        std::fs::write(&newest, &whole[..cut]).unwrap();
        std::fs::write(&part.0, &part.1).unwrap();
        let table = EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
        assert_eq!((table.covered(), read_all(&table).await), (LogPosition(3), plain(0..3)), "cut at {cut}");
    }
    std::fs::write(&newest, &whole).unwrap();
    std::fs::write(&part.0, &part.1).unwrap();
    assert_eq!(
        EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap().covered(),
        LogPosition(5)
    );

    let dir = tempfile::tempdir().unwrap();
    EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
    let first = dir.path().join("_delta_log").join(format!("{:020}.json", 0));
    let whole = std::fs::read_to_string(&first).unwrap();
    for cut in whole.match_indices('\n').map(|(at, _)| at).chain([0, 9]) {
        std::fs::write(&first, &whole[..cut]).unwrap();
        let mut table = EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
        table.commit(Change::default()).await.unwrap();
        drop(table);
        std::fs::remove_file(dir.path().join("_delta_log").join(format!("{:020}.json", 1))).unwrap();
    }
}

#[tokio::test]
async fn a_long_log_is_kept_short_and_read_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
    for n in 0..34 {
        table.commit(adding(plain(n..n + 1), n as u64 + 1)).await.unwrap();
    }
    let before = table.parts();
    drop(table);
    let log = std::fs::read_dir(dir.path().join("_delta_log")).unwrap();
    let names: Vec<String> = log.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.contains(".checkpoint.")), "{names:?}");
    let table = EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
    assert_eq!((table.covered(), table.parts()), (LogPosition(34), before));
    assert_eq!(read_all(&table).await, plain(0..34));
}

#[test]
fn every_value_but_null_has_a_kind() {
    let values = ["x".into(), 1.0.into(), true.into(), Value::List(Vec::new())];
    assert_eq!(values.each_ref().map(Kind::of), Kind::ALL.map(Some));
    assert_eq!(Kind::of(&Value::Null), None);
}

#[tokio::test]
async fn parts_are_of_one_month_and_say_what_lies_where() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
    let day_us = 86_400_000_000;
    let late =
        |n: i64| Event { ts: Instant(1_790_000_000_000_000 - n * 11 * day_us), ..plain(n..n + 1).remove(0) };
    let events: Vec<Event> = (0..40).map(late).collect();
    let mut rows: Vec<Row> = events.iter().cloned().map(row).collect();
    rows.sort_by(Row::order);
    let change = Change { add: vec![rows.clone()], covers: LogPosition(40), ..Change::default() };
    let added = table.commit(change).await.unwrap();
    assert_eq!(added.iter().map(|part| part.rows).sum::<u64>(), 40);
    let months: Vec<i64> = added.iter().map(|part| part.month().expect("one month")).collect();
    assert_eq!(months, (666..=680).collect::<Vec<_>>(), "from July 2025 to September 2026");
    assert_eq!(read_all(&table).await, rows.into_iter().map(|row| row.event).collect::<Vec<_>>());

    let file = std::fs::File::open(dir.path().join(added[3].id.as_str())).unwrap();
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let metadata = ArrowReaderMetadata::load(&file, options).unwrap().metadata().clone();
    assert!(metadata.column_index().is_some() && metadata.offset_index().is_some());
    let bucket =
        metadata.row_group(0).columns().iter().find(|column| column.column_path().string() == "_bucket");
    let bounds = bucket.and_then(|column| column.statistics()).expect("statistics");
    assert!(bounds.min_bytes_opt().is_some() && bounds.max_bytes_opt().is_some());
}

#[tokio::test]
async fn a_flipped_byte_of_a_part_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = EventTable::open(TablePlace::folder(dir.path()).unwrap()).await.unwrap();
    let part = table.commit(adding(plain(0..3), 3)).await.unwrap().remove(0).id;
    let path = dir.path().join(part.as_str());
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(101) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        std::fs::write(&path, flipped).unwrap();
        let error = table.read(&part).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Damaged { .. }) && error.to_string().contains("checksum"),
            "{error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases((ProptestConfig::default().cases / 8).clamp(1, 600)))]
    /// A batch becomes the parts that its events become one by one.
    #[test]
    fn a_batch_lies_as_its_events_do(
        events in prop::collection::vec(crate::model_of_store::any_event(), 1..60),
        months in prop::collection::vec(0..3i64, 60),
    ) {
        let mut batch = EventBatch::default();
        let mut rows = Vec::new();
        for (n, (event, month)) in events.into_iter().zip(months).enumerate() {
            let event = Event {
                id: format!("{n}"),
                ts: Instant(event.ts.0 + month * 31 * 86_400_000_000),
                revisions: None,
                ..event
            };
            rows.push(row(event.clone()));
            prop_assert!(batch.push(event).is_none());
        }
        rows.sort_by(Row::order);
        let sorted: Vec<Event> = rows.iter().map(|row| row.event.clone()).collect();
        let batch = Arc::new(batch);
        let owners = crate::bulk::Owners::of(&batch, &crate::identity::Identity::default());
        let all = crate::bulk::Rows { rows: (0..sorted.len() as u32).collect(), batch };
        let run = async {
            let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
            let mut one_by_one = EventTable::open(TablePlace::folder(folders[0].path()).unwrap()).await.unwrap();
            let mut at_once = EventTable::open(TablePlace::folder(folders[1].path()).unwrap()).await.unwrap();
            one_by_one.part_rows = 20;
            at_once.part_rows = 20;
            one_by_one.commit(Change { add: vec![rows], ..Change::default() }).await.unwrap();
            let bulk = Some(BulkRows::new(&all, &owners));
            at_once.commit(Change { bulk, ..Change::default() }).await.unwrap();
            let infos = |table: &EventTable| {
                let parts = table.parts().into_iter();
                parts.map(|part| (part.rows, part.earliest, part.latest)).collect::<Vec<_>>()
            };
            assert_eq!(infos(&one_by_one), infos(&at_once));
            assert_eq!(at_once.imported(), sorted.len() as u64);
            for part in at_once.parts() {
                assert_eq!(at_once.check(&part).await.1, []);
                let (batch, rest) = at_once.read_batch(&part.id).await.unwrap();
                assert!(rest.is_empty());
                let events: Vec<Event> = (0..batch.rows()).map(|row| batch.event(row)).collect();
                assert_eq!(events, at_once.read(&part.id).await.unwrap());
            }
            assert_eq!(read_all(&one_by_one).await, sorted);
            assert_eq!(read_all(&at_once).await, sorted);
        };
        tokio::runtime::Runtime::new().unwrap().block_on(run);
    }
}
