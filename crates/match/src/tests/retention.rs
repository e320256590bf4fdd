use proptest::prelude::*;

use crate::*;

/// Events: `C` makes join, `R` is a return, with their instants.
fn stream(events: &str) -> (Vec<i64>, Vec<u16>) {
    let event = |text: &str| {
        let digits = text.find(|c: char| c.is_ascii_digit()).unwrap();
        let bit = |letter: char, bit: u16| if text.contains(letter) { bit } else { 0 };
        (text[digits..].parse::<i64>().unwrap(), bit('C', 1) | bit('R', 2))
    };
    events.split_whitespace().map(event).unzip()
}

fn retention(returning: Returning, same_criteria: bool) -> Retention {
    Retention::aligned(Periods::new(vec![0, 10, 20, 30, 40]).unwrap(), returning, same_criteria)
}

#[test]
fn returns_fall_in_periods_after_the_first_event() {
    let bounds = Bounds { from: 0, to: 20, at: 45 };
    let check = |retention: &Retention, events: &str, expected: Option<(usize, &str)>| {
        let (ts, matches) = stream(events);
        let member = retention.member(Stream { ts: &ts, matches: &matches }, bounds);
        let cells = |member: Member| {
            let cells = member.returned.iter().map(|cell| if *cell { 'x' } else { '.' }).collect::<String>();
            (member.cohort, cells)
        };
        assert_eq!(
            member.map(cells),
            expected.map(|(cohort, cells)| (cohort, cells.to_string())),
            "{events}"
        );
    };
    let on = retention(Returning::On, false);
    check(&on, "C1 R2 R25", Some((0, "x.x.")));
    // Before the cohort event, or by the same event, is no return.
    check(&on, "R1 C2", Some((0, "....")));
    check(&on, "CR2", Some((0, "....")));
    check(&on, "R2 C2", Some((0, "x...")));
    check(&on, "CR2 C2", Some((0, "x...")));
    // The first cohort event in the window.
    check(&on, "C12 C13 R31", Some((1, "..x")));
    check(&on, "C21 R31", None);
    check(&on, "R5", None);
    // Nothing at or after the evaluation instant, and no period after the last.
    check(&on, "C1 R42 R46", Some((0, "....")));
    let after = retention(Returning::OnOrAfter, false);
    check(&after, "C1 R25", Some((0, "xxx.")));
    check(&after, "C1 R42", Some((0, "xxxx")));
    check(&after, "C1 R46", Some((0, "....")));
    let same = retention(Returning::On, true);
    check(&same, "CR1 CR31", Some((0, "x..x")));
}

#[test]
fn the_grid_averages_what_is_complete() {
    let retention = retention(Returning::On, true);
    let bounds = Bounds { from: 0, to: 40, at: 25 };
    let mut grid = Grid::new(&retention);
    for events in ["CR1 CR12", "CR1", "CR2 CR13", "CR3 CR21", "CR11 CR22", "CR31"] {
        let (ts, matches) = stream(events);
        if let Some(member) = retention.member(Stream { ts: &ts, matches: &matches }, bounds) {
            grid.add(&member);
        }
    }
    let table = grid.table(&retention, bounds.at);
    let sizes: Vec<u64> = table.cohorts.iter().map(|cohort| cohort.size).collect();
    assert_eq!(sizes, [4, 1, 0]);
    let cells = |cohort: usize| {
        table.cohorts[cohort]
            .cells
            .iter()
            .map(|cell| (cell.returned, cell.rate, cell.partial))
            .collect::<Vec<_>>()
    };
    assert_eq!(cells(0), [(4, Some(1.0), false), (2, Some(0.5), false), (1, Some(0.25), true)]);
    assert_eq!(cells(1), [(1, Some(1.0), false), (1, Some(1.0), true)]);
    assert_eq!(cells(2), [(0, None, true)]);
    assert_eq!(table.average, [Some(1.0), Some(0.5), None]);
    let mut twice = grid.clone();
    twice.merge(&grid);
    assert_eq!(twice.table(&retention, bounds.at).average, table.average);
    assert_eq!(twice.table(&retention, bounds.at).cohorts[0].size, 8);
}

#[test]
fn wrong_periods_are_refused() {
    assert_eq!(Periods::new(vec![]).unwrap_err(), RetentionError::NoPeriods);
    assert_eq!(Periods::new(vec![1]).unwrap_err(), RetentionError::NoPeriods);
    assert_eq!(Periods::new(vec![1, 2, 2]).unwrap_err(), RetentionError::BoundaryOrder { position: 2 });
}

proptest! {
    #[test]
    fn the_kernel_returns_as_the_oracle_returns(
        mut rows in prop::collection::vec((-2..16i64, 0..4u16), 0..8),
        (from, to, at) in (-2..8i64, 0..18i64, 0..18i64),
        (after, same_criteria, aligned) in any::<(bool, bool, bool)>(),
    ) {
        rows.sort_by_key(|row| row.0);
        let (ts, matches): (Vec<i64>, Vec<u16>) = rows.into_iter().unzip();
        let stream = Stream { ts: &ts, matches: &matches };
        let bounds = Bounds { from, to, at };
        let boundaries = vec![0, 2, 5, 9, 12];
        let returning = if after { Returning::OnOrAfter } else { Returning::On };
        let periods = |boundaries: &Vec<i64>| Periods::new(boundaries.clone()).unwrap();
        let mut retention = Retention::aligned(periods(&boundaries), returning, same_criteria);
        let mut returns: Vec<Vec<i64>> = (0..4).map(|cohort| boundaries[cohort..].to_vec()).collect();
        if !aligned {
            returns = boundaries[..4].iter().map(|begin| vec![*begin, begin + 1, begin + 4, begin + 6]).collect();
            retention.returns = returns.iter().map(periods).collect();
        }
        let expected =
            oracle::retention::member(&boundaries, &returns, returning, same_criteria, stream, bounds);
        let member = retention.member(stream, bounds);
        prop_assert_eq!(member.map(|member| (member.cohort, member.returned)), expected);
    }
}
