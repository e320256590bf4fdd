use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt;
use proptest::prelude::*;
use whodid_model::{EventKey, SystemClock, UserKey};
use whodid_testkit::{action, view};

use super::*;
use crate::log::LogPosition;
use crate::model_of_store::{Shown, any_event, model, shown};
use crate::owner::Owner;
use crate::table::TablePlace;

mod crash;
mod faults;
mod samples;

/// Flushes only when asked to.
fn by_hand() -> StoreOptions {
    StoreOptions {
        flush_events: usize::MAX,
        flush_after: Duration::from_secs(3600),
        // About one part of a test.
        revise_bytes: 9_000,
        import_events: 1,
        image_rows: 1,
        // Whatever can be read again is let go.
        resident_bytes: 0,
        ..StoreOptions::default()
    }
}

/// What was dropped a moment ago may hold the folder a little longer.
async fn open(folder: &Path, options: StoreOptions) -> Store {
    loop {
        match Store::open(folder, options.clone(), Arc::new(SystemClock)).await {
            Ok(store) => return store,
            Err(StoreError::Locked { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

fn some(names: std::ops::Range<u32>) -> Vec<Event> {
    names.map(|n| action("buy").id(&format!("e{n}")).user(&format!("u{n}")).build()).collect()
}

async fn rows(store: &Store) -> u64 {
    store.snapshot().await.unwrap().rows()
}

/// What the table in the folder of a closed store holds, each event once, and up to where it covers the log. Every event
/// of the log below that is in it.
async fn table_of(folder: &Path) -> (BTreeMap<EventKey, Event>, LogPosition) {
    let table =
        EventTable::open(TablePlace::folder(&folder.join("tables").join("events")).unwrap()).await.unwrap();
    let mut events = BTreeMap::new();
    for part in table.parts() {
        let read = table.read(&part.id).await.unwrap();
        assert_eq!(read.len() as u64, part.rows);
        for event in read {
            assert!(part.earliest <= event.ts && event.ts <= part.latest);
            let twice = events.insert(event.key(), event);
            assert!(twice.is_none(), "{twice:?} is in the table twice");
        }
    }
    let log = Log::open(&folder.join("log"), LogOptions::default()).unwrap();
    assert!(table.covered() <= log.end() || log.end() == LogPosition(0));
    let files = std::fs::read_dir(folder.join("log")).unwrap().map(|file| file.unwrap().path());
    let first = files.map(|path| path.file_stem().unwrap().to_str().unwrap().parse().unwrap()).min().unwrap();
    let mut position = LogPosition(first);
    for batch in log.replay(position).unwrap() {
        let (end, logged) = batch.unwrap();
        for (event, position) in logged.iter().zip(position.0..) {
            let covered = position < table.covered().0;
            assert!(!covered || events.contains_key(&event.key()), "{:?} was passed over", event.key());
        }
        position = end;
    }
    (events, table.covered())
}

#[tokio::test]
async fn a_folder_belongs_to_one_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), by_hand()).await;
    let second = Store::open(dir.path(), by_hand(), Arc::new(SystemClock)).await;
    let error = second.err().expect("the folder is in use");
    assert_eq!(error.kind(), whodid_model::FaultKind::Conflict);
    let text = error.to_string();
    assert!(text.contains("used by another process") && !text.contains('\n'), "{text}");
    drop(store);
    open(dir.path(), by_hand()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_nobody_waits_for_is_kept_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), by_hand()).await;
    assert!(store.append(some(0..5)).now_or_never().is_none(), "it was not over at once");
    store.append(some(5..7)).await.unwrap();
    store.flush().await.unwrap();
    while rows(&store).await < 7 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    store.append(some(7..8)).await.unwrap();
    assert!(store.flush().now_or_never().is_none());
    store.flush().await.unwrap();
    drop(store);
    let store = open(dir.path(), by_hand()).await;
    assert_eq!(rows(&store).await, 8);
    assert_eq!(store.status().await.unwrap().unflushed_events, 0);
    drop(store);
    assert_eq!(table_of(dir.path()).await.1, LogPosition(8));
}

#[tokio::test]
async fn duplicates_alone_do_not_fill_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { flush_after: Duration::from_millis(2), log_bytes: 64 << 10, ..by_hand() };
    let store = open(dir.path(), options).await;
    let batch = some(0..200);
    store.append(batch.clone()).await.unwrap();
    let mut busy = 0;
    for _ in 0..200 {
        while let Err(error) = store.append(batch.clone()).await {
            assert!(matches!(error, StoreError::Busy { .. }), "{error}");
            busy += 1;
            assert!(busy < 20_000, "room is made");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    assert_eq!(rows(&store).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_come_and_go_and_flushes_pass_over_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), by_hand()).await;
    let senders: Vec<_> = (0..8u32)
        .map(|sender| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0..60 {
                    let first = (sender * 60 + n) * 3;
                    let batch = first..first + 1 + n % 3;
                    let patience = Duration::from_micros(u64::from((sender * 7 + n * 13) % 11) * 300);
                    let answer = tokio::time::timeout(patience, store.append(some(batch.clone()))).await;
                    if answer.is_ok_and(|answer| answer.is_ok()) {
                        acknowledged.extend(batch);
                    }
                }
                acknowledged
            })
        })
        .collect();
    let flusher = {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0.. {
                let patience = Duration::from_millis(n % 7);
                let _ = tokio::time::timeout(patience, store.flush()).await;
                tokio::task::yield_now().await;
            }
        })
    };
    let mut acknowledged = Vec::new();
    for sender in senders {
        acknowledged.extend(sender.await.unwrap());
    }
    flusher.abort();
    let _ = flusher.await;
    drop(store);
    let store = open(dir.path(), by_hand()).await;
    let shown = shown(&store.snapshot().await.unwrap());
    assert!(!acknowledged.is_empty());
    for event in
        some(0..8 * 60 * 3).into_iter().enumerate().filter(|(n, _)| acknowledged.contains(&(*n as u32)))
    {
        assert!(shown.contains_key(&event.1.key()), "{} was acknowledged", event.1.id);
    }
    drop(store);
    while Store::open(dir.path(), by_hand(), Arc::new(SystemClock)).await.is_err() {}
    table_of(dir.path()).await;
}

