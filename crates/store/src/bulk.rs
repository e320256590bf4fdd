//! Events that come in by the hundred thousand: columns from the start, without an [`Event`] each.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use whodid_model::event::paths;
use whodid_model::{BatchColumn, EventBatch, UserKey};

use crate::identity::{Identity, Link};
use crate::owner::Owner;

/// Some rows of a batch.
#[derive(Clone)]
pub(crate) struct Rows {
    pub(crate) batch: Arc<EventBatch>,
    pub(crate) rows: Vec<u32>,
}

/// Whose the rows of a batch are.
pub(crate) struct Owners {
    pub(crate) list: Vec<Owner>,
    /// For each row of the batch an index into the list.
    pub(crate) of_row: Vec<u32>,
}

/// An empty or absurd `usr.id` is none, as with events that come one by one.
pub(crate) fn without_empty_users(mut batch: EventBatch) -> EventBatch {
    let Some(index) = batch.columns().iter().position(|column| column.path() == paths::USR_ID) else {
        return batch;
    };
    let column = &batch.columns()[index];
    let absurd: Vec<bool> = column.values().iter().map(|value| value.as_id().is_none()).collect();
    if absurd.iter().any(|absurd| *absurd) {
        let codes = column.codes().to_vec();
        let column = batch.column_mut(index);
        for (row, code) in codes.into_iter().enumerate().filter(|(_, code)| *code != 0) {
            if absurd[code as usize - 1] {
                column.set_code(row, 0);
            }
        }
    }
    batch
}

/// The ids that the values of a column stand for, by code.
fn ids(column: Option<&BatchColumn>) -> Vec<Option<String>> {
    let values = column.into_iter().flat_map(BatchColumn::values);
    std::iter::once(None).chain(values.map(|value| value.as_id())).collect()
}

fn code(column: Option<&BatchColumn>, row: usize) -> usize {
    column.map_or(0, |column| column.code(row) as usize)
}

/// The first event of each pair of ids that the rows name together.
pub(crate) fn links(rows: &Rows) -> Vec<Link> {
    let (users, anonymous) = (rows.batch.column(paths::USR_ID), rows.batch.column(paths::ANONYMOUS_ID));
    if users.is_none() || anonymous.is_none() {
        return Vec::new();
    }
    let mut first: FxHashMap<(usize, usize), i64> = FxHashMap::default();
    for row in rows.rows.iter().map(|row| *row as usize) {
        let pair = (code(anonymous, row), code(users, row));
        if pair.0 != 0 && pair.1 != 0 {
            let ts_us = rows.batch.ts_us()[row];
            first.entry(pair).and_modify(|first| *first = ts_us.min(*first)).or_insert(ts_us);
        }
    }
    let (users, anonymous) = (ids(users), ids(anonymous));
    let link = |((anonymous_code, user_code), ts_us): ((usize, usize), i64)| {
        let (anonymous_id, usr_id) = (anonymous[anonymous_code].clone()?, users[user_code].clone()?);
        Some(Link { anonymous_id, usr_id, ts_us })
    };
    first.into_iter().filter_map(link).collect()
}

impl Owners {
    pub(crate) fn of(batch: &EventBatch, identity: &Identity) -> Owners {
        let columns = [paths::USR_ID, paths::ANONYMOUS_ID, paths::SESSION_ID].map(|path| batch.column(path));
        let named: [fn(String) -> Owner; 3] = [
            |id| Owner::User(UserKey::Identified(id)),
            |id| Owner::User(UserKey::Anonymous(id)),
            Owner::Session,
        ];
        let mut list = Vec::new();
        let mut known: FxHashMap<Owner, u32> = FxHashMap::default();
        let mut number = |owner: Owner| {
            *known.entry(owner).or_insert_with_key(|owner| {
                list.push(owner.clone());
                list.len() as u32 - 1
            })
        };
        let mut by_code = |column, named: fn(String) -> Owner| -> Vec<Option<u32>> {
            let ids = ids(column).into_iter();
            ids.map(|id| Some(number(identity.resolve(named(id?))))).collect()
        };
        let by_code = [0, 1, 2].map(|kind| by_code(columns[kind], named[kind]));
        let of_row = (0..batch.rows()).map(|row| {
            let mut found = columns.iter().zip(&by_code).map(|(column, owners)| owners[code(*column, row)]);
            found.find_map(|owner| owner).unwrap_or(u32::MAX)
        });
        let mut of_row: Vec<u32> = of_row.collect();
        for (row, owner) in of_row.iter_mut().enumerate().filter(|(_, owner)| **owner == u32::MAX) {
            *owner = number(Owner::Event(batch.id(row).to_string()));
        }
        Owners { list, of_row }
    }

    pub(crate) fn buckets(&self) -> Vec<u8> {
        self.list.iter().map(|owner| owner.bucket() as u8).collect()
    }

    /// Sorts rows by a rank of their owners, then by instant, id and type.
    pub(crate) fn sort(&self, batch: &EventBatch, rows: &[u32], rank: &[u32]) -> Vec<u32> {
        let key = |row: &u32| {
            let at = *row as usize;
            (rank[self.of_row[at] as usize], batch.ts_us()[at], *row)
        };
        let mut sorted: Vec<(u32, i64, u32)> = rows.iter().map(key).collect();
        sorted.sort_unstable_by(|a, b| {
            (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| {
                let rest = |row: u32| (batch.id(row as usize), batch.kinds()[row as usize]);
                rest(a.2).cmp(&rest(b.2))
            })
        });
        sorted.into_iter().map(|(_, _, row)| row).collect()
    }
}

/// For each index its place when all are sorted by `key`.
pub(crate) fn ranks<K: Ord>(count: usize, key: impl Fn(usize) -> K) -> Vec<u32> {
    let mut sorted: Vec<u32> = (0..count as u32).collect();
    sorted.sort_by_cached_key(|index| key(*index as usize));
    let mut ranks = vec![0; count];
    for (rank, index) in sorted.into_iter().enumerate() {
        ranks[index as usize] = rank as u32;
    }
    ranks
}
