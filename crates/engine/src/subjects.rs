//! Whose events a funnel, a retention or a pathway follows: sessions, users or accounts.
//!
//! A user's events are one run. A session's nearly always lie in one run too, but a session in which somebody else logs
//! in, or that a server names without a user, lies in several; those few are known beforehand and gathered apart. An
//! account's events are gathered from everywhere.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustc_hash::{FxHashMap, FxHasher};
use serde::{Deserialize, Serialize};
use whodid_model::event::paths;
use whodid_store::{BUCKETS, Column, Half, Snapshot};

use crate::entities::account_name;
use crate::mask::Mask;
use crate::stream::{Row, for_each_hit_run};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grain {
    Session,
    User,
    Account,
}

/// Everybody of one grain in one snapshot. [`crate::Engine::subjects`] makes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subjects {
    pub grain: Grain,
    /// Sessions whose events lie in more than one run, by id, with the instant of the first event that has a user. Known
    /// for sessions alone.
    shared: Arc<BTreeMap<String, Option<i64>>>,
}

/// One half of a bucket.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) bucket: usize,
    pub(crate) half: Half<'a>,
}

/// Whose rows are handed over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// A part and an index of its runs.
    User {
        part: usize,
        run: usize,
    },
    /// A part and a code of its session ids.
    Session {
        part: usize,
        code: u32,
    },
    Named(&'a str),
}

impl Subject<'_> {
    /// The id as people write it.
    pub(crate) fn id(self, parts: &[Part<'_>]) -> String {
        match self {
            Subject::User { part, run } => {
                let owner = &parts[part].half.columns.runs()[run].owner;
                owner.user().map(ToString::to_string).unwrap_or_default()
            }
            Subject::Session { part, code } => {
                let sessions = parts[part].half.columns.attribute(paths::SESSION_ID);
                let value = sessions.map(|column| column.dictionary().get(code as usize - 1));
                value.and_then(|value| account_name(&value)).unwrap_or_default()
            }
            Subject::Named(id) => id.to_string(),
        }
    }
}

impl Subjects {
    /// Takes a while for sessions: looks at every row.
    fn of(grain: Grain, snapshot: &Snapshot) -> Subjects {
        let shared = if grain == Grain::Session { shared_sessions(snapshot) } else { BTreeMap::new() };
        Subjects { grain, shared: Arc::new(shared) }
    }

    /// Into how many units the work divides.
    pub(crate) fn units(&self) -> usize {
        match self.grain {
            Grain::User => BUCKETS,
            Grain::Session => BUCKETS + 1,
            Grain::Account => 1,
        }
    }

