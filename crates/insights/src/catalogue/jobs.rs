//! Jobs as they are kept: what was asked, how it ended, what it reported.

use serde_json::Value as Json;
use sqlx::Row as _;
use whodid_model::Instant;

use super::{Catalogue, Page, PageRequest, Row};
use crate::InsightError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl JobState {
    pub const ALL: [JobState; 5] =
        [JobState::Queued, JobState::Running, JobState::Done, JobState::Failed, JobState::Cancelled];

    pub fn name(self) -> &'static str {
        match self {
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    pub fn is_over(self) -> bool {
        !matches!(self, JobState::Queued | JobState::Running)
    }
}

/// Work that goes on after its request has been answered.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredJob {
    pub id: String,
    /// `segment_import`, …
    pub kind: String,
    pub state: JobState,
    /// The segment that it is about or has made.
    pub segment_id: Option<String>,
    /// What a finished job has to say.
    pub report: Option<Json>,
    /// Why it failed.
    pub error: Option<String>,
    pub created_at: Instant,
    pub finished_at: Option<Instant>,
}

const INTERRUPTED: &str =
    "the server stopped while the job was under way; nothing of it was kept: start it again";

impl Catalogue {
    pub(crate) async fn insert_job(
        &self,
        kind: &str,
        segment_id: Option<String>,
    ) -> Result<StoredJob, InsightError> {
        let job = StoredJob {
            id: self.new_id(),
            kind: kind.to_string(),
            state: JobState::Queued,
            segment_id,
            report: None,
            error: None,
            created_at: self.now(),
            finished_at: None,
        };
        sqlx::query("INSERT INTO jobs (id, kind, state, segment_id, created_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(&job.id)
            .bind(&job.kind)
            .bind(job.state.name())
            .bind(&job.segment_id)
            .bind(job.created_at.0)
            .execute(&self.pool)
            .await?;
        Ok(job)
    }

    pub(crate) async fn start_job(&self, id: &str) -> Result<(), InsightError> {
        sqlx::query("UPDATE jobs SET state = $2 WHERE id = $1")
            .bind(id)
            .bind(JobState::Running.name())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(crate) async fn end_job(
        &self,
        id: &str,
        state: JobState,
        segment_id: Option<String>,
        report: Option<Json>,
        error: Option<String>,
    ) -> Result<(), InsightError> {
        sqlx::query(
            "UPDATE jobs SET state = $2, segment_id = COALESCE($3, segment_id), report = $4, error = $5,
                             finished_at = $6
             WHERE id = $1",
        )
        .bind(id)
        .bind(state.name())
        .bind(segment_id)
        .bind(report.map(|report| report.to_string()))
        .bind(error)
        .bind(self.now().0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Says of every job that was not over when its process ended that it failed. To be called once at a start.
    pub(crate) async fn end_interrupted_jobs(&self) -> Result<(), InsightError> {
        sqlx::query("UPDATE jobs SET state = $1, error = $2, finished_at = $3 WHERE state IN ($4, $5)")
            .bind(JobState::Failed.name())
            .bind(INTERRUPTED)
            .bind(self.now().0)
            .bind(JobState::Queued.name())
            .bind(JobState::Running.name())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(crate) async fn stored_job(&self, id: &str) -> Result<StoredJob, InsightError> {
        let found = sqlx::query_as("SELECT * FROM jobs WHERE id = $1").bind(id).fetch_optional(&self.pool);
        found.await?.ok_or_else(|| InsightError::NotFound { what: "job", id: id.to_string() })
    }

    pub(crate) async fn replace_report(&self, id: &str, report: &Json) -> Result<(), InsightError> {
        let query = sqlx::query("UPDATE jobs SET report = $2 WHERE id = $1");
        query.bind(id).bind(report.to_string()).execute(&self.pool).await?;
        Ok(())
    }

    /// All that have reported something.
    pub(crate) async fn reports(&self) -> Result<Vec<StoredJob>, InsightError> {
        Ok(sqlx::query_as("SELECT * FROM jobs WHERE report IS NOT NULL").fetch_all(&self.pool).await?)
    }

    /// In order of creation, the newest first.
    pub(crate) async fn stored_jobs(&self, page: &PageRequest) -> Result<Page<StoredJob>, InsightError> {
        let (after, rows) = page.bounds()?;
        let rows: Vec<StoredJob> =
            sqlx::query_as("SELECT * FROM jobs WHERE $1 = '' OR id < $1 ORDER BY id DESC LIMIT $2")
                .bind(after)
                .bind(rows)
                .fetch_all(&self.pool)
                .await?;
        Ok(Page::new(rows, page.limit, |job| &job.id))
    }
}

impl<'r> sqlx::FromRow<'r, Row> for StoredJob {
    fn from_row(row: &'r Row) -> Result<StoredJob, sqlx::Error> {
        let state: String = row.try_get("state")?;
        let unknown = || sqlx::Error::Decode(format!("`{state}` is no state of a job").into());
        let report: Option<String> = row.try_get("report")?;
        let report = report.map(|report| serde_json::from_str(&report)).transpose();
        Ok(StoredJob {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            state: JobState::ALL.into_iter().find(|one| one.name() == state).ok_or_else(unknown)?,
            segment_id: row.try_get("segment_id")?,
            report: report.map_err(|error| sqlx::Error::Decode(error.into()))?,
            error: row.try_get("error")?,
            created_at: Instant(row.try_get("created_at")?),
            finished_at: row.try_get::<Option<i64>, _>("finished_at")?.map(Instant),
        })
    }
}
