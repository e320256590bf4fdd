//! Examples worked out by hand. Steps are letters, `!` before a negative one, `<n` after one with a `within`. Events
//! are the letters of the steps they match, their instant, and `:` with their session where they have one.

use crate::Order::{Any, Ordered};
use crate::Scope::{Entity, Session, Within};
use crate::*;

fn pattern(steps: &str, order: Order, scope: Scope) -> Pattern {
    let rule = |step: &str| StepRule {
        negative: step.starts_with('!'),
        within_us: step.split_once('<').map(|(_, within)| within.parse().unwrap()),
    };
    Pattern::new(steps.split_whitespace().map(rule).collect(), order, scope).unwrap()
}

fn rows(steps: &str, events: &str) -> Vec<(i64, u32, u16)> {
    let letters: Vec<char> =
        steps.split_whitespace().map(|s| s.trim_start_matches('!').chars().next().unwrap()).collect();
    let event = |text: &str| {
        let (what, session) = match text.split_once(':') {
            Some((what, session)) => (what, session.parse().unwrap()),
            None => (text, NO_SESSION),
        };
        let digits = what.find(|c: char| c.is_ascii_digit()).unwrap();
        let is = |letter: &char| what[..digits].contains(*letter);
        let bits = (0..letters.len()).filter(|step| is(&letters[*step])).map(|step| 1u16 << step).sum();
        (what[digits..].parse().unwrap(), session, bits)
    };
    events.split_whitespace().map(event).collect()
}

/// Everything happens in `[0, 100)`, of which nothing lies at or after 100.
const ALL: Bounds = Bounds { from: 0, to: 100, at: 100 };

#[track_caller]
fn check_per(
    steps: &str,
    order: Order,
    scope: Scope,
    bounds: Bounds,
    per: Per<'_>,
    events: &str,
    expected: u64,
) {
    let pattern = pattern(steps, order, scope);
    let rows = rows(steps, events);
    let ts: Vec<i64> = rows.iter().map(|row| row.0).collect();
    let session: Vec<u32> = rows.iter().map(|row| row.1).collect();
    let matches: Vec<u16> = rows.iter().map(|row| row.2).collect();
    let handed = Events { ts: &ts, session: &session, matches: &matches };
    let counted = count(&pattern, handed, bounds, per, u64::MAX, &mut Scratch::default());
    assert_eq!(counted, expected, "kernel: {steps} in {events}");
    assert_eq!(oracle::count(&pattern, handed, bounds, per), expected, "oracle: {steps} in {events}");
}

#[track_caller]
fn check(steps: &str, order: Order, scope: Scope, events: &str, expected: u64) {
    check_per(steps, order, scope, ALL, Per::Occurrence, events, expected);
}

#[test]
fn one_step_counts_every_event() {
    check("A", Ordered, Entity, "", 0);
    check("A", Ordered, Entity, "A1 A1 A1 A5", 4);
    check("A", Any, Entity, "A1 A1", 2);
    check("A", Any, Within(0), "A1 A1", 2);
    // In a session lies only what has one.
    check("A", Ordered, Session, "A1:1 A2 A3:2", 2);
    for (from, to, at, expected) in
        [(1, 3, 9, 2), (0, 1, 9, 0), (3, 3, 9, 0), (5, 2, 9, 0), (0, 9, 2, 1), (0, 9, 0, 0)]
    {
        check_per("A", Ordered, Entity, Bounds { from, to, at }, Per::Occurrence, "A1 A2 A3", expected);
    }
}

#[test]
fn matches_are_laid_one_after_another() {
    check("A B C", Ordered, Entity, "A1 A2 A3 B4 C5 C6", 1);
    check("A B", Ordered, Entity, "A1 B2 A3 B4", 2);
    check("A B", Ordered, Entity, "A1 A2 B3 B4", 1);
    // The next begins strictly later than the end of the one before.
    check("A B", Ordered, Entity, "A1 B2 A2 B3", 1);
    check("A A", Ordered, Entity, "A1 A2 A3 A4", 2);
    check("A A", Ordered, Entity, "A1 A2 A3", 1);
}

#[test]
fn ties_match_in_either_order() {
    check("A B", Ordered, Entity, "B5 A5", 1);
    check("A B", Ordered, Entity, "AB5", 0);
    check("A B", Ordered, Entity, "AB5 AB5", 1);
    check("A A", Ordered, Entity, "A5 A5 A5 A5", 1);
    check("A B C", Ordered, Entity, "C5 AB5 BC5", 1);
    check("A B C", Ordered, Entity, "A5 BC5 A5", 0);
    check("A B C", Ordered, Entity, "A1 C2 B2", 1);
}

