//! Retention by brute force: each cell of one entity as it is defined.

use crate::events::{Bounds, Stream};
use crate::retention::Returning;

/// The cohort's period, and for each of its periods whether the entity returned. `returns_us` has boundaries for each
/// cohort.
pub fn member(
    boundaries_us: &[i64],
    returns_us: &[Vec<i64>],
    returning: Returning,
    same_criteria: bool,
    stream: Stream<'_>,
    bounds: Bounds,
) -> Option<(usize, Vec<bool>)> {
    let rows = || (0..stream.ts.len()).filter(|row| stream.ts[*row] < bounds.at);
    let is_cohort = |row: usize| stream.matches[row] & 1 != 0;
    let is_return = |row: usize| stream.matches[row] & 2 != 0;
    let in_window = |row: &usize| bounds.from <= stream.ts[*row] && stream.ts[*row] < bounds.to;
    let first_ts = rows().filter(in_window).filter(|row| is_cohort(*row)).map(|row| stream.ts[row]).min()?;
    let between = |boundaries_us: &[i64]| boundaries_us.windows(2).map(|pair| (pair[0], pair[1])).collect();
    let cohorts: Vec<(i64, i64)> = between(boundaries_us);
    let cohort = cohorts.iter().position(|(begin, end)| (*begin..*end).contains(&first_ts))?;
    let periods: Vec<(i64, i64)> = between(&returns_us[cohort]);

    let comes_after = |row: usize| {
        let mut firsts = rows().filter(|first| is_cohort(*first) && stream.ts[*first] == first_ts);
        stream.ts[row] >= first_ts && firsts.any(|first| first != row)
    };
    let returned = |period: usize| {
        let (begin, end) = periods[period];
        let is_in = |row: &usize| match returning {
            Returning::On => (begin..end).contains(&stream.ts[*row]),
            Returning::OnOrAfter => begin <= stream.ts[*row],
        };
        let mut returns = rows().filter(|row| is_return(*row) && comes_after(*row)).filter(is_in);
        (period == 0 && same_criteria) || returns.next().is_some()
    };
    Some((cohort, (0..periods.len()).map(returned).collect()))
}
