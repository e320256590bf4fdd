use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use whodid_model::{Event, Instant, SystemClock};
use whodid_testkit::{action, view};

use super::*;
use crate::{Store, StoreOptions};

async fn open(root: &Path) -> Store {
    let by_hand = StoreOptions {
        flush_events: usize::MAX,
        flush_after: Duration::from_secs(3600),
        ..StoreOptions::default()
    };
    Store::open(root, by_hand, Arc::new(SystemClock)).await.unwrap()
}

fn event(n: i64) -> Event {
    let built = if n % 3 == 0 { view("/cart").revision(2) } else { action("buy") };
    let built =
        built.id(&format!("e{n}")).ts(Instant::from_millis(1_790_000_000_000 + (n % 40) * 86_400_000));
    match n % 4 {
        0 => built.build(),
        1 => built.session(&format!("s{}", n % 9)).build(),
        2 => built.anonymous(&format!("a{}", n % 5)).build(),
        _ => built.user(&format!("u{}", n % 7)).anonymous(&format!("a{}", n % 5)).build(),
    }
}

/// A folder with parts of several months, joined ones and rewritten ones, and events in the log alone.
async fn fill(root: &Path) {
    let store = open(root).await;
    for from in (0..240).step_by(40) {
        store.append((from - 7..from + 40).filter(|n| *n >= 0).map(event).collect()).await.unwrap();
        store.flush().await.unwrap();
    }
    store.append((235..250).map(event).collect()).await.unwrap();
}

fn all_files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => drop(files.insert(path.clone(), std::fs::read(&path).unwrap())),
            }
        }
    }
    files
}

fn is_of(files: &BTreeMap<PathBuf, Vec<u8>>, ending: &str) -> Vec<PathBuf> {
    files.keys().filter(|path| path.to_str().unwrap().ends_with(ending)).cloned().collect()
}

#[tokio::test]
async fn a_good_folder_is_good_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path()).await;
    let before = all_files(dir.path());
    let report = check(dir.path()).await.unwrap();
    assert_eq!((&report.damages, &report.notes), (&Vec::new(), &Vec::new()));
    assert_eq!((report.rows, report.uncovered_events), (240, 15));
    assert!(report.parts >= 2 && report.log_files >= 1);
    assert_eq!(all_files(dir.path()), before);

    let store = open(dir.path()).await;
    let error = check(dir.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    store.close().await.unwrap();
    let report = check(dir.path()).await.unwrap();
    assert_eq!((&report.damages, report.rows, report.uncovered_events), (&Vec::new(), 250, 0));
    let missing = dir.path().join("nowhere");
    assert!(matches!(check(&missing).await.unwrap_err(), StoreError::Io { .. }));
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_flipped_byte_anywhere_is_found_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path()).await;
    let files = all_files(dir.path());
    let table = EventTable::view(tables::place(dir.path(), None, "events").unwrap()).await.unwrap().table;
    let parts = table.parts().into_iter().map(|part| table.path_of(&part.id));
    let mut checked = 0;
    for path in is_of(&files, ".log").into_iter().chain(parts) {
        let whole = std::fs::read(&path).unwrap();
        let step = (whole.len() / 5).max(1);
        for at in (checked % 7..whole.len()).step_by(step) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            std::fs::write(&path, flipped).unwrap();
            let report = check(dir.path()).await.unwrap();
            // A bad last record of the log may be a write that was cut short.
            let mut found = report.damages.iter().chain(&report.notes);
            let found = found.any(|finding| finding.path.file_name() == path.file_name());
            assert!(found, "{} flipped at {at}: {report:?}", path.display());
            checked += 1;
        }
        std::fs::write(&path, whole).unwrap();
    }
    assert!(checked > 20, "{checked}");
    assert_eq!(check(dir.path()).await.unwrap().damages, []);
}

#[tokio::test]
async fn what_is_missing_is_found() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path()).await;
    let files = all_files(dir.path());
    let complains = async |about: &str| {
        let report = check(dir.path()).await.unwrap();
        let said: Vec<String> = report.damages.iter().map(|finding| finding.detail.clone()).collect();
        assert!(said.iter().any(|detail| detail.contains(about)), "{said:?} should say {about}");
        for path in all_files(dir.path()).keys().filter(|path| !files.contains_key(*path)) {
            std::fs::remove_file(path).unwrap();
        }
        for (path, bytes) in &files {
            std::fs::write(path, bytes).unwrap();
        }
        assert_eq!(check(dir.path()).await.unwrap().damages, []);
    };
    for path in is_of(&files, ".log") {
        std::fs::remove_file(path).unwrap();
    }
    complains("there is no log file").await;
    let log = is_of(&files, ".log").remove(0);
    std::fs::rename(&log, log.with_file_name("00000000000000000999.log")).unwrap();
    complains("does not match its checksum or the file's name").await;
    let commits = is_of(&files, ".json");
    std::fs::remove_file(&commits[commits.len() / 2]).unwrap();
    complains("table").await;
    for path in is_of(&files, ".parquet") {
        std::fs::remove_file(path).unwrap();
    }
    complains("No such file").await;
}

#[tokio::test]
async fn the_rest_of_a_write_that_was_cut_short_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path()).await;
    let files = all_files(dir.path());
    let log = is_of(&files, ".log").pop().unwrap();
    std::fs::write(&log, &files[&log][..files[&log].len() - 3]).unwrap();
    let commit = is_of(&files, ".json").pop().unwrap();
    std::fs::write(&commit, &files[&commit][..files[&commit].len() / 2]).unwrap();
    let report = check(dir.path()).await.unwrap();
    assert!(report.notes.iter().any(|note| note.path == log), "{report:?}");
    assert!(report.notes.iter().any(|note| note.path.file_name() == commit.file_name()), "{report:?}");
}

#[tokio::test]
async fn a_folder_that_was_hardly_begun_is_good() {
    let dir = tempfile::tempdir().unwrap();
    let good = async || assert_eq!(check(dir.path()).await.unwrap().damages, []);
    good().await;
    let log = dir.path().join("tables/events/_delta_log");
    std::fs::create_dir_all(&log).unwrap();
    good().await;
    std::fs::write(log.join("00000000000000000000.json"), "{\"commitInfo\":{").unwrap();
    good().await;
    open(dir.path()).await.close().await.unwrap();
    good().await;
    std::fs::remove_dir_all(dir.path().join("log")).unwrap();
    good().await;
}
