//! Files that come in by parts, each to an address of its own that is good for some minutes.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use serde_json::{Map, json};
use tokio::sync::mpsc;
use whodid_intake::IntakeError;
use whodid_intake::rows::{CsvReader, CsvRow};
use whodid_model::{Span, limits};

use super::{cells, normalized_headers, normalized_name, refuse};
use crate::InsightError;
use crate::catalogue::{Table, TableRow, Upload};
use crate::insights::{Insights, off_thread};

/// How many rows are written at once.
const CHUNK_ROWS: usize = 5_000;
const CHUNKS_AHEAD: usize = 2;

#[derive(Clone, Debug)]
pub struct NewUpload {
    pub table_name: String,
    pub headers: Vec<String>,
    pub part_count: i64,
    pub part_size: i64,
}

/// Rows of a file that are left out.
#[derive(Debug, Default)]
struct Rejected {
    count: u64,
    first: Option<String>,
}

impl Insights {
    pub async fn create_upload(&self, new: NewUpload) -> Result<Upload, InsightError> {
        normalized_name(&new.table_name)?;
        if new.headers.is_empty() || new.headers.len() > limits::TABLE_COLUMNS {
            return Err(refuse(format!(
                "{} headers: write 1 to {}",
                new.headers.len(),
                limits::TABLE_COLUMNS
            )));
        }
        normalized_headers(&new.headers)?;
        if !(1..=limits::UPLOAD_PARTS).contains(&new.part_count) {
            return Err(refuse(format!("{} parts: write 1 to {}", new.part_count, limits::UPLOAD_PARTS)));
        }
        if new.part_size < 1 || new.part_size > limits::UPLOAD_PART_BYTES as i64 {
            let limit = limits::UPLOAD_PART_BYTES;
            return Err(refuse(format!("a part of {} bytes: write 1 to {limit}", new.part_size)));
        }
        let upload = Upload {
            id: self.catalogue().new_id(),
            table_name: new.table_name,
            headers: new.headers,
            part_count: new.part_count,
            token: uuid::Uuid::new_v4().simple().to_string(),
            created_at: self.instant(None),
        };
        self.catalogue().insert_upload(&upload).await?;
        Ok(upload)
    }

    /// Where a part is to be written; the folder is there. Errors: `NotFound` for what is no part of an upload, or whose
    /// time is over, or where the token is not the upload's.
    pub async fn upload_part(&self, upload: &str, part: i64, token: &str) -> Result<PathBuf, InsightError> {
        let unknown = || InsightError::NotFound { what: "part of an upload", id: format!("{upload}/{part}") };
        let found = self.catalogue().upload(upload).await?.ok_or_else(unknown)?;
        let late = found.created_at.plus(Span::from_seconds(limits::UPLOAD_SECONDS)) <= self.instant(None);
        let known: bool = subtle::ConstantTimeEq::ct_eq(found.token.as_bytes(), token.as_bytes()).into();
        if late || !known || !(1..=found.part_count).contains(&part) {
            return Err(unknown());
        }
        let folder = self.upload_folder(&found.id);
        std::fs::create_dir_all(&folder)
            .map_err(|source| InsightError::File { path: folder.display().to_string(), source })?;
        Ok(folder.join(part.to_string()))
    }

    fn upload_folder(&self, upload: &str) -> PathBuf {
        self.inner.store.root().join("uploads").join(upload)
    }

    /// Reads the rows of an upload into a generation of the table, and says in the table how that went.
    pub(super) async fn take_file(
        &self,
        table: &mut Table,
        upload: &str,
        generation: i64,
    ) -> Result<(), InsightError> {
        let unknown = || refuse(format!("there is no upload `{upload}`"));
        let found = self.catalogue().upload(upload).await?.ok_or_else(unknown)?;
        let mut parts: Box<dyn Read + Send> = Box::new(std::io::empty());
        for file in self.parts(&found)? {
            parts = Box::new(parts.chain(file));
        }
        self.fill(table, parts, found.headers, generation).await?;
        std::fs::remove_dir_all(self.upload_folder(&found.id)).ok();
        Ok(())
    }

