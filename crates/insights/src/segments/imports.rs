//! A file of identifiers becomes a static segment, or changes one.
//!
//! Reading order: the request and the report → [`Insights::import_list`] (what is checked at once) → `stage` (the file
//! becomes a list by itself, in little memory) → [`Insights::settle`] (the list becomes the segment's, all or nothing).

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use whodid_engine::List;
use whodid_intake::identifiers::IdentifierReader;
use whodid_model::{IdentifierKey, limits};
use whodid_store::{IdList, Merge};

use super::lists::LIST_ENDING;
use crate::InsightError;
use crate::catalogue::{self, NewList, StoredList};
use crate::insights::{Insights, off_thread};
use crate::jobs::{Finished, Job, JobContext};

mod stage;

use stage::{Staged, stage};

const KIND: &str = "segment_import";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportMode {
    /// A new segment.
    Create,
    /// The file instead of the list.
    Replace,
    /// The file beside the list.
    Append,
    /// The list without the file.
    Remove,
}

impl ImportMode {
    pub const ALL: [ImportMode; 4] =
        [ImportMode::Create, ImportMode::Replace, ImportMode::Append, ImportMode::Remove];

    pub fn name(self) -> &'static str {
        match self {
            ImportMode::Create => "create",
            ImportMode::Replace => "replace",
            ImportMode::Append => "append",
            ImportMode::Remove => "remove",
        }
    }
}

#[derive(Clone, Debug)]
pub struct ImportRequest {
    pub mode: ImportMode,
    /// Of the new segment, or of the one that is changed.
    pub name: String,
    /// The segment that is changed, instead of its name.
    pub segment_id: Option<String>,
    /// Absent for a change: the one that the segment has.
    pub key: Option<IdentifierKey>,
    /// The name or the position of the column.
    pub column: Option<String>,
    pub description: String,
    pub tags: Vec<String>,
    /// Report, and change nothing.
    pub dry_run: bool,
    /// Make a reference table of the same file, called like the segment.
    pub as_table: bool,
}

