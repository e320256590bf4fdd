//! Erasing a user: events, lists, rows of reference tables, what jobs left behind; and removing events that are older than
//! they are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value as Json, json};
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
    /// A user whom no event names is still taken out of everything else.
    pub async fn erase_user(&self, id: &str) -> Result<Job, InsightError> {
        let (insights, id) = (self.clone(), id.to_string());
        self.run_job("erasure", None, move |context| async move { insights.erase(&context, &id).await }).await
    }

    async fn erase(&self, context: &JobContext, id: &str) -> Result<Finished, InsightError> {
        let emails: Vec<String> = self.emails_of(id).await?.into_iter().collect();
        context.check()?;
        // From here on it goes to its end: half an erasure is none. The events go last, so that a second attempt after
        // an error still knows the addresses.
        let listed = self.forget_identifiers(&[id.to_string()], &emails).await?;
        let words: Vec<String> = std::iter::once(id.to_string()).chain(emails).collect();
        let rows = self.forget_rows(&words).await?;
        let leftovers = self.forget_in_jobs(&words).await?;
        context.progress(0.3);
        let removed = self.inner.store.erase(&UserKey::parse(id)).await?;
        self.catalogue().wipe().await?;
        Ok(Finished {
            report: json!({
                "events": removed.events,
                "files": removed.files,
                "rows_kept": removed.rows_kept,
                "list_entries": listed,
                "table_rows": rows,
                "job_leftovers": leftovers,
                // Nobody but their owners can say what these should ask instead.
                "named_in": self.definitions_that_name(&words).await?,
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

    /// Deletes the rows of reference tables that name the person; how many.
    async fn forget_rows(&self, words: &[String]) -> Result<usize, InsightError> {
        let mut by_table: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for word in words {
            for (table, row, cells) in self.catalogue().rows_with(word).await? {
                if holds_any(&row, words) || holds_any(&cells, words) {
                    by_table.entry(table).or_default().insert(row);
                }
            }
        }
        for (table, rows) in &by_table {
            self.delete_rows(table, &rows.iter().cloned().collect::<Vec<_>>()).await?;
        }
        Ok(by_table.values().map(BTreeSet::len).sum())
    }

    /// Takes the person out of the reports of jobs, and deletes files of left out lines and of uploads that name them; how
    /// many reports and files.
    async fn forget_in_jobs(&self, words: &[String]) -> Result<usize, InsightError> {
        let mut changed = 0;
        for job in self.catalogue().reports().await? {
            let Some(mut report) = job.report else { continue };
            if take_out(&mut report, words) {
                self.catalogue().replace_report(&job.id, &report).await?;
                changed += 1;
            }
        }
        let (root, words) = (self.inner.store.root().to_path_buf(), words.to_vec());
        let deleted = off_thread(move || -> std::io::Result<usize> {
            let folders = [root.join("jobs"), root.join("uploads")];
            folders.iter().map(|folder| delete_files_that_name(folder, &words)).sum()
        });
        let deleted = deleted.await?;
        let failed = |source| InsightError::File { path: "the files of jobs".to_string(), source };
        Ok(changed + deleted.map_err(failed)?)
    }

    /// The ids of segments whose definition holds one of the words.
    async fn definitions_that_name(&self, words: &[String]) -> Result<Vec<String>, InsightError> {
        let mut named = Vec::new();
        for segment in self.live_segments().await? {
            if holds_any(&segment.definition, words) {
                named.push(segment.id);
            }
        }
        Ok(named)
    }

    /// Removes the events of each type that are older than they are kept. Answers how many.
    pub async fn remove_expired(&self, kept: &BTreeMap<EventType, Span>) -> Result<u64, InsightError> {
        let now = self.inner.clock.now();
        let bounds: Vec<(EventType, Instant)> =
            kept.iter().map(|(kind, span)| (*kind, cut(now, *span))).collect();
        Ok(self.inner.store.remove_before(bounds).await?.events)
    }
}

/// What lies before is too old.
fn cut(now: Instant, kept: Span) -> Instant {
    let oldest = now.0.saturating_sub(kept.0);
    let day = oldest.div_euclid(DAY_US) * DAY_US;
    if now.0.saturating_sub(day) <= MONTHS_BEYOND_DAYS * DAY_US {
        return Instant(day);
    }
    let utc = jiff::tz::TimeZone::UTC;
    let date = jiff::Timestamp::from_microsecond(day).map(|ts| utc.to_datetime(ts).date());
    let month = date.and_then(|date| utc.to_timestamp(date.first_of_month().at(0, 0, 0, 0)));
    Instant(month.map_or(day, |month| month.as_microsecond()))
}

/// Takes items that name the person out of lists, and blanks other texts that do. Whether there were any.
fn take_out(report: &mut Json, words: &[String]) -> bool {
    match report {
        Json::String(text) if holds_any(text, words) => {
            *text = "erased".to_string();
            true
        }
        Json::Array(items) => {
            let before = items.len();
            items.retain(|item| !holds_any(&item.to_string(), words));
            items.len() < before
        }
        Json::Object(members) => {
            members.values_mut().filter_map(|member| take_out(member, words).then_some(())).count() > 0
        }
        _ => false,
    }
}

fn delete_files_that_name(folder: &Path, words: &[String]) -> std::io::Result<usize> {
    let mut deleted = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        if path.is_dir() {
            deleted += delete_files_that_name(&path, words)?;
        } else if holds_any(&String::from_utf8_lossy(&std::fs::read(&path)?), words) {
            std::fs::remove_file(&path)?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

/// Whether one of the words stands in the text, in whatever case, and not as a part of another.
fn holds_any(text: &str, words: &[String]) -> bool {
    let text = text.to_lowercase();
    let is_inner = |c: char| c.is_alphanumeric() || "_-@.".contains(c);
    words.iter().map(|word| word.to_lowercase()).any(|word| {
        text.match_indices(&word).any(|(at, _)| {
            let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
            !before.is_some_and(is_inner) && !after.is_some_and(is_inner)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_lie_at_days_and_then_at_months() {
        let now = Instant::parse("2026-11-24T12:30:00Z").unwrap();
        for (days, expected) in [
            (1, "2026-11-23"),
            (30, "2026-10-25"),
            (62, "2026-09-01"),
            (90, "2026-08-01"),
            (450, "2025-08-01"),
        ] {
            let expected = Instant::parse(&format!("{expected}T00:00:00Z")).unwrap();
            assert_eq!(cut(now, Span::from_days(days)), expected, "{days} days");
        }
    }

    #[test]
    fn a_person_is_taken_out_of_a_report_and_others_stay() {
        let mut report = json!({"rejected": [{"line": 1, "text": "ann,x"}, {"line": 2, "text": "anna"}], "rows": 3,
            "note": "seen Ann@shop.example twice", "ambiguous": [{"identifier": "a@b", "users": ["ann", "bob"]}]});
        assert!(take_out(&mut report, &["ann".to_string(), "ann@shop.example".to_string()]));
        let left =
            json!({"rejected": [{"line": 2, "text": "anna"}], "rows": 3, "note": "erased", "ambiguous": []});
        assert_eq!(report, left);
        assert!(!take_out(&mut report, &["ann".to_string()]));
    }
}
