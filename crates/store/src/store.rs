//! The store as its users see it: append, snapshot, flush, close.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use whodid_model::{Clock, Event, EventBatch, Instant};

use crate::bulk::without_empty_users;
use crate::error::StoreError;
use crate::live::{Appended, Live};
use crate::log::{Log, LogOptions, LogPosition};
use crate::snapshot::Snapshot;
use crate::table::EventTable;

mod backup;
mod compact;
mod flush;
mod import;
mod progress;
mod remove;
mod saving;
pub(crate) mod tables;

pub use backup::link_folder;
use flush::{Extent, Parts, flush_in_background};
pub use flush::{PartStatus, TableStatus, Written};
pub use import::Import;
use progress::Progress;
pub use remove::Removed;
use saving::{Due, Saved};

/// When the store writes the table by itself.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Flush when this many events are in the log alone.
    pub flush_events: usize,
    /// Flush when an event has been in the log alone for this long.
    pub flush_after: Duration,
    /// Most bytes of parts that a flush by itself rewrites because rows in them are superseded. What would take more
    /// waits in the log, so that a large part is rewritten for many revised views at once.
    pub revise_bytes: u64,
    /// The longest that it waits.
    pub revise_after: Duration,
    /// Imported batches of fewer events go through the log.
    pub import_events: usize,
    /// From so many rows on the table has an image, so that a start need not read its parts.
    pub image_rows: u64,
    /// Most bytes of columns that are kept in memory while they lie in an image too.
    pub resident_bytes: usize,
    /// The log's largest size; when it is full, appends are refused until a flush has made room.
    pub log_bytes: u64,
    /// Where the tables of a new folder are to lie, such as `s3://bucket/prefix`; in the folder itself if none is given.
    /// The folder remembers it.
    pub tables: Option<String>,
}

impl Default for StoreOptions {
    fn default() -> StoreOptions {
        StoreOptions {
            flush_events: 50_000,
            flush_after: Duration::from_secs(30),
            revise_bytes: 32 << 20,
            revise_after: Duration::from_secs(600),
            import_events: 5_000,
            image_rows: 50_000,
            resident_bytes: 8 << 30,
            log_bytes: 4 << 30,
            tables: None,
        }
    }
}

/// A handle on one data folder; clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    clock: Arc<dyn Clock>,
    options: StoreOptions,
    log: Log,
    live: Mutex<Shared>,
    table: tokio::sync::Mutex<Parts>,
    /// As the last flush left it.
    table_status: Mutex<TableStatus>,
    /// The image of the base that is on disk.
    saved: Mutex<Saved>,
    /// Held for as long as the folder is open; the lock goes with the file.
    _lock: File,
}

/// The live state with the log positions that it reflects.
struct Shared {
    live: Live,
    progress: Progress,
    /// Since when the log has held something that the table does not cover.
    log_alone_since: Option<std::time::Instant>,
    /// How many events the last flush left in the log, and since when there have been any.
    left_events: usize,
    left_since: Option<std::time::Instant>,
}

/// How the store is doing.
#[derive(Clone, Debug, Serialize)]
pub struct StoreStatus {
    pub watermark: u64,
    pub events: u64,
    pub unflushed_events: usize,
    pub log_bytes: u64,
    pub parts: usize,
    pub table: TableStatus,
    /// Columns in memory, and the index of keys.
    pub resident_bytes: usize,
    pub resident_bytes_per_event: f64,
    /// How much of the image has been read since the start.
    pub image_read_bytes: u64,
    pub attribute_paths: usize,
    pub now: Instant,
}

impl Store {
    /// Opens a data folder, creating it if it is absent, and recovers everything acknowledged.
    ///
    /// Errors: [`StoreError::Locked`] if another process holds the folder, [`StoreError::Damaged`] if a file cannot be
    /// what was written.
    pub async fn open(
        root: &Path,
        options: StoreOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Store, StoreError> {
        let lock = lock_folder(root)?;
        let at = tables::settle(root, options.tables.as_deref())?;
        let table = EventTable::open(tables::place(root, at.as_deref(), "events")?).await?;
        let mut options_of_log =
            LogOptions { max_bytes: options.log_bytes, at_least: table.covered(), ..LogOptions::default() };
        // A full log goes file by file.
        options_of_log.segment_bytes = options_of_log.segment_bytes.min(options.log_bytes / 8);
        let log = Log::open(&root.join("log"), options_of_log)?;
        let mut parts = Parts::new(table);
        let (mut live, saved) = saving::open(root, &parts).await?;
        for part in parts.table.parts() {
            parts.number(part.id.clone());
            if saved.shows(&part.id) {
                continue;
            }
            let (batch, one_by_one) = parts.table.read_batch(&part.id).await?;
            live = load(live, batch, one_by_one).await?;
        }
        let mut applied = parts.table.covered();
        for record in log.replay(applied)? {
            let (position, events) = record?;
            live.apply(LogPosition(position.0 - events.len() as u64), events);
            applied = position;
        }
        let log_alone_since = (applied > parts.table.covered()).then(std::time::Instant::now);
        let progress = Progress::new(applied, parts.table.imported());
        let shared = Shared { live, progress, log_alone_since, left_events: 0, left_since: None };
        let inner = Arc::new(Inner {
            root: root.to_path_buf(),
            clock,
            options,
            log,
            live: Mutex::new(shared),
            table_status: Mutex::new(parts.status()),
            saved: Mutex::new(saved),
            table: tokio::sync::Mutex::new(parts),
            _lock: lock,
        });
        tokio::spawn(flush_in_background(Arc::downgrade(&inner)));
        Ok(Store { inner })
    }

    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// Returns when the events are in the log and synced; from then on they survive a crash and every snapshot shows
    /// them. An append whose caller goes away runs to its end all the same.
    ///
    /// Errors: [`StoreError::Busy`] when the log is full; nothing of the request is kept then.
    pub async fn append(&self, events: Vec<Event>) -> Result<Appended, StoreError> {
        if events.is_empty() {
            return Ok(Appended::default());
        }
        let inner = self.inner.clone();
        to_the_end(async move { inner.append(events).await }).await
    }

    /// Everything acknowledged so far, as questions see it.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, StoreError> {
        let inner = self.inner.clone();
        if let Some(fault) = self.inner.live.lock().live.fault() {
            return Err(fault);
        }
        let take = move || {
            let mut shared = inner.live.lock();
            let watermark = shared.progress.watermark();
            shared.live.snapshot(watermark)
        };
        if self.inner.live.lock().live.is_current() {
            return Ok(take());
        }
        tokio::task::spawn_blocking(take)
            .await
            .map_err(|source| StoreError::Stopped { detail: source.to_string() })
    }

