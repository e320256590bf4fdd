//! Writing what is in the log alone into the table, and letting the log go.

use std::collections::BTreeMap;
use std::sync::Weak;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use whodid_model::{Event, EventKey, Instant};

use super::{Inner, compact};
use crate::error::StoreError;
use crate::log::LogPosition;
use crate::owner::Owner;
use crate::table::{Change, EventTable, PartId, PartInfo, Row};

/// How often the background looks whether a flush is due.
const TICK: Duration = Duration::from_millis(500);

/// Rows that are looked at while intake and questions have to wait.
const ROWS_PER_LOCK: usize = 4_096;

/// The table with the small numbers under which the live state knows its parts.
pub(super) struct Parts {
    pub(super) table: EventTable,
    pub(super) numbers: BTreeMap<u32, PartId>,
    next_number: u32,
    written: Written,
    /// A flush is at work, or went away before its end, so that nobody knows what it wrote.
    in_doubt: bool,
}

impl Parts {
    pub(super) fn new(table: EventTable) -> Parts {
        Parts {
            table,
            numbers: BTreeMap::new(),
            next_number: 0,
            written: Written::default(),
            in_doubt: false,
        }
    }

    pub(super) fn number(&mut self, id: PartId) -> u32 {
        let number = self.next_number;
        self.next_number += 1;
        self.numbers.insert(number, id);
        number
    }

    /// The numbers of parts to write anew: those with superseded rows, and those that are to be joined.
    fn to_rewrite(&self, superseded: &FxHashMap<u32, FxHashSet<EventKey>>) -> Vec<u32> {
        let infos = self.table.parts();
        let by_id: FxHashMap<&PartId, u32> = self.numbers.iter().map(|(number, id)| (id, *number)).collect();
        let busy = |id: &PartId| by_id.get(id).is_none_or(|number| superseded.contains_key(number));
        let joined = compact::to_join(&infos, busy, compact::JOIN_BYTES);
        let joined = joined.into_iter().filter_map(|id| by_id.get(id)).copied();
        let mut numbers: Vec<u32> = superseded.keys().copied().chain(joined).collect();
        numbers.sort_unstable();
        numbers
    }

    /// What people are told of the table.
    pub(super) fn status(&self) -> TableStatus {
        let part = |part: PartInfo| PartStatus {
            file: part.id.to_string(),
            rows: part.rows,
            bytes: part.bytes,
            earliest: part.earliest,
            latest: part.latest,
        };
        TableStatus {
            covered: self.table.covered().0,
            written: self.written,
            parts: self.table.parts().into_iter().map(part).collect(),
        }
    }
}

/// How the table is doing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TableStatus {
    /// How many of the events ever logged the table covers.
    pub covered: u64,
    pub written: Written,
    pub parts: Vec<PartStatus>,
}

/// What has been written since the start. Rows by events is the write amplification.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Written {
    pub flushes: u64,
    /// New and revised events.
    pub events: u64,
    /// These and the rows of parts that were written anew.
    pub rows: u64,
    pub bytes: u64,
}

/// One file of the table.
#[derive(Clone, Debug, Serialize)]
pub struct PartStatus {
    pub file: String,
    pub rows: u64,
    pub bytes: u64,
    pub earliest: Instant,
    pub latest: Instant,
}

