use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64};

use proptest::prelude::*;
use whodid_model::revision::{self, Revisions};
use whodid_model::{EventType, Instant, Value};

use super::*;

/// Counts syncs and makes writes fail on request.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    syncs: AtomicU64,
    full: AtomicBool,
    fail_sync: AtomicBool,
    fail_repair: AtomicBool,
}

impl Probe {
    /// A full disk takes half of what is written.
    pub(super) fn before_write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if self.full.load(Ordering::Relaxed) {
            file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    pub(super) fn before_sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        fail_if(&self.fail_sync)
    }

    pub(super) fn before_repair(&self) -> io::Result<()> {
        fail_if(&self.fail_repair)
    }
}

fn fail_if(flag: &AtomicBool) -> io::Result<()> {
    if flag.load(Ordering::Relaxed) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}

fn event(n: u64) -> Event {
    let attributes = [
        ("usr.id".to_string(), Value::text(format!("u{n}"))),
        ("cart.total".to_string(), Value::Number(n as f64 / 3.0)),
        ("tags".to_string(), Value::List(vec!["a".into(), String::new()])),
    ];
    Event {
        kind: EventType::Action,
        id: format!("a{n}"),
        ts: Instant(n as i64),
        revision: 0,
        attributes: attributes.into(),
        revisions: None,
    }
}

fn events(numbers: std::ops::Range<u64>) -> Vec<Event> {
    numbers.map(event).collect()
}

fn read(log: &Log, from: u64) -> Vec<Event> {
    let batches: Result<Vec<_>, _> = log.replay(LogPosition(from)).unwrap().collect();
    batches.unwrap().into_iter().flat_map(|(_, events)| events).collect()
}

fn open(dir: &Path) -> Log {
    Log::open(dir, LogOptions::default()).unwrap()
}

/// Small enough that every frame goes to a file of its own.
fn one_frame_per_file() -> LogOptions {
    LogOptions { segment_bytes: 1, ..LogOptions::default() }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    segment::list(dir).unwrap().into_iter().map(|segment| segment.path).collect()
}

#[tokio::test]
async fn what_is_appended_is_read_back_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let log = open(dir.path());
        assert_eq!(log.end(), LogPosition(round * 5));
        let position = log.append(&events(round * 5..round * 5 + 2)).await.unwrap();
        assert_eq!(position, LogPosition(round * 5 + 2));
        log.append(&events(round * 5 + 2..round * 5 + 5)).await.unwrap();
        assert_eq!(log.append(&[]).await.unwrap(), LogPosition(round * 5 + 5));
        for from in 0..=round * 5 + 5 {
            assert_eq!(read(&log, from), events(from..round * 5 + 5), "from {from}");
        }
    }
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = {
        let log = open(dir.path());
        log.append(&events(0..3)).await.unwrap();
        files(dir.path()).remove(0)
    };
    let good_bytes = std::fs::metadata(&path).unwrap().len() as usize;
    open(dir.path()).append(&events(3..5)).await.unwrap();
    let whole = std::fs::read(&path).unwrap();
    for cut in good_bytes..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let log = open(dir.path());
        assert_eq!(read(&log, 0), events(0..3), "cut at {cut}");
        log.append(&events(3..4)).await.unwrap();
        drop(log);
        assert_eq!(read(&open(dir.path()), 0), events(0..4), "cut at {cut}");

        let mut flipped = whole.clone();
        flipped[cut] ^= 0x40;
        std::fs::write(&path, flipped).unwrap();
        assert_eq!(read(&open(dir.path()), 0), events(0..3), "flipped at {cut}");
    }
}

#[tokio::test]
async fn a_header_torn_at_any_byte_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), one_frame_per_file()).unwrap();
    log.append(&events(0..2)).await.unwrap();
    log.append(&events(2..3)).await.unwrap();
    drop(log);
    let newest = files(dir.path()).remove(1);
    let whole = std::fs::read(&newest).unwrap();
    for cut in 0..=frame::HEADER_BYTES {
        std::fs::write(&newest, &whole[..cut]).unwrap();
        let log = Log::open(dir.path(), one_frame_per_file()).unwrap();
        assert_eq!(log.end(), LogPosition(2), "cut at {cut}");
        log.append(&events(2..4)).await.unwrap();
        drop(log);
        assert_eq!(read(&open(dir.path()), 0), events(0..4), "cut at {cut}");
    }
}

