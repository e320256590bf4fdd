//! From a file to a list by itself, and the lines that are left out.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use whodid_intake::identifiers::{Entry, IdentifierReader, Layout};
use whodid_intake::rows::write_row;
use whodid_model::{IdentifierKey, limits};
use whodid_store::{IdList, Stage};

use super::RejectedLine;
use crate::InsightError;
use crate::jobs::JobContext;

/// How often cancelling is asked about.
const ROWS_BETWEEN_CHECKS: u64 = 8_192;
/// How much of a rejected line is shown.
const SHOWN_CHARS: usize = 200;

pub(super) struct Staged {
    pub(super) list: IdList,
    pub(super) layout: Layout,
    pub(super) rows: u64,
    pub(super) duplicates: u64,
    pub(super) rejected_count: u64,
    pub(super) rejected: Vec<RejectedLine>,
    pub(super) notes: Vec<String>,
}

/// Reads the file into a list at `path`. Rejected lines are written to the file `rejects`, which is made if there are any.
pub(super) fn stage(
    file: File,
    key: IdentifierKey,
    column: Option<&str>,
    path: &Path,
    rejects: &Path,
    job: &JobContext,
) -> Result<Staged, InsightError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let on_disk = |source| InsightError::File { path: folder.display().to_string(), source };
    std::fs::create_dir_all(folder).map_err(on_disk)?;
    let bytes = file.metadata().map_err(on_disk)?.len().max(1);
    let read = Arc::new(AtomicU64::new(0));
    let mut reader = IdentifierReader::open(Counted { file, read: read.clone() }, key, column)?;
    let mut rejects = Rejects::new(rejects);
    let mut stage = Stage::new(folder);
    let (mut rows, mut blanks) = (0, 0);
    loop {
        if rows % ROWS_BETWEEN_CHECKS == 0 {
            job.check()?;
            job.progress(0.7 * read.load(Ordering::Relaxed) as f64 / bytes as f64);
        }
        let rejected = match reader.advance()? {
            None => break,
            Some(Entry::Identifier(id)) => {
                blanks += u64::from(id.starts_with(' ') || id.ends_with(' '));
                stage.add(id)?;
                None
            }
            Some(Entry::Rejected { reason }) => Some(reason),
        };
        rows += 1;
        if let Some(reason) = rejected {
            let row = reader.row();
            let text: Vec<&str> = row.cells().collect();
            let text: String = text.join(" | ").chars().take(SHOWN_CHARS).collect();
            rejects.add(RejectedLine { line: row.line, reason, text })?;
        }
    }
    let added = stage.added();
    let list = stage.finish(path)?;
    job.progress(0.8);
    let notes = (blanks > 0).then(|| {
        format!("{blanks} identifiers begin or end with a blank: ids are taken as they are written")
    });
    let (rejected_count, rejected) = rejects.finish()?;
    Ok(Staged {
        duplicates: added - list.len(),
        list,
        layout: reader.layout().clone(),
        rows,
        rejected_count,
        rejected,
        notes: notes.into_iter().collect(),
    })
}

/// Counts what is read of the file as it was sent, for the progress.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    count: u64,
    first: Vec<RejectedLine>,
}

impl Rejects {
    fn new(path: &Path) -> Rejects {
        Rejects { path: path.to_path_buf(), file: None, count: 0, first: Vec::new() }
    }

    fn add(&mut self, rejected: RejectedLine) -> Result<(), InsightError> {
        let line = rejected.line.to_string();
        let mut written = Vec::new();
        if self.count == 0 {
            write_row(&mut written, ["line", "reason", "text"]);
        }
        write_row(&mut written, [line.as_str(), &rejected.reason, &rejected.text]);
        let on_disk = |source| InsightError::File { path: self.path.display().to_string(), source };
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let folder = self.path.parent().unwrap_or(Path::new("."));
                std::fs::create_dir_all(folder).map_err(on_disk)?;
                self.file.insert(BufWriter::new(File::create(&self.path).map_err(on_disk)?))
            }
        };
        file.write_all(&written).map_err(on_disk)?;
        self.count += 1;
        if self.first.len() < limits::REPORT_ITEMS {
            self.first.push(rejected);
        }
        Ok(())
    }

    fn finish(self) -> Result<(u64, Vec<RejectedLine>), InsightError> {
        if let Some(mut file) = self.file {
            let on_disk = |source| InsightError::File { path: self.path.display().to_string(), source };
            file.flush().map_err(on_disk)?;
        }
        Ok((self.count, self.first))
    }
}
