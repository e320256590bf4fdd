//! Where a data folder's tables lie. The folder remembers it, because a table opened elsewhere would be an empty one.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::error::StoreError;
use crate::table::TablePlace;

const FILE: &str = "tables-at";

/// The URL that the folder's tables lie under; none if they lie in the folder.
pub(crate) fn recorded(root: &Path) -> Result<Option<String>, StoreError> {
    let file = root.join(FILE);
    match std::fs::read_to_string(&file) {
        Ok(url) => Ok(Some(url.trim().to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(&file, error)),
    }
}

/// Answers what [`recorded`] will from now on.
///
/// Errors: `TablePlace` when the folder's tables lie elsewhere than is asked for.
pub(super) fn settle(root: &Path, asked: Option<&str>) -> Result<Option<String>, StoreError> {
    let recorded = recorded(root)?;
    let Some(asked) = asked.map(|url| url.trim_end_matches('/')) else { return Ok(recorded) };
    let elsewhere = |detail: String| Err(StoreError::Place { place: asked.into(), detail });
    match recorded {
        Some(recorded) if recorded == asked => Ok(Some(recorded)),
        Some(recorded) => elsewhere(format!("those of {} are at {recorded}", root.display())),
        None if root.join("tables").exists() => elsewhere(format!(
            "{0} has its own in {0}/tables already; take a new data folder",
            root.display()
        )),
        None => {
            record(root, asked).map_err(|e| StoreError::io(&root.join(FILE), e))?;
            Ok(Some(asked.to_string()))
        }
    }
}

pub(crate) fn place(root: &Path, at: Option<&str>, table: &str) -> Result<TablePlace, StoreError> {
    match at {
        Some(url) => TablePlace::object_store(url, table),
        None => TablePlace::folder(&root.join("tables").join(table)),
    }
}

/// The name appears only with the whole content behind it.
fn record(root: &Path, url: &str) -> io::Result<()> {
    let unfinished = root.join(format!("{FILE}.new"));
    let mut file = File::create(&unfinished)?;
    writeln!(file, "{url}")?;
    file.sync_all()?;
    std::fs::rename(&unfinished, root.join(FILE))?;
    File::open(root)?.sync_all()
}
