//! Keeping a record of dynamic segments: a point at every full hour and at every midnight of the workspace. A point that
//! was missed, while the server was down or before the segment was saved, is evaluated at its own instant, so the
//! record never drifts.

use std::sync::Arc;

use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde::Serialize;
use whodid_model::{Instant, Span};
use whodid_store::Snapshot;
use xxhash_rust::xxh3::xxh3_64;

use super::ids;
use crate::InsightError;
use crate::catalogue::{self, Point};
use crate::insights::{Insights, read_definition};

const HOUR: Span = Span::from_seconds(3_600);
/// How many midnights are made up for: of a new segment, and after the server was down.
const NEW_DAYS: i64 = 7;
const MISSED_DAYS: i64 = 30;
/// How many full hours are made up for.
const MISSED_HOURS: i64 = 24;
/// How many points a list shows.
const RECENT_POINTS: usize = 8;

/// What became of a round of refreshes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    pub points: u64,
    /// Segments that could not be evaluated.
    pub failed: u64,
}

/// How far a segment's size can be relied on. It is evaluated when it is asked for, so only a failure makes it old.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SizeState {
    Fresh,
    /// It can't be evaluated; what is shown is the last good answer.
    Failed {
        since: Instant,
        reason: String,
    },
}

/// The latest of a segment's record.
#[derive(Clone, Debug, PartialEq)]
pub struct Recent {
    /// Up to eight: midnights, then the latest.
    pub points: Vec<(Instant, u64)>,
    /// The size now less that of a week ago.
    pub change_7d: Option<i64>,
    pub state: SizeState,
}

impl Insights {
    /// Records every point that is due, of every dynamic segment. One that fails is marked and holds up no other.
    pub async fn refresh_due(&self) -> Result<Refreshed, InsightError> {
        let mut refreshed = Refreshed::default();
        let snapshot = self.inner.store.snapshot().await?;
        for segment in self.live_segments().await?.into_iter().filter(|segment| segment.list.is_none()) {
            match self.refresh(&snapshot, &segment).await {
                Ok(points) => refreshed.points += points,
                // It was deleted meanwhile, or the server is stopping.
                Err(InsightError::Stopped | InsightError::Catalogue(_)) => {}
                Err(error) => {
                    tracing::warn!(segment = segment.id, %error, "a segment could not be refreshed");
                    self.catalogue().record_failure(&segment.id, &error.to_string()).await?;
                    refreshed.failed += 1;
                }
            }
        }
        Ok(refreshed)
    }

    async fn refresh(
        &self,
        snapshot: &Arc<Snapshot>,
        segment: &catalogue::Segment,
    ) -> Result<u64, InsightError> {
        let last = self.catalogue().last_point(&segment.id).await?;
        let due = due(last.as_ref().map(|point| point.at), self.instant(None), &self.inner.timezone);
        if due.is_empty() {
            return Ok(0);
        }
        let definition = read_definition(&segment.definition)?;
        let mut before =
            last.filter(|point| point.version == segment.version).and_then(|point| point.members);
        let points = due.len() as u64;
        for (at, daily) in due {
            let membership = self.membership_in(snapshot, &definition, at).await?;
            let members = hashes(&ids(&membership, &membership.members));
            let difference = before.as_deref().map(|before| difference(before, &members));
            let point = Point {
                at,
                version: segment.version,
                watermark: snapshot.watermark(),
                size: membership.members.len(),
                joined: difference.map(|(joined, _)| joined),
                left: difference.map(|(_, left)| left),
                daily,
                members: Some(members),
            };
            self.catalogue().record_point(&segment.id, &point).await?;
            before = point.members;
        }
        Ok(points)
    }

    /// What the record says of a segment whose size now is known, or can't be (`error`).
    pub(super) async fn recent(
        &self,
        segment_id: &str,
        size: u64,
        error: Option<&InsightError>,
    ) -> Result<Recent, InsightError> {
        let catalogue = self.catalogue();
        let now = self.instant(None);
        let mut points = catalogue.recent_sizes(segment_id, true, RECENT_POINTS - 1).await?;
        let last = catalogue.recent_sizes(segment_id, false, 1).await?.pop();
        if let Some(last) = last.filter(|last| points.last() != Some(last)) {
            points.push(last);
        }
        // The midnight that is nearest to a week ago, of those that are a week old.
        let week_ago = now.minus(Span::from_days(7));
        let then = points.iter().rev().find(|(at, _)| *at <= week_ago.plus(Span::from_days(1)));
        let then = then.filter(|(at, _)| *at >= week_ago.minus(Span::from_days(1)));
        let recorded = catalogue.failure(segment_id).await?;
        let state = match (recorded, error) {
            (Some(failure), Some(_)) => SizeState::Failed { since: failure.since, reason: failure.reason },
            (None, Some(error)) => SizeState::Failed { since: now, reason: error.to_string() },
            (_, None) => SizeState::Fresh,
        };
        let change_7d = then.map(|(_, then)| size as i64 - *then as i64);
        Ok(Recent { points, change_7d, state })
    }
}

