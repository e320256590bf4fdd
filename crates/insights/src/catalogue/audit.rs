//! Who changed what, and when. Entries are only added; the oldest go when there are too many.

use sqlx::Row as _;
use whodid_model::{Instant, limits};

use super::{Catalogue, Page, PageRequest, Row};
use crate::InsightError;

/// Old entries go each time that this many have been added.
const TRIM_EVERY: i64 = 1_000;

/// Who changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `key`, `person`, `link` or `process`.
    pub kind: &'static str,
    pub id: String,
    /// What it was called then.
    pub name: String,
}

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub actor: Actor,
    /// What was asked for, such as `PATCH /segments/{id}`.
    pub action: String,
    /// The path as it was sent.
    pub path: String,
    /// The id of what was made or changed, as far as it is known.
    pub target: Option<String>,
}

/// A change as the audit log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub id: String,
    pub at: Instant,
    pub actor_kind: String,
    pub actor_id: String,
    pub actor_name: String,
    pub action: String,
    pub path: String,
    pub target: Option<String>,
}

impl Catalogue {
    pub async fn note_change(&self, change: Change) -> Result<(), InsightError> {
        sqlx::query(
            "INSERT INTO audit (id, at, actor_kind, actor_id, actor_name, action, path, target)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(self.new_id())
        .bind(self.now().0)
        .bind(change.actor.kind)
        .bind(change.actor.id)
        .bind(change.actor.name)
        .bind(change.action)
        .bind(change.path)
        .bind(change.target)
        .execute(&self.pool)
        .await?;
        self.trim_audit(limits::AUDIT_ENTRIES as i64).await
    }

    /// The newest entries first.
    pub async fn audit(&self, page: &PageRequest) -> Result<Page<AuditEntry>, InsightError> {
        let (before, rows) = page.bounds()?;
        // Ids are hexadecimal digits and dashes: every one is smaller than `~`.
        let before = if before.is_empty() { "~".to_string() } else { before };
        let rows: Vec<AuditEntry> =
            sqlx::query_as("SELECT * FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2")
                .bind(before)
                .bind(rows)
                .fetch_all(&self.pool)
                .await?;
        Ok(Page::new(rows, page.limit, |entry| &entry.id))
    }

    async fn trim_audit(&self, keep: i64) -> Result<(), InsightError> {
        let count: i64 =
            sqlx::query("SELECT COUNT(*) AS n FROM audit").fetch_one(&self.pool).await?.try_get("n")?;
        if count < keep + TRIM_EVERY {
            return Ok(());
        }
        sqlx::query(
            "DELETE FROM audit WHERE id <= (SELECT id FROM audit ORDER BY id DESC LIMIT 1 OFFSET $1)",
        )
        .bind(keep)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

impl<'r> sqlx::FromRow<'r, Row> for AuditEntry {
    fn from_row(row: &'r Row) -> Result<AuditEntry, sqlx::Error> {
        Ok(AuditEntry {
            id: row.try_get("id")?,
            at: Instant(row.try_get("at")?),
            actor_kind: row.try_get("actor_kind")?,
            actor_id: row.try_get("actor_id")?,
            actor_name: row.try_get("actor_name")?,
            action: row.try_get("action")?,
            path: row.try_get("path")?,
            target: row.try_get("target")?,
        })
    }
}