#[tokio::test]
async fn damage_before_the_tail_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut starts = Vec::new();
    for n in 0..3 {
        starts.push(log.bytes() as usize);
        log.append(&events(n..n + 1)).await.unwrap();
    }
    drop(log);
    let path = files(dir.path()).remove(0);
    let whole = std::fs::read(&path).unwrap();
    for at in [starts[0], starts[0] + 4, starts[0] + 20, starts[1] + 1, starts[1] + 5, starts[2] - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        std::fs::write(&path, flipped).unwrap();
        let error = Log::open(dir.path(), LogOptions::default()).err().unwrap().to_string();
        assert!(error.contains(".log is damaged: the record at offset"), "{at}: {error}");
    }
    let mut header = whole.clone();
    header[17] ^= 1;
    std::fs::write(&path, header).unwrap();
    assert!(matches!(Log::open(dir.path(), LogOptions::default()), Err(StoreError::Damaged { .. })));
}

#[tokio::test]
async fn damage_and_gaps_in_older_files_are_reported() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), one_frame_per_file()).unwrap();
    for n in 0..3 {
        log.append(&events(n..n + 1)).await.unwrap();
    }
    let middle = files(dir.path()).remove(1);
    let whole = std::fs::read(&middle).unwrap();
    let fails =
        |from: u64| log.replay(LogPosition(from)).unwrap().find_map(Result::err).map(|e| e.to_string());
    assert_eq!(fails(0), None);
    std::fs::write(&middle, &whole[..whole.len() - 1]).unwrap();
    assert!(fails(0).unwrap().contains("offset 32"));
    std::fs::write(&middle, &whole[..20]).unwrap();
    assert!(fails(0).unwrap().contains("from 1 up to 2 are gone"));
    assert_eq!(fails(2), None);
    std::fs::remove_file(&middle).unwrap();
    assert!(fails(0).unwrap().contains("from 1 up to 2 are gone"));
    std::fs::remove_file(files(dir.path()).remove(0)).unwrap();
    assert!(fails(0).unwrap().contains("from 0 up to 2 are gone"));
}

#[tokio::test]
async fn truncation_deletes_whole_files_and_keeps_positions() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), one_frame_per_file()).unwrap();
    for n in 0..4 {
        log.append(&events(2 * n..2 * n + 2)).await.unwrap();
    }
    let before = log.bytes();
    log.truncate_before(LogPosition(5)).await.unwrap();
    assert_eq!(files(dir.path()).len(), 2);
    assert_eq!(read(&log, 5), events(5..8));
    assert!(log.bytes() < before);
    log.truncate_before(LogPosition(8)).await.unwrap();
    assert_eq!(log.bytes(), frame::HEADER_BYTES as u64);
    drop(log);
    let log = open(dir.path());
    assert_eq!(log.append(&events(8..9)).await.unwrap(), LogPosition(9));
    assert_eq!(read(&log, 8), events(8..9));
}