    /// Lays everything acknowledged so far into the base, as happens by itself while events come in; questions are
    /// fastest then.
    pub async fn settle(&self) -> Result<(), StoreError> {
        let inner = self.inner.clone();
        let settle = move || inner.live.lock().live.settle();
        tokio::task::spawn_blocking(settle)
            .await
            .map_err(|source| StoreError::Stopped { detail: source.to_string() })
    }

    /// Writes what is in the log alone into the table, in one commit, and lets the log go.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let inner = self.inner.clone();
        to_the_end(async move { inner.flush(Extent::Everything).await }).await
    }

    /// Flushes, so that a clean stop leaves nothing in the log alone, and saves an image for the next start.
    pub async fn close(self) -> Result<(), StoreError> {
        self.flush().await?;
        let inner = self.inner.clone();
        to_the_end(async move { inner.save(Due::Always).await }).await
    }

    pub async fn status(&self) -> Result<StoreStatus, StoreError> {
        let snapshot = self.snapshot().await?;
        let table = self.inner.table_status.lock().clone();
        let shared = self.inner.live.lock();
        Ok(StoreStatus {
            watermark: snapshot.watermark(),
            events: snapshot.rows(),
            unflushed_events: shared.live.unflushed_events(),
            log_bytes: self.inner.log.bytes(),
            parts: table.parts.len(),
            table,
            resident_bytes: shared.live.bytes(),
            resident_bytes_per_event: shared.live.bytes() as f64 / snapshot.rows().max(1) as f64,
            image_read_bytes: self.inner.saved.lock().read_bytes(),
            attribute_paths: shared.live.paths(),
            now: self.inner.clock.now(),
        })
    }
}

impl Shared {
    fn in_log_alone(&mut self) {
        self.log_alone_since.get_or_insert_with(std::time::Instant::now);
    }
}

impl Inner {
    /// Whoever calls this has to see it to its end.
    async fn append(self: &Arc<Inner>, events: Vec<Event>) -> Result<Appended, StoreError> {
        let before = {
            let mut shared = self.live.lock();
            let before = self.log.end();
            shared.progress.begin(before);
            before
        };
        let position = match self.log.append(&events).await {
            Ok(position) => position,
            Err(error) => {
                self.live.lock().progress.end(before, None);
                return Err(error);
            }
        };
        let inner = self.clone();
        // A fold may be due, which takes its time.
        let apply = move || {
            let count = events.len() as u64;
            let mut shared = inner.live.lock();
            let appended = shared.live.apply(LogPosition(position.0 - count), events);
            shared.progress.end(before, Some((position, count)));
            shared.in_log_alone();
            appended
        };
        tokio::task::spawn_blocking(apply)
            .await
            .map_err(|source| StoreError::Stopped { detail: source.to_string() })
    }
}

/// Takes what a part of the table holds.
async fn load(mut live: Live, batch: EventBatch, one_by_one: Vec<Event>) -> Result<Live, StoreError> {
    let take = move || {
        let batch = Arc::new(without_empty_users(batch));
        let hashes = import::hashes(&batch);
        let picked = live.begin_bulk(batch, &hashes);
        let known: Vec<Event> =
            picked.rest.iter().map(|row| picked.fresh.batch.event(*row as usize)).collect();
        live.end_bulk(Some(picked.fresh), &hashes);
        known.into_iter().chain(one_by_one).for_each(|event| live.load(event));
        live
    };
    tokio::task::spawn_blocking(take)
        .await
        .map_err(|source| StoreError::Stopped { detail: source.to_string() })
}

/// Runs to its end what must not stop half way when the caller loses interest.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work).await.map_err(|source| StoreError::Stopped { detail: source.to_string() })?
}

fn lock_folder(root: &Path) -> Result<File, StoreError> {
    let io = |source| StoreError::io(root, source);
    std::fs::create_dir_all(root).map_err(io)?;
    let file =
        File::options().create(true).truncate(false).write(true).open(root.join("lock")).map_err(io)?;
    lock(root, file)
}

/// Takes the folder's lock file for as long as it is open.
pub(crate) fn lock(root: &Path, file: File) -> Result<File, StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Locked { path: root.to_path_buf() }),
        Err(std::fs::TryLockError::Error(source)) => Err(StoreError::io(root, source)),
    }
}

#[cfg(test)]
mod tests;
