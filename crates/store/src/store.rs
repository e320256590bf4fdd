//! The store as its users see it: append, snapshot, flush, close.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use serde::Serialize;
use whodid_model::{Clock, Event, EventKey, Instant};

use crate::error::StoreError;
use crate::live::{Appended, Live};
use crate::log::{Log, LogOptions, LogPosition};
use crate::owner::Owner;
use crate::snapshot::Snapshot;
use crate::table::{Change, EventTable, PartId};

/// When the store writes the table by itself.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Flush when this many events are in the log alone.
    pub flush_events: usize,
    /// Flush when an event has been in the log alone for this long.
    pub flush_after: Duration,
    /// The log's largest size; when it is full, appends are refused until a flush has made room.
    pub log_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> StoreOptions {
        StoreOptions { flush_events: 50_000, flush_after: Duration::from_secs(30), log_bytes: 4 << 30 }
    }
}

/// Parts smaller than this are joined when there are more than [`SMALL_PARTS`] of them.
const SMALL_PART_ROWS: u64 = 100_000;
const SMALL_PARTS: usize = 8;

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
    /// Held for as long as the folder is open; the lock goes with the file.
    _lock: File,
}

/// The live state with the log positions that it reflects.
struct Shared {
    live: Live,
    /// Position up to which some append has been applied.
    applied: LogPosition,
    /// For each append under way, a position that lies before its record.
    under_way: BTreeMap<LogPosition, usize>,
    /// When the oldest unflushed event was taken.
    unflushed_since: Option<std::time::Instant>,
}

/// The table with the small numbers under which the live state knows its parts.
struct Parts {
    table: EventTable,
    numbers: BTreeMap<u32, PartId>,
    next_number: u32,
}

/// How the store is doing.
#[derive(Clone, Debug, Serialize)]
pub struct StoreStatus {
    pub watermark: u64,
    pub events: u64,
    pub unflushed_events: usize,
    pub log_bytes: u64,
    pub parts: usize,
    pub resident_bytes: usize,
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
        let table = EventTable::open(&root.join("tables").join("events")).await?;
        let options_of_log =
            LogOptions { max_bytes: options.log_bytes, at_least: table.covered(), ..LogOptions::default() };
        let log = Log::open(&root.join("log"), options_of_log)?;
        let mut live = Live::new();
        let mut parts = Parts { numbers: BTreeMap::new(), next_number: 0, table };
        for part in parts.table.parts() {
            let number = parts.number(part.id.clone());
            live.load(number, parts.table.read(&part.id).await?);
        }
        live.settle();
        let mut applied = parts.table.covered();
        for record in log.replay(applied)? {
            let (position, events) = record?;
            live.apply(events);
            applied = position;
        }
        let unflushed_since = (live.unflushed_events() > 0).then(std::time::Instant::now);
        let shared = Shared { live, applied, under_way: BTreeMap::new(), unflushed_since };
        let inner = Arc::new(Inner {
            root: root.to_path_buf(),
            clock,
            options,
            log,
            live: Mutex::new(shared),
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
    /// them.
    ///
    /// Errors: [`StoreError::Busy`] when the log is full; nothing of the request is kept then.
    pub async fn append(&self, events: Vec<Event>) -> Result<Appended, StoreError> {
        if events.is_empty() {
            return Ok(Appended::default());
        }
        let inner = &self.inner;
        let before = {
            let mut shared = inner.live.lock();
            let before = inner.log.end();
            *shared.under_way.entry(before).or_insert(0) += 1;
            before
        };
        let guard = UnderWay { inner, before };
        let position = inner.log.append(&events).await?;
        let mut shared = inner.live.lock();
        let appended = shared.live.apply(events);
        shared.applied = shared.applied.max(position);
        if shared.live.unflushed_events() > 0 {
            shared.unflushed_since.get_or_insert_with(std::time::Instant::now);
        }
        drop(shared);
        drop(guard);
        Ok(appended)
    }

    /// Everything acknowledged so far, as questions see it.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, StoreError> {
        let inner = self.inner.clone();
        let take = move || {
            let mut shared = inner.live.lock();
            let watermark = shared.applied.0;
            shared.live.snapshot(watermark)
        };
        if self.inner.live.lock().live.is_current() {
            return Ok(take());
        }
        tokio::task::spawn_blocking(take)
            .await
            .map_err(|source| StoreError::Stopped { detail: source.to_string() })
    }

    /// Writes what is in the log alone into the table, in one commit, and lets the log go.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.inner.flush().await
    }

    /// Flushes, so that a clean stop leaves nothing in the log alone.
    pub async fn close(self) -> Result<(), StoreError> {
        self.flush().await
    }

    pub async fn status(&self) -> Result<StoreStatus, StoreError> {
        let snapshot = self.snapshot().await?;
        let parts = self.inner.table.lock().await.numbers.len();
        let shared = self.inner.live.lock();
        Ok(StoreStatus {
            watermark: snapshot.watermark(),
            events: snapshot.rows(),
            unflushed_events: shared.live.unflushed_events(),
            log_bytes: self.inner.log.bytes(),
            parts,
            resident_bytes: shared.live.bytes(),
            attribute_paths: shared.live.paths(),
            now: self.inner.clock.now(),
        })
    }
}

