//! The open event table: a Delta Lake table of Parquet files ("parts") that DuckDB, Polars or Spark read as they are.
//!
//! Every change is one Delta commit: new parts, removed parts, and the log position up to which the table now covers
//! the log. A crash leaves the commit before or the commit after, and at most some files that no commit names, which
//! the next [`EventTable::open`] deletes.
//!
//! Columns are named by attribute path ([`layout`]); a part holds only the columns that its events carry. Rows of a part
//! are of one month and sorted by bucket and owner ([`row`]), so that a window prunes parts, old data drops whole, and a
//! bucket is a few row groups.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use deltalake::DeltaTable;
use object_store::{ObjectStore, ObjectStoreExt};
use rustc_hash::FxHashSet;
use whodid_model::{Event, EventBatch, EventKey, Instant};

use crate::error::StoreError;
use crate::log::LogPosition;

mod bulk;
mod check;
mod commit;
mod durable;
mod layout;
mod part;
mod place;
mod read;
mod row;
mod write;

pub(crate) use bulk::BulkRows;
use commit::Says;
use layout::Layout;
pub(crate) use part::{PartId, PartInfo};
pub(crate) use place::TablePlace;
pub(crate) use row::Row;

/// Most rows of one part; a larger change becomes several parts.
const PART_ROWS: usize = 1_000_000;

pub(crate) struct EventTable {
    place: TablePlace,
    delta: DeltaTable,
    store: Arc<dyn ObjectStore>,
    layout: Layout,
    parts: Vec<PartInfo>,
    covered: LogPosition,
    /// How many events came in batches, without the log.
    imported: u64,
    /// A former version made the table, so that its schema lacks columns that every part has now.
    schema_is_old: bool,
    /// Removed by the last commit. Other readers may be at them still, so they stay until the next one.
    discarded: Vec<PartId>,
    part_rows: usize,
    /// A commit failed and whether it took effect could not be found out.
    unsettled: bool,
}

/// A table that is only looked at.
pub(crate) struct TableView {
    pub(crate) table: EventTable,
    /// What a crash left, by file.
    pub(crate) notes: Vec<(PathBuf, String)>,
}

/// One atomic change of the table.
#[derive(Default)]
pub(crate) struct Change {
    /// New rows, in groups that share no part. Each group is sorted by [`Row::order`].
    pub(crate) add: Vec<Vec<Row>>,
    /// New rows of a batch.
    pub(crate) bulk: Option<BulkRows>,
    pub(crate) remove: Vec<PartId>,
    /// All below this log position is in the table once the change is. A lower one than before changes nothing.
    pub(crate) covers: LogPosition,
}

impl EventTable {
    /// Opens the table, creating it if it is absent. The caller must hold the place for itself: files that no commit
    /// names are taken for leftovers of a crash and deleted.
    pub(crate) async fn open(place: TablePlace) -> Result<EventTable, StoreError> {
        let doing = || format!("opening the table {place}");
        place.make()?;
        place.drop_torn_commit()?;
        let delta = commit::open_or_create(&place).await.map_err(|e| StoreError::table(doing(), e))?;
        let mut table = EventTable::new(place, delta);
        table.refresh().await?;
        table.vacuum().await?;
        Ok(table)
    }

    /// The table as it is, without changing anything of it.
    pub(crate) async fn view(place: TablePlace) -> Result<TableView, StoreError> {
        let torn = place.torn_commit()?;
        let before_torn = torn.as_ref().map(|(version, _)| version.saturating_sub(1));
        let delta = commit::open_at(&place, before_torn).await;
        let delta = delta.map_err(|e| StoreError::table("reading the table's log", e))?;
        let mut table = EventTable::new(place, delta);
        table.refresh().await?;
        let detail = "this commit was never finished, and does not count".to_string();
        let notes = torn.into_iter().map(|(_, path)| (path, detail.clone())).collect();
        Ok(TableView { table, notes })
    }

    fn new(place: TablePlace, delta: DeltaTable) -> EventTable {
        EventTable {
            store: delta.log_store().object_store(None),
            place,
            delta,
            layout: Layout::default(),
            parts: Vec::new(),
            covered: LogPosition(0),
            imported: 0,
            schema_is_old: false,
            discarded: Vec::new(),
            part_rows: PART_ROWS,
            unsettled: false,
        }
    }

    /// A part's file as people are told of it.
    pub(crate) fn path_of(&self, part: &PartId) -> PathBuf {
        self.place.path_of(part.as_str())
    }

    /// Everything below this log position is in the table.
    pub(crate) fn covered(&self) -> LogPosition {
        self.covered
    }

    /// How many events have come in batches and never lay in the log.
    pub(crate) fn imported(&self) -> u64 {
        self.imported
    }

    /// The parts that make up the table now.
    pub(crate) fn parts(&self) -> Vec<PartInfo> {
        self.parts.clone()
    }

    /// The events of a part as they were added, in the order in which they lie.
    ///
    /// Errors: `Damaged` when the file cannot be what was written, `Format` when a newer version wrote it.
    pub(crate) async fn read(&self, part: &PartId) -> Result<Vec<Event>, StoreError> {
        self.read_by(part, true, read::events).await
    }

