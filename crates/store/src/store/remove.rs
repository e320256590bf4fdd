//! Taking events away for ever, from the log, the table and what is in memory.

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use whodid_model::{EventKey, EventType, Instant, UserKey};

use super::flush::Extent;
use super::{Inner, Store, to_the_end};
use crate::error::StoreError;
use crate::image;
use crate::live::Doomed;
use crate::owner::Owner;
use crate::table::{Change, Row};

/// How often a flush is tried until the log's files with older events are gone: requests that are under way keep them.
const FLUSHES: usize = 40;
const BETWEEN_FLUSHES: Duration = Duration::from_millis(50);

/// What was taken away, and what it took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Events that are no more.
    pub events: u64,
    /// Files of the table that held them, and are deleted.
    pub files: Vec<String>,
    /// Rows of those files that were kept and written anew.
    pub rows_kept: u64,
}

impl Store {
    /// Erases a user: every event that belongs to them when this begins, those of the anonymous ids that are theirs among
    /// them. When it returns nothing of these events is in the folder any more. Events that arrive later are new.
    ///
    /// An erasure whose caller goes away runs to its end all the same; after an error it can simply be asked for again.
    pub async fn erase(&self, user: &UserKey) -> Result<Removed, StoreError> {
        self.remove(Doomed::Of(Owner::User(user.clone()))).await
    }

    /// Removes the events of each type that lie before its instant, as far as they are in the table.
    pub async fn remove_before(&self, bounds: Vec<(EventType, Instant)>) -> Result<Removed, StoreError> {
        self.remove(Doomed::Before(bounds)).await
    }

    async fn remove(&self, doomed: Doomed) -> Result<Removed, StoreError> {
        let inner = self.inner.clone();
        to_the_end(async move { inner.remove(doomed).await }).await
    }
}

impl Inner {
    async fn remove(self: &Arc<Inner>, doomed: Doomed) -> Result<Removed, StoreError> {
        if let Doomed::Before(bounds) = &doomed {
            let latest = bounds.iter().map(|(_, before)| *before).max();
            let oldest = self.table.lock().await.table.parts().iter().map(|part| part.earliest).min();
            // Most often nothing is old enough, and nothing has to be looked through for that.
            if oldest.zip(latest).is_none_or(|(oldest, latest)| oldest >= latest) {
                return Ok(Removed::default());
            }
        }
        self.empty_the_log().await?;
        let mut parts = self.table.lock().await;
        if parts.in_doubt {
            return Err(StoreError::Unsettled { doing: "removing events from the table".into() });
        }
        let found = self.with_live(move |live| live.doomed(&doomed)).await?;
        let located = parts.locate(found).await?;
        let mut gone_of: FxHashMap<u32, FxHashSet<EventKey>> = FxHashMap::default();
        for (key, part) in &located {
            if let Some(part) = part {
                gone_of.entry(*part).or_default().insert(key.clone());
            }
        }
        if let Some((key, _)) = located.iter().find(|(_, part)| part.is_none()) {
            let detail = format!("no part has the {} {}: run `whodid check`", key.kind, key.id);
            return Err(StoreError::Damaged { path: self.root.clone(), detail });
        }
        let mut removed = Removed { events: located.len() as u64, ..Removed::default() };
        if gone_of.is_empty() {
            return Ok(removed);
        }
        let mut change = Change { covers: parts.table.covered(), ..Change::default() };
        for number in gone_of.keys() {
            let mut rows: Vec<Row> = Vec::new();
            self.resolve(parts.read_living(*number, &gone_of).await?, &mut rows);
            rows.sort_unstable_by(Row::order);
            removed.rows_kept += rows.len() as u64;
            change.add.push(rows);
            change.remove.extend(parts.numbers.get(number).cloned());
        }
        removed.files = change.remove.iter().map(ToString::to_string).collect();
        parts.in_doubt = true;
        let committed = parts.table.commit(change).await;
        parts.in_doubt = false;
        let added = committed?;
        parts.written.note(0, removed.rows_kept, &added);
        for number in gone_of.keys() {
            parts.numbers.remove(number);
        }
        for part in added {
            parts.number(part.id);
        }
        let gone: FxHashSet<EventKey> = located.into_keys().collect();
        self.with_live(move |live| live.remove(&gone)).await?;
        *self.table_status.lock() = parts.status();
        image::remove(&self.root);
        self.saved.lock().forget();
        // Other readers may be at the old files; they have to make do with the new ones.
        parts.table.vacuum().await?;
        Ok(removed)
    }

    /// Returns when nothing of the events that are acknowledged now is in the log.
    async fn empty_the_log(&self) -> Result<(), StoreError> {
        let position = self.log.rotate().await?;
        for _ in 0..FLUSHES {
            self.flush(Extent::Everything).await?;
            if self.log.first() >= position {
                return Ok(());
            }
            tokio::time::sleep(BETWEEN_FLUSHES).await;
        }
        Err(StoreError::Busy { what: "event log", retry_after_ms: 1_000 })
    }

    async fn with_live<T: Send + 'static>(
        self: &Arc<Inner>,
        work: impl FnOnce(&mut crate::live::Live) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&mut inner.live.lock().live)).await;
        done.map_err(|source| StoreError::Stopped { detail: source.to_string() })
    }
}
