//! A copy of a data folder while it is in use: consistent, because the tables' logs did not change while their files
//! were linked, and because the log is copied after them.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::StoreError;

use super::Store;

/// How often a folder is linked again because somebody wrote a table in the meantime.
const ATTEMPTS: usize = 20;

impl Store {
    /// Puts a copy of tables and log into `to`, a new folder on the same file system: tables as links, which cost
    /// nothing, the log as a copy. Whatever was acknowledged when this was called is in it. Events are taken in all the
    /// while; flushes wait.
    ///
    /// Errors: [`StoreError::Place`] when the tables lie in an object store.
    pub async fn copy_to(&self, to: &Path) -> Result<(), StoreError> {
        if let Some(place) = super::tables::recorded(&self.inner.root)? {
            let detail = "a backup holds tables that lie in the data folder; an object store keeps versions of its own";
            return Err(StoreError::Place { place, detail: detail.to_string() });
        }
        let _no_flush = self.inner.table.lock().await;
        let (from, to) = (self.inner.root.clone(), to.to_path_buf());
        let copy = move || {
            let tables = Path::new("tables");
            link_tables(&from.join(tables), &to.join(tables))?;
            copy_log(&from.join("log"), &to.join("log"))
        };
        let copied = tokio::task::spawn_blocking(copy).await;
        copied.map_err(|source| StoreError::Stopped { detail: source.to_string() })?
    }
}

/// Links the files of one more folder of the data folder, such as that of lists, as far as they are not in `to` yet.
/// They have to be files that never change once they have their name.
pub async fn link_folder(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (from, to) = (from.to_path_buf(), to.to_path_buf());
    let link = move || {
        std::fs::create_dir_all(&to).map_err(|e| StoreError::io(&to, e))?;
        for name in entries(&from)? {
            match std::fs::hard_link(from.join(&name), to.join(&name)) {
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {}
                linked => linked.map_err(|e| StoreError::io(&from.join(&name), e))?,
            }
        }
        Ok(())
    };
    let linked = tokio::task::spawn_blocking(link).await;
    linked.map_err(|source| StoreError::Stopped { detail: source.to_string() })?
}

/// Links every file of all tables. When a table was written meanwhile, everything is linked again.
fn link_tables(from: &Path, to: &Path) -> Result<(), StoreError> {
    for _ in 0..ATTEMPTS {
        std::fs::remove_dir_all(to).or_else(absent_is_fine).map_err(|e| StoreError::io(to, e))?;
        let before = commits(from)?;
        let linked = link_tree(from, to);
        let same = commits(from)? == before;
        match linked {
            Ok(()) if same => return Ok(()),
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(()) => {}
        }
    }
    Err(StoreError::Busy { what: "set of tables", retry_after_ms: 10_000 })
}

fn absent_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// The names of all commits of all tables.
fn commits(tables: &Path) -> Result<Vec<(PathBuf, OsString)>, StoreError> {
    let mut commits = Vec::new();
    for table in entries(tables)? {
        let log = tables.join(&table).join("_delta_log");
        commits.extend(entries(&log)?.into_iter().map(|name| (log.clone(), name)));
    }
    commits.sort();
    Ok(commits)
}

fn entries(folder: &Path) -> Result<Vec<OsString>, StoreError> {
    let io = |e| StoreError::io(folder, e);
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry.map_err(io)?.file_name())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(io(error)),
    }
}

/// The files of tables never change once they have their name.
fn link_tree(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(to).map_err(|e| StoreError::io(to, e))?;
    for name in entries(from)? {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            link_tree(&from, &to)?;
        } else {
            std::fs::hard_link(&from, &to).map_err(|e| StoreError::io(&from, e))?;
        }
    }
    Ok(())
}

/// The newest file may end within a record, as after a crash: that record was not acknowledged yet.
fn copy_log(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(to).map_err(|e| StoreError::io(to, e))?;
    for name in entries(from)? {
        let (from, to) = (from.join(&name), to.join(&name));
        std::fs::copy(&from, &to).map_err(|e| StoreError::io(&from, e))?;
    }
    Ok(())
}
