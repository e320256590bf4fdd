//! What refreshes recorded of each segment: sizes over time, and who was in it without naming anybody.

use sqlx::Row as _;
use whodid_model::{Instant, Span};

use super::{Catalogue, Row};
use crate::InsightError;

/// How long every point and the members at midnights are kept; sizes at midnights stay for good.
const DETAIL_STAYS: Span = Span::from_days(35);

/// A segment at an instant at which it was refreshed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub at: Instant,
    /// The definition's.
    pub version: i64,
    pub watermark: u64,
    pub size: u64,
    /// Members who were none at the point before; absent at the first of a version.
    pub joined: Option<u64>,
    pub left: Option<u64>,
    /// Whether it is a midnight of the workspace.
    pub daily: bool,
    /// Hashes of the members' ids, sorted; absent where they are no longer kept.
    pub members: Option<Vec<u64>>,
}

/// Why the last refresh of a segment failed, and since when they fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub since: Instant,
    pub reason: String,
}

impl Catalogue {
    /// Records a point and that the segment is well. Who was in it at the point before is forgotten unless that was a
    /// midnight, and details that are too old with it.
    pub async fn record_point(&self, segment_id: &str, point: &Point) -> Result<(), InsightError> {
        let mut transaction = self.begin().await?;
        let statements = [
            (
                "UPDATE segment_points SET members = NULL WHERE segment_id = $1 AND NOT daily AND at < $2",
                point.at,
            ),
            (
                "UPDATE segment_points SET members = NULL WHERE segment_id = $1 AND at < $2",
                point.at.minus(DETAIL_STAYS),
            ),
            (
                "DELETE FROM segment_points WHERE segment_id = $1 AND NOT daily AND at < $2",
                point.at.minus(DETAIL_STAYS),
            ),
            ("DELETE FROM segment_failures WHERE segment_id = $1 AND since < $2", Instant::MAX),
            ("DELETE FROM segment_points WHERE segment_id = $1 AND at = $2", point.at),
        ];
        for (statement, at) in statements {
            sqlx::query(statement).bind(segment_id).bind(at.0).execute(&mut *transaction).await?;
        }
        sqlx::query(
            "INSERT INTO segment_points (segment_id, at, version, watermark, size, joined, departed, daily, members)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(segment_id)
        .bind(point.at.0)
        .bind(point.version)
        .bind(point.watermark as i64)
        .bind(point.size as i64)
        .bind(point.joined.map(|n| n as i64))
        .bind(point.left.map(|n| n as i64))
        .bind(point.daily)
        .bind(point.members.as_deref().map(to_bytes))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Records that a refresh failed; the instant of the first failure in a row stays.
    pub async fn record_failure(&self, segment_id: &str, reason: &str) -> Result<(), InsightError> {
        sqlx::query(
            "INSERT INTO segment_failures (segment_id, since, reason) VALUES ($1, $2, $3)
             ON CONFLICT (segment_id) DO UPDATE SET reason = excluded.reason",
        )
        .bind(segment_id)
        .bind(self.now().0)
        .bind(reason)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub async fn failure(&self, segment_id: &str) -> Result<Option<Failure>, InsightError> {
        let row: Option<(i64, String)> =
            sqlx::query_as("SELECT since, reason FROM segment_failures WHERE segment_id = $1")
                .bind(segment_id)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(|(since, reason)| Failure { since: Instant(since), reason }))
    }

    /// The latest point.
    pub async fn last_point(&self, segment_id: &str) -> Result<Option<Point>, InsightError> {
        let query =
            sqlx::query_as("SELECT * FROM segment_points WHERE segment_id = $1 ORDER BY at DESC LIMIT 1");
        Ok(query.bind(segment_id).fetch_optional(&self.pool).await?)
    }

    /// The point at exactly this instant.
    pub async fn point(&self, segment_id: &str, at: Instant) -> Result<Option<Point>, InsightError> {
        let query = sqlx::query_as("SELECT * FROM segment_points WHERE segment_id = $1 AND at = $2");
        Ok(query.bind(segment_id).bind(at.0).fetch_optional(&self.pool).await?)
    }

    /// Instants and sizes of the latest points, at midnights only or all of them, oldest first.
    pub async fn recent_sizes(
        &self,
        segment_id: &str,
        daily_only: bool,
        limit: usize,
    ) -> Result<Vec<(Instant, u64)>, InsightError> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT at, size FROM segment_points WHERE segment_id = $1 AND (daily OR NOT $2)
             ORDER BY at DESC LIMIT $3",
        )
        .bind(segment_id)
        .bind(daily_only)
        .bind(limit as i64)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().rev().map(|(at, size)| (Instant(at), size as u64)).collect())
    }
}

fn to_bytes(members: &[u64]) -> Vec<u8> {
    members.iter().flat_map(|hash| hash.to_le_bytes()).collect()
}

fn from_bytes(bytes: &[u8]) -> Result<Vec<u64>, sqlx::Error> {
    let (hashes, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(sqlx::Error::Decode("recorded members are cut short".into()));
    }
    Ok(hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect())
}

impl<'r> sqlx::FromRow<'r, Row> for Point {
    fn from_row(row: &'r Row) -> Result<Point, sqlx::Error> {
        let count = |name: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(name)?.map(|n| n as u64));
        let members: Option<Vec<u8>> = row.try_get("members")?;
        Ok(Point {
            at: Instant(row.try_get("at")?),
            version: row.try_get("version")?,
            watermark: row.try_get::<i64, _>("watermark")? as u64,
            size: row.try_get::<i64, _>("size")? as u64,
            joined: count("joined")?,
            left: count("departed")?,
            daily: row.try_get("daily")?,
            members: members.as_deref().map(from_bytes).transpose()?,
        })
    }
}
