//! Whether a part is what was written: checksum, counts, months, buckets, order and row groups.

use std::path::PathBuf;

use whodid_model::EventKey;

use super::read::{self, PartRows};
use super::row::{Row, month_of};
use super::{EventTable, PartInfo};
use crate::error::StoreError;
use crate::owner::{Owner, bucket_of};

/// The first format whose parts have the layout that is checked here.
const FORMAT_WITH_LAYOUT: u32 = 2;

impl EventTable {
    /// Reads a part whole. Answers the keys of its rows and what is wrong with it.
    pub(crate) async fn check(&self, part: &PartInfo) -> (Vec<EventKey>, Vec<(PathBuf, String)>) {
        let path = self.path_of(&part.id);
        let (info, of_file) = (part.clone(), path.clone());
        let bytes = match self.bytes(&part.id).await {
            Ok(bytes) => bytes,
            Err(error) => return (Vec::new(), vec![(path, error.to_string())]),
        };
        let checked = tokio::task::spawn_blocking(move || {
            info.id.verify(&of_file, &bytes)?;
            let length = bytes.len() as u64;
            let rows = read::rows(&of_file, bytes)?;
            let mut faults = faults(&info, &rows);
            if length != info.bytes {
                faults.push(format!("it has {length} bytes, and the table's log says {}", info.bytes));
            }
            Ok((rows.events.iter().map(whodid_model::Event::key).collect(), faults))
        });
        let (keys, faults) = match checked.await {
            Ok(Ok(checked)) => checked,
            Ok(Err(StoreError::Damaged { detail, .. })) => (Vec::new(), vec![detail]),
            Ok(Err(error)) => (Vec::new(), vec![error.to_string()]),
            Err(error) => (Vec::new(), vec![error.to_string()]),
        };
        (keys, faults.into_iter().map(|fault| (path.clone(), fault)).collect())
    }
}

/// The first fault of each kind.
fn faults(info: &PartInfo, part: &PartRows) -> Vec<String> {
    let mut faults = Vec::new();
    let rows = part.events.len() as u64;
    if rows != info.rows {
        faults.push(format!("it has {rows} rows, and the table's log says {}", info.rows));
    }
    let outside = part.events.iter().position(|event| event.ts < info.earliest || event.ts > info.latest);
    if let Some(row) = outside {
        let (earliest, latest) = (info.earliest, info.latest);
        faults.push(format!("row {row} is outside of {earliest} to {latest}, which the table's log says"));
    }
    if part.format.is_none_or(|format| format < FORMAT_WITH_LAYOUT) {
        return faults;
    }
    let months = part.events.windows(2).position(|pair| month_of(pair[0].ts) != month_of(pair[1].ts));
    if let Some(row) = months {
        faults.push(format!("row {} is of another month than the row before", row + 1));
    }
    faults.extend(part.bucket_fault());
    faults.extend(part.order_fault());
    faults.extend(part.row_group_fault());
    faults
}

impl PartRows {
    /// The owner as the row says it.
    fn owner(&self, row: usize) -> String {
        match &self.users[row] {
            Some(user) => user.clone(),
            None => Owner::named_by(&self.events[row]).to_string(),
        }
    }

    fn bucket_fault(&self) -> Option<String> {
        (0..self.events.len()).find_map(|row| {
            let (said, user) = (self.buckets[row], &self.users[row]);
            let named = Owner::named_by(&self.events[row]);
            if named.user().is_some() && user.is_none() {
                return Some(format!("row {row} belongs to {named}, and its _user is empty"));
            }
            let bucket = bucket_of(&self.owner(row));
            (said != bucket as i32)
                .then(|| format!("row {row} is of bucket {bucket}, and its _bucket says {said}"))
        })
    }

    fn order_fault(&self) -> Option<String> {
        let row = |at: usize| {
            Row::as_stored(
                self.events[at].clone(),
                self.owner(at),
                self.users[at].is_some(),
                self.buckets[at],
            )
        };
        let mut last: Option<Row> = None;
        (0..self.events.len()).find_map(|at| {
            let row = row(at);
            let sorted = last.as_ref().is_none_or(|last| last.order(&row).is_le());
            last = Some(row);
            (!sorted).then(|| format!("row {at} should lie before the row before it"))
        })
    }

    /// A bucket that goes on in the next row group must be alone in both.
    fn row_group_fault(&self) -> Option<String> {
        let mut start = 0;
        let mut groups = Vec::new();
        for rows in &self.row_groups {
            groups.push(&self.buckets[start..start + rows]);
            start += rows;
        }
        let whole = |pair: &[&[i32]]| {
            let (Some(last), Some(first)) = (pair[0].last(), pair[1].first()) else { return true };
            last != first || pair.iter().all(|group| group.iter().all(|bucket| bucket == last))
        };
        let bad = groups.windows(2).position(|pair| !whole(pair))?;
        Some(format!("row group {} does not end where a bucket ends", bad))
    }
}

#[cfg(test)]
mod tests;
