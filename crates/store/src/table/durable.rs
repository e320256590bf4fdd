//! What a local folder needs beyond an object store's promises: written files reach the disk before anything relies on
//! them, and a commit that a power cut left half written does not count.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::StoreError;

const LOG_FOLDER: &str = "_delta_log";
/// A member of our commits' information that says who wrote them.
pub(super) const WRITER_KEY: &str = "whodid";

/// Makes a file of the table and its name durable.
pub(super) fn sync(folder: &Path, name: &str) -> Result<(), StoreError> {
    let path = folder.join(name);
    let parent = path.parent().unwrap_or(folder);
    for path in [path.as_path(), parent] {
        File::open(path).and_then(|file| file.sync_all()).map_err(|e| StoreError::io(path, e))?;
    }
    Ok(())
}

pub(super) fn sync_commit(folder: &Path, version: u64) -> Result<(), StoreError> {
    sync(folder, &format!("{LOG_FOLDER}/{version:020}.json"))
}

/// Deletes the newest commit if it is one of ours without its end.
pub(super) fn drop_torn_commit(folder: &Path) -> Result<(), StoreError> {
    if let Some((_, path)) = torn_commit(folder)? {
        tracing::warn!(file = %path.display(), "dropped a commit that was never finished");
        std::fs::remove_file(&path).map_err(|e| StoreError::io(&path, e))?;
    }
    Ok(())
}

/// The newest commit, by its version, if it is one of ours without its end. Its sync never finished, so nobody was
/// promised it.
pub(super) fn torn_commit(folder: &Path) -> Result<Option<(u64, PathBuf)>, StoreError> {
    let log = folder.join(LOG_FOLDER);
    if !log.is_dir() {
        return Ok(None);
    }
    let entries = std::fs::read_dir(&log).map_err(|e| StoreError::io(&log, e))?;
    let commits = entries.filter_map(Result::ok).map(|entry| entry.path());
    let newest = commits.filter_map(|path| Some((version_of(&path)?, path))).max();
    let Some((version, newest)) = newest else { return Ok(None) };
    let text = std::fs::read(&newest).map_err(|e| StoreError::io(&newest, e))?;
    Ok(is_torn(&String::from_utf8_lossy(&text)).then_some((version, newest)))
}

/// None for other files than commits.
fn version_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".json")?;
    if name.len() == 20 { name.parse().ok() } else { None }
}

/// Our commits begin with who wrote them and end with the log position. One that breaks off within its first line
/// cannot be anybody's.
fn is_torn(text: &str) -> bool {
    let mut actions = text.lines().map(|line| serde_json::from_str::<Value>(line).ok());
    let Some(Some(first)) = actions.next() else { return true };
    let ours = first["commitInfo"][WRITER_KEY].is_string();
    ours && !matches!(actions.next_back(), Some(Some(last)) if last["txn"].is_object())
}
