use proptest::prelude::*;

use super::*;

#[test]
fn months_are_those_of_the_calendar() {
    let rows = [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2000-02-29T12:00:00Z", 361),
        ("2000-03-01T00:00:00Z", 362),
        ("2026-08-31T23:59:59.999999Z", 679),
        ("2026-09-01T00:00:00Z", 680),
        ("2026-12-31T00:00:00Z", 683),
        ("2027-01-01T00:00:00Z", 684),
        ("0001-01-01T00:00:00Z", -12 * 1969),
    ];
    for (text, month) in rows {
        assert_eq!(month_of(Instant::parse(text).unwrap()), month, "{text}");
    }
    assert!(month_of(Instant(i64::MIN)) < month_of(Instant(i64::MAX)));
}

#[test]
fn pieces_end_where_runs_end() {
    let check = |keys: &str, most, expected: &[&str]| {
        let keys = keys.as_bytes();
        let found = pieces(keys, |key| *key, most);
        let found: Vec<&str> =
            found.into_iter().map(|piece| std::str::from_utf8(&keys[piece]).unwrap()).collect();
        assert_eq!(found, expected);
    };
    check("", 3, &[]);
    check("abc", 3, &["abc"]);
    check("aabbc", 3, &["aa", "bbc"]);
    check("abbbc", 3, &["a", "bbb", "c"]);
    check("abbbbbbbc", 3, &["a", "bbb", "bbb", "b", "c"]);
    check("aaaab", 3, &["aaa", "a", "b"]);
}

proptest! {
    #[test]
    fn pieces_hold_everything_in_order(mut keys in prop::collection::vec(0..6u8, 0..60), most in 1..9usize) {
        keys.sort_unstable();
        let pieces = pieces(&keys, |key| *key, most);
        prop_assert!(pieces.iter().all(|piece| !piece.is_empty() && piece.len() <= most));
        let together: Vec<usize> = pieces.iter().cloned().flatten().collect();
        prop_assert_eq!(together, (0..keys.len()).collect::<Vec<_>>());
        for piece in pieces {
            let splits = |at: usize| at > 0 && at < keys.len() && keys[at - 1] == keys[at];
            let whole = !splits(piece.start) && !splits(piece.end);
            prop_assert!(whole || keys[piece.start] == keys[piece.end - 1], "a run that is cut is alone");
        }
    }
}
