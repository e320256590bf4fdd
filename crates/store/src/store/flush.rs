//! Writing what is in the log alone into the table, and letting the log go.

use std::collections::BTreeMap;
use std::sync::Weak;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use whodid_model::{Event, EventKey, Instant};

use super::saving::Due;
use super::{Inner, compact};
use crate::error::StoreError;
use crate::live::{Located, Unflushed};
use crate::log::LogPosition;
use crate::table::{Change, EventTable, PartId, PartInfo, Row};

/// How often the background looks whether a flush is due.
const TICK: Duration = Duration::from_millis(500);

/// What waits for a cheaper moment may make the log no larger than this, so that a start replays it in seconds.
const LEFT_LOG_BYTES: u64 = 256 << 20;
/// Rows that are looked at while intake and questions have to wait.
const ROWS_PER_LOCK: usize = 4_096;

/// The table with the small numbers under which the live state knows its parts.
pub(super) struct Parts {
    pub(super) table: EventTable,
    pub(super) numbers: BTreeMap<u32, PartId>,
    next_number: u32,
    /// Where rows lie that are superseded and not yet written anew.
    located: FxHashMap<EventKey, u32>,
    pub(super) written: Written,
    /// A flush is at work, or went away before its end, so that nobody knows what it wrote.
    pub(super) in_doubt: bool,
}

