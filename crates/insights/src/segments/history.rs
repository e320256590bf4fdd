//! How a segment's size went: what was recorded where there is a record, else evaluated at each instant over one snapshot.

use jiff::ToSpan;
use serde::Serialize;
use whodid_model::{Instant, Span, limits};

use super::ids;
use super::refresh::{difference, hashes};
use crate::InsightError;
use crate::insights::{Insights, read_definition};
use crate::meta::{Asked, Meta};

#[derive(Clone, Debug)]
pub struct HistoryRequest {
    /// Absent: 30 days before `to`.
    pub from: Option<Instant>,
    /// Absent: now.
    pub to: Option<Instant>,
    pub step: HistoryStep,
    /// Evaluate recorded points again, too, and say where the record differs.
    pub verify: bool,
}

/// The distance between two points. Days, weeks and months are those of the workspace's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryStep {
    Day,
    Week,
    Month,
    Every(Span),
}

#[derive(Clone, Debug, PartialEq)]
pub struct History {
    pub meta: Meta,
    pub points: Vec<HistoryPoint>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryPoint {
    pub at: Instant,
    pub size: u64,
    /// Members here who were none at the point before; absent at the first.
    pub joined: Option<u64>,
    /// Members at the point before who are none here; absent at the first.
    pub left: Option<u64>,
    /// What the record says of this instant, where it has a point by the same definition.
    pub recorded: Option<u64>,
}

const DEFAULT_SPAN: Span = Span::from_days(30);

impl HistoryStep {
    /// Reads `hour`, `day`, `week`, `month` or a duration such as `6h`.
    pub fn parse(text: &str) -> Option<HistoryStep> {
        match text {
            "hour" => Some(HistoryStep::Every(Span::from_seconds(3_600))),
            "day" => Some(HistoryStep::Day),
            "week" => Some(HistoryStep::Week),
            "month" => Some(HistoryStep::Month),
            other => other.parse().ok().filter(|span: &Span| span.0 > 0).map(HistoryStep::Every),
        }
    }
}

impl Insights {
    /// The segment, by its definition of now, at `from`, then step by step, and at `to`.
    ///
    /// Errors: `Invalid` for a range that ends before it begins, or that makes more than [`limits::HISTORY_POINTS`].
    pub async fn history(&self, id: &str, request: &HistoryRequest) -> Result<History, InsightError> {
        let segment = self.catalogue().segment(id).await?;
        let definition = read_definition(&segment.definition)?;
        let to = self.instant(request.to);
        let from = request.from.unwrap_or(to.minus(DEFAULT_SPAN));
        let asked = Asked::new(to);
        let snapshot = self.snapshot().await?;
        let mut points = Vec::new();
        let mut before: Option<Vec<u64>> = None;
        for at in self.instants(from, to, request.step)? {
            let recorded = self.catalogue().point(id, at).await?;
            let recorded = recorded.filter(|point| point.version == segment.version);
            let kept = recorded.as_ref().and_then(|point| point.members.clone());
            let members = match kept.filter(|_| !request.verify) {
                Some(members) => members,
                None => {
                    let membership = self.membership_in(&snapshot, &definition, at).await?;
                    hashes(&ids(&membership, &membership.members))
                }
            };
            let difference = before.map(|before| difference(&before, &members));
            points.push(HistoryPoint {
                at,
                size: members.len() as u64,
                joined: difference.map(|(joined, _)| joined),
                left: difference.map(|(_, left)| left),
                recorded: recorded.map(|point| point.size),
            });
            before = Some(members);
        }
        Ok(History { points, meta: asked.answered(snapshot.watermark(), Some(segment.version)) })
    }

    fn instants(&self, from: Instant, to: Instant, step: HistoryStep) -> Result<Vec<Instant>, InsightError> {
        let invalid = |pointer: &str, message: String, hint: String| InsightError::Invalid {
            pointer: Some(pointer.to_string()),
            message,
            hint: Some(hint),
        };
        if to < from {
            let message = format!("the history ends at {to}, before it begins at {from}");
            return Err(invalid("to", message, "write the earlier instant as `from`".to_string()));
        }
        let zone = &self.inner.timezone;
        let start =
            jiff::Timestamp::from_microsecond(from.0).map(|start| start.to_zoned_datetime(zone.clone()));
        let nth = |n: usize| -> Option<Instant> {
            let n = i64::try_from(n).ok()?;
            let span = match step {
                HistoryStep::Every(span) => return Some(from.plus(Span(span.0.checked_mul(n)?))),
                HistoryStep::Day => n.days(),
                HistoryStep::Week => n.weeks(),
                HistoryStep::Month => n.months(),
            };
            let instant = start.as_ref().ok()?.checked_add(span).ok()?;
            Some(Instant(instant.timestamp().as_microsecond()))
        };
        let mut instants = Vec::new();
        for n in 0..=limits::HISTORY_POINTS {
            match nth(n) {
                Some(at) if at < to => instants.push(at),
                _ => break,
            }
        }
        instants.push(to);
        if instants.len() > limits::HISTORY_POINTS {
            let message = format!("that is more than {} points", limits::HISTORY_POINTS);
            return Err(invalid("step", message, "ask for a longer step or a shorter time".to_string()));
        }
        Ok(instants)
    }
}