    pub(crate) fn parts<'a>(&self, snapshot: &'a Snapshot, unit: usize) -> Vec<Part<'a>> {
        let of_bucket = |bucket: usize| {
            let halves = snapshot.buckets()[bucket].halves().into_iter();
            halves.filter(|half| half.columns.rows() > 0).map(move |half| Part { bucket, half })
        };
        match self.grain {
            Grain::Session if unit == BUCKETS && self.shared.is_empty() => Vec::new(),
            Grain::Session if unit == BUCKETS => (0..BUCKETS).flat_map(of_bucket).collect(),
            Grain::Session | Grain::User => of_bucket(unit).collect(),
            Grain::Account => (0..BUCKETS).flat_map(of_bucket).collect(),
        }
    }

    /// The rows of a part that a unit is about, where that is less than all of them: those of shared sessions.
    pub(crate) fn candidates(&self, unit: usize, part: Part<'_>) -> Option<Mask> {
        if self.grain != Grain::Session || unit < BUCKETS {
            return None;
        }
        let rows = part.half.columns.rows();
        let codes = SessionCodes::new(self, part.half);
        Some(match codes.column {
            Some(column) if codes.any_shared => {
                Mask::from_test(rows, |row| codes.shared[column.codes().get(row) as usize])
            }
            _ => Mask::none(rows),
        })
    }

    /// Leaves the rows of those who ever say who they are: events with a user, and of sessions all events.
    pub(crate) fn identified(&self, unit: usize, part: Part<'_>, before_us: i64, mut rows: Mask) -> Mask {
        let columns = part.half.columns;
        if self.grain == Grain::Session && unit == BUCKETS {
            let Some(column) = columns.attribute(paths::SESSION_ID) else { return rows };
            let known = |id: &String| {
                self.shared.get(id).is_some_and(|first| first.is_some_and(|first| first < before_us))
            };
            rows.retain(|row| {
                column.value(row).and_then(|value| account_name(&value)).is_some_and(|id| known(&id))
            });
            return rows;
        }
        match columns.attribute(paths::USR_ID) {
            Some(users) => rows.retain(|row| users.codes().get(row) != 0),
            None => rows = Mask::none(columns.rows()),
        }
        rows
    }

    /// Calls `visit` with everyone who has set rows, and those rows in order of time. `hits` has a mask for each part.
    pub(crate) fn for_each(
        &self,
        unit: usize,
        parts: &[Part<'_>],
        hits: &[Mask],
        mut visit: impl FnMut(Subject<'_>, &[Row]),
    ) {
        match self.grain {
            Grain::User => users(parts, hits, visit),
            Grain::Session if unit < BUCKETS => self.sessions(parts, hits, visit),
            Grain::Session => gathered(parts, hits, paths::SESSION_ID, &mut visit),
            Grain::Account => gathered(parts, hits, paths::ACCOUNT_ID, &mut visit),
        }
    }

    fn sessions(&self, parts: &[Part<'_>], hits: &[Mask], mut visit: impl FnMut(Subject<'_>, &[Row])) {
        let (mut coded, mut rows) = (Vec::new(), Vec::new());
        for (part, (Part { half, .. }, hits)) in parts.iter().zip(hits).enumerate() {
            let codes = SessionCodes::new(self, *half);
            let Some(column) = codes.column else { continue };
            for_each_hit_run(*half, hits, |_, run_rows| {
                coded.clear();
                let with_code = run_rows.iter().map(|row| (column.codes().get(*row), *row));
                coded.extend(with_code.filter(|(code, _)| codes.is_local(*code)));
                if !coded.is_sorted_by_key(|(code, _)| *code) {
                    coded.sort_by_key(|(code, _)| *code);
                }
                for session in coded.chunk_by(|a, b| a.0 == b.0) {
                    rows.clear();
                    rows.extend(session.iter().map(|(_, row)| row_of(part, *half, *row)));
                    visit(Subject::Session { part, code: session[0].0 }, &rows);
                }
            });
        }
    }
}

fn row_of(part: usize, half: Half<'_>, row: usize) -> Row {
    Row { half: part as u32, row: row as u32, ts_us: half.columns.ts_us().get(row) }
}

fn users(parts: &[Part<'_>], hits: &[Mask], mut visit: impl FnMut(Subject<'_>, &[Row])) {
    let mut rows = Vec::new();
    for (part, (Part { half, .. }, hits)) in parts.iter().zip(hits).enumerate() {
        for_each_hit_run(*half, hits, |run, run_rows| {
            if half.columns.user_runs().contains(run as u32) {
                rows.clear();
                rows.extend(run_rows.iter().map(|row| row_of(part, *half, *row)));
                visit(Subject::User { part, run }, &rows);
            }
        });
    }
}

/// By the id that each row carries at `path`, wherever it lies.
fn gathered(parts: &[Part<'_>], hits: &[Mask], path: &str, visit: &mut impl FnMut(Subject<'_>, &[Row])) {
    let mut rows_of: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for (part, (Part { half, .. }, hits)) in parts.iter().zip(hits).enumerate() {
        let Some(column) = half.columns.attribute(path) else { continue };
        // The rows by code first, so that an id is read once for all of its rows.
        let mut by_code: FxHashMap<u32, Vec<Row>> = FxHashMap::default();
        for_each_hit_run(*half, hits, |_, run_rows| {
            for row in run_rows {
                by_code.entry(column.codes().get(*row)).or_default().push(row_of(part, *half, *row));
            }
        });
        for (code, rows) in by_code {
            let value = (code as usize).checked_sub(1).map(|index| column.dictionary().get(index));
            if let Some(id) = value.and_then(|value| account_name(&value)) {
                rows_of.entry(id).or_default().extend(rows);
            }
        }
    }
    for (id, rows) in &mut rows_of {
        rows.sort_by(|a, b| {
            let id = |row: &Row| parts[row.half as usize].half.columns.ids().get(row.row as usize);
            a.ts_us.cmp(&b.ts_us).then_with(|| id(a).cmp(&id(b)))
        });
        visit(Subject::Named(id), rows);
    }
}

/// What the session codes of one half mean.
struct SessionCodes<'a> {
    column: Option<&'a Column>,
    /// By code.
    shared: Vec<bool>,
    any_shared: bool,
    /// Codes whose value is no id: missing, empty, a list.
    none: Vec<u32>,
}