impl Parts {
    pub(super) fn new(table: EventTable) -> Parts {
        Parts {
            table,
            numbers: BTreeMap::new(),
            next_number: 0,
            located: FxHashMap::default(),
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

    /// In which parts rows of the table lie, by the events' keys and the rows' instants.
    pub(super) async fn locate(
        &mut self,
        superseded: Vec<(EventKey, Instant)>,
    ) -> Result<Located, StoreError> {
        let known = |key: &EventKey| {
            self.located.get(key).filter(|number| self.numbers.contains_key(number)).copied()
        };
        let mut located: Located = superseded.iter().map(|(key, _)| (key.clone(), known(key))).collect();
        for (number, part) in self.infos() {
            let wanted = superseded.iter().filter(|(key, ts)| {
                (part.earliest..=part.latest).contains(ts) && located.get(key).is_some_and(Option::is_none)
            });
            let wanted: FxHashSet<EventKey> = wanted.map(|(key, _)| key.clone()).collect();
            if !wanted.is_empty() {
                for key in self.table.find(&part.id, wanted).await? {
                    located.insert(key, Some(number));
                }
            }
        }
        self.located = located.iter().filter_map(|(key, part)| Some((key.clone(), (*part)?))).collect();
        Ok(located)
    }

    /// Those of the parts with superseded rows whose rewriting can wait: the larger ones, beyond `bytes` in all.
    fn deferred(&self, superseded: &FxHashSet<u32>, mut bytes: u64) -> FxHashSet<u32> {
        let infos = self.infos();
        let mut by_size: Vec<(u64, u32)> = superseded
            .iter()
            .map(|number| (infos.get(number).map_or(0, |part| part.bytes), *number))
            .collect();
        by_size.sort_unstable();
        let fits = |(size, _): &&(u64, u32)| {
            let left = bytes.checked_sub(*size);
            bytes = left.unwrap_or(0);
            left.is_some()
        };
        let fitting = by_size.iter().take_while(fits).count();
        by_size[fitting..].iter().map(|(_, number)| *number).collect()
    }

    /// The numbers of the parts that new rows are joined with: small ones of one size, and those that are no larger
    /// than what is new and have superseded rows.
    fn to_join(
        &self,
        busy: &FxHashSet<u32>,
        superseded: &FxHashMap<u32, FxHashSet<EventKey>>,
        new_rows: u64,
    ) -> Vec<u32> {
        let infos = self.infos();
        let idle: Vec<PartInfo> =
            infos.iter().filter(|(number, _)| !busy.contains(number)).map(|(_, part)| part.clone()).collect();
        let of_a_size = compact::to_join(&idle, compact::JOIN_BYTES);
        let numbers = infos.iter().filter(|(number, part)| match superseded.contains_key(number) {
            true => part.rows <= new_rows,
            false => of_a_size.contains(&&part.id),
        });
        numbers.map(|(number, _)| *number).collect()
    }

    pub(super) fn infos(&self) -> FxHashMap<u32, PartInfo> {
        let mut by_id: FxHashMap<PartId, PartInfo> =
            self.table.parts().into_iter().map(|part| (part.id.clone(), part)).collect();
        self.numbers.iter().filter_map(|(number, id)| Some((*number, by_id.remove(id)?))).collect()
    }

    /// The events of a part that are not superseded.
    pub(super) async fn read_living(
        &self,
        number: u32,
        superseded: &FxHashMap<u32, FxHashSet<EventKey>>,
    ) -> Result<Vec<Event>, StoreError> {
        let Some(id) = self.numbers.get(&number) else { return Ok(Vec::new()) };
        let mut events = self.table.read(id).await?;
        if let Some(gone) = superseded.get(&number) {
            events.retain(|event| !gone.contains(&event.key()));
        }
        Ok(events)
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

impl Written {
    pub(super) fn note(&mut self, events: u64, rows: u64, added: &[PartInfo]) {
        self.flushes += 1;
        self.events += events;
        self.rows += rows;
        self.bytes += added.iter().map(|part| part.bytes).sum::<u64>();
    }
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

/// How much a flush writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Extent {
    Everything,
    /// All but what would rewrite too much for too little: see [`super::StoreOptions::revise_bytes`].
    Cheap,
}

impl Inner {
    /// Whoever calls this has to see it to its end: a flush that goes away half done stops all further ones.
    pub(super) async fn flush(&self, extent: Extent) -> Result<(), StoreError> {
        let mut parts = self.table.lock().await;
        if parts.in_doubt {
            return Err(StoreError::Unsettled { doing: "flushing to the table".into() });
        }
        let work = self.take(&mut parts, extent).await?;
        // Events that changed nothing leave nothing to write, and still have to leave the log.
        if !work.unflushed.events.is_empty() || work.covers > parts.table.covered() {
            let taken = work.unflushed.taken.clone();
            parts.in_doubt = true;
            let written = self.write(&mut parts, work).await;
            parts.in_doubt = false;
            if let Err(error) = written {
                let mut shared = self.live.lock();
                shared.live.unflush(taken);
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

    async fn take(&self, parts: &mut Parts, extent: Extent) -> Result<Work, StoreError> {
        let superseded = self.live.lock().live.superseded();
        let located = parts.locate(superseded).await?;
        let busy: FxHashSet<u32> = located.values().copied().flatten().collect();
        let mut shared = self.live.lock();
        let deferred = match extent {
            Extent::Everything => FxHashSet::default(),
            Extent::Cheap => parts.deferred(&busy, self.options.revise_bytes),
        };
        let unflushed = shared.live.take_unflushed(&located, &deferred);
        let reflected = shared.progress.reflected();
        shared.log_alone_since = None;
        shared.left_events = shared.live.unflushed_events();
        shared.left_since = match unflushed.left {
            Some(_) => shared.left_since.or_else(|| Some(std::time::Instant::now())),
            None => None,
        };
        Ok(Work { covers: unflushed.left.map_or(reflected, |left| left.min(reflected)), busy, unflushed })
    }

    async fn write(&self, parts: &mut Parts, work: Work) -> Result<(), StoreError> {
        let Work { busy, unflushed, covers } = work;
        let events = unflushed.events.len() as u64;
        let superseded = unflushed.superseded;
        let mut rows: Vec<Row> =
            unflushed.events.into_iter().map(|(owner, event)| Row::new(&owner, event)).collect();
        let joined = parts.to_join(&busy, &superseded, events);
        for number in &joined {
            let kept = parts.read_living(*number, &superseded).await?;
            self.resolve(kept, &mut rows);
        }
        let mut groups = vec![rows];
        // Large parts stay apart from what is new, or one part would grow and be rewritten for ever.
        let alone: Vec<u32> = superseded.keys().copied().filter(|number| !joined.contains(number)).collect();
        for number in &alone {
            let mut rows = Vec::new();
            let kept = parts.read_living(*number, &superseded).await?;
            self.resolve(kept, &mut rows);
            groups.push(rows);
        }
        let sort = move || {
            groups.iter_mut().for_each(|rows| rows.sort_unstable_by(Row::order));
            groups
        };
        let add = tokio::task::spawn_blocking(sort)
            .await
            .map_err(|source| StoreError::Stopped { detail: source.to_string() })?;
        let rows = add.iter().map(Vec::len).sum::<usize>() as u64;
        let rewritten: Vec<u32> = joined.into_iter().chain(alone).collect();
        let remove = rewritten.iter().filter_map(|number| parts.numbers.get(number).cloned()).collect();
        let added = parts.table.commit(Change { add, remove, covers, ..Change::default() }).await?;
        parts.written.note(events, rows, &added);
        for number in rewritten {
            parts.numbers.remove(&number);
        }
        for part in added {
            parts.number(part.id);
        }
        *self.table_status.lock() = parts.status();
        Ok(())
    }

    /// Events of parts as rows under the owners that they have now.
    pub(super) fn resolve(&self, events: Vec<Event>, rows: &mut Vec<Row>) {
        rows.reserve(events.len());
        let mut events = events.into_iter();
        while events.len() > 0 {
            let shared = self.live.lock();
            let some = events.by_ref().take(ROWS_PER_LOCK);
            rows.extend(some.map(|event| Row::new(&shared.live.owner_of(&event), event)));
        }
    }

    /// Lets go of columns that can be read again, when there are too many.
    fn keep_memory(&self) {
        self.live.lock().live.let_go_above(self.options.resident_bytes);
    }

    /// What the background has to flush now, if anything.
    fn due(&self) -> Option<Extent> {
        let (shared, options) = (self.live.lock(), &self.options);
        let since = shared.log_alone_since?;
        let log_bytes = self.log.bytes();
        let left = shared.left_since.is_some_and(|since| since.elapsed() >= options.revise_after)
            || shared.left_events >= options.flush_events
            || (shared.left_events > 0 && log_bytes >= LEFT_LOG_BYTES);
        // Room is made before the log is full.
        if left || log_bytes >= options.log_bytes / 2 {
            return Some(Extent::Everything);
        }
        let new_events = shared.live.unflushed_events().saturating_sub(shared.left_events);
        let due = since.elapsed() >= options.flush_after || new_events >= options.flush_events;
        due.then_some(Extent::Cheap)
    }
}

/// What one flush has to do.
struct Work {
    unflushed: Unflushed,
    covers: LogPosition,
    /// All parts with superseded rows, also those that are left as they are for now.
    busy: FxHashSet<u32>,
}

pub(super) async fn flush_in_background(inner: Weak<Inner>) {
    loop {
        let Some(tick) = inner.upgrade().map(|inner| inner.options.flush_after.min(TICK)) else { return };
        tokio::time::sleep(tick.max(Duration::from_millis(1))).await;
        let Some(inner) = inner.upgrade() else { return };
        if let Some(extent) = inner.due() {
            match inner.flush(extent).await {
                Ok(()) => inner.keep_memory(),
                Err(error) => {
                    tracing::warn!(%error, "a flush failed; the events stay in the log and the next flush tries again");
                }
            }
        }
        if let Err(error) = inner.save(Due::WhenGrown).await {
            tracing::warn!(%error, "could not write an image");
        }
    }
}