/// Views that go on and on, as a site has them, are not a reason to write everything again at every flush.
#[tokio::test]
async fn revised_views_of_a_large_part_wait_for_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { revise_bytes: 60_000, ..by_hand() };
    let store = open(dir.path(), options).await;
    let page =
        |n: u32, version| view("/cart").id(&format!("v{n}")).revision(version).user(&format!("u{n}")).build();
    store.append((0..6_000).map(|n| page(n, 1)).collect()).await.unwrap();
    store.flush().await.unwrap();
    let large = store.status().await.unwrap().table.parts[0].clone();
    assert!(large.bytes > 60_000, "{large:?}");
    for round in 0..20 {
        let fresh = 6_000 + round * 50;
        store.append((fresh..fresh + 50).map(|n| page(n, 1)).collect()).await.unwrap();
        // One of long ago, and the latest ones.
        store.append(vec![page(round, 2)]).await.unwrap();
        store.append((fresh - 20..fresh + 50).map(|n| page(n, 2)).collect()).await.unwrap();
        store.inner.flush(Extent::Cheap).await.unwrap();
    }
    let status = store.status().await.unwrap();
    assert!(status.table.parts.iter().any(|part| part.file == large.file), "it was never written again");
    assert_eq!(status.unflushed_events, 40, "one a round, and those that were in it from the start");
    let written = status.table.written;
    assert!(written.rows - 6_000 < 5 * (written.events - 6_000), "{written:?}");
    drop(store);
    assert!(table_of(dir.path()).await.1 < LogPosition(6_100), "what waits keeps its place in the log");
    let store = open(dir.path(), by_hand()).await;
    assert_eq!(rows(&store).await, 7_000);
    store.close().await.unwrap();
    let (events, _) = table_of(dir.path()).await;
    assert!((0..20).all(|n| events[&page(n, 2).key()].revision == 2));
}

