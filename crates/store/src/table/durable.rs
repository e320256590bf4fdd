//! What a local folder needs beyond an object store's promises: written files reach the disk before anything relies on
//! them, and a commit that a power cut left half written does not count.

use std::fs::File;
use std::path::Path;

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

/// Deletes the newest commit if it is one of ours without its end. Its sync never finished, so nobody was promised it.
pub(super) fn drop_torn_commit(folder: &Path) -> Result<(), StoreError> {
    let log = folder.join(LOG_FOLDER);
    if !log.is_dir() {
        return Ok(());
    }
    let entries = std::fs::read_dir(&log).map_err(|e| StoreError::io(&log, e))?;
    let commits = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| is_commit(path));
    let Some(newest) = commits.max() else { return Ok(()) };
    let text = std::fs::read(&newest).map_err(|e| StoreError::io(&newest, e))?;
    if is_torn(&String::from_utf8_lossy(&text)) {
        tracing::warn!(file = %newest.display(), "dropped a commit that was never finished");
        std::fs::remove_file(&newest).map_err(|e| StoreError::io(&newest, e))?;
    }
    Ok(())
}

fn is_commit(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"));
    name.is_some_and(|name| name.len() == 20 && name.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Our commits begin with who wrote them and end with the log position. One that breaks off within its first line
/// cannot be anybody's.
fn is_torn(text: &str) -> bool {
    let mut actions = text.lines().map(|line| serde_json::from_str::<Value>(line).ok());
    let Some(Some(first)) = actions.next() else { return true };
    let ours = first["commitInfo"][WRITER_KEY].is_string();
    ours && !matches!(actions.next_back(), Some(Some(last)) if last["txn"].is_object())
}
