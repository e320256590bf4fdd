//! The table's log: opening it, and adding one commit to it.

use std::collections::HashMap;
use std::sync::Arc;

use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, MetadataExt, Remove, Transaction};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaResult, DeltaTable, DeltaTableError, checkpoints};
use object_store::ObjectStoreExt;
use whodid_model::Instant;

use super::layout::Layout;
use super::part::{PartId, PartInfo};
use super::place::TablePlace;
use super::row::{self, Row};
use super::{EventTable, bounds, durable, layout, write};
use crate::error::StoreError;
use crate::log::LogPosition;

/// Delta's application transaction that carries the log position.
const APP_ID: &str = "whodid-log";
/// The one that carries how many events came without the log.
const IMPORTS_ID: &str = "whodid-imports";
/// Commits between two checkpoints of the table's log.
const CHECKPOINT_COMMITS: u64 = 32;

/// Delta's settings. Statistics are kept for `type` and `ts` alone, so that planning stays cheap with many columns;
/// old commits and tombstones go after an hour, since a part that was removed is deleted soon.
const SETTINGS: [(&str, &str); 4] = [
    ("delta.dataSkippingNumIndexedCols", "2"),
    ("delta.checkpointInterval", "32"),
    ("delta.logRetentionDuration", "interval 1 hours"),
    ("delta.deletedFileRetentionDuration", "interval 1 hours"),
];

pub(super) async fn open_or_create(place: &TablePlace) -> DeltaResult<DeltaTable> {
    let mut table = place.builder()?.build()?;
    if table.verify_deltatable_existence().await? {
        table.load().await?;
        return Ok(table);
    }
    let settings = SETTINGS.map(|(key, value)| (key, Some(value)));
    let table = CreateBuilder::new()
        .with_log_store(table.log_store())
        .with_table_name("events")
        .with_columns(Layout::default().delta_schema()?.fields().cloned())
        .with_configuration(settings)
        .with_commit_properties(properties(0, 0))
        .await?;
    place.sync_commit(0).map_err(|e| DeltaTableError::Generic(e.to_string()))?;
    Ok(table)
}

/// An existing table at a version, or the newest.
pub(super) async fn open_at(place: &TablePlace, version: Option<u64>) -> DeltaResult<DeltaTable> {
    let mut builder = place.builder()?;
    if let Some(version) = version {
        builder = builder.with_version(version);
    }
    builder.load().await
}

/// Who commits, and up to where the log is covered. Checkpoints are made in [`EventTable::keep_house`], where their
/// failure cannot be taken for the commit's.
fn properties(position: i64, imported: i64) -> CommitProperties {
    let writer = serde_json::Value::from(env!("CARGO_PKG_VERSION"));
    let mut transactions = vec![Transaction::new(APP_ID, position)];
    if imported > 0 {
        transactions.push(Transaction::new(IMPORTS_ID, imported));
    }
    CommitProperties::default()
        .with_metadata([(durable::WRITER_KEY.to_string(), writer)])
        .with_application_transactions(transactions)
        .with_create_checkpoint(false)
        .with_cleanup_expired_logs(Some(false))
}

/// What a commit says besides the parts.
#[derive(Clone, Copy)]
pub(super) struct Says {
    pub(super) covers: LogPosition,
    pub(super) imported: u64,
}

/// A part whose file is written and not yet committed.
pub(super) struct NewPart {
    pub(super) info: PartInfo,
    /// Milliseconds since 1970, as the object store tells.
    modified_ms: i64,
}

impl EventTable {
    /// Reads the current state off the table's log as it was last loaded.
    pub(super) async fn refresh(&mut self) -> Result<(), StoreError> {
        let doing = "reading the table's log";
        let state = self.delta.snapshot().map_err(|e| StoreError::table(doing, e))?;
        let files = state.log_data();
        let part = |file: &deltalake::kernel::LogicalFileView| {
            let bytes = u64::try_from(file.size()).unwrap_or_default();
            PartInfo::of_stats(PartId::named(&file.path()), bytes, file.stats().as_deref())
        };
        let mut parts: Vec<PartInfo> = files.iter().map(|file| part(&file)).collect();
        parts.sort_by(|a, b| a.id.cmp(&b.id));
        let log_store = self.delta.log_store();
        let mut said = [0, 0];
        for (said, app_id) in said.iter_mut().zip([APP_ID, IMPORTS_ID]) {
            let version = state.transaction_version(log_store.as_ref(), app_id).await;
            let version = version.map_err(|e| StoreError::table(doing, e))?.unwrap_or_default();
            *said = u64::try_from(version).unwrap_or_default();
        }
        let schema = state.schema();
        self.layout = Layout::of(&schema);
        self.schema_is_old = layout::lacks_fixed_columns(&schema);
        self.covered = LogPosition(said[0]);
        self.imported = said[1];
        self.parts = parts;
        Ok(())
    }

    /// Writes the files of `rows`. Those that are there when this fails are in `added` too.
    pub(super) async fn write_parts(
        &self,
        rows: Vec<Row>,
        layout: &mut Layout,
        added: &mut Vec<NewPart>,
    ) -> Result<(), StoreError> {
        let rows = Arc::new(rows);
        for range in row::parts(&rows, self.part_rows) {
            let (rows, mut grown) = (rows.clone(), layout.clone());
            let encoded = tokio::task::spawn_blocking(move || {
                let rows = &rows[range];
                let columns = grown.admit(rows.iter().map(|row| &row.event));
                let bytes = write::part(rows, &grown, &columns);
                (grown, bytes, rows.len() as u64, bounds(rows))
            });
            let (grown, bytes, rows, bounds) =
                encoded.await.map_err(|e| StoreError::table("encoding a part", e))?;
            let bytes = bytes.map_err(|e| StoreError::table("encoding a part", e))?;
            let (earliest, latest) = bounds.unwrap_or((Instant::MIN, Instant::MAX));
            let info = PartInfo { id: PartId::of(&bytes), rows, bytes: bytes.len() as u64, earliest, latest };
            *layout = grown;
            self.write_file(info, bytes, added).await?;
        }
        Ok(())
    }

