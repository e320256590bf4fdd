//! The events of one entity in order, whichever columns they lie in.
//!
//! A user's events are one run of one half of a bucket. An account's are gathered from every bucket.

use rustc_hash::FxHashSet;
use whodid_model::Instant;
use whodid_model::event::paths;
use whodid_store::{Columns, Half, Joined, Snapshot};

use crate::entities::{Population, account_name};
use crate::mask::Mask;

/// One event: which half, which row of it, when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) half: u32,
    pub(crate) row: u32,
    pub(crate) ts_us: i64,
}

/// Columns to read from and the evaluation instant: rows at or after it are never handed out.
pub(crate) struct Streams<'a> {
    pub(crate) halves: Vec<Half<'a>>,
    at: Instant,
    pub(crate) joined: &'a Joined,
}

/// Calls `visit` with the index of every living run that has a set row, and those rows.
pub(crate) fn for_each_hit_run(half: Half<'_>, hits: &Mask, mut visit: impl FnMut(usize, &[usize])) {
    let starts = half.columns.run_starts();
    let mut hits = hits.ones(0..half.columns.rows()).peekable();
    let (mut run, mut rows) = (0, Vec::new());
    while let Some(hit) = hits.peek().copied() {
        while starts[run + 1] as usize <= hit {
            run += 1;
        }
        let end = starts[run + 1] as usize;
        rows.clear();
        rows.extend(std::iter::from_fn(|| hits.next_if(|row| *row < end)));
        if half.is_alive(run as u32) {
            visit(run, &rows);
        }
    }
}

impl<'a> Streams<'a> {
    pub(crate) fn of_bucket(snapshot: &'a Snapshot, bucket: usize, at: Instant) -> Streams<'a> {
        Streams { halves: snapshot.buckets()[bucket].halves().to_vec(), at, joined: snapshot.joined() }
    }

    pub(crate) fn of_everything(snapshot: &'a Snapshot, at: Instant) -> Streams<'a> {
        Streams {
            halves: snapshot.buckets().iter().flat_map(|bucket| bucket.halves()).collect(),
            at,
            joined: snapshot.joined(),
        }
    }

    /// The instant of the earliest event.
    pub(crate) fn first(&self) -> Instant {
        let first_of = |half: &Half<'_>| half.columns.span().map(|(earliest, _)| earliest);
        self.halves.iter().filter_map(first_of).min().map_or(self.at, |first| self.at.min(first))
    }

    pub(crate) fn rows(&self) -> usize {
        self.halves.iter().map(|half| half.columns.rows()).sum()
    }

    pub(crate) fn columns(&self, row: &Row) -> &'a Columns {
        self.halves[row.half as usize].columns
    }

    /// Calls `visit` with the bucket ordinal, the written id and the rows of every user who has any.
    pub(crate) fn for_each_user(&self, mut visit: impl FnMut(u32, &str, &[Row])) {
        let mut rows = Vec::new();
        for (half, Half { columns, .. }) in self.halves.iter().enumerate() {
            for (ordinal, run) in self.halves[half].runs() {
                let Some(user) = run.owner.user() else { continue };
                rows.clear();
                let before = run.rows().map(|row| Row {
                    half: half as u32,
                    row: row as u32,
                    ts_us: columns.ts_us().get(row),
                });
                rows.extend(before.take_while(|row| row.ts_us < self.at.0));
                if !rows.is_empty() {
                    visit(ordinal, &user.to_string(), &rows);
                }
            }
        }
    }

    /// The same for every account of `population`; needs [`Streams::of_everything`].
    pub(crate) fn for_each_account(&self, population: &Population, mut visit: impl FnMut(u32, &str, &[Row])) {
        let mut rows = self.account_rows(population);
        rows.sort_by(|(a_ordinal, a), (b_ordinal, b)| {
            let id = |row: &Row| self.columns(row).ids().get(row.row as usize);
            (a_ordinal, a.ts_us).cmp(&(b_ordinal, b.ts_us)).then_with(|| id(a).cmp(&id(b)))
        });
        for group in rows.chunk_by(|a, b| a.0 == b.0) {
            let rows: Vec<Row> = group.iter().map(|(_, row)| *row).collect();
            let ordinal = group[0].0;
            visit(ordinal, &population.accounts[ordinal as usize], &rows);
        }
    }

    fn account_rows(&self, population: &Population) -> Vec<(u32, Row)> {
        let mut rows = Vec::new();
        for (number, half) in self.halves.iter().enumerate() {
            let Some(column) = half.columns.attribute(paths::ACCOUNT_ID) else { continue };
            let ordinal_of = |value: &whodid_model::Value| {
                let name = account_name(value)?;
                population.accounts.binary_search(&name).ok().map(|ordinal| ordinal as u32)
            };
            let ordinals: Vec<Option<u32>> =
                std::iter::once(None).chain(column.dictionary().map(ordinal_of)).collect();
            for (_, run) in half.runs() {
                for row in run.rows().take_while(|row| half.columns.ts_us().get(*row) < self.at.0) {
                    if let Some(ordinal) = ordinals[column.codes().get(row) as usize] {
                        let ts_us = half.columns.ts_us().get(row);
                        rows.push((ordinal, Row { half: number as u32, row: row as u32, ts_us }));
                    }
                }
            }
        }
        rows
    }

    /// What follows `prefix` in the attribute paths that begin with it, sorted, each once.
    pub(crate) fn paths_under(&self, prefix: &str) -> Vec<&'a str> {
        let paths = self.halves.iter().flat_map(|half| half.columns.paths());
        let mut below: Vec<&str> = paths.filter_map(|path| path.strip_prefix(prefix)).collect();
        below.sort_unstable();
        below.dedup();
        below
    }

    /// The rows of one user's run.
    pub(crate) fn rows_of_user(&self, ordinal: u32) -> Option<(String, Vec<Row>)> {
        let half = self.halves.iter().rposition(|half| half.first_ordinal <= ordinal)?;
        let columns = self.halves[half].columns;
        let run = columns.runs().get((ordinal - self.halves[half].first_ordinal) as usize)?;
        let rows =
            run.rows().map(|row| Row { half: half as u32, row: row as u32, ts_us: columns.ts_us().get(row) });
        Some((run.owner.user()?.to_string(), rows.take_while(|row| row.ts_us < self.at.0).collect()))
    }

    pub(crate) fn distinct_users(&self, rows: &[Row]) -> usize {
        let user = |row: &Row| {
            let runs = self.columns(row).runs();
            let index = runs.partition_point(|run| run.end <= row.row);
            runs[index].owner.user().map(|_| (row.half, index))
        };
        rows.iter().filter_map(user).collect::<FxHashSet<_>>().len()
    }
}
