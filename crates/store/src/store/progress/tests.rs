use proptest::prelude::*;

use super::*;

/// An append on its way: begun, then logged, then over.
struct Append {
    before: LogPosition,
    logged: Option<(LogPosition, u64)>,
}

#[derive(Clone, Debug)]
enum Step {
    Begin,
    Log { which: usize, events: u64 },
    End { which: usize },
    Vanish { which: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Begin),
        3 => (any::<usize>(), 1..4u64).prop_map(|(which, events)| Step::Log { which, events }),
        3 => any::<usize>().prop_map(|which| Step::End { which }),
        1 => any::<usize>().prop_map(|which| Step::Vanish { which }),
    ]
}

proptest! {
    /// Whatever the order, nothing counts as reflected that was logged and not applied; at rest everything does.
    #[test]
    fn nothing_counts_before_it_is_applied(
        from in 0..3u64,
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut end = LogPosition(from);
        let mut progress = Progress::new(end, 0);
        let mut under_way: Vec<Append> = Vec::new();
        let mut vanished: Option<LogPosition> = None;
        let mut applied_events = from;
        for step in steps {
            match step {
                Step::Begin => {
                    progress.begin(end);
                    under_way.push(Append { before: end, logged: None });
                }
                _ if under_way.is_empty() => {}
                Step::Log { which, events } => {
                    let at = which % under_way.len();
                    if under_way[at].logged.is_none() {
                        end = LogPosition(end.0 + events);
                        under_way[at].logged = Some((end, events));
                    }
                }
                Step::End { which } => {
                    let append = under_way.swap_remove(which % under_way.len());
                    applied_events += append.logged.map_or(0, |(_, events)| events);
                    progress.end(append.before, append.logged);
                }
                Step::Vanish { which } => {
                    let append = under_way.swap_remove(which % under_way.len());
                    if let Some((position, events)) = append.logged {
                        let first = LogPosition(position.0 - events);
                        vanished = Some(vanished.map_or(first, |other| other.min(first)));
                    } else {
                        progress.end(append.before, None);
                    }
                }
            }
            let waiting = under_way.iter().filter_map(|append| append.logged);
            let waiting = waiting.map(|(position, events)| LogPosition(position.0 - events)).chain(vanished).min();
            prop_assert!(progress.reflected() <= waiting.unwrap_or(end));
            prop_assert_eq!(progress.watermark(), applied_events);
        }
        for append in under_way {
            progress.end(append.before, append.logged);
        }
        if vanished.is_none() {
            prop_assert_eq!(progress.reflected(), end);
            prop_assert_eq!(progress.watermark(), end.0);
        }
    }
}
