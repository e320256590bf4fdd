//! Erasing a user: events, lists, what the log of changes says; and removing events that are older than they are kept.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use whodid_model::event::paths;
use whodid_model::{EntityKind, EventType, Instant, Span, UserKey};

use crate::InsightError;
use crate::insights::{Insights, off_thread};
use crate::jobs::{Finished, Job, JobContext};

/// Cuts are rounded down to days, those longer ago than this to months, so that old files go whole.
const MONTHS_BEYOND_DAYS: i64 = 62;
const DAY_US: i64 = 86_400_000_000;

impl Insights {
    /// Starts the erasure of a user; the job's report says what was taken away, and which definitions still name them.
    /// A user whom no event names is still taken out of lists.
    pub async fn erase_user(&self, id: &str) -> Result<Job, InsightError> {
        let (insights, id) = (self.clone(), id.to_string());
        self.run_job("erasure", None, move |context| async move { insights.erase(&context, &id).await }).await
    }

    async fn erase(&self, context: &JobContext, id: &str) -> Result<Finished, InsightError> {
        let emails = self.emails_of(id).await?;
        context.check()?;
        // From here on it goes to its end: half an erasure is none.
        let removed = self.inner.store.erase(&UserKey::parse(id)).await?;
        context.progress(0.7);
        let emails: Vec<String> = emails.into_iter().collect();
        let listed = self.forget_identifiers(&[id.to_string()], &emails).await?;
        let definitions = self.definitions_that_name(id, &emails).await?;
        let changes = self.catalogue().forget_in_changes(id).await?;
        context.progress(1.0);
        Ok(Finished {
            report: json!({
                "events": removed.events,
                "files": removed.files,
                "rows_kept": removed.rows_kept,
                "list_entries": listed,
                "audit_entries": changes,
                // Nobody but their owners can say what these should ask instead.
                "named_in": definitions,
            }),
            segment_id: None,
        })
    }

    async fn emails_of(&self, id: &str) -> Result<BTreeSet<String>, InsightError> {
        let snapshot = self.inner.store.snapshot().await?;
        let (inner, id) = (self.inner.clone(), id.to_string());
        let events =
            off_thread(move || inner.engine.events_of(&snapshot, EntityKind::User, &id, Instant::MAX));
        let events = events.await?.unwrap_or_default();
        let emails = events.iter().filter_map(|event| event.attributes.get(paths::USR_EMAIL)?.as_id());
        Ok(emails.collect())
    }

    /// The ids of segments whose definition holds the id or one of the addresses as a word.
    async fn definitions_that_name(&self, id: &str, emails: &[String]) -> Result<Vec<String>, InsightError> {
        let words: Vec<&str> = std::iter::once(id).chain(emails.iter().map(String::as_str)).collect();
        let mut named = Vec::new();
        for segment in self.live_segments().await? {
            let text = serde_json::to_string(&segment.definition).unwrap_or_default();
            if words.iter().any(|word| holds_word(&text, word)) {
                named.push(segment.id);
            }
        }
        Ok(named)
    }

    /// Removes the events of each type that are older than it is kept, at most as old as the days say. Answers how many.
    pub async fn remove_expired(&self, kept: &BTreeMap<EventType, Span>) -> Result<u64, InsightError> {
        let now = self.inner.clock.now();
        let bounds: Vec<(EventType, Instant)> =
            kept.iter().map(|(kind, span)| (*kind, cut(now, *span))).collect();
        if bounds.is_empty() {
            return Ok(0);
        }
        Ok(self.inner.store.remove_before(bounds).await?.events)
    }
}

/// What lies before is too old.
fn cut(now: Instant, kept: Span) -> Instant {
    let oldest = now.0.saturating_sub(kept.0);
    let day = oldest.div_euclid(DAY_US) * DAY_US;
    if now.0 - day <= MONTHS_BEYOND_DAYS * DAY_US {
        return Instant(day);
    }
    let date =
        jiff::Timestamp::from_microsecond(day).map(|ts| jiff::tz::TimeZone::UTC.to_datetime(ts).date());
    let month =
        date.and_then(|date| jiff::tz::TimeZone::UTC.to_timestamp(date.first_of_month().at(0, 0, 0, 0)));
    Instant(month.map_or(day, |month| month.as_microsecond()))
}

/// Whether the word stands in the text, and not as a part of another.
fn holds_word(text: &str, word: &str) -> bool {
    let is_inner = |c: char| c.is_alphanumeric() || "_-@.".contains(c);
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !before.is_some_and(is_inner) && !after.is_some_and(is_inner)
    })
}