#[tokio::test]
async fn a_lost_log_begins_behind_what_the_table_covers() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { at_least: LogPosition(70), ..LogOptions::default() };
    for _ in 0..2 {
        let log = Log::open(dir.path(), options.clone()).unwrap();
        assert_eq!(log.end(), LogPosition(70));
        assert!(read(&log, 70).is_empty());
    }
    open(dir.path()).append(&events(0..1)).await.unwrap();
    assert_eq!(Log::open(dir.path(), options).unwrap().end(), LogPosition(71));
    let ahead = LogOptions { at_least: LogPosition(90), ..LogOptions::default() };
    assert_eq!(Log::open(dir.path(), ahead).unwrap().end(), LogPosition(90));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_appends_share_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions::default();
    let log = Arc::new(Log::open(dir.path(), options.clone()).unwrap());
    let tasks: Vec<_> = (0..64u64)
        .map(|task| {
            let log = log.clone();
            tokio::spawn(async move {
                for n in 0..20 {
                    let number = task * 20 + n;
                    let position = log.append(&events(number..number + 1)).await.unwrap();
                    assert!(position <= log.end());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let syncs = options.probe.syncs.load(Ordering::Relaxed);
    assert!(syncs < 64 * 20 / 2, "{syncs} syncs for {} appends", 64 * 20);
    drop(log);
    let mut found: Vec<i64> = read(&open(dir.path()), 0).iter().map(|event| event.ts.0).collect();
    found.sort_unstable();
    assert_eq!(found, (0..64 * 20).collect::<Vec<i64>>());
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions::default();
    let probe = options.probe.clone();
    let log = Log::open(dir.path(), options).unwrap();
    log.append(&events(0..2)).await.unwrap();
    for (flag, repairs) in
        [(&probe.full, true), (&probe.full, false), (&probe.fail_sync, true), (&probe.fail_sync, false)]
    {
        let expected = read(&log, 0).len() as u64;
        flag.store(true, Ordering::Relaxed);
        probe.fail_repair.store(!repairs, Ordering::Relaxed);
        for _ in 0..2 {
            let error = log.append(&events(90..92)).await.unwrap_err();
            assert_eq!(error.kind(), whodid_model::FaultKind::Busy, "{error}");
        }
        assert_eq!(log.end(), LogPosition(expected));
        flag.store(false, Ordering::Relaxed);
        probe.fail_repair.store(false, Ordering::Relaxed);
        let position = log.append(&events(expected..expected + 1)).await.unwrap();
        assert_eq!(position, LogPosition(expected + 1));
        assert_eq!(read(&log, 0), events(0..expected + 1));
    }
    drop(log);
    assert_eq!(read(&open(dir.path()), 0), events(0..6));
}

#[tokio::test]
async fn a_log_at_its_limit_is_busy_until_it_is_truncated() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), LogOptions { max_bytes: 2_000, ..LogOptions::default() }).unwrap();
    let mut accepted = 0;
    while log.append(&events(accepted..accepted + 1)).await.is_ok() {
        accepted += 1;
    }
    assert!(accepted > 5);
    let busy = log.append(&events(0..1)).await.unwrap_err();
    assert!(matches!(busy, StoreError::Busy { what: "event log", .. }), "{busy}");
    log.truncate_before(log.end()).await.unwrap();
    log.append(&events(accepted..accepted + 1)).await.unwrap();
    assert_eq!(read(&log, accepted), events(accepted..accepted + 1));
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO]
            .prop_map(Value::Number),
        (-3..4i32).prop_map(|n| Value::Number(n.into())),
        any::<String>().prop_map(Value::Text),
        proptest::collection::vec("[a-c]{0,3}", 0..3).prop_map(Value::List),
    ]
}

/// Events of any shape: odd paths, one path with values of many types, extreme instants, partial updates.
pub(crate) fn any_event() -> impl Strategy<Value = Event> {
    let path = prop_oneof![
        prop::sample::select(vec![
            "usr.id",
            "view.name",
            "a",
            "A",
            "a#number",
            "a b",
            "",
            "type",
            "ts",
            "id",
            "user",
            "_overflow",
            "a.b"
        ])
        .prop_map(str::to_string),
        "[a-d]{1,2}(\\.[a-d]){0,2}",
        any::<String>(),
    ];
    let attributes = proptest::collection::btree_map(path, any_value(), 0..8).boxed();
    let ts = prop_oneof![any::<i64>(), 1_700_000_000_000_000..1_800_000_000_000_000i64];
    (0..3usize, any::<String>(), ts, any::<u64>(), attributes.clone(), proptest::option::of(attributes))
        .prop_map(|(kind, id, ts, revision, attributes, update)| {
            let kind = EventType::ALL[kind];
            let event = Event { kind, id, ts: Instant(ts), revision, attributes, revisions: None };
            match update {
                None => event,
                Some(update) => {
                    let revision = revision.saturating_add(1);
                    let later = Event { attributes: update, revision, ..event.clone() };
                    revision::merge(event, revision::partial(later))
                }
            }
        })
}

proptest! {
    #[test]
    fn every_event_has_its_own_bytes(event in any_event(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        codec::encode(&event, &mut bytes);
        let mut rest = bytes.as_slice();
        prop_assert_eq!(codec::decode(&mut rest), Some(event));
        prop_assert!(rest.is_empty());
        prop_assert_eq!(codec::decode(&mut &bytes[..cut.index(bytes.len())]), None);
    }
}

#[test]
fn values_that_text_cannot_tell_apart_stay_apart() {
    let mut odd = event(1);
    odd.attributes.insert("null".into(), Value::Null);
    odd.attributes.insert("infinite".into(), Value::Number(f64::NEG_INFINITY));
    odd.attributes.insert("minus zero".into(), Value::Number(-0.0));
    odd.revisions = Some(Box::new(Revisions::default()));
    let mut bytes = Vec::new();
    codec::encode(&odd, &mut bytes);
    let back = codec::decode(&mut bytes.as_slice()).unwrap();
    assert_eq!(format!("{back:?}"), format!("{odd:?}"));
}
