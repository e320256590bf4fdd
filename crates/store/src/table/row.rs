//! A row of the table, where it lies among the others, and how rows are cut into parts and row groups.

use std::cmp::Ordering;
use std::ops::Range;

use whodid_model::{Event, Instant};

use crate::owner::{Owner, bucket_of};

/// An event with what the table says of it besides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) event: Event,
    month: i64,
    bucket: u8,
    /// The owner as people see it.
    owner: String,
    is_user: bool,
}

impl Row {
    pub(crate) fn new(owner: &Owner, event: Event) -> Row {
        let text = owner.to_string();
        Row {
            month: month_of(event.ts),
            bucket: bucket_of(&text) as u8,
            owner: text,
            is_user: owner.user().is_some(),
            event,
        }
    }

    /// A row as a part says it.
    pub(super) fn as_stored(event: Event, owner: String, is_user: bool, bucket: i32) -> Row {
        Row { month: month_of(event.ts), bucket: bucket as u8, owner, is_user, event }
    }

    /// The id of the resolved user as people see it.
    pub(super) fn user(&self) -> Option<&str> {
        self.is_user.then_some(self.owner.as_str())
    }

    pub(super) fn bucket(&self) -> u8 {
        self.bucket
    }

    /// How rows lie: by month, bucket, users before others, owner, instant, id and type.
    pub(crate) fn order(&self, other: &Row) -> Ordering {
        let place = |row: &Row| (row.month, row.bucket, !row.is_user);
        let (a, b) = (&self.event, &other.event);
        place(self)
            .cmp(&place(other))
            .then_with(|| self.owner.cmp(&other.owner))
            .then_with(|| (a.ts, &a.id, a.kind).cmp(&(b.ts, &b.id, b.kind)))
    }
}

const DAY_US: i64 = 86_400_000_000;

/// The month, UTC, in which an instant lies, counted from January 1970.
pub(crate) fn month_of(ts: Instant) -> i64 {
    // Years are counted from March, so that the leap day comes last, in eras of 400 years.
    let days_from_era = ts.0.div_euclid(DAY_US) + 719_468;
    let (era, day) = (days_from_era.div_euclid(146_097), days_from_era.rem_euclid(146_097));
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    12 * (400 * era + year_of_era) + month_from_march + 2 - 12 * 1970
}

/// Cuts rows into pieces of at most `most` rows that hold whole runs of equal keys. A run that is longer has pieces of
/// its own.
pub(super) fn pieces<T, K: PartialEq>(rows: &[T], key: impl Fn(&T) -> K, most: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut run_start = 0;
    for run in rows.chunk_by(|a, b| key(a) == key(b)) {
        let run_end = run_start + run.len();
        if run_end - start > most {
            if start < run_start {
                pieces.push(start..run_start);
            }
            start = run_start;
            if run.len() > most {
                pieces.extend((start..run_end).step_by(most).map(|at| at..run_end.min(at + most)));
                start = run_end;
            }
        }
        run_start = run_end;
    }
    if start < rows.len() {
        pieces.push(start..rows.len());
    }
    pieces
}

/// Cuts sorted rows into parts: none spans two months, and none has more than `most` rows.
pub(super) fn parts(rows: &[Row], most: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for month in rows.chunk_by(|a, b| a.month == b.month) {
        let of_month = pieces(month, Row::bucket, most);
        parts.extend(of_month.into_iter().map(|piece| start + piece.start..start + piece.end));
        start += month.len();
    }
    parts
}

#[cfg(test)]
mod tests;