    /// The same of a file that is here.
    pub(super) async fn fill(
        &self,
        table: &mut Table,
        input: Box<dyn Read + Send>,
        headers: Vec<String>,
        generation: i64,
    ) -> Result<(), InsightError> {
        let columns = columns(table, &headers)?;
        let (sender, mut chunks) = mpsc::channel::<Vec<TableRow>>(CHUNKS_AHEAD);
        let shape = table.clone();
        let reading = off_thread(move || {
            read_rows(input, &shape, &headers, &columns, &mut |chunk| sender.blocking_send(chunk).is_ok())
        });
        let writing = async {
            while let Some(chunk) = chunks.recv().await {
                self.catalogue().put_rows(&table.id, generation, &chunk).await?;
            }
            Ok::<(), InsightError>(())
        };
        let (read, written) = tokio::join!(reading, writing);
        written?;
        let rejected = read?.map_err(|error| refuse(error.to_string()))?;
        table.row_count = self.catalogue().count_rows(&table.id, generation).await?;
        if table.row_count > limits::TABLE_ROWS {
            return Err(refuse(format!("the file has more than {} rows", limits::TABLE_ROWS)));
        }
        table.file_metadata = match rejected.first {
            None => json!({}),
            Some(reason) => json!({
                "error_type": "VALIDATION_ERROR",
                "error_row_count": rejected.count,
                "error_message": reason,
            }),
        };
        Ok(())
    }

    fn parts(&self, upload: &Upload) -> Result<Vec<File>, InsightError> {
        let folder = self.upload_folder(&upload.id);
        let mut files = Vec::new();
        for part in 1..=upload.part_count {
            let missing = |_| refuse(format!("part {part} of the upload is not there yet"));
            let file = File::open(folder.join(part.to_string())).map_err(missing)?;
            let bytes = file.metadata().map_err(missing)?.len();
            if part < upload.part_count && bytes < limits::UPLOAD_PART_BYTES_MIN {
                let least = limits::UPLOAD_PART_BYTES_MIN;
                return Err(refuse(format!(
                    "part {part} has {bytes} bytes; all but the last have {least} or more"
                )));
            }
            files.push(file);
        }
        Ok(files)
    }
}

/// For each column of the file the field that it is, by place; columns that are no field are left out.
fn columns(table: &Table, headers: &[String]) -> Result<Vec<Option<usize>>, InsightError> {
    let names = normalized_headers(headers)?;
    if let Some(missing) = table.fields.iter().find(|field| !names.contains(&field.name)) {
        let message = format!("the file has no column `{}`; it has {}", missing.name, names.join(", "));
        return Err(refuse(message));
    }
    Ok(names.iter().map(|name| table.fields.iter().position(|field| field.name == *name)).collect())
}

fn read_rows(
    input: impl Read,
    table: &Table,
    headers: &[String],
    columns: &[Option<usize>],
    send: &mut dyn FnMut(Vec<TableRow>) -> bool,
) -> Result<Rejected, IntakeError> {
    let mut rows = CsvReader::open(input)?;
    let (mut row, mut chunk, mut rejected) = (CsvRow::default(), Vec::new(), Rejected::default());
    let mut first = true;
    while rows.next(&mut row)? {
        // The first line may be the header.
        let is_header = first && row.cells().map(str::trim).eq(headers.iter().map(|header| header.trim()));
        first = false;
        if is_header {
            continue;
        }
        match as_row(&row, table, columns) {
            Ok(row) => chunk.push(row),
            Err(reason) => {
                rejected.count += 1;
                rejected.first.get_or_insert(format!("line {}: {reason}", row.line));
            }
        }
        if chunk.len() == CHUNK_ROWS && !send(std::mem::take(&mut chunk)) {
            return Ok(rejected);
        }
    }
    send(chunk);
    Ok(rejected)
}

fn as_row(row: &CsvRow, table: &Table, columns: &[Option<usize>]) -> Result<TableRow, String> {
    if let Some(fault) = row.fault {
        return Err(fault.to_string());
    }
    if row.len() != columns.len() {
        return Err(format!("the line has {} cells, the file {} columns", row.len(), columns.len()));
    }
    let mut cells = Map::new();
    let mut id = String::new();
    for (text, field) in row.cells().zip(columns) {
        let Some(field) = field.and_then(|place| table.fields.get(place)) else { continue };
        if field.name == table.primary_key {
            id = text.to_string();
        } else if !text.is_empty() {
            cells.insert(field.name.clone(), cells::cell(field, text)?);
        }
    }
    let (key, value) = cells::key_cell(table, &id)?;
    cells.insert(key, value);
    Ok(TableRow { id, cells })
}
