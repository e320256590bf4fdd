use proptest::prelude::*;

use crate::oracle::funnel::PlainFunnel;
use crate::*;

/// Events as letters of the steps (`A`, `B`, …) and exclusions (`X`, `Y`), with their instants; `.` matches nothing.
fn rows(steps: usize, events: &str) -> Vec<(i64, u16)> {
    let bit = |letter: char| match letter {
        'A'..='H' => 1u16 << (letter as u8 - b'A'),
        'X'..='Z' => 1u16 << (steps + (letter as u8 - b'X') as usize),
        _ => 0,
    };
    let event = |text: &str| {
        let digits = text.find(|c: char| c.is_ascii_digit()).unwrap();
        (text[digits..].parse().unwrap(), text[..digits].chars().map(bit).sum())
    };
    events.split_whitespace().map(event).collect()
}

fn kernel(plain: &PlainFunnel) -> Funnel {
    Funnel::new(&plain.0).unwrap()
}

#[track_caller]
fn check(plain: &PlainFunnel, events: &str, attempt: &[usize], passes: u64) {
    let (ts, matches): (Vec<i64>, Vec<u16>) = rows(plain.0.steps, events).into_iter().unzip();
    let stream = Stream { ts: &ts, matches: &matches };
    let bounds = Bounds { from: 0, to: 100, at: 100 };
    let (funnel, mut scratch) = (kernel(plain), FunnelScratch::default());
    assert_eq!(funnel.attempt(stream, bounds, &mut scratch), attempt, "attempt: {events}");
    assert_eq!(funnel.passes(plain.0.steps, stream, bounds, &mut scratch), passes, "passes: {events}");
    assert_eq!(plain.attempt(stream, bounds), attempt, "oracle's attempt: {events}");
    assert_eq!(plain.passes(plain.0.steps, stream, bounds), passes, "oracle's passes: {events}");
}

fn plain(
    steps: usize,
    order: FunnelOrder,
    window_us: Option<i64>,
    exclusions: &[(usize, usize)],
) -> PlainFunnel {
    let exclusion =
        |(from_step, to_step): &(usize, usize)| Exclusion { from_step: *from_step, to_step: *to_step };
    let exclusions = exclusions.iter().map(exclusion).collect();
    PlainFunnel(FunnelRules { steps, order, window_us, within_us: Vec::new(), exclusions })
}

#[test]
fn ordered_steps_go_as_far_as_they_can() {
    let three = plain(3, FunnelOrder::Ordered, None, &[]);
    check(&three, "A1 A2 A3 B4 C5 C6", &[0, 3, 4], 1);
    check(&three, "B1 C2", &[], 0);
    check(&three, "C1 B2 A3", &[2], 0);
    check(&three, "A1 B2 C3 A4 B5 C6", &[0, 1, 2], 2);
    check(&three, "C1 B1 A1", &[2, 1, 0], 1);
    let day = plain(3, FunnelOrder::Ordered, Some(5), &[]);
    // A later first event starts a better attempt.
    check(&day, "A1 B4 A5 B6 C8", &[2, 3, 4], 1);
    check(&day, "A1 B2 C6", &[0, 1, 2], 1);
    check(&day, "A1 B2 C7", &[0, 1], 0);
    // The furthest step is what counts, not the first attempt.
    check(&day, "A1 B9 A10 B11", &[2, 3], 0);
    check(&day, "A1 B3 A4 C7 B8 C9", &[2, 4, 5], 1);
}

#[test]
fn any_order_and_strict_order() {
    let any = plain(3, FunnelOrder::Any, None, &[]);
    check(&any, "C1 B2 A3", &[2, 1, 0], 1);
    check(&any, "C1 A3", &[1], 0);
    check(&any, "B1 B2 A3", &[2, 0], 0);
    let strict = plain(3, FunnelOrder::Strict, None, &[]);
    check(&strict, "A1 B2 C3", &[0, 1, 2], 1);
    check(&strict, "A1 .2 B3 C4", &[0], 0);
    check(&strict, "A1 A2 B3 C4 .5", &[1, 2, 3], 1);
    // An event at the instant of a matched one is between them, as with a negative step.
    check(&strict, "A1 .1 B2", &[0], 0);
    check(&strict, "B1 A1 C2", &[1, 0], 0);
    check(&strict, "A1 B2 C3 A4 B5 C6", &[0, 1, 2], 2);
}

#[test]
fn exclusions_spoil_an_attempt_and_not_the_next() {
    let one = plain(3, FunnelOrder::Ordered, None, &[(0, 1)]);
    check(&one, "A1 X2 B3 C4", &[0], 0);
    check(&one, "A1 X2 A3 B4 C5", &[2, 3, 4], 1);
    check(&one, "A1 B2 X3 C4", &[0, 1, 3], 1);
    check(&one, "AX1 BX2 C4", &[0, 1, 2], 1);
    let wide = plain(3, FunnelOrder::Ordered, None, &[(0, 2)]);
    check(&wide, "A1 B2 X3 C4", &[0, 1], 0);
    check(&wide, "A1 BX2 B3 C4", &[0], 0);
    check(&wide, "A1 BX2 A3 B4 C5", &[2, 3, 4], 1);
    check(&wide, "AX1 B2 CX3", &[0, 1, 2], 1);
}

