//! Columns of every bucket from rows of a batch, without going through events.

use whodid_model::event::paths;
use whodid_model::{BatchColumn, EventBatch, UserKey};

use super::column::{Column, order};
use super::dictionary::{Borrowed, Dictionary};
use super::{Columns, Draft, Run};
use crate::bulk::{Owners, Rows, ranks};
use crate::owner::{BUCKETS, Owner};
use crate::parallel;

impl Columns {
    /// The columns of each bucket.
    pub(crate) fn of_rows(rows: &Rows, owners: &Owners) -> Vec<Columns> {
        let batch = &*rows.batch;
        let buckets = owners.buckets();
        let rank = ranks(owners.list.len(), |owner| (buckets[owner], &owners.list[owner]));
        let sorted = owners.sort(batch, &rows.rows, &rank);
        let bucket_of = |row: &u32| usize::from(buckets[owners.of_row[*row as usize] as usize]);
        let Adopted { rows: adopted, users } = adopt(batch, owners, &sorted);
        let others = batch.columns().iter().filter(|column| column.path() != paths::USR_ID);
        let attributes: Vec<&BatchColumn> = others.chain(users.iter()).collect();
        let attributes = parallel::for_each(attributes.len(), |index| Sorted::new(attributes[index]));
        parallel::for_each(BUCKETS, |bucket| {
            let start = sorted.partition_point(|row| bucket_of(row) < bucket);
            let end = sorted.partition_point(|row| bucket_of(row) <= bucket);
            let rows = &sorted[start..end];
            let column = |attribute: &Sorted<'_>| Some((attribute.column.path().into(), attribute.of(rows)?));
            fixed(batch, owners, rows, &adopted).finish(attributes.iter().filter_map(column).collect())
        })
    }
}

fn fixed(batch: &EventBatch, owners: &Owners, rows: &[u32], adopted: &[bool]) -> Draft {
    let mut draft = Draft::default();
    let mut last = u32::MAX;
    for (at, row) in rows.iter().map(|row| *row as usize).enumerate() {
        let (owner, end) = (owners.of_row[row], at as u32 + 1);
        match draft.runs.last_mut() {
            Some(run) if owner == last => run.end = end,
            _ => draft.runs.push(Run { owner: owners.list[owner as usize].clone(), start: at as u32, end }),
        }
        last = owner;
        draft.ts_us.push(batch.ts_us()[row]);
        draft.kinds.push(batch.kinds()[row]);
        draft.ids.push(batch.id(row));
        draft.versions.push(batch.revisions()[row]);
        draft.adopted.push(adopted[row]);
    }
    draft
}

/// Which rows show the id of their owner and carry none, and `usr.id` as it is shown.
struct Adopted {
    rows: Vec<bool>,
    users: Option<BatchColumn>,
}

fn adopt(batch: &EventBatch, owners: &Owners, rows: &[u32]) -> Adopted {
    let mut users = batch.column(paths::USR_ID).cloned();
    let mut adopted = vec![false; batch.rows()];
    let mut codes = vec![0; owners.list.len()];
    for row in rows.iter().map(|row| *row as usize) {
        let owner = owners.of_row[row] as usize;
        let Owner::User(UserKey::Identified(id)) = &owners.list[owner] else { continue };
        if users.as_ref().is_some_and(|users| users.code(row) != 0) {
            continue;
        }
        let users = users.get_or_insert_with(|| BatchColumn::new(paths::USR_ID));
        if codes[owner] == 0 {
            codes[owner] = users.code_of_text(id);
        }
        users.set_code(row, codes[owner]);
        adopted[row] = true;
    }
    Adopted { rows: adopted, users }
}

/// A column with its values in order.
struct Sorted<'a> {
    column: &'a BatchColumn,
    /// The codes of the values, sorted by value.
    codes: Vec<u32>,
}

impl<'a> Sorted<'a> {
    fn new(column: &'a BatchColumn) -> Sorted<'a> {
        let mut codes: Vec<u32> = (1..=column.values().len() as u32).collect();
        codes.sort_unstable_by(|a, b| {
            order(&column.values()[*a as usize - 1], &column.values()[*b as usize - 1])
        });
        Sorted { column, codes }
    }

    /// The column of some rows, with the values that they carry; none if they carry none.
    fn of(&self, rows: &[u32]) -> Option<Column> {
        let mut new_codes = vec![0; self.codes.len() + 1];
        rows.iter().for_each(|row| new_codes[self.column.code(*row as usize) as usize] = 1);
        let mut dictionary = Vec::new();
        for code in &self.codes {
            if new_codes[*code as usize] != 0 {
                dictionary.extend(self.column.value(*code).map(Borrowed::Value));
                new_codes[*code as usize] = dictionary.len() as u32;
            }
        }
        if dictionary.is_empty() {
            return None;
        }
        new_codes[0] = 0;
        let codes = rows.iter().map(|row| new_codes[self.column.code(*row as usize) as usize]).collect();
        Some(Column::new(codes, Dictionary::of(&dictionary)))
    }
}