/// Takes an append off the list of those under way, also when it fails or its caller goes away.
struct UnderWay<'a> {
    inner: &'a Inner,
    before: LogPosition,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut shared = self.inner.live.lock();
        if let Some(count) = shared.under_way.get_mut(&self.before) {
            *count -= 1;
            if *count == 0 {
                shared.under_way.remove(&self.before);
            }
        }
    }
}

impl Inner {
    async fn flush(&self) -> Result<(), StoreError> {
        let mut parts = self.table.lock().await;
        let (unflushed, covers) = {
            let mut shared = self.live.lock();
            shared.unflushed_since = None;
            let covers = shared.under_way.keys().next().copied().unwrap_or(shared.applied);
            (shared.live.take_unflushed(), covers.min(shared.applied))
        };
        if unflushed.events.is_empty() {
            return Ok(());
        }
        let keys: Vec<EventKey> = unflushed.events.iter().map(|(_, event)| event.key()).collect();
        match self.write(&mut parts, unflushed.events, &unflushed.superseded, covers).await {
            Ok(()) => self.log.truncate_before(covers).await,
            Err(error) => {
                let mut shared = self.live.lock();
                shared.live.unflush(keys.into_iter());
                shared.unflushed_since = Some(std::time::Instant::now());
                Err(error)
            }
        }
    }

    async fn write(
        &self,
        parts: &mut Parts,
        mut rows: Vec<(Owner, Event)>,
        superseded: &rustc_hash::FxHashMap<u32, FxHashSet<EventKey>>,
        covers: LogPosition,
    ) -> Result<(), StoreError> {
        let rewritten = parts.to_rewrite(superseded.keys().copied());
        let mut remove = Vec::new();
        for number in &rewritten {
            let Some(id) = parts.numbers.get(number).cloned() else { continue };
            let gone = superseded.get(number);
            let kept = parts.table.read(&id).await?.into_iter();
            let kept = kept.filter(|event| gone.is_none_or(|gone| !gone.contains(&event.key())));
            let live = self.live.lock();
            rows.extend(kept.map(|event| (live.live.owner_of(&event), event)));
            remove.push(id);
        }
        rows.sort_by(|(a_owner, a), (b_owner, b)| {
            (a_owner.bucket(), a_owner, a.ts, &a.id).cmp(&(b_owner.bucket(), b_owner, b.ts, &b.id))
        });
        let (users, events): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .map(|(owner, event)| (owner.user().map(ToString::to_string).unwrap_or_default(), event))
            .unzip();
        let keys: Vec<EventKey> = events.iter().map(Event::key).collect();
        let added = parts.table.commit(Change { add: events, users, remove, covers }).await?;
        let mut shared = self.live.lock();
        for number in rewritten {
            parts.numbers.remove(&number);
        }
        let mut keys = keys.iter();
        for part in added {
            let number = parts.number(part.id);
            shared.live.flushed(number, keys.by_ref().take(part.rows as usize));
        }
        Ok(())
    }
}

impl Parts {
    fn number(&mut self, id: PartId) -> u32 {
        let number = self.next_number;
        self.next_number += 1;
        self.numbers.insert(number, id);
        number
    }

    /// Parts with superseded rows, and the small ones when they have become many.
    fn to_rewrite(&self, superseded: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut numbers: Vec<u32> = superseded.collect();
        let rows: BTreeMap<PartId, u64> =
            self.table.parts().into_iter().map(|part| (part.id, part.rows)).collect();
        let small = |id: &PartId| rows.get(id).is_some_and(|rows| *rows < SMALL_PART_ROWS);
        let small: Vec<u32> =
            self.numbers.iter().filter(|(_, id)| small(id)).map(|(number, _)| *number).collect();
        if small.len() > SMALL_PARTS {
            numbers.extend(small);
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

fn lock_folder(root: &Path) -> Result<File, StoreError> {
    let io = |source| StoreError::Io { path: root.to_path_buf(), source };
    std::fs::create_dir_all(root).map_err(io)?;
    let file =
        File::options().create(true).truncate(false).write(true).open(root.join("lock")).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Locked { path: root.to_path_buf() }),
        Err(std::fs::TryLockError::Error(source)) => Err(io(source)),
    }
}

async fn flush_in_background(inner: std::sync::Weak<Inner>) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let Some(inner) = inner.upgrade() else { return };
        let due = {
            let shared = inner.live.lock();
            let old =
                shared.unflushed_since.is_some_and(|since| since.elapsed() >= inner.options.flush_after);
            old || shared.live.unflushed_events() >= inner.options.flush_events
        };
        if due && let Err(error) = inner.flush().await {
            tracing::warn!(%error, "a flush failed; the events stay in the log and the next flush tries again");
        }
    }
}
