//! The disk fails now and then at any write, sync, rename or deletion. What was acknowledged is there afterwards, nothing
//! is there by halves, and the process goes on when the disk does.
//!
//! `faults.c` is preloaded into the sender's process, so that every library's calls are met: the log's, the table's.

use super::crash::{Promised, Random, Sender};
use super::*;

const DEFAULT_ROUNDS: u64 = 6;
const ROUNDS: &str = "WHODID_CRASH_ROUNDS";
const LIFE: Duration = Duration::from_millis(300);

/// None without a C compiler.
fn library(folder: &Path) -> Option<PathBuf> {
    let library = folder.join("faults.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/tests/faults.c");
    let compiled = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status();
    compiled.is_ok_and(|status| status.success()).then_some(library)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_failing_disk() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(library) = library(scratch.path()) else {
        panic!("cc is missing: it makes the library that lets calls fail")
    };
    let rounds = std::env::var(ROUNDS).map_or(DEFAULT_ROUNDS, |rounds| rounds.parse().unwrap());
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut failed, mut acknowledged) = (0, 0);
    for round in 0..rounds {
        let dir = tempfile::tempdir().unwrap();
        let mut promised = Promised::default();
        // From a disk that fails all the time to one that fails seldom.
        for one_in in [15, 60, 400] {
            let sender = Sender::new(dir.path(), round * 3 + one_in)
                .env("LD_PRELOAD", &library)
                .env("WHODID_FAULTS_BELOW", dir.path())
                .env("WHODID_FAULTS_ONE_IN", one_in.to_string())
                .env("WHODID_FAULTS_SEED", random.below(1 << 40).to_string());
            let lines = tokio::task::spawn_blocking(move || sender.kill_after(LIFE)).await.unwrap();
            let (errors, others): (Vec<String>, Vec<String>) =
                lines.into_iter().partition(|line| line.starts_with("failed") || line.starts_with("refused"));
            failed += errors.len();
            promised.note(&others);
            let report = crate::check(dir.path()).await.unwrap();
            assert_eq!(report.damages, [], "a failing call damages nothing; errors were {errors:?}");
            let store = open(dir.path(), by_hand()).await;
            let events = shown(&store.snapshot().await.unwrap());
            promised.check(&events.into_iter().map(|(key, (_, event))| (key, event)).collect());
        }
        acknowledged += promised.versions.len() as u64;
    }
    assert!(failed > 0 && acknowledged > rounds, "{failed} errors, {acknowledged} events acknowledged");
}