    pub(super) async fn write_file(
        &self,
        info: PartInfo,
        bytes: Vec<u8>,
        added: &mut Vec<NewPart>,
    ) -> Result<(), StoreError> {
        let location = info.id.location();
        let doing = format!("writing the table part {}", info.id);
        added.push(NewPart { info, modified_ms: 0 });
        self.store.put(&location, bytes.into()).await.map_err(|e| StoreError::table(&doing, e))?;
        let written = self.store.head(&location).await.map_err(|e| StoreError::table(&doing, e))?;
        self.place.sync(location.as_ref())?;
        if let Some(part) = added.last_mut() {
            part.modified_ms = written.last_modified.timestamp_millis();
        }
        Ok(())
    }

    /// Adds the commit. After an error it has not been added, or `unsettled` is set.
    pub(super) async fn commit_parts(
        &mut self,
        layout: &Layout,
        added: Vec<NewPart>,
        removed: &[PartId],
        says: Says,
    ) -> Result<(), StoreError> {
        let doing = "committing to the table";
        let actions = self.actions(layout, &added, removed).map_err(|e| StoreError::table(doing, e))?;
        let number = |n: u64| i64::try_from(n).map_err(|e| StoreError::table(doing, e));
        let properties = properties(number(says.covers.0)?, number(says.imported)?);
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        let state = self.delta.snapshot().map_err(|e| StoreError::table(doing, e))?.clone();
        let builder = CommitBuilder::from(properties).with_actions(actions);
        match builder.build(Some(&state), self.delta.log_store(), operation).await {
            Ok(done) => self.delta.state = Some(done.snapshot()),
            Err(error) => self.settle(&added, removed, says, error).await?,
        }
        self.finish_commit().await.inspect_err(|_| self.unsettled = true)?;
        self.keep_house().await;
        Ok(())
    }

    fn actions(&self, layout: &Layout, added: &[NewPart], removed: &[PartId]) -> DeltaResult<Vec<Action>> {
        let state = self.delta.snapshot()?;
        let mut actions = Vec::new();
        if *layout != self.layout || self.schema_is_old {
            actions.push(Action::Metadata(state.metadata().clone().with_schema(&layout.delta_schema()?)?));
        }
        actions.extend(added.iter().map(|part| {
            Action::Add(Add {
                path: part.info.id.as_str().to_string(),
                size: part.info.bytes as i64,
                modification_time: part.modified_ms,
                data_change: true,
                stats: Some(part.info.stats()),
                ..Add::default()
            })
        }));
        let files: HashMap<String, Remove> = state
            .log_data()
            .iter()
            .filter(|file| removed.iter().any(|part| part.as_str() == file.path()))
            .map(|file| (file.path().to_string(), file.remove_action(true)))
            .collect();
        for part in removed {
            let file = files.get(part.as_str()).cloned();
            let file =
                file.ok_or_else(|| DeltaTableError::Generic(format!("the table has no part {part}")))?;
            actions.push(Action::Remove(file));
        }
        Ok(actions)
    }

    /// Finds out whether a commit that answered an error took effect all the same.
    async fn settle(
        &mut self,
        added: &[NewPart],
        removed: &[PartId],
        says: Says,
        error: DeltaTableError,
    ) -> Result<(), StoreError> {
        let reloaded = self.delta.load().await.map_err(|e| StoreError::table("reading the table's log", e));
        let refreshed = match reloaded {
            Ok(()) => self.refresh().await,
            Err(error) => Err(error),
        };
        if let Err(second) = refreshed {
            tracing::error!(%error, %second, "a commit failed and the table could not be read again");
            self.unsettled = true;
            return Err(self.unsettled_error());
        }
        let has = |id: &PartId| self.parts.iter().any(|part| part.id == *id);
        let took_effect = self.covered == says.covers
            && added.iter().all(|part| has(&part.info.id))
            && !removed.iter().any(has);
        match took_effect {
            true => Ok(()),
            false => Err(StoreError::table("committing to the table", error)),
        }
    }

    async fn finish_commit(&mut self) -> Result<(), StoreError> {
        self.refresh().await?;
        match self.delta.version() {
            Some(version) => self.place.sync_commit(version),
            None => Ok(()),
        }
    }

    /// Keeps the table's log short. Nothing depends on it, so a failure waits for the next time.
    async fn keep_house(&mut self) {
        let due =
            self.delta.version().is_some_and(|version| (version + 1).is_multiple_of(CHECKPOINT_COMMITS));
        if !due {
            return;
        }
        let kept = match checkpoints::create_checkpoint(&self.delta, None).await {
            Ok(()) => checkpoints::cleanup_metadata(&self.delta, None).await,
            Err(error) => Err(error),
        };
        let reloaded = match kept {
            Ok(0) => Ok(()),
            Ok(_) => self.delta.load().await,
            Err(error) => Err(error),
        };
        if let Err(error) = reloaded {
            tracing::warn!(%error, "could not shorten the table's log");
        }
    }
}