    /// The same as a batch, and those that do not fit one.
    pub(crate) async fn read_batch(&self, part: &PartId) -> Result<(EventBatch, Vec<Event>), StoreError> {
        self.read_by(part, true, read::batch).await
    }

    /// Those of the wanted events of which the part has a row. The part's checksum is not looked at.
    pub(crate) async fn find(
        &self,
        part: &PartId,
        wanted: FxHashSet<EventKey>,
    ) -> Result<Vec<EventKey>, StoreError> {
        self.read_by(part, false, move |path, bytes| read::keys(path, bytes, &wanted)).await
    }

    async fn read_by<T: Send + 'static>(
        &self,
        part: &PartId,
        verify: bool,
        read: impl FnOnce(&Path, Bytes) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let bytes = self.bytes(part).await?;
        let path = self.path_of(part);
        let (doing, part) = (format!("reading the table part {part}"), part.clone());
        let read = move || {
            if verify {
                part.verify(&path, &bytes)?;
            }
            read(&path, bytes)
        };
        tokio::task::spawn_blocking(read).await.map_err(|e| StoreError::table(doing, e))?
    }

    async fn bytes(&self, part: &PartId) -> Result<Bytes, StoreError> {
        let doing = || format!("reading the table part {part}");
        let answer = self.store.get(&part.location()).await.map_err(|e| StoreError::table(doing(), e))?;
        answer.bytes().await.map_err(|e| StoreError::table(doing(), e))
    }

    /// Writes new parts and commits them together with the removals and the log position, all or nothing. Answers
    /// the new parts; their rows follow one another in the order of `add`.
    ///
    /// Errors: after any error but `Unsettled` the table is as it was before. After `Unsettled` every further change
    /// is refused until the table is opened again.
    pub(crate) async fn commit(&mut self, change: Change) -> Result<Vec<PartInfo>, StoreError> {
        if self.unsettled {
            return Err(self.unsettled_error());
        }
        let mut layout = self.layout.clone();
        let mut added = Vec::new();
        let mut written = Ok(());
        for group in change.add {
            written = self.write_parts(group, &mut layout, &mut added).await;
            if written.is_err() {
                break;
            }
        }
        let imported = change.bulk.as_ref().map_or(0, |bulk| bulk.rows().len() as u64);
        if let (Ok(()), Some(bulk)) = (&written, change.bulk) {
            written = self.write_bulk(bulk, &mut layout, &mut added).await;
        }
        let ids: Vec<PartId> = added.iter().map(|part| part.info.id.clone()).collect();
        let says = Says { covers: change.covers.max(self.covered), imported: self.imported + imported };
        let result = match written {
            Ok(()) => self.commit_parts(&layout, added, &change.remove, says).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => {
                let before = std::mem::replace(&mut self.discarded, change.remove);
                self.delete(before).await;
                Ok(self.parts.iter().filter(|part| ids.contains(&part.id)).cloned().collect())
            }
            Err(error) => {
                if !self.unsettled {
                    self.delete(ids).await;
                }
                Err(error)
            }
        }
    }

    /// Deletes every file of ours that is no part of the table, those of the last commit among them: from then on
    /// nothing of their events is on disk.
    pub(crate) async fn vacuum(&mut self) -> Result<(), StoreError> {
        let listed = self.store.list_with_delimiter(None).await;
        let listed = listed.map_err(|e| StoreError::table("listing the table's files", e))?;
        let files = listed.objects.iter().filter_map(|file| PartId::of_own_file(file.location.as_ref()));
        for leftover in files.filter(|id| !self.parts.iter().any(|part| part.id == *id)) {
            let deleted = self.store.delete(&leftover.location()).await;
            deleted.map_err(|e| StoreError::table(format!("deleting the unused part {leftover}"), e))?;
        }
        self.discarded.clear();
        Ok(())
    }

    fn unsettled_error(&self) -> StoreError {
        StoreError::Unsettled { doing: format!("changing the table {}", self.place) }
    }

    /// Deletes files, as far as that succeeds; what stays is deleted when the table is opened the next time.
    async fn delete(&self, parts: Vec<PartId>) {
        for part in parts {
            if let Err(error) = self.store.delete(&part.location()).await {
                tracing::warn!(%part, %error, "could not delete a table part that is no longer used");
            }
        }
    }
}

/// The earliest and the latest instant of rows; none of no rows.
fn bounds(rows: &[Row]) -> Option<(Instant, Instant)> {
    let instants = || rows.iter().map(|row| row.event.ts);
    Some((instants().min()?, instants().max()?))
}

/// The events, the users and the schema of a part.
#[cfg(test)]
pub(crate) fn everything_in(path: &Path) -> String {
    let bytes = Bytes::from(std::fs::read(path).unwrap());
    let metadata =
        parquet::arrow::arrow_reader::ArrowReaderMetadata::load(&bytes, Default::default()).unwrap();
    format!("{:?} {:?}", metadata.metadata(), read::rows(path, bytes).unwrap())
}

#[cfg(test)]
mod tests;
