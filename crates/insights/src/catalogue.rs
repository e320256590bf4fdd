//! The catalogue: definitions of segments, and access keys, in one small SQL database (`catalogue.db`).
//!
//! It keeps what people decided, never what was counted. A definition is opaque text here: whoever saves one says which
//! entity it is about and which other segments it names, and the catalogue guards names, versions and references.
//!
//! The queries are those that SQLite and PostgreSQL both understand; what differs stands in [`Catalogue::open`],
//! [`Catalogue::begin`] and [`fault_kind`].

mod apply;
mod audit;
mod charts;
mod jobs;
mod keys;
mod lists;
mod people;
mod points;
mod references;
mod segments;
mod sessions;
mod tables;
mod text;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use uuid::{ContextV7, Timestamp, Uuid};
use whodid_model::{Clock, FaultKind, Instant, limits};

use crate::InsightError;

pub use apply::Step;
pub use audit::{Actor, AuditEntry, Change};
pub use charts::{Chart, ChartChange, ChartKind, NewChart};
pub use jobs::{JobState, StoredJob};
pub use keys::{Key, NewKey, Scope};
pub use lists::NewList;
pub use people::{NewPerson, Person, PersonChange, Role};
pub use points::{Failure, Point};
pub use references::{Dependent, Reference};
pub use segments::{Definition, NewSegment, Segment, SegmentChange, SegmentVersion, StoredList};
pub use sessions::{Holder, Session, csrf_token};
pub use tables::{FieldKind, StoredConnection, Table, TableField, TableRow, Upload};
pub(crate) use text::{clean_description, clean_tags};

type Database = sqlx::Sqlite;
type Connection = sqlx::SqliteConnection;
type Row = sqlx::sqlite::SqliteRow;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The catalogue's name in a data folder.
pub const FILE_NAME: &str = "catalogue.db";
const CONNECTIONS: u32 = 4;
const BUSY_TIMEOUT_MS: u64 = 5_000;

/// A handle on the database. Share it by reference or in an `Arc`; every method may be called concurrently.
pub struct Catalogue {
    pool: sqlx::Pool<Database>,
    clock: Arc<dyn Clock>,
    ids: Mutex<ContextV7>,
    /// Checking a password takes much memory and a core.
    password_checks: tokio::sync::Semaphore,
}

impl Catalogue {
    /// Opens `<data>/catalogue.db`, making it and the folder if missing, and brings its tables up to date. A change is
    /// on disk when the call that made it returns.
    pub async fn open(data: &Path, clock: Arc<dyn Clock>) -> Result<Catalogue, InsightError> {
        std::fs::create_dir_all(data).map_err(sqlx::Error::Io)?;
        let options = SqliteConnectOptions::new()
            .filename(data.join(FILE_NAME))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What is deleted is overwritten, so that nothing of an erased user stays in the file.
            .pragma("secure_delete", "ON")
            .busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS));
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await?;
        MIGRATIONS.run(&pool).await.map_err(sqlx::Error::from)?;
        let catalogue = Catalogue {
            pool,
            clock,
            ids: Mutex::new(ContextV7::new()),
            password_checks: tokio::sync::Semaphore::new(limits::PASSWORD_CHECKS),
        };
        catalogue.end_interrupted_jobs().await?;
        Ok(catalogue)
    }

    /// Writes a copy of the whole database into a new file, while it is in use.
    pub async fn copy_to(&self, file: &Path) -> Result<(), InsightError> {
        let file = file.display().to_string();
        sqlx::query("VACUUM INTO $1").bind(file).execute(&self.pool).await?;
        Ok(())
    }

    /// Waits for what is under way, then closes the file. Later calls answer an error.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Leaves nothing of what was deleted or overwritten in the write-ahead log.
    pub(crate) async fn wipe(&self) -> Result<(), InsightError> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.pool).await?;
        Ok(())
    }

    /// Begins a change. Changes run one at a time, so what a change reads stays true until it commits.
    async fn begin(&self) -> Result<sqlx::Transaction<'static, Database>, InsightError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    /// A new id. Ids of one catalogue grow, so that lists in order of id are in order of creation.
    pub(crate) fn new_id(&self) -> String {
        let micros = self.now().0.max(0) as u64;
        let nanos_of_second = (micros % 1_000_000 * 1_000) as u32;
        Uuid::new_v7(Timestamp::from_unix(&self.ids, micros / 1_000_000, nanos_of_second)).to_string()
    }
}

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// [`Page::next`] of the page before; absent for the first.
    pub after: Option<String>,
    /// 1 ..= [`limits::PAGE_ITEMS`].
    pub limit: usize,
}