/// What an import found and did.
#[derive(Clone, Debug, Serialize)]
pub struct ImportReport {
    pub dry_run: bool,
    pub mode: ImportMode,
    pub key: IdentifierKey,
    /// Lines with data.
    pub rows: u64,
    /// Distinct identifiers in the file.
    pub identifiers: u64,
    /// Rows whose identifier another row has as well.
    pub duplicates: u64,
    /// Identifiers of the file that name somebody who is known now. The others join when they are.
    pub matched: u64,
    pub unmatched: u64,
    /// Identifiers that name several users: all of them are members.
    pub ambiguous_count: u64,
    pub ambiguous: Vec<Ambiguous>,
    pub rejected_count: u64,
    /// The first of them; all are in the file of rejects.
    pub rejected: Vec<RejectedLine>,
    /// The names of the columns; null if the file begins with data.
    pub header: Option<Vec<String>>,
    /// The column of the identifiers, from 1.
    pub column: usize,
    pub extra_columns: Vec<String>,
    pub delimiter: String,
    pub compression: Option<&'static str>,
    /// How many identifiers the list had and has, and how they differ.
    pub size_before: u64,
    pub size: u64,
    pub added: u64,
    pub removed: u64,
    /// The reference table that was made of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_id: Option<String>,
    /// What is allowed and may not be meant.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ambiguous {
    pub identifier: String,
    pub users: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RejectedLine {
    pub line: u64,
    pub reason: String,
    /// The beginning of the line's cells.
    pub text: String,
}

/// What an import is for.
#[derive(Clone, Debug)]
struct Order {
    request: ImportRequest,
    key: IdentifierKey,
    /// The segment that is changed.
    segment: Option<String>,
}

/// A file that goes with its holder, unless it is kept.
struct Scratch(PathBuf);

impl Scratch {
    fn keep(mut self) {
        self.0 = PathBuf::new();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

impl Insights {
    /// Starts the import of a CSV file. What is wrong with the request, and with the first line of the file, is refused
    /// at once; the rest is for the job to say.
    ///
    /// Errors: `Invalid` with the name of the field; `NotFound` for a segment to change; `Conflict` for the name of a new
    /// one; `Intake` for a file that is not CSV in UTF-8, or whose column can't be told.
    pub async fn import_list(&self, mut file: File, request: ImportRequest) -> Result<Job, InsightError> {
        let order = self.order(request).await?;
        let (key, column) = (order.key, order.request.column.clone());
        let looked = off_thread(move || {
            file.seek(SeekFrom::Start(0))?;
            IdentifierReader::open(&file, key, column.as_deref()).map(|_| ())?;
            file.seek(SeekFrom::Start(0))?;
            Ok::<File, whodid_intake::IntakeError>(file)
        });
        let file = looked.await??;
        let (insights, segment) = (self.clone(), order.segment.clone());
        self.run_job(KIND, segment, move |job| async move { insights.import(file, order, job).await }).await
    }

    async fn order(&self, request: ImportRequest) -> Result<Order, InsightError> {
        let invalid = |field: &str, message: String, hint: &str| InsightError::Invalid {
            pointer: Some(field.to_string()),
            message,
            hint: Some(hint.to_string()),
        };
        if request.mode == ImportMode::Create {
            let key = request.key.ok_or_else(|| {
                invalid("key", "the key is missing".to_string(), "write usr.id or usr.email")
            })?;
            self.catalogue().check_new_name(&request.name).await?;
            catalogue::clean_description(request.description.clone())?;
            catalogue::clean_tags(request.tags.clone())?;
            return Ok(Order { request, key, segment: None });
        }
        let segment = match &request.segment_id {
            Some(id) => self.catalogue().segment(id).await?,
            None => {
                let found = self.catalogue().segment_by_name(&request.name).await?;
                found.ok_or_else(|| InsightError::NotFound { what: "segment", id: request.name.clone() })?
            }
        };
        let Some(list) = segment.list else {
            let message = format!("segment “{}” has a definition and holds no list", segment.name);
            return Err(invalid("name", message, "name a static segment, or create one"));
        };
        let key = request.key.unwrap_or(list.key);
        if key != list.key && request.mode != ImportMode::Replace {
            let message = format!("the list of “{}” is by {}", segment.name, list.key);
            return Err(invalid("key", message, "import by the same key, or replace the list"));
        }
        Ok(Order { request, key, segment: Some(segment.id) })
    }

    async fn import(&self, file: File, order: Order, job: JobContext) -> Result<Finished, InsightError> {
        let scratch = Scratch(self.list_folder().join(format!("{}.staged", job.id)));
        let rejects = self.job_folder().join(format!("{}.rejects.csv", job.id));
        let on_disk = |source| InsightError::File { path: scratch.0.display().to_string(), source };
        let again = file.try_clone().map_err(on_disk)?;
        let (path, context) = (scratch.0.clone(), job.clone());
        let (key, column) = (order.key, order.request.column.clone());
        let staged = off_thread(move || stage(file, key, column.as_deref(), &path, &rejects, &context));
        let Staged { list, layout, rows, duplicates, rejected_count, rejected, notes } = staged.await??;
        let list = Arc::new(list);
        job.check()?;
        let matched = self.matched(order.key, &list).await?;
        job.progress(0.9);
        let extra_columns = layout.header.iter().flatten().enumerate();
        let extra_columns = extra_columns.filter(|(place, _)| *place != layout.column);
        let mut report = ImportReport {
            dry_run: order.request.dry_run,
            mode: order.request.mode,
            key: order.key,
            rows,
            identifiers: list.len(),
            duplicates,
            matched: matched.identifiers,
            unmatched: list.len() - matched.identifiers,
            ambiguous_count: matched.ambiguous,
            ambiguous: matched
                .examples
                .into_iter()
                .map(|(identifier, users)| Ambiguous { identifier, users })
                .collect(),
            rejected_count,
            rejected,
            extra_columns: extra_columns.map(|(_, name)| name.clone()).collect(),
            column: layout.column + 1,
            header: layout.header,
            delimiter: layout.delimiter.to_string(),
            compression: layout.compression,
            size_before: 0,
            size: 0,
            added: 0,
            removed: 0,
            table_id: None,
            notes,
        };
        if order.request.as_table && !order.request.dry_run {
            report.table_id = Some(self.table_beside(again, &order, &report).await?);
        }
        let settled = self.settle(&order, &list, &job, &mut report).await;
        if let (Err(_), Some(table)) = (&settled, &report.table_id) {
            self.delete_reference_table(table).await?;
        }
        let segment_id = settled?;
        let report = serde_json::to_value(report).unwrap_or_default();
        Ok(Finished { report, segment_id })
    }

    /// Makes a reference table of the same file, and answers its id.
    async fn table_beside(
        &self,
        mut file: File,
        order: &Order,
        report: &ImportReport,
    ) -> Result<String, InsightError> {
        let rewound = file.seek(SeekFrom::Start(0)).map(|_| ());
        rewound.map_err(|source| InsightError::File { path: "the imported file".to_string(), source })?;
        let headers = report.header.clone().ok_or_else(|| InsightError::Invalid {
            pointer: Some("as_table".to_string()),
            message: "the file has no header, so its columns have no names".to_string(),
            hint: Some("write their names into the first line".to_string()),
        })?;
        let name = match &order.segment {
            Some(id) => self.catalogue().segment(id).await?.name,
            None => order.request.name.clone(),
        };
        Ok(self.table_of_list(&name, file, headers, report.column - 1).await?.id)
    }

    async fn matched(
        &self,
        key: IdentifierKey,
        ids: &Arc<IdList>,
    ) -> Result<whodid_engine::Matched, InsightError> {
        let snapshot = self.snapshot().await?;
        let (at, list) = (self.instant(None), List { key, ids: ids.clone() });
        let matched = off_thread(move || list.matched(&snapshot, at, limits::REPORT_ITEMS));
        Ok(matched.await??)
    }

    /// Makes the staged list, or what it makes of the segment's, the segment's list. The id of the segment.
    async fn settle(
        &self,
        order: &Order,
        staged: &Arc<IdList>,
        job: &JobContext,
        report: &mut ImportReport,
    ) -> Result<Option<String>, InsightError> {
        let _change = self.inner.list_changes.lock().await;
        let before = match &order.segment {
            None => None,
            Some(id) => Some(self.catalogue().segment(id).await?),
        };
        let old = match before.as_ref().and_then(|segment| segment.list.as_ref()) {
            None => None,
            Some(list) => Some(self.open_list(list)?),
        };
        let file = format!("{}{LIST_ENDING}", job.id);
        let path = self.list_folder().join(&file);
        let (mode, new, was) = (order.request.mode, staged.clone(), old);
        let kept_as = path.clone();
        let unkept = Scratch(path);
        let merged = off_thread(move || {
            let result = match (mode, &was) {
                (ImportMode::Append, Some(was)) => was.merged(&new, Merge::Union, &kept_as),
                (ImportMode::Remove, Some(was)) => was.merged(&new, Merge::Minus, &kept_as),
                _ => new.merged(&new, Merge::Union, &kept_as),
            }?;
            let common = was.map_or(Ok(0), |was| was.common(&result))?;
            Ok::<_, whodid_store::StoreError>((result, common))
        });
        let (result, common) = merged.await??;
        report.size = result.len();
        report.size_before =
            before.as_ref().and_then(|one| one.list.as_ref()).map_or(0, |list| list.identifiers);
        (report.added, report.removed) = (report.size - common, report.size_before - common);
        if result.len() > limits::LIST_IDENTIFIERS {
            return Err(InsightError::Invalid {
                pointer: None,
                message: format!(
                    "the list would have {} identifiers; {} is the most",
                    result.len(),
                    limits::LIST_IDENTIFIERS
                ),
                hint: Some("split it into several segments".to_string()),
            });
        }
        job.check()?;
        if order.request.dry_run {
            return Ok(None);
        }
        let list = StoredList { key: order.key, file, identifiers: result.len() };
        let id = match before {
            Some(segment) => self.catalogue().replace_list(&segment.id, list).await?.id,
            None => {
                let ImportRequest { name, description, tags, .. } = order.request.clone();
                let new = NewList { name, description, tags, list };
                self.catalogue().create_list(&self.catalogue().new_id(), new).await?.id
            }
        };
        unkept.keep();
        self.sweep_lists().await?;
        Ok(Some(id))
    }
}