#[test]
fn negatives_between_break() {
    check("A !N B", Ordered, Entity, "A1 B2", 1);
    check("A !N B", Ordered, Entity, "A1 N2 B3", 0);
    check("A !N B", Ordered, Entity, "A1 N2 A3 B4", 1);
    check("A !N B", Ordered, Entity, "N1 A2 B3 N4", 1);
    // At the instant of either event.
    check("A !N B", Ordered, Entity, "A1 N1 B3", 0);
    check("A !N B", Ordered, Entity, "A1 N3 B3", 0);
    // The two events themselves do not break it.
    check("A !N B", Ordered, Entity, "AN1 BN3", 1);
    check("A !N B", Ordered, Entity, "AN1 AN1 B3", 0);
    // An event that another step used does.
    check("A B !N C", Ordered, Entity, "AN1 B1 C2", 0);
    check("A B !N C", Ordered, Entity, "AN1 B2 C3", 1);
    // The negative step's own bound is inclusive and cut at the later event.
    check("A !N<2 B", Ordered, Entity, "A1 N3 B9", 0);
    check("A !N<2 B", Ordered, Entity, "A1 N4 B9", 1);
    check("A !N<9 B", Ordered, Entity, "A1 B3 N4", 1);
    // An older start can survive what ends a newer one.
    check("A !N<2 B", Ordered, Entity, "A1 A5 N6 B9", 1);
    check("A !N<2 B", Ordered, Within(3), "A1 A5 N6 B7", 0);
    check("A !N !M B", Ordered, Entity, "A1 NM1 B2", 0);
    check("A !N !M B", Ordered, Entity, "AN1 M1 B2", 0);
    check("A !N !M B", Ordered, Entity, "AN1 BM1", 1);
}

#[test]
fn trailing_negatives_have_four_bounds() {
    // Its own.
    check("A !N<5", Ordered, Entity, "A1 N6", 0);
    check("A !N<5", Ordered, Entity, "A1 N7", 1);
    // The end of the session.
    check("A !N", Ordered, Session, "A1:1 N50:1", 0);
    check("A !N", Ordered, Session, "A1:1 N50:2 N60", 1);
    // The first event + D.
    check("A B !N", Ordered, Within(5), "A1 B4 N6", 0);
    check("A B !N", Ordered, Within(5), "A1 B4 N7", 1);
    check("A B !N", Ordered, Within(5), "A1 A3 B4 N7", 1);
    check("A !N", Ordered, Within(5), "A1 N6", 0);
    // The end of the window, which is exclusive.
    let window = Bounds { from: 0, to: 10, at: 100 };
    check_per("A !N", Ordered, Entity, window, Per::Occurrence, "A1 N9", 0);
    check_per("A !N", Ordered, Entity, window, Per::Occurrence, "A1 N10", 1);
    // The bound may lie past the window, never past the evaluation instant.
    check_per("A !N<5", Ordered, Entity, window, Per::Occurrence, "A9 N13", 0);
    let early = Bounds { from: 0, to: 10, at: 13 };
    check_per("A !N<5", Ordered, Entity, early, Per::Occurrence, "A9 N13", 1);
    // At the instant of the last event.
    check("A !N", Ordered, Entity, "A1 N1", 0);
    check("A !N", Ordered, Entity, "AN1", 1);
    check("A !N", Ordered, Entity, "AN1 AN1", 0);
    check("A B !N", Ordered, Entity, "AN1 B1", 0);
    // Each match is judged against all events.
    check("A B !N<3", Ordered, Entity, "A1 B2 N3 A4 B5", 1);
}

#[test]
fn steps_and_matches_may_be_bounded() {
    check("A B<3", Ordered, Entity, "A1 B4", 1);
    check("A B<3", Ordered, Entity, "A1 B5", 0);
    check("A B<3 C<3", Ordered, Entity, "A1 B4 C7", 1);
    // The newest event is not always the one to go on from.
    check("A B<2 C<9", Ordered, Within(6), "A1 B2 A6 C7", 1);
    // Of two events at one instant, the one that has the older start is the one that leaves the other to step C.
    check("A !N<2 B C", Ordered, Within(20), "A1 A10 B12 BNC12", 1);
    check("A B", Ordered, Within(3), "A1 B4", 1);
    check("A B", Ordered, Within(3), "A1 B5 A6 B7", 1);
    check("A B", Ordered, Within(0), "A1 B1", 1);
    check("A B", Ordered, Entity, "A1:1 B2:2", 1);
    check("A B", Ordered, Session, "A1:1 B2:2", 0);
    check("A B", Ordered, Session, "A1:1 A2:2 B3:1 B4:2", 2);
    check("A B", Ordered, Session, "A1 B2", 0);
    check("A !N B", Ordered, Session, "A1:1 N2:2 N2 B3:1", 1);
}

