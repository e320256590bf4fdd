//! Retention: who came back, period by period after they first came.

use whodid_model::FaultKind;

use crate::events::{Bounds, Stream};

/// Calendar periods that follow one another without a gap. The caller knows the time zone and the week's first day.
#[derive(Clone, Debug)]
pub struct Periods {
    boundaries_us: Vec<i64>,
}

impl Periods {
    /// `n + 1` boundaries in microseconds make `n` periods.
    pub fn new(boundaries_us: Vec<i64>) -> Result<Periods, RetentionError> {
        if let Some(position) = boundaries_us.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(RetentionError::BoundaryOrder { position: position + 1 });
        }
        if boundaries_us.len() < 2 {
            return Err(RetentionError::NoPeriods);
        }
        Ok(Periods { boundaries_us })
    }

    pub fn count(&self) -> usize {
        self.boundaries_us.len() - 1
    }

    /// One more than there are periods.
    pub fn boundaries_us(&self) -> &[i64] {
        &self.boundaries_us
    }

    /// Begin and end of a period, in microseconds.
    pub fn range(&self, period: usize) -> (i64, i64) {
        (self.boundaries_us[period], self.boundaries_us[period + 1])
    }

    /// The period that an instant lies in; their number for what lies after the last. `None` before the first.
    fn of(&self, ts: i64) -> Option<usize> {
        self.boundaries_us.partition_point(|begin| *begin <= ts).checked_sub(1)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetentionError {
    #[error("there are no periods; give at least two boundaries")]
    NoPeriods,
    #[error("boundary {position} does not lie after the one before; give them in ascending order, each once")]
    BoundaryOrder { position: usize },
}

impl RetentionError {
    pub fn kind(&self) -> FaultKind {
        FaultKind::Invalid
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returning {
    /// Did it in that period.
    On,
    /// Did it in that period or a later one.
    OnOrAfter,
}

/// What is asked. In its streams bit 0 says that the event makes an entity join a cohort, bit 1 that it is a return.
#[derive(Clone, Debug)]
pub struct Retention {
    /// An entity joins the cohort of the period in which its first cohort event lies.
    pub cohorts: Periods,
    /// For each cohort the periods in which it may return. The first of them begins where the cohort's period does.
    pub returns: Vec<Periods>,
    pub returning: Returning,
    /// Both criteria are the same: everybody has returned in period 0.
    pub same_criteria: bool,
}

/// One entity's part in the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The period of its cohort.
    pub cohort: usize,
    /// The row of the event that made it join: the first of those that tie.
    pub row: usize,
    /// Whether it returned, by the number of periods after the cohort's.
    pub returned: Vec<bool>,
}

impl Retention {
    /// Returns are told apart by the same periods as cohorts are.
    pub fn aligned(periods: Periods, returning: Returning, same_criteria: bool) -> Retention {
        let since = |cohort: usize| Periods { boundaries_us: periods.boundaries_us[cohort..].to_vec() };
        let returns = (0..periods.count()).map(since).collect();
        Retention { cohorts: periods, returns, returning, same_criteria }
    }

    /// The cohort of an entity is the period of its first cohort event in `[from, to)`. Returns count until `at`; those
    /// in the cohort's own period only when they come after (at or after, and by another event than) that event.
    pub fn member(&self, stream: Stream<'_>, bounds: Bounds) -> Option<Member> {
        let length = stream.ts.len().min(stream.matches.len());
        let (ts, matches) = (&stream.ts[..length], &stream.matches[..length]);
        let until = bounds.to.min(bounds.at);
        let joins = |row: &usize| matches[*row] & 1 != 0 && ts[*row] < until;
        let row = (ts.partition_point(|ts| *ts < bounds.from)..length).find(joins)?;
        let cohort = self.cohorts.of(ts[row]).filter(|period| *period < self.cohorts.count())?;
        let returns = self.returns.get(cohort)?;
        let mut returned = vec![false; returns.count()];
        returned[0] = self.same_criteria;

        // Any of several cohort events at one instant may be the one that came first.
        let begin = ts.partition_point(|other| *other < ts[row]);
        let tied = (begin..length).take_while(|other| ts[*other] == ts[row]);
        let joining = tied.filter(|other| matches[*other] & 1 != 0).count();
        let is_return = |other: usize| {
            let is_other = ts[other] > ts[row] || matches[other] & 1 == 0 || joining > 1;
            matches[other] & 2 != 0 && ts[other] < bounds.at && is_other
        };
        for other in (begin..length).filter(|other| is_return(*other)) {
            let offset = returns.of(ts[other]).unwrap_or(0);
            match self.returning {
                Returning::OnOrAfter => returned.iter_mut().take(offset + 1).for_each(|cell| *cell = true),
                Returning::On => returned.iter_mut().skip(offset).take(1).for_each(|cell| *cell = true),
            }
        }
        Some(Member { cohort, row, returned })
    }
}

/// How many of each cohort returned after how many periods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Per cohort its size, and per offset how many returned.
    cohorts: Vec<(u64, Vec<u64>)>,
}

impl Grid {
    pub fn new(retention: &Retention) -> Grid {
        let cohort = |returns: &Periods| (0, vec![0; returns.count()]);
        Grid { cohorts: retention.returns.iter().map(cohort).collect() }
    }

    /// A member of another set of periods is left out.
    pub fn add(&mut self, member: &Member) {
        let offsets = member.returned.iter().enumerate().filter(|(_, returned)| **returned);
        self.add_returns(member.cohort, offsets.map(|(offset, _)| offset));
    }

    /// An entity of a cohort by the offsets at which it returned.
    pub fn add_returns(&mut self, cohort: usize, offsets: impl Iterator<Item = usize>) {
        let Some((size, cells)) = self.cohorts.get_mut(cohort) else { return };
        *size += 1;
        for offset in offsets {
            if let Some(cell) = cells.get_mut(offset) {
                *cell += 1;
            }
        }
    }

    /// Adds what another grid over the same periods counted.
    pub fn merge(&mut self, other: &Grid) {
        for ((size, cells), (other_size, other_cells)) in self.cohorts.iter_mut().zip(&other.cohorts) {
            *size += other_size;
            for (cell, other) in cells.iter_mut().zip(other_cells) {
                *cell += other;
            }
        }
    }

    /// Rates and their averages at the evaluation instant `at`. Cells of periods that begin at or after it are left out.
    pub fn table(&self, retention: &Retention, at: i64) -> RetentionTable {
        let cohort = |(cohort, (size, returned)): (usize, &(u64, Vec<u64>))| {
            let returns = &retention.returns[cohort];
            let begun = |offset: &usize| returns.range(*offset).0 < at;
            let cell = |offset: usize| {
                let (start_us, end_us) = returns.range(offset);
                let (returned, partial) = (returned[offset], end_us > at);
                RetentionCell { start_us, end_us, returned, rate: rate(returned, *size), partial }
            };
            let offsets = 0..returned.len().min(returns.count());
            let (start_us, end_us) = retention.cohorts.range(cohort);
            RetentionCohort {
                start_us,
                end_us,
                size: *size,
                cells: offsets.take_while(begun).map(cell).collect(),
            }
        };
        let known = self.cohorts.iter().take(retention.returns.len()).enumerate();
        let cohorts: Vec<RetentionCohort> = known.map(cohort).filter(|cohort| cohort.start_us < at).collect();
        let longest = cohorts.iter().map(|cohort| cohort.cells.len()).max().unwrap_or(0);
        let average = (0..longest).map(|offset| average(&cohorts, offset, false)).collect();
        RetentionTable { average, cohorts }
    }
}

/// Σ(rate × size) / Σ size at one offset, over the cohorts whose cell is complete, or over those where it is not.
pub fn average(cohorts: &[RetentionCohort], offset: usize, partial: bool) -> Option<f64> {
    let cells = cohorts.iter().filter_map(|cohort| Some((cohort.size, cohort.cells.get(offset)?)));
    let chosen = cells.filter(|(_, cell)| cell.partial == partial);
    let (returned, size) =
        chosen.fold((0, 0), |(returned, sizes), (size, cell)| (returned + cell.returned, sizes + size));
    rate(returned, size)
}

/// `None` of nobody: there is no rate, not a rate of 0.
fn rate(returned: u64, size: u64) -> Option<f64> {
    (size > 0).then(|| returned as f64 / size as f64)
}

#[derive(Clone, Debug, PartialEq)]
pub struct RetentionTable {
    pub cohorts: Vec<RetentionCohort>,
    /// Per offset Σ(rate × size) / Σ size over the cohorts whose cell is complete; `None` where there are none.
    pub average: Vec<Option<f64>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RetentionCohort {
    pub start_us: i64,
    pub end_us: i64,
    pub size: u64,
    /// By the number of periods after the cohort's own.
    pub cells: Vec<RetentionCell>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetentionCell {
    pub start_us: i64,
    pub end_us: i64,
    pub returned: u64,
    /// From 0 to 1. `None` in an empty cohort.
    pub rate: Option<f64>,
    /// The period has not ended yet.
    pub partial: bool,
}