#[test]
fn a_step_has_its_own_time() {
    let mut two = plain(3, FunnelOrder::Ordered, None, &[]);
    two.0.within_us = vec![None, Some(2)];
    check(&two, "A1 B3 C50", &[0, 1, 2], 1);
    check(&two, "A1 B4 C50", &[0], 0);
    check(&two, "A1 B4 A5 B6 C50", &[2, 3, 4], 1);
}

#[test]
fn wrong_funnels_are_refused() {
    let check = |steps, order, window_us, exclusions: &[(usize, usize)], expected: &str| {
        let plain = plain(steps, order, window_us, exclusions);
        let error = Funnel::new(&plain.0).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    };
    check(0, FunnelOrder::Ordered, None, &[], "there are no steps");
    check(usize::MAX, FunnelOrder::Ordered, None, &[], "18446744073709551615 steps");
    check(15, FunnelOrder::Ordered, None, &[(0, 1), (1, 2)], "15 steps and 2 exclusions");
    check(2, FunnelOrder::Ordered, None, &[(0, 2)], "exclusion 0 stands between");
    check(2, FunnelOrder::Ordered, None, &[(1, 1)], "exclusion 0 stands between");
    check(16, FunnelOrder::Strict, None, &[], "16 steps and 0 exclusions");
    check(2, FunnelOrder::Any, None, &[(0, 1)], "steps in any order have no events between");
    check(2, FunnelOrder::Any, Some(-1), &[], "a conversion window of -1");
    let within = |order, within_us: &[Option<i64>], expected: &str| {
        let within_us = within_us.to_vec();
        let error = Funnel::new(&FunnelRules { order, within_us, ..FunnelRules::ordered(2) }).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    };
    within(FunnelOrder::Ordered, &[Some(1)], "the first step has a `within`");
    within(FunnelOrder::Any, &[None, Some(1)], "step 1 has a `within`, which needs an order");
    within(FunnelOrder::Strict, &[None, Some(-1)], "a `within` of -1");
}

#[derive(Clone, Debug)]
struct Case {
    plain: PlainFunnel,
    rows: Vec<(i64, u16)>,
    bounds: Bounds,
}

fn case() -> impl Strategy<Value = Case> {
    let order = prop_oneof![
        2 => Just(FunnelOrder::Ordered),
        1 => Just(FunnelOrder::Strict),
        1 => Just(FunnelOrder::Any)
    ];
    let exclusions = prop::collection::vec((0..4usize, 1..3usize), 0..=2);
    let window = prop_oneof![1 => Just(None), 1 => (0..10i64).prop_map(Some)];
    let within = prop::collection::vec(prop::option::weighted(0.3, 0..8i64), 3);
    let plain = (1..=4usize, order, window, within, exclusions).prop_map(
        |(steps, order, window_us, within_us, wanted)| {
            let ends = wanted.into_iter().map(|(from, length)| (from, from + length));
            let allowed = |(_, to): &(usize, usize)| *to < steps && order != FunnelOrder::Any;
            let mut plain = plain(steps, order, window_us, &ends.filter(allowed).collect::<Vec<_>>());
            if order != FunnelOrder::Any {
                let rest = within_us.into_iter().take(steps - 1);
                plain.0.within_us = std::iter::once(None).chain(rest).collect();
            }
            plain
        },
    );
    (plain, prop_oneof![Just(3i64), Just(10), Just(200)]).prop_flat_map(|(plain, last)| {
        let bits = plain.0.steps + plain.0.exclusions.len();
        let bit = (0..bits).prop_map(|bit| 1u16 << bit);
        let mask = prop_oneof![4 => bit, 1 => 0..1u16 << bits];
        let rows = prop::collection::vec((0..=last, mask), 0..=11);
        let bounds = (
            0..3i64,
            prop_oneof![3 => Just(201i64), 1 => 0..10i64],
            prop_oneof![3 => Just(201i64), 1 => 0..10i64],
        );
        (rows, any::<bool>(), bounds).prop_map(move |(mut rows, laid, (from, to, at))| {
            rows.sort_by_key(|row| row.0);
            let length = rows.len();
            for (at, row) in rows.iter_mut().enumerate().filter(|_| laid) {
                row.1 |= 1 << (at * plain.0.steps / length);
            }
            Case { plain: plain.clone(), rows, bounds: Bounds { from, to, at } }
        })
    })
}

proptest! {
    #[test]
    fn the_kernel_walks_as_the_oracle_walks(Case { plain, rows, bounds } in case()) {
        let (ts, matches): (Vec<i64>, Vec<u16>) = rows.into_iter().unzip();
        let stream = Stream { ts: &ts, matches: &matches };
        let (funnel, mut scratch) = (kernel(&plain), FunnelScratch::default());
        prop_assert_eq!(funnel.attempt(stream, bounds, &mut scratch).to_vec(), plain.attempt(stream, bounds));
        let mut before = u64::MAX;
        for steps in 1..=plain.0.steps {
            let passes = funnel.passes(steps, stream, bounds, &mut scratch);
            prop_assert_eq!(passes, plain.passes(steps, stream, bounds), "{} steps", steps);
            prop_assert!(passes <= before, "counts never grow from one step to the next");
            before = passes;
        }
    }
}
