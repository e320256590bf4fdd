use proptest::prelude::*;

use crate::*;

/// An event: instant, session, steps that it matches.
type Row = (i64, u32, u16);

#[derive(Clone, Debug)]
struct Case {
    pattern: Pattern,
    rows: Vec<Row>,
    bounds: Bounds,
}

/// Few instants and sessions, so that ties and interleaving are the rule. Events match one or two of the steps; every
/// other case has the positive steps laid through it in order, so that long patterns are met as well.
fn rows(pattern: &Pattern) -> impl Strategy<Value = Vec<Row>> + use<> {
    let steps = pattern.steps().len();
    let positives: Vec<usize> = (0..steps).filter(|step| !pattern.steps()[*step].negative).collect();
    let session = prop_oneof![4 => 0..2u32, 1 => Just(NO_SESSION)];
    let bit = move || (0..steps).prop_map(|step| 1u16 << step);
    let mask = prop_oneof![3 => bit(), 1 => (bit(), bit()).prop_map(|(a, b)| a | b), 1 => 0..1u16 << steps];
    let last = prop_oneof![Just(3i64), Just(8), Just(20)];
    (last, any::<[bool; 2]>()).prop_flat_map(move |(last, [laid, one_session])| {
        let positives = positives.clone();
        let rows = prop::collection::vec((0..=last, session.clone(), mask.clone()), 2..=11);
        rows.prop_map(move |mut rows| {
            rows.sort_by_key(|row| row.0);
            let length = rows.len();
            for (at, row) in rows.iter_mut().enumerate().filter(|_| laid) {
                let step = 1 << positives[at * positives.len() / length];
                row.2 = if at % 3 == 2 { row.2 | step } else { step };
                row.1 = if one_session { 1 } else { row.1 };
            }
            rows
        })
    })
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let within = || prop_oneof![2 => Just(None), 1 => (0..6i64).prop_map(Some)];
    let step = (prop::bool::weighted(0.4), within());
    let steps = prop::collection::vec(step, 0..=4);
    let scope = prop_oneof![Just(Scope::Entity), Just(Scope::Session), (0..10i64).prop_map(Scope::Within)];
    (steps, any::<[bool; 2]>(), scope).prop_map(|(rest, [any_order, bare], scope)| {
        let order = if any_order && bare { Order::Any } else { Order::Ordered };
        let mut steps = vec![StepRule { negative: false, within_us: None }];
        steps.extend(rest.into_iter().map(|(negative, within_us)| StepRule {
            negative: negative && order == Order::Ordered,
            within_us: within_us.filter(|_| !bare),
        }));
        Pattern::new(steps, order, scope).unwrap()
    })
}

fn case() -> impl Strategy<Value = Case> {
    pattern().prop_flat_map(|pattern| {
        let bounds = (
            0..4i64,
            prop_oneof![2 => Just(21i64), 1 => 0..21i64],
            prop_oneof![2 => Just(21i64), 1 => 0..21i64],
        );
        (rows(&pattern), bounds).prop_map(move |(rows, (from, to, at))| Case {
            pattern: pattern.clone(),
            rows,
            bounds: Bounds { from, to, at },
        })
    })
}

fn columns(rows: &[Row]) -> (Vec<i64>, Vec<u32>, Vec<u16>) {
    let (ts, rest): (Vec<i64>, Vec<(u32, u16)>) = rows.iter().map(|row| (row.0, (row.1, row.2))).unzip();
    let (session, matches) = rest.into_iter().unzip();
    (ts, session, matches)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn the_kernel_counts_what_the_oracle_counts(Case { pattern, rows, bounds } in case(), enough in 1..5u64) {
        let (ts, session, matches) = columns(&rows);
        let events = Events { ts: &ts, session: &session, matches: &matches };
        let days = Days::new(vec![2, 5, 9, 10]);
        let mut scratch = Scratch::default();
        for per in [Per::Occurrence, Per::Day(&days), Per::Session] {
            let expected = oracle::count(&pattern, events, bounds, per);
            for enough in [enough, u64::MAX] {
                let counted = count(&pattern, events, bounds, per, enough, &mut scratch);
                prop_assert_eq!(counted, expected.min(enough), "{:?}, {}", per, enough);
            }
        }
    }

    #[test]
    fn the_kernel_finds_the_witness_that_the_oracle_finds(Case { pattern, rows, bounds } in case()) {
        let (ts, session, matches) = columns(&rows);
        let events = Events { ts: &ts, session: &session, matches: &matches };
        prop_assert_eq!(witness(&pattern, events, bounds), oracle::witness(&pattern, events, bounds));
    }

    #[test]
    fn every_occurrence_has_a_witness(Case { pattern, rows, bounds } in case()) {
        let (ts, session, matches) = columns(&rows);
        let events = Events { ts: &ts, session: &session, matches: &matches };
        let found = witnesses(&pattern, events, bounds, usize::MAX);
        prop_assert_eq!(found.len() as u64, oracle::count(&pattern, events, bounds, Per::Occurrence));
        let first = oracle::witness(&pattern, events, bounds);
        prop_assert_eq!(found.first(), first.as_ref());
        let matches = oracle::matches(&pattern, events, bounds);
        prop_assert!(found.iter().all(|rows| matches.contains(rows)));
        prop_assert_eq!(witnesses(&pattern, events, bounds, 1).len(), found.len().min(1));
    }

    #[test]
    fn the_order_of_ties_changes_nothing(Case { pattern, rows, bounds } in case()) {
        let mut turned = rows.clone();
        turned.reverse();
        turned.sort_by_key(|row| row.0);
        let days = Days::new(vec![2, 5, 9, 10]);
        for per in [Per::Occurrence, Per::Day(&days), Per::Session] {
            let [a, b] = [&rows, &turned].map(|rows| {
                let (ts, session, matches) = columns(rows);
                let events = Events { ts: &ts, session: &session, matches: &matches };
                count(&pattern, events, bounds, per, u64::MAX, &mut Scratch::default())
            });
            prop_assert_eq!(a, b);
        }
    }
}