#[tokio::test]
async fn a_file_imported_again_is_all_duplicates() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), by_hand()).await;
    let events = some(0..500);
    let before = store.snapshot().await.unwrap().watermark();
    let first = import(&store, [&events[..], &events[..50]].concat()).await.unwrap();
    assert_eq!(first, Appended { accepted: 500, duplicates: 50 });
    assert!(store.snapshot().await.unwrap().watermark() > before, "there is more to see");
    let again = import(&store, events.clone()).await.unwrap();
    assert_eq!(again, Appended { accepted: 0, duplicates: 500 });
    assert_eq!(store.append(events.clone()).await.unwrap().duplicates, 500);
    drop(store);
    let store = open(dir.path(), by_hand()).await;
    assert_eq!(import(&store, events).await.unwrap(), again);
    assert_eq!(rows(&store).await, 500);
    store.close().await.unwrap();
    assert_eq!(crate::check(dir.path()).await.unwrap().damages, []);
    let (table, _) = table_of(dir.path()).await;
    assert_eq!(table.len(), 500);
}

/// All that the folder's files say, as far as they can be read without us: raw, and unpacked.
async fn said_on_disk(folder: &Path) -> String {
    fn files(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { files(&entry, out) } else { out.push(entry) }
        }
    }
    let mut paths = Vec::new();
    files(folder, &mut paths);
    let mut said = String::new();
    for path in paths {
        said += &path.display().to_string();
        said += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
        if path.extension().is_some_and(|extension| extension == "parquet")
            && path.parent().unwrap().ends_with("events")
        {
            said += &format!("{:?}", crate::table::everything_in(&path));
        }
    }
    let log = Log::open(&folder.join("log"), LogOptions::default()).unwrap();
    for batch in log.replay(log.first()).unwrap() {
        said += &format!("{:?}", batch.unwrap().1);
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_erased_user_is_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), by_hand()).await;
    let of = |name: &str, n: u32| {
        let ts = Instant::from_millis(1_790_000_000_000 + i64::from(n) * 9 * 86_400_000);
        let event =
            action("buy").id(&format!("{name}-{n}")).ts(ts).attr("usr.email", format!("{name}@shop.example"));
        event.attr("context.note", format!("secret of {name} {n}"))
    };
    let zebra = |n| of("zebra-7719", n).user("zebra-7719").anonymous("okapi-2204").build();
    let before_login = |n| of("okapi-2204", n).anonymous("okapi-2204").build();
    let other = |n| of("heron-1", n).user("heron-1").build();
    store.append((0..6).flat_map(|n| [zebra(n), other(n), before_login(n + 100)]).collect()).await.unwrap();
    store.flush().await.unwrap();
    store.append((6..12).flat_map(|n| [zebra(n), other(n), before_login(n + 100)]).collect()).await.unwrap();
    let removed = store.erase(&UserKey::Identified("zebra-7719".into())).await.unwrap();
    assert_eq!((removed.events, removed.files.is_empty()), (24, false));
    assert_eq!(rows(&store).await, 12);
    store.append(vec![other(50)]).await.unwrap();
    drop(store);
    let said = said_on_disk(dir.path()).await;
    for word in ["zebra", "okapi"] {
        assert!(!said.contains(word), "{word} is still there");
    }
    for word in ["heron-1@shop.example", "secret of heron-1 3", "heron-1-50"] {
        assert!(said.contains(word), "the search finds what is there: {word}");
    }
    let store = open(dir.path(), by_hand()).await;
    assert_eq!(rows(&store).await, 13);
    // The same events again are new ones.
    assert_eq!(
        store.append(vec![zebra(1), other(1)]).await.unwrap(),
        Appended { accepted: 1, duplicates: 1 }
    );
}

