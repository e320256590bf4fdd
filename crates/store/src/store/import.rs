//! Taking in events by the hundred thousand: into the table at once, and not through the log.

use std::sync::Arc;

use whodid_model::{Event, EventBatch};

use super::{Inner, Store, to_the_end};
use crate::bulk::without_empty_users;
use crate::error::StoreError;
use crate::keys::KeyHash;
use crate::live::{Appended, Picked};
use crate::parallel;
use crate::table::{BulkRows, Change};

/// Events that cannot go as columns, because they are revisions or are known already, wait until there are so many.
const ONE_BY_ONE_EVENTS: usize = 100_000;
/// Keys that one thread hashes at a time.
const HASHED_ROWS: usize = 16_384;

/// An import under way. What it has taken stays taken, whatever becomes of the rest: the same events again change
/// nothing.
pub struct Import {
    inner: Arc<Inner>,
    one_by_one: Vec<Event>,
    appended: Appended,
}

impl Store {
    /// Begins to take in many events. Batches of some hundred thousand rows are best: each becomes a commit of the table
    /// and parts of its own.
    pub fn import(&self) -> Import {
        Import { inner: self.inner.clone(), one_by_one: Vec::new(), appended: Appended::default() }
    }
}

impl Import {
    /// Returns when the new events of the batch are in the table and synced, and every snapshot shows them. Others wait
    /// for [`Import::finish`].
    pub async fn take(&mut self, batch: EventBatch) -> Result<(), StoreError> {
        if batch.rows() < self.inner.options.import_events {
            // A small part of the table and a commit would cost more than they save.
            return self.take_one_by_one((0..batch.rows()).map(|row| batch.event(row)).collect()).await;
        }
        let inner = self.inner.clone();
        let (taken, rest) = to_the_end(async move { inner.import(batch).await }).await?;
        self.appended.accepted += taken;
        self.take_one_by_one(rest).await
    }

    /// Takes events that do not fit a batch.
    pub async fn take_one_by_one(&mut self, events: Vec<Event>) -> Result<(), StoreError> {
        self.one_by_one.extend(events);
        match self.one_by_one.len() >= ONE_BY_ONE_EVENTS {
            true => self.append_rest().await,
            false => Ok(()),
        }
    }

    /// Returns when everything is durable. Says what became of all events of the import.
    pub async fn finish(mut self) -> Result<Appended, StoreError> {
        self.append_rest().await?;
        Ok(self.appended)
    }

    async fn append_rest(&mut self) -> Result<(), StoreError> {
        let events = std::mem::take(&mut self.one_by_one);
        if events.is_empty() {
            return Ok(());
        }
        let inner = self.inner.clone();
        let appended = to_the_end(async move {
            let shared = inner.clone();
            let known = move || shared.live.lock().live.without_known(events);
            let known = tokio::task::spawn_blocking(known).await;
            let (known, events) = known.map_err(|e| StoreError::Stopped { detail: e.to_string() })?;
            let mut appended = Appended { accepted: 0, duplicates: known };
            if !events.is_empty() {
                let more = inner.append(events).await?;
                appended.accepted += more.accepted;
                appended.duplicates += more.duplicates;
            }
            Ok(appended)
        });
        let appended = appended.await?;
        self.appended.accepted += appended.accepted;
        self.appended.duplicates += appended.duplicates;
        Ok(())
    }
}

impl Inner {
    /// Writes the new events of a batch into the table and shows them. Answers how many they are, and the others.
    async fn import(self: &Arc<Inner>, batch: EventBatch) -> Result<(u64, Vec<Event>), StoreError> {
        // No flush comes in between, so that an event that arrives by another way meanwhile is not in the table yet.
        let mut parts = self.table.lock().await;
        if parts.in_doubt {
            return Err(StoreError::Unsettled { doing: "importing into the table".into() });
        }
        let inner = self.clone();
        let pick = move || {
            let batch = Arc::new(without_empty_users(batch));
            let hashes = hashes(&batch);
            let picked = inner.live.lock().live.begin_bulk(batch, &hashes);
            let bulk = BulkRows::new(&picked.fresh, &picked.owners);
            (hashes, picked, bulk)
        };
        let picked = tokio::task::spawn_blocking(pick).await;
        let (hashes, picked, bulk) = picked.map_err(|e| StoreError::Stopped { detail: e.to_string() })?;
        let Picked { fresh, rest, .. } = picked;
        let rest: Vec<Event> = rest.iter().map(|row| fresh.batch.event(*row as usize)).collect();
        let count = fresh.rows.len() as u64;
        let mut written = Ok(());
        if count > 0 {
            parts.in_doubt = true;
            let change = Change { bulk: Some(bulk), covers: parts.table.covered(), ..Change::default() };
            written = match parts.table.commit(change).await {
                Ok(added) => {
                    parts.written.note(count, count, &added);
                    for part in added {
                        parts.number(part.id);
                    }
                    Ok(())
                }
                Err(error) => Err(error),
            };
            parts.in_doubt = false;
        }
        let (inner, fresh) = (self.clone(), written.is_ok().then_some(fresh));
        let show = move || {
            let mut shared = inner.live.lock();
            if fresh.is_some() {
                shared.progress.imported(count);
            }
            shared.live.end_bulk(fresh, &hashes);
        };
        let shown = tokio::task::spawn_blocking(show).await;
        shown.map_err(|e| StoreError::Stopped { detail: e.to_string() })?;
        *self.table_status.lock() = parts.status();
        written.map(|()| (count, rest))
    }
}

pub(super) fn hashes(batch: &EventBatch) -> Vec<KeyHash> {
    let pieces = parallel::for_each(batch.rows().div_ceil(HASHED_ROWS), |piece| {
        let rows = piece * HASHED_ROWS..batch.rows().min((piece + 1) * HASHED_ROWS);
        rows.map(|row| KeyHash::of(batch.kinds()[row], batch.id(row))).collect::<Vec<_>>()
    });
    pieces.concat()
}