impl Inner {
    /// Whoever calls this has to see it to its end: a flush that goes away half done stops all further ones.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        let mut parts = self.table.lock().await;
        if parts.in_doubt {
            return Err(StoreError::Unsettled { doing: "flushing to the table".into() });
        }
        let (unflushed, covers) = {
            let mut shared = self.live.lock();
            shared.log_alone_since = None;
            (shared.live.take_unflushed(), shared.progress.reflected())
        };
        // Events that changed nothing leave nothing to write, and still have to leave the log.
        if !unflushed.events.is_empty() || covers > parts.table.covered() {
            let keys: Vec<EventKey> = unflushed.events.iter().map(|(_, event)| event.key()).collect();
            parts.in_doubt = true;
            let written = self.write(&mut parts, unflushed.events, &unflushed.superseded, covers).await;
            parts.in_doubt = false;
            if let Err(error) = written {
                let mut shared = self.live.lock();
                shared.live.unflush(keys.into_iter());
                shared.in_log_alone();
                return Err(error);
            }
        }
        let covered = parts.table.covered();
        {
            let mut shared = self.live.lock();
            if shared.progress.reflected() > covered {
                shared.in_log_alone();
            }
        }
        self.log.truncate_before(covered).await
    }

    async fn write(
        &self,
        parts: &mut Parts,
        new: Vec<(Owner, Event)>,
        superseded: &FxHashMap<u32, FxHashSet<EventKey>>,
        covers: LogPosition,
    ) -> Result<(), StoreError> {
        let events = new.len() as u64;
        let mut rows: Vec<Row> = new.into_iter().map(|(owner, event)| Row::new(&owner, event)).collect();
        let rewritten = parts.to_rewrite(superseded);
        let mut remove = Vec::new();
        for number in &rewritten {
            let Some(id) = parts.numbers.get(number).cloned() else { continue };
            let mut kept = parts.table.read(&id).await?;
            if let Some(gone) = superseded.get(number) {
                kept.retain(|event| !gone.contains(&event.key()));
            }
            self.resolve(kept, &mut rows);
            remove.push(id);
        }
        let sort = move || {
            rows.sort_unstable_by(Row::order);
            let keys: Vec<EventKey> = rows.iter().map(|row| row.event.key()).collect();
            (rows, keys)
        };
        let (add, keys) = tokio::task::spawn_blocking(sort)
            .await
            .map_err(|source| StoreError::Stopped { detail: source.to_string() })?;
        let added = parts.table.commit(Change { add, remove, covers }).await?;
        let written = &mut parts.written;
        written.flushes += 1;
        written.events += events;
        written.rows += keys.len() as u64;
        written.bytes += added.iter().map(|part| part.bytes).sum::<u64>();
        for number in rewritten {
            parts.numbers.remove(&number);
        }
        let mut keys = keys.as_slice();
        for part in added {
            let number = parts.number(part.id);
            let (of_part, behind) = keys.split_at(part.rows as usize);
            for some in of_part.chunks(ROWS_PER_LOCK) {
                self.live.lock().live.flushed(number, some.iter());
            }
            keys = behind;
        }
        *self.table_status.lock() = parts.status();
        Ok(())
    }

    /// Events of parts as rows under the owners that they have now.
    fn resolve(&self, events: Vec<Event>, rows: &mut Vec<Row>) {
        rows.reserve(events.len());
        let mut events = events.into_iter();
        while events.len() > 0 {
            let shared = self.live.lock();
            let some = events.by_ref().take(ROWS_PER_LOCK);
            rows.extend(some.map(|event| Row::new(&shared.live.owner_of(&event), event)));
        }
    }

    fn flush_is_due(&self) -> bool {
        let shared = self.live.lock();
        let old = shared.log_alone_since.is_some_and(|since| since.elapsed() >= self.options.flush_after);
        let many = shared.live.unflushed_events() >= self.options.flush_events;
        // Room is made before the log is full.
        let large = shared.log_alone_since.is_some() && self.log.bytes() >= self.options.log_bytes / 2;
        old || many || large
    }
}

pub(super) async fn flush_in_background(inner: Weak<Inner>) {
    loop {
        let Some(tick) = inner.upgrade().map(|inner| inner.options.flush_after.min(TICK)) else { return };
        tokio::time::sleep(tick.max(Duration::from_millis(1))).await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.flush_is_due()
            && let Err(error) = inner.flush().await
        {
            tracing::warn!(%error, "a flush failed; the events stay in the log and the next flush tries again");
        }
    }
}