/// The instants to record after `last`, up to `now`, in order; true for midnights.
fn due(last: Option<Instant>, now: Instant, timezone: &TimeZone) -> Vec<(Instant, bool)> {
    let is_due = |at: &Instant| *at <= now && last.is_none_or(|last| *at > last);
    let mut due: Vec<(Instant, bool)> = Vec::new();
    let today = jiff::Timestamp::from_microsecond(now.0)
        .ok()
        .and_then(|now| now.to_zoned_datetime(timezone.clone()).start_of_day().ok());
    let days = if last.is_some() { MISSED_DAYS } else { NEW_DAYS };
    for back in 0..=days {
        let midnight = today.as_ref().and_then(|today| today.checked_sub(back.days()).ok());
        let midnight = midnight.and_then(|day| day.start_of_day().ok());
        let at = midnight.map(|midnight| Instant(midnight.timestamp().as_microsecond()));
        due.extend(at.filter(is_due).map(|at| (at, true)));
    }
    let hour = Instant(now.0 - now.0.rem_euclid(HOUR.0));
    let hours = if last.is_some() { MISSED_HOURS } else { 1 };
    let full = (0..hours).map(|back| hour.minus(Span(back * HOUR.0))).filter(is_due);
    due.extend(full.map(|at| (at, false)));
    // A midnight that is a full hour is a midnight.
    due.sort_by_key(|(at, daily)| (*at, !daily));
    due.dedup_by_key(|(at, _)| *at);
    due
}

/// Sorted hashes that stand for ids: a record of who was there that names nobody.
pub(super) fn hashes(ids: &[String]) -> Vec<u64> {
    let mut hashes: Vec<u64> = ids.iter().map(|id| xxh3_64(id.as_bytes())).collect();
    hashes.sort_unstable();
    hashes
}

/// How many are in the second alone, and in the first alone.
pub(super) fn difference(before: &[u64], after: &[u64]) -> (u64, u64) {
    let missing =
        |from: &[u64], of: &[u64]| of.iter().filter(|hash| from.binary_search(hash).is_err()).count() as u64;
    (missing(before, after), missing(after, before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(last: Option<&str>, now: &str) -> Vec<(String, bool)> {
        let instant = |text: &str| Instant::parse(text).unwrap();
        let zone = TimeZone::get("Asia/Kolkata").unwrap();
        due(last.map(instant), instant(now), &zone)
            .into_iter()
            .map(|(at, daily)| (at.to_string(), daily))
            .collect()
    }

    #[test]
    fn points_lie_on_full_hours_and_on_the_workspaces_midnights() {
        let row = |at: &str, daily| (at.to_string(), daily);
        assert_eq!(
            told(Some("2026-11-24T17:00:00Z"), "2026-11-24T19:10:00Z"),
            [
                row("2026-11-24T18:00:00Z", false),
                row("2026-11-24T18:30:00Z", true),
                row("2026-11-24T19:00:00Z", false)
            ]
        );
        assert_eq!(told(Some("2026-11-24T19:00:00Z"), "2026-11-24T19:59:59Z"), []);
        let new = told(None, "2026-11-24T19:10:00Z");
        assert_eq!((new.len(), &new[0]), (9, &row("2026-11-17T18:30:00Z", true)));
        let missed = told(Some("2026-10-01T00:00:00Z"), "2026-11-24T19:10:00Z");
        assert_eq!(missed.iter().filter(|(_, daily)| *daily).count(), 31);
        assert_eq!(missed.len(), 31 + 24);
    }

    #[test]
    fn differences_count_both_ways() {
        let of = |ids: &[&str]| hashes(&ids.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(difference(&of(&["a", "b", "c"]), &of(&["b", "d"])), (1, 2));
        assert_eq!(difference(&[], &[]), (0, 0));
    }
}
