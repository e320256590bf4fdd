//! The events of each session by themselves.

use crate::count::Then;
use crate::events::{Events, NO_SESSION};

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    runs: Vec<Run>,
    ts: Vec<i64>,
    session: Vec<u32>,
    matches: Vec<u16>,
}

/// Rows that follow one another and belong to one session.
#[derive(Clone, Copy, Debug)]
struct Run {
    code: u32,
    begin: usize,
    end: usize,
}

impl Sessions {
    /// Calls `visit` with the events of each session, in order of their codes, until it says stop. Events without a
    /// session belong to none. A session that no other interrupts is handed over where it lies.
    pub(super) fn for_each(&mut self, events: Events<'_>, mut visit: impl FnMut(Events<'_>) -> Then) -> Then {
        let Sessions { runs, ts, session, matches } = self;
        runs.clear();
        let mut end = 0;
        for rows in events.session.chunk_by(|a, b| a == b) {
            let begin = end;
            end += rows.len();
            if rows[0] != NO_SESSION {
                runs.push(Run { code: rows[0], begin, end });
            }
        }
        runs.sort_unstable_by_key(|run| (run.code, run.begin));
        for runs in runs.chunk_by(|a, b| a.code == b.code) {
            let then = if let [run] = runs {
                visit(events.slice(run.begin..run.end))
            } else {
                ts.clear();
                session.clear();
                matches.clear();
                for run in runs {
                    let part = events.slice(run.begin..run.end);
                    ts.extend(part.ts);
                    session.extend(part.session);
                    matches.extend(part.matches);
                }
                visit(Events { ts, session, matches })
            };
            if then == Then::Stop {
                return Then::Stop;
            }
        }
        Then::Keep
    }
}
