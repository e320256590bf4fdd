//! What the kernels are handed: the events of one entity, the window, the calendar.

use std::ops::Range;

/// The session code of an event that belongs to no session.
pub const NO_SESSION: u32 = u32::MAX;

/// Events of one entity in order of time, as columns of equal length (the shortest one counts). Distinct rows are
/// distinct events; events that match no step may be left out. The order of rows with equal instants means nothing.
#[derive(Clone, Copy, Debug)]
pub struct Events<'a> {
    /// Microseconds since 1970 (UTC), ascending.
    pub ts: &'a [i64],
    /// A code for the session id that sorts as the ids of this entity's sessions do, or [`NO_SESSION`].
    pub session: &'a [u32],
    /// Bit `i` is set where the event matches step `i`.
    pub matches: &'a [u16],
}

impl<'a> Events<'a> {
    pub fn len(&self) -> usize {
        self.ts.len().min(self.session.len()).min(self.matches.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn slice(self, rows: Range<usize>) -> Events<'a> {
        Events {
            ts: &self.ts[rows.clone()],
            session: &self.session[rows.clone()],
            matches: &self.matches[rows],
        }
    }

    /// The events before `at`, with columns of one length.
    pub(crate) fn before(self, at: i64) -> Events<'a> {
        let len = self.len();
        let end = match self.ts[..len].last() {
            Some(last) if *last >= at => self.ts[..len].partition_point(|ts| *ts < at),
            _ => len,
        };
        self.slice(0..end)
    }

    /// Where the run of equal instants that begins at row `begin` ends.
    pub(crate) fn tie_end(&self, begin: usize) -> usize {
        let ts = self.ts[begin];
        let same = self.ts[begin + 1..].iter().take_while(|other| **other == ts);
        begin + 1 + same.count()
    }
}

/// Events where sessions do not matter, in order of time, as columns of equal length (the shortest one counts). The order
/// of rows with equal instants decides at most which of several equally good rows is named.
#[derive(Clone, Copy, Debug)]
pub struct Stream<'a> {
    /// Microseconds since 1970 (UTC), ascending.
    pub ts: &'a [i64],
    /// What each event matches; whoever takes a stream says what the bits mean.
    pub matches: &'a [u16],
}

/// The instants of one evaluation, in microseconds. Events that are counted lie in `[from, to)`; nothing at or after
/// `at` exists. What lies between `to` and `at` can only break a trailing negative whose bound lies past the window.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub from: i64,
    pub to: i64,
    pub at: i64,
}

/// Calendar days as the sorted instants at which they begin, in microseconds. The caller knows the time zone.
#[derive(Clone, Debug)]
pub struct Days {
    starts_us: Vec<i64>,
}

impl Days {
    pub fn new(mut starts_us: Vec<i64>) -> Days {
        starts_us.sort_unstable();
        starts_us.dedup();
        Days { starts_us }
    }

    /// The position of the day that `ts` lies in; -1 before the first, and the last has no end.
    pub fn day_of(&self, ts: i64) -> i32 {
        self.starts_us.partition_point(|start| *start <= ts) as i32 - 1
    }
}