impl<'a> SessionCodes<'a> {
    fn new(subjects: &Subjects, half: Half<'a>) -> SessionCodes<'a> {
        let column = half.columns.attribute(paths::SESSION_ID);
        let mut shared = vec![false; column.map_or(0, |column| column.dictionary().len()) + 1];
        let mut none = vec![0];
        if let Some(dictionary) = column.map(Column::dictionary) {
            // Texts are sorted among themselves; the few values of other types stand before and after them.
            let texts = dictionary.texts();
            let others =
                (0..dictionary.len()).filter(|index| !texts.contains(index) || *index == texts.start);
            for index in others {
                match account_name(&dictionary.get(index)) {
                    None => none.push(index as u32 + 1),
                    Some(id) => shared[index + 1] = subjects.shared.contains_key(&id),
                }
            }
            for found in subjects.shared.keys().filter_map(|id| dictionary.find_text(id)) {
                shared[found + 1] = true;
            }
        }
        let any_shared = shared.contains(&true);
        SessionCodes { column, shared, any_shared, none }
    }

    fn is_local(&self, code: u32) -> bool {
        !self.shared[code as usize] && !self.none.contains(&code)
    }
}

/// Sessions that lie in more than one living run.
fn shared_sessions(snapshot: &Snapshot) -> BTreeMap<String, Option<i64>> {
    let halves = || snapshot.buckets().iter().flat_map(|bucket| bucket.halves());
    let mut hashes = Vec::new();
    for half in halves() {
        let Some(column) = half.columns.attribute(paths::SESSION_ID) else { continue };
        // One more than the run in which a session was seen last.
        let mut seen_in = vec![0u32; column.dictionary().len() + 1];
        for (index, run) in half.runs() {
            let mark = index - half.first_ordinal + 1;
            for row in run.rows() {
                let code = column.codes().get(row) as usize;
                if code != 0 && seen_in[code] != mark {
                    // A second run of the same half makes a second hash.
                    seen_in[code] = mark;
                    hashes.extend(account_name(&column.dictionary().get(code - 1)).map(|id| hash(&id)));
                }
            }
        }
    }
    hashes.sort_unstable();
    let mut repeated: Vec<u64> =
        hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    repeated.dedup();
    let mut shared = BTreeMap::new();
    if repeated.is_empty() {
        return shared;
    }
    for half in halves() {
        let Some(column) = half.columns.attribute(paths::SESSION_ID) else { continue };
        let users = half.columns.attribute(paths::USR_ID);
        let ids: Vec<Option<String>> = std::iter::once(None)
            .chain(
                column
                    .dictionary()
                    .iter()
                    .map(|value| account_name(&value).filter(|id| repeated.binary_search(&hash(id)).is_ok())),
            )
            .collect();
        if ids.iter().all(Option::is_none) {
            continue;
        }
        for (_, run) in half.runs() {
            for row in run.rows() {
                let Some(id) = &ids[column.codes().get(row) as usize] else { continue };
                let named = users.is_some_and(|users| users.codes().get(row) != 0);
                let named_us = named.then(|| half.columns.ts_us().get(row));
                let first = match shared.get_mut(id) {
                    Some(first) => first,
                    None => shared.entry(id.clone()).or_insert(None),
                };
                *first = first.iter().copied().chain(named_us).min();
            }
        }
    }
    shared
}

fn hash(id: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(id.as_bytes());
    hasher.finish()
}

/// The subjects of the snapshot that was asked for last.
#[derive(Debug, Default)]
pub(crate) struct KnownSubjects {
    sessions: Mutex<Option<(Weak<Snapshot>, Subjects)>>,
}

impl KnownSubjects {
    pub(crate) fn get(&self, grain: Grain, snapshot: &Arc<Snapshot>) -> Subjects {
        if grain != Grain::Session {
            return Subjects::of(grain, snapshot);
        }
        let mut known = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, subjects)) = &*known
            && of.as_ptr() == Arc::as_ptr(snapshot)
            && of.strong_count() > 0
        {
            return subjects.clone();
        }
        let subjects = Subjects::of(grain, snapshot);
        *known = Some((Arc::downgrade(snapshot), subjects.clone()));
        subjects
    }
}
