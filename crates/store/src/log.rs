//! The write-ahead log: an event is acknowledged once it is in here and synced.
//!
//! A folder of files, each a header and a run of frames. One writer thread takes whatever appends are waiting, writes
//! them as *one* frame and syncs once for all of them (group commit). The next frame begins only after that sync, so
//! in the last file a bad frame with nothing good behind it is a torn write that nobody was promised, and is cut off;
//! a bad frame anywhere else is damage, and is reported.
//!
//! Positions count events, from the first ever logged; they survive restarts and truncation.
//!
//! Why not a crate, by their documentation (none was run): okaywal (MIT/Apache-2.0, last release 2023) calls itself
//! early and its format unstable, and checkpoints by itself, where here the table's commit decides what may go;
//! raft-engine (Apache-2.0, 2024) groups and syncs writes, but keeps protobuf entries of many groups behind an index
//! that one log has no use for; commitlog (MIT) leaves syncing to a separate call and truncates the end, not the
//! beginning; walrus-rust (MIT) is made of topics with stored read cursors in preallocated files.
//!
//! Why an encoding of our own: with events of 2.4 KB of JSON it is read back at 178,000 events/s, MessagePack at 23,000
//! and JSON at 21,000 (through serde, one run on a busy machine), and JSON loses numbers that are not finite.
//! Why zstd at level 1: such events took 235 bytes in groups and 493 alone, against 2,270 without, so the same limit
//! holds five to ten times as many. It is there for size: in four interleaved runs neither was clearly faster.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use whodid_model::Event;

use crate::error::StoreError;

mod check;
mod codec;
mod frame;
mod replay;
mod segment;
mod writer;

pub(crate) use check::check;
pub(crate) use replay::Replay;
use writer::{Append, Request, Writer};

/// How many events had been logged up to a point. A batch's position is that behind its last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LogPosition(pub(crate) u64);

#[derive(Clone, Debug)]
pub(crate) struct LogOptions {
    /// A file that has grown to this size is closed and a new one begun.
    pub(crate) segment_bytes: u64,
    /// Appends are refused as busy while the log is larger than this.
    pub(crate) max_bytes: u64,
    /// Where the log begins if it is empty: at or behind everything the table covers, so that a lost log folder does
    /// not hand out positions that count as covered already.
    pub(crate) at_least: LogPosition,
    #[cfg(test)]
    pub(crate) probe: Arc<tests::Probe>,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            segment_bytes: 64 << 20,
            max_bytes: 4 << 30,
            at_least: LogPosition(0),
            #[cfg(test)]
            probe: Arc::default(),
        }
    }
}

/// Largest batch in bytes, encoded. Intake's own limits keep requests well below.
const BATCH_BYTES: u64 = 512 << 20;
const BUSY_RETRY_AFTER_MS: u64 = 1_000;

/// The open log. Dropping it finishes the appends that are under way.
pub(crate) struct Log {
    dir: PathBuf,
    max_bytes: u64,
    state: Arc<State>,
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
}

/// What the writer thread lets others see.
#[derive(Default)]
struct State {
    /// Bytes in files.
    stored_bytes: AtomicU64,
    /// Bytes of appends that wait to be written.
    waiting_bytes: AtomicU64,
    end: AtomicU64,
    /// Where the oldest file starts.
    first: AtomicU64,
}

impl Log {
    /// Opens the log in `dir`, making the folder if there is none. A torn tail of the last file is cut off. Errors:
    /// `Damaged` with file and offset when more than a torn tail is wrong, `Format` for a newer version's file.
    pub(crate) fn open(dir: &Path, options: LogOptions) -> Result<Log, StoreError> {
        std::fs::create_dir_all(dir).map_err(|e| StoreError::io(dir, e))?;
        let state = Arc::new(State::default());
        let max_bytes = options.max_bytes;
        let writer = Writer::open(dir, options, state.clone())?;
        let (requests, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("whodid-log".into())
            .spawn(move || writer.run(inbox))
            .map_err(|e| StoreError::io(dir, e))?;
        Ok(Log { dir: dir.to_path_buf(), max_bytes, state, requests: Some(requests), writer: Some(thread) })
    }

    /// Makes `events` durable and resolves, with the position behind them, only after they are synced.
    ///
    /// Appends that are under way together may resolve in any order.
    ///
    /// Errors: `Busy` when the log is at its limit, `TooLarge`, `Io`; after an error none of the events is in the log,
    /// and a later append may succeed.
    pub(crate) async fn append(&self, events: &[Event]) -> Result<LogPosition, StoreError> {
        let mut encoded = Vec::new();
        for event in events {
            codec::encode(event, &mut encoded);
        }
        let bytes = encoded.len() as u64;
        if bytes > BATCH_BYTES {
            return Err(StoreError::TooLarge { what: "a batch of events", bytes, limit_bytes: BATCH_BYTES });
        }
        let waiting = self.state.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.bytes() + waiting > self.max_bytes {
            self.state.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(StoreError::Busy { what: "event log", retry_after_ms: BUSY_RETRY_AFTER_MS });
        }
        let (reply, answer) = oneshot::channel();
        let append = Append { encoded, count: events.len() as u64, reply };
        self.send(Request::Append(append))?;
        answer.await.map_err(|_| stopped())?
    }

    /// The events behind `from`, batch by batch, each with the position behind it. Meant for start-up, before appends.
    pub(crate) fn replay(&self, from: LogPosition) -> Result<Replay, StoreError> {
        Ok(Replay::new(segment::list(&self.dir)?, from))
    }

    /// Deletes the files that hold only events below `position`; a file is kept whole or goes whole. When `position`
    /// is the end, nothing of any event stays on disk.
    pub(crate) async fn truncate_before(&self, position: LogPosition) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Truncate { position, reply })?;
        answer.await.map_err(|_| stopped())?
    }

    /// From here on events go to another file than those before. Answers the position at which that file starts: once all
    /// below it is truncated, nothing of the events before is on disk.
    pub(crate) async fn rotate(&self) -> Result<LogPosition, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Rotate { reply })?;
        answer.await.map_err(|_| stopped())?
    }

    /// Nothing below is on disk.
    pub(crate) fn first(&self) -> LogPosition {
        LogPosition(self.state.first.load(Ordering::Acquire))
    }

    /// Bytes in files.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.stored_bytes.load(Ordering::Relaxed)
    }

    /// The position behind the last event that was made durable.
    pub(crate) fn end(&self) -> LogPosition {
        LogPosition(self.state.end.load(Ordering::Acquire))
    }

    fn send(&self, request: Request) -> Result<(), StoreError> {
        let requests = self.requests.as_ref().ok_or(stopped())?;
        requests.send(request).map_err(|_| stopped())
    }
}

fn stopped() -> StoreError {
    StoreError::Stopped { detail: "the event log is closed".into() }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take() {
            // A panic there has been printed already, and every append under way has been answered by then.
            let _ = writer.join();
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
