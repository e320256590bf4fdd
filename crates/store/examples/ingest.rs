//! How fast a folder of Parquet files comes into a store, and what it takes in memory:
//! `cargo run --release -p whodid-store --example ingest -- PARQUET_FOLDER DATA_FOLDER`. A data folder that is there
//! already is opened instead. Prints one JSON object per line.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use whodid_intake::{Enricher, IntakeError, flat};
use whodid_model::SystemClock;
use whodid_store::{Store, StoreOptions};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const PIECE_EVENTS: usize = 250_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let (Some(files), Some(data)) = (arguments.next(), arguments.next()) else {
        return Err("give a folder of Parquet files and a data folder".into());
    };
    let empty = !data.join("tables").exists();
    let since = Instant::now();
    let store = Store::open(&data, StoreOptions::default(), Arc::new(SystemClock)).await?;
    println!("{}", json!({"open_seconds": since.elapsed().as_secs_f64(), "process_bytes": process_bytes()}));
    if empty {
        load(&files, &store).await?;
    }
    let since = Instant::now();
    let snapshot = store.snapshot().await?;
    println!("{}", json!({"snapshot_seconds": since.elapsed().as_secs_f64(), "rows": snapshot.rows()}));
    let resident_bytes =
        snapshot.resident_bytes(&["usr.id", "session.id", "view.name", "action.name", "geo.country"]);
    let rows = snapshot.rows();
    let status = store.status().await?;
    println!(
        "{}",
        json!({"bench_bytes_per_event": resident_bytes as f64 / rows as f64,
            "all_bytes_per_event": status.resident_bytes as f64 / rows as f64, "process_bytes": process_bytes()})
    );
    let since = Instant::now();
    store.close().await?;
    println!("{}", json!({ "close_seconds": since.elapsed().as_secs_f64() }));
    Ok(())
}

async fn load(files: &Path, store: &Store) -> Result<(), Failure> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(files)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    let since = Instant::now();
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<flat::Piece>(1);
    let reader = tokio::task::spawn_blocking(move || {
        let (enricher, mut waited) = (Enricher::new(), 0.0);
        for path in paths {
            let mut hand_over = |piece: flat::Piece| {
                let since = Instant::now();
                let sent = sender.blocking_send(piece).map_err(|_| std::io::Error::other("no one listens"));
                waited += since.elapsed().as_secs_f64();
                sent.map_err(IntakeError::from)
            };
            let input = flat::Input::File(std::fs::File::open(path)?);
            let options = flat::Options { chunk_events: 20_000, ..flat::Options::default() };
            flat::read_batches(input, &options, PIECE_EVENTS, &enricher, &mut hand_over)?;
        }
        Ok::<_, Failure>(since.elapsed().as_secs_f64() - waited)
    });
    let mut import = store.import();
    let mut taking = 0.0;
    while let Some(piece) = receiver.recv().await {
        let since = Instant::now();
        import.take(piece.batch).await?;
        import.take_one_by_one(piece.others).await?;
        taking += since.elapsed().as_secs_f64();
    }
    let reading = reader.await??;
    let taken = import.finish().await?;
    let seconds = since.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({"accepted": taken.accepted, "duplicates": taken.duplicates, "seconds": seconds,
            "events_per_second": taken.accepted as f64 / seconds, "reading_seconds": reading,
            "taking_seconds": taking})
    );
    Ok(())
}

/// Physical memory of this process.
fn process_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    kilobytes.trim().trim_end_matches(" kB").trim_end().parse().ok().map(|kilobytes: u64| 1024 * kilobytes)
}