#[derive(Clone, Debug)]
enum Step {
    /// Several requests at once.
    Append(Vec<Vec<Event>>),
    /// A batch that is imported while others arrive.
    Import(Vec<Event>, Vec<Event>),
    Look,
    Flush,
    /// As the background does it: some revised events are left in the log.
    FlushCheaply,
    /// One of the users that there are.
    Erase(prop::sample::Index),
    /// What is no later than one of the events there are, of its type.
    Expire(prop::sample::Index),
    Reopen {
        clean: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let requests = prop::collection::vec(prop::collection::vec(any_event(), 1..6), 1..4);
    prop_oneof![
        5 => requests.prop_map(Step::Append),
        3 => (prop::collection::vec(any_event(), 1..12), prop::collection::vec(any_event(), 0..3))
            .prop_map(|(events, meanwhile)| Step::Import(events, meanwhile)),
        1 => Just(Step::Look),
        2 => Just(Step::Flush),
        2 => Just(Step::FlushCheaply),
        1 => any::<prop::sample::Index>().prop_map(Step::Erase),
        1 => any::<prop::sample::Index>().prop_map(Step::Expire),
        2 => any::<bool>().prop_map(|clean| Step::Reopen { clean }),
    ]
}

/// What lies in the log of the store is not counted among what is imported.
async fn import(store: &Store, events: Vec<Event>) -> Result<Appended, StoreError> {
    let mut batch = EventBatch::default();
    let rest = events.into_iter().filter_map(|event| batch.push(event)).collect();
    let mut import = store.import();
    import.take(batch).await?;
    import.take_one_by_one(rest).await?;
    import.finish().await
}

fn keys(shown: &Shown, which: impl Fn(&Owner, &Event) -> bool) -> BTreeSet<EventKey> {
    let chosen = shown.iter().filter(|(_, (owner, event))| which(owner, event));
    chosen.map(|(key, _)| key.clone()).collect()
}

async fn run(steps: Vec<Step>) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), by_hand()).await;
    let mut arrived: Vec<Event> = Vec::new();
    for step in steps {
        match step {
            Step::Append(requests) => {
                arrived.extend(requests.iter().flatten().cloned());
                let appends = requests.into_iter().map(|events| store.append(events));
                futures::future::try_join_all(appends).await.unwrap();
            }
            Step::Import(events, meanwhile) => {
                arrived.extend(events.iter().chain(&meanwhile).cloned());
                let (importing, appending) = (import(&store, events), store.append(meanwhile));
                let (imported, appended) = futures::join!(importing, appending);
                appended.unwrap();
                imported.unwrap();
            }
            Step::Look => assert_eq!(shown(&store.snapshot().await.unwrap()), model(&arrived, None)),
            Step::Flush => store.flush().await.unwrap(),
            Step::FlushCheaply => store.inner.flush(Extent::Cheap).await.unwrap(),
            Step::Erase(index) => {
                let shown = model(&arrived, None);
                let users: BTreeSet<&UserKey> =
                    shown.values().filter_map(|(owner, _)| owner.user()).collect();
                let Some(user) = users.iter().nth(index.index(users.len().max(1))) else { continue };
                let removed = store.erase(user).await.unwrap();
                let gone = keys(&shown, |owner, _| owner.user() == Some(*user));
                assert_eq!(removed.events, gone.len() as u64);
                arrived.retain(|event| !gone.contains(&event.key()));
            }
            Step::Expire(index) => {
                let shown = model(&arrived, None);
                let Some((_, event)) = shown.values().nth(index.index(shown.len().max(1))) else { continue };
                let (kind, before) = (event.kind, event.ts);
                store.flush().await.unwrap();
                let removed = store.remove_before(vec![(kind, before)]).await.unwrap();
                let gone = keys(&shown, |_, event| event.kind == kind && event.ts < before);
                assert_eq!(removed.events, gone.len() as u64);
                arrived.retain(|event| !gone.contains(&event.key()));
            }
            Step::Reopen { clean } => {
                match clean {
                    true => store.close().await.unwrap(),
                    false => drop(store),
                }
                store = open(dir.path(), by_hand()).await;
                assert_eq!(shown(&store.snapshot().await.unwrap()), model(&arrived, None));
            }
        }
    }
    let expected = model(&arrived, None);
    let snapshot = store.snapshot().await.unwrap();
    assert_eq!(shown(&snapshot), expected);
    let logged = store.inner.log.end();
    store.close().await.unwrap();
    let in_table = table_of(dir.path()).await;
    let events = expected.into_iter().map(|(key, (_, event))| (key, event)).collect();
    assert_eq!(in_table, (events, logged));
}

proptest! {
    // Every case writes and syncs a folder of its own.
    #![proptest_config(ProptestConfig::with_cases((ProptestConfig::default().cases / 8).clamp(1, 600)))]
    #[test]
    fn any_interleaving_on_disk_equals_the_model(steps in prop::collection::vec(step(), 1..12)) {
        tokio::runtime::Runtime::new().unwrap().block_on(run(steps));
    }
}