#[test]
fn any_order_takes_a_set() {
    check("A B", Any, Entity, "B1 A2", 1);
    check("A B", Any, Entity, "AB1", 0);
    check("A B", Any, Entity, "AB1 B2", 1);
    check("A A B", Any, Entity, "A1 B2 A3 A4 A5 B5", 2);
    check("A B", Any, Within(2), "B1 A4 A5 B6", 1);
    check("A B", Any, Session, "A1:1 B2:2 B3:1", 1);
    // What moved to another step still counts as recent.
    check("A B", Any, Within(3), "A1 AB4 AB6", 1);
}

#[test]
fn days_and_sessions_are_those_of_the_last_event() {
    let days = Days::new(vec![0, 10, 20]);
    let day = |steps, order, scope, events, expected| {
        check_per(steps, order, scope, ALL, Per::Day(&days), events, expected);
    };
    day("A", Ordered, Entity, "A1 A2 A10 A11", 2);
    // Of some match, not only of those laid.
    day("A B", Ordered, Entity, "A1 B2 B12 B25", 3);
    day("A B", Any, Entity, "A1 B2 B12", 2);
    day("A B", Ordered, Session, "A1:1 B2:1 A3:2 B4:2", 1);
    let session = |steps, order, scope, events, expected| {
        check_per(steps, order, scope, ALL, Per::Session, events, expected);
    };
    session("A", Ordered, Entity, "A1:1 A2:1 A3:2 A4", 2);
    session("A B", Ordered, Entity, "A1:1 B2:2 B3:3", 2);
    session("A B", Ordered, Entity, "A1:1 B2", 0);
    // A tie of single events is no tie within a match.
    session("A", Ordered, Entity, "A1:1 A1:2", 2);
    // The last step's event is the last one, also where it ties with the one before.
    session("A B", Ordered, Entity, "A1:1 B1:2", 1);
    // A set has no last step: of its last events the smaller session counts.
    session("A B", Any, Entity, "A1:1 B1:2", 1);
    session("A B", Any, Entity, "A1 B1:2", 1);
    session("A B", Any, Entity, "A0 B1:2 A1:1", 2);
    // However many events share an instant, each that can be last counts.
    session("A B C", Ordered, Entity, "A1 A1 A1 B1 B1 B1 C1:1 C1:1 C1:1 AC1:2 BC1:3", 3);
}

#[test]
fn the_witness_ends_first_and_starts_first() {
    let check = |steps: &str, order, scope, events: &str, expected: Option<&[usize]>| {
        let pattern = pattern(steps, order, scope);
        let rows = rows(steps, events);
        let ts: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let session: Vec<u32> = rows.iter().map(|row| row.1).collect();
        let matches: Vec<u16> = rows.iter().map(|row| row.2).collect();
        let handed = Events { ts: &ts, session: &session, matches: &matches };
        assert_eq!(witness(&pattern, handed, ALL).as_deref(), expected, "{steps} in {events}");
    };
    check("A B", Ordered, Entity, "A1 A2 B3 B4", Some(&[0, 2]));
    check("A B", Ordered, Entity, "B1 A2", None);
    check("A !N B", Ordered, Entity, "A1 N2 A3 B4", Some(&[2, 3]));
    check("A B C", Ordered, Entity, "A1 A2 A3 B4 C5 C6", Some(&[0, 3, 4]));
    check("A B", Ordered, Session, "A1:2 A2:1 B3:1 B4:2", Some(&[1, 2]));
    check("A B", Any, Entity, "B1 B2 A3", Some(&[2, 0]));
}

#[test]
fn columns_of_unequal_length_and_foreign_bits_do_no_harm() {
    let pattern = pattern("A B", Any, Entity);
    let handed = Events { ts: &[1, 2, 3], session: &[0, 0], matches: &[0b1101, 0b1110, 0b11] };
    assert_eq!(count(&pattern, handed, ALL, Per::Occurrence, 9, &mut Scratch::default()), 1);
}

#[test]
fn wrong_patterns_are_refused() {
    let positive = StepRule { negative: false, within_us: None };
    let negative = StepRule { negative: true, within_us: None };
    let bounded = StepRule { negative: false, within_us: Some(1) };
    let check = |steps: &[StepRule], order, scope, expected: &str| {
        let error = Pattern::new(steps.to_vec(), order, scope).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    };
    check(&[], Ordered, Entity, "there are 0 steps");
    check(&[positive; 17], Ordered, Entity, "there are 17 steps");
    check(&[negative], Ordered, Entity, "the first step is negative");
    check(&[bounded], Ordered, Entity, "the first step has a `within`");
    check(&[positive, negative], Any, Entity, "step 1 is negative");
    check(&[positive, bounded], Any, Entity, "step 1 has a `within`");
    check(
        &[positive, StepRule { negative: false, within_us: Some(-1) }],
        Ordered,
        Entity,
        "a `within` of -1",
    );
    check(&[positive], Ordered, Within(-1), "a `within` of -1");
}
