//! The same numbers by brute force: every way to pick events for the positive steps is written down, each rule is asked
//! of each way as the rule reads, and what is left is counted from the definition. Slow, and meant to be obviously
//! right; tests and `--verify` hold the kernels against it.

use std::collections::{BTreeMap, BTreeSet};

use crate::count::Per;
use crate::events::{Bounds, Events, NO_SESSION};
use crate::pattern::{Order, Pattern, Scope};

pub mod funnel;
pub mod pathway;
pub mod retention;

/// What [`crate::count`] says with no limit to `enough`.
pub fn count(pattern: &Pattern, events: Events<'_>, bounds: Bounds, per: Per<'_>) -> u64 {
    let matches = matches(pattern, events, bounds);
    let number = match per {
        Per::Occurrence => occurrences(pattern, events, &matches),
        Per::Day(days) => {
            let day = |rows: &Vec<usize>| days.day_of(events.ts[last(pattern, events, rows)]);
            matches.iter().map(day).collect::<BTreeSet<_>>().len()
        }
        Per::Session => {
            let session = |rows: &Vec<usize>| events.session[last(pattern, events, rows)];
            let sessions: BTreeSet<u32> = matches.iter().map(session).collect();
            sessions.iter().filter(|code| **code != NO_SESSION).count()
        }
    };
    number as u64
}

/// What [`crate::witness`] says.
pub fn witness(pattern: &Pattern, events: Events<'_>, bounds: Bounds) -> Option<Vec<usize>> {
    let end = |rows: &Vec<usize>| rows.iter().map(|row| events.ts[*row]).max();
    let start = |rows: &Vec<usize>| rows.iter().map(|row| events.ts[*row]).min();
    matches(pattern, events, bounds).into_iter().min_by_key(|rows| (end(rows), start(rows), rows.clone()))
}

/// Every match: the rows of its events, one per positive step.
pub fn matches(pattern: &Pattern, events: Events<'_>, bounds: Bounds) -> Vec<Vec<usize>> {
    let positive_steps: Vec<usize> =
        (0..pattern.steps().len()).filter(|step| !pattern.steps()[*step].negative).collect();
    let mut picked = vec![Vec::new()];
    for step in &positive_steps {
        let in_window = |row: &usize| {
            let ts = events.ts[*row];
            bounds.from <= ts && ts < bounds.to && ts < bounds.at
        };
        let candidates: Vec<usize> =
            (0..events.len()).filter(in_window).filter(|row| is(events, *row, *step)).collect();
        let extend = |rows: &Vec<usize>| {
            let others = candidates.iter().filter(|row| !rows.contains(row));
            others.map(|row| rows.iter().copied().chain([*row]).collect()).collect::<Vec<_>>()
        };
        picked = picked.iter().flat_map(extend).collect();
    }
    picked.retain(|rows| {
        in_scope(pattern, events, rows)
            && in_order(pattern, events, rows, &positive_steps)
            && unbroken(pattern, events, bounds, rows, &positive_steps)
    });
    picked
}

fn is(events: Events<'_>, row: usize, step: usize) -> bool {
    events.matches[row] >> step & 1 == 1
}

fn in_scope(pattern: &Pattern, events: Events<'_>, rows: &[usize]) -> bool {
    let instants = || rows.iter().map(|row| i128::from(events.ts[*row]));
    match pattern.scope() {
        Scope::Entity => true,
        Scope::Session => {
            let session = events.session[rows[0]];
            session != NO_SESSION && rows.iter().all(|row| events.session[*row] == session)
        }
        Scope::Within(span_us) => {
            let (first, last) = (instants().min(), instants().max());
            last.zip(first).is_some_and(|(last, first)| last - first <= i128::from(span_us))
        }
    }
}

fn in_order(pattern: &Pattern, events: Events<'_>, rows: &[usize], positive_steps: &[usize]) -> bool {
    if pattern.order() == Order::Any {
        return true;
    }
    rows.windows(2).zip(&positive_steps[1..]).all(|(pair, step)| {
        let (earlier, later) = (i128::from(events.ts[pair[0]]), i128::from(events.ts[pair[1]]));
        let within_us = pattern.steps()[*step].within_us;
        earlier <= later && within_us.is_none_or(|within_us| later - earlier <= i128::from(within_us))
    })
}

fn unbroken(
    pattern: &Pattern,
    events: Events<'_>,
    bounds: Bounds,
    rows: &[usize],
    positive_steps: &[usize],
) -> bool {
    let negatives = (0..pattern.steps().len()).filter(|step| pattern.steps()[*step].negative);
    negatives.into_iter().all(|step| {
        let before = positive_steps.iter().filter(|positive| **positive < step).count() - 1;
        let earlier = rows[before];
        let later = rows.get(before + 1).copied();
        let ts = |row: usize| i128::from(events.ts[row]);
        let own_end = pattern.steps()[step].within_us.map(|within_us| ts(earlier) + i128::from(within_us));
        let is_watched = |row: usize| match (later, own_end, pattern.scope()) {
            (Some(later), Some(own_end), _) => ts(row) <= ts(later) && ts(row) <= own_end,
            (Some(later), None, _) => ts(row) <= ts(later),
            (None, Some(own_end), _) => ts(row) <= own_end,
            (None, None, Scope::Session) => true,
            (None, None, Scope::Within(span_us)) => ts(row) <= ts(rows[0]) + i128::from(span_us),
            (None, None, Scope::Entity) => events.ts[row] < bounds.to,
        };
        let breaks = |row: usize| {
            is(events, row, step)
                && row != earlier
                && Some(row) != later
                && events.ts[row] < bounds.at
                && ts(row) >= ts(earlier)
                && is_watched(row)
                && (pattern.scope() != Scope::Session || events.session[row] == events.session[earlier])
        };
        !(0..events.len()).any(breaks)
    })
}

/// The last positive event of a match. Of a set whose last events tie: the one with the smallest session.
fn last(pattern: &Pattern, events: Events<'_>, rows: &[usize]) -> usize {
    match pattern.order() {
        Order::Ordered => rows[rows.len() - 1],
        Order::Any => {
            let latest = |row: &&usize| (-i128::from(events.ts[**row]), events.session[**row]);
            *rows.iter().min_by_key(latest).unwrap_or(&0)
        }
    }
}

fn occurrences(pattern: &Pattern, events: Events<'_>, matches: &[Vec<usize>]) -> usize {
    if matches.iter().any(|rows| rows.len() == 1) {
        return matches.len();
    }
    let mut spans: BTreeMap<Option<u32>, Vec<(i64, i64)>> = BTreeMap::new();
    for rows in matches {
        let apart = (pattern.scope() == Scope::Session).then(|| events.session[rows[0]]);
        let instants = || rows.iter().map(|row| events.ts[*row]);
        let span = instants().min().zip(instants().max());
        spans.entry(apart).or_default().extend(span);
    }
    spans.values().map(|spans| laid(spans, None, &mut BTreeMap::new())).sum()
}

/// The most spans that can be laid one after another, each beginning later than the one before ends.
fn laid(spans: &[(i64, i64)], after: Option<i64>, known: &mut BTreeMap<Option<i64>, usize>) -> usize {
    if let Some(known) = known.get(&after) {
        return *known;
    }
    let mut most = 0;
    for (begin, end) in spans.iter().filter(|(begin, _)| after.is_none_or(|after| *begin > after)) {
        debug_assert!(begin <= end);
        most = most.max(1 + laid(spans, Some(*end), known));
    }
    known.insert(after, most);
    most
}