impl PageRequest {
    /// The first page, as large as a page can be.
    pub const FIRST: PageRequest = PageRequest { after: None, limit: limits::PAGE_ITEMS };

    /// The id that the page begins after, and how many rows to read: one more than the page holds, to know whether
    /// another page follows.
    fn bounds(&self) -> Result<(String, i64), InsightError> {
        if self.limit == 0 || self.limit > limits::PAGE_ITEMS {
            return Err(invalid(
                None,
                format!("a page of {} items is not possible", self.limit),
                format!("ask for 1 to {} items and follow the cursor to the next page", limits::PAGE_ITEMS),
            ));
        }
        let after = match &self.after {
            None => String::new(),
            Some(cursor) if Uuid::try_parse(cursor).is_ok() => cursor.clone(),
            Some(cursor) => {
                return Err(invalid(
                    None,
                    format!("`{cursor}` is not a cursor of this list"),
                    "send the cursor of the page before, unchanged, or none for the first page",
                ));
            }
        };
        Ok((after, self.limit as i64 + 1))
    }
}

/// Part of a list, in order of creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// From the rows read for [`PageRequest::bounds`].
    fn new(mut rows: Vec<T>, limit: usize, id: impl Fn(&T) -> &str) -> Page<T> {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| id(last).to_string());
        Page { items: rows, next }
    }
}

/// What a caller can do about an error of the database.
pub(crate) fn fault_kind(error: &sqlx::Error) -> FaultKind {
    match error {
        sqlx::Error::PoolTimedOut => FaultKind::Busy,
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => FaultKind::Damaged,
        // SQLite's primary result codes: 5 busy, 6 locked, 11 corrupt, 13 full, 26 not a database.
        sqlx::Error::Database(error) => match error.code().and_then(|code| code.parse::<u32>().ok()) {
            Some(code) if matches!(code & 0xff, 5 | 6 | 13) => FaultKind::Busy,
            Some(code) if matches!(code & 0xff, 11 | 26) => FaultKind::Damaged,
            _ => FaultKind::Internal,
        },
        _ => FaultKind::Internal,
    }
}

fn is_duplicate(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

fn invalid(pointer: Option<&str>, message: impl Into<String>, hint: impl Into<String>) -> InsightError {
    InsightError::Invalid {
        pointer: pointer.map(str::to_string),
        message: message.into(),
        hint: Some(hint.into()),
    }
}

/// A name as it is kept: without surrounding blanks, not empty, on one line, of bounded length.
pub(crate) fn clean_name(name: &str) -> Result<String, InsightError> {
    let name = name.trim();
    let refuse = |message: String, hint: &str| Err(invalid(Some("/name"), message, hint));
    if name.is_empty() {
        return refuse("the name is empty".to_string(), "write a name of at least one visible character");
    }
    if name.chars().any(char::is_control) {
        return refuse("the name holds a control character".to_string(), "write the name on one line");
    }
    if name.chars().count() > limits::NAME_CHARS {
        let hint = "put the rest into the description";
        return refuse(format!("the name is longer than {} characters", limits::NAME_CHARS), hint);
    }
    Ok(name.to_string())
}
