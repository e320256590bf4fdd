//! Whether a data folder is what was written, said without changing anything in it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use serde::Serialize;
use whodid_model::EventType;
use xxhash_rust::xxh3::Xxh3;

use crate::error::StoreError;
use crate::log::{self, LogPosition};
use crate::store::tables;
use crate::table::EventTable;

/// What a data folder holds and what is wrong with it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CheckReport {
    pub parts: usize,
    /// One per event that is in the table.
    pub rows: u64,
    /// How many events came in files and never lay in the log.
    pub imported_rows: u64,
    pub log_files: usize,
    /// Events in the log that the table does not cover.
    pub uncovered_events: u64,
    pub damages: Vec<Finding>,
    /// What a crash may leave behind; the next start puts it right.
    pub notes: Vec<Finding>,
}

/// Something about a file or a folder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    pub path: PathBuf,
    pub detail: String,
}

impl CheckReport {
    fn damage(&mut self, path: &Path, detail: String) {
        self.damages.push(Finding { path: path.to_path_buf(), detail });
    }

    fn take(&mut self, damages: Vec<(PathBuf, String)>, notes: Vec<(PathBuf, String)>) {
        let finding = |(path, detail)| Finding { path, detail };
        self.damages.extend(damages.into_iter().map(finding));
        self.notes.extend(notes.into_iter().map(finding));
    }
}

/// Reads everything in a data folder: that parts are what their names and the table's log say, that their rows lie in
/// order, that every event is one row, and that whatever the table covers of the log is in it.
///
/// Errors: [`StoreError::Locked`] when a process has the folder open, [`StoreError::Io`] when there is no such folder or
/// it cannot be read.
pub async fn check(root: &Path) -> Result<CheckReport, StoreError> {
    let _lock = hold(root)?;
    let mut report = CheckReport::default();
    let place = tables::place(root, tables::recorded(root)?.as_deref(), "events")?;
    let mut part_of: FxHashMap<u128, u32> = FxHashMap::default();
    let covered = match EventTable::view(place).await {
        Ok(view) => {
            report.take(Vec::new(), view.notes);
            report.imported_rows = view.table.imported();
            check_table(&mut report, &view.table, &mut part_of).await;
            Some(view.table.covered())
        }
        Err(error) => {
            let folder = root.join("tables").join("events");
            let unused = !has_files(&root.join("log")) && !has_files(&folder);
            let finding = Finding { path: folder, detail: error.to_string() };
            if unused { &mut report.notes } else { &mut report.damages }.push(finding);
            None
        }
    };
    check_log(&mut report, &root.join("log"), covered, &part_of)?;
    Ok(report)
}

async fn check_table(report: &mut CheckReport, table: &EventTable, part_of: &mut FxHashMap<u128, u32>) {
    let parts = table.parts();
    report.parts = parts.len();
    for (number, part) in parts.iter().enumerate() {
        let (keys, damages) = table.check(part).await;
        let path = table.path_of(&part.id);
        report.take(damages, Vec::new());
        report.rows += keys.len() as u64;
        let mut twice = keys.iter().filter_map(|key| {
            let before = part_of.insert(key_hash(key.kind, &key.id), number as u32)?;
            Some((key, &parts[before as usize].id))
        });
        if let Some((key, before)) = twice.next() {
            let more = twice.count();
            let detail = format!("the {} {} and {more} more are in {before} too", key.kind, key.id);
            report.damage(&path, detail);
        }
    }
}

fn check_log(
    report: &mut CheckReport,
    dir: &Path,
    covered: Option<LogPosition>,
    part_of: &FxHashMap<u128, u32>,
) -> Result<(), StoreError> {
    let mut passed_over = Vec::new();
    let mut uncovered = 0;
    let contents = log::check(dir, |position, event| {
        let Some(covered) = covered else { return };
        if position >= covered {
            uncovered += 1;
        } else if !part_of.contains_key(&key_hash(event.kind, &event.id)) {
            passed_over.push((position, event.key()));
        }
    });
    let contents = match contents {
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Default::default(),
        contents => contents?,
    };
    report.log_files = contents.files;
    report.uncovered_events = uncovered;
    report.take(contents.damages, contents.notes);
    if let Some((position, key)) = passed_over.first() {
        let (kind, id, position, more) = (key.kind, &key.id, position.0, passed_over.len() - 1);
        let detail = format!(
            "the {kind} {id} at position {position} and {more} more count as covered and are not in the table"
        );
        report.damage(dir, detail);
    }
    let Some(covered) = covered else { return Ok(()) };
    let Some((first, end)) = contents.span else {
        // The log is made after the table, so a new folder may be without one.
        if report.rows > 0 || covered > LogPosition(0) {
            report.damage(dir, "there is no log file".to_string());
        }
        return Ok(());
    };
    let (covered, first, end, rows) = (covered.0, first.0, end.0, report.rows);
    if first > covered {
        report.damage(
            dir,
            format!("the events from {covered} up to {first} are neither in the table nor in the log"),
        );
    }
    if end < covered {
        report.damage(dir, format!("it ends at event {end}, and the table covers {covered}"));
    }
    let imported = report.imported_rows;
    if rows > end.max(covered) + imported {
        report.damage(dir, format!("it ends at event {end}, and the table has {rows} events"));
    }
    Ok(())
}

/// Among 10¹² events the chance of any two meeting is below 10⁻¹⁴.
fn key_hash(kind: EventType, id: &str) -> u128 {
    let mut hasher = Xxh3::new();
    hasher.update(&[kind as u8]);
    hasher.update(id.as_bytes());
    hasher.digest128()
}

/// Whether there are files in the folder itself.
fn has_files(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().is_file())
}

/// Keeps others out for as long as it is held, and makes no file.
fn hold(root: &Path) -> Result<Option<File>, StoreError> {
    std::fs::metadata(root).map_err(|e| StoreError::io(root, e))?;
    match File::open(root.join("lock")) {
        Ok(file) => crate::store::lock(root, file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(root, error)),
    }
}

#[cfg(test)]
mod tests;
