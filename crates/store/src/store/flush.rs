//! Writing what is in the log alone into the table, and letting the log go.

use std::collections::BTreeMap;
use std::sync::Weak;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use whodid_model::{Event, EventKey};

use super::Inner;
use crate::error::StoreError;
use crate::log::LogPosition;
use crate::owner::Owner;
use crate::table::{Change, EventTable, PartId};

/// How often the background looks whether a flush is due.
const TICK: Duration = Duration::from_millis(500);

/// Parts smaller than this are joined when there are more than [`SMALL_PARTS`] of them.
const SMALL_PART_ROWS: u64 = 100_000;
const SMALL_PARTS: usize = 8;

/// The table with the small numbers under which the live state knows its parts.
pub(super) struct Parts {
    pub(super) table: EventTable,
    pub(super) numbers: BTreeMap<u32, PartId>,
    next_number: u32,
    /// A flush is at work, or went away before its end, so that nobody knows what it wrote.
    in_doubt: bool,
}

impl Parts {
    pub(super) fn new(table: EventTable) -> Parts {
        Parts { table, numbers: BTreeMap::new(), next_number: 0, in_doubt: false }
    }

    pub(super) fn number(&mut self, id: PartId) -> u32 {
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
        mut rows: Vec<(Owner, Event)>,
        superseded: &FxHashMap<u32, FxHashSet<EventKey>>,
        covers: LogPosition,
    ) -> Result<(), StoreError> {
        let rewritten = parts.to_rewrite(superseded.keys().copied());
        let mut remove = Vec::new();
        for number in &rewritten {
            let Some(id) = parts.numbers.get(number).cloned() else { continue };
            let gone = superseded.get(number);
            let kept = parts.table.read(&id).await?.into_iter();
            let kept = kept.filter(|event| gone.is_none_or(|gone| !gone.contains(&event.key())));
            let shared = self.live.lock();
            rows.extend(kept.map(|event| (shared.live.owner_of(&event), event)));
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
