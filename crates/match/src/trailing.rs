//! Negative steps after the last positive one: is there such an event later on?

use crate::events::Events;
use crate::pattern::{Trailing, Until};

/// For each trailing step the row up to which its next event has been looked for. Rows only move forward, so that a
/// walk through the events costs one look at each.
#[derive(Debug, Default)]
pub(crate) struct Lookahead {
    next: Vec<usize>,
}

impl Lookahead {
    pub(crate) fn rewind(&mut self, trailing: &[Trailing]) {
        self.next.clear();
        self.next.resize(trailing.len(), 0);
    }

    /// Whether no event from row `rest` on breaks a match whose last event is at `t`, the rows of `t` being those
    /// just before `rest`. [`Until::AfterFirst`] depends on the start and is not judged here.
    pub(crate) fn is_clear(
        &mut self,
        trailing: &[Trailing],
        events: Events<'_>,
        rest: usize,
        t: i64,
        to: i64,
    ) -> bool {
        trailing.iter().zip(&mut self.next).all(|(trailing, next)| {
            let until = match trailing.until {
                Until::AfterLast(within_us) => t.saturating_add(within_us),
                Until::EndOfSession => i64::MAX,
                Until::EndOfWindow => to.saturating_sub(1),
                Until::AfterFirst(_) => return true,
            };
            let from = rest.max(*next);
            let found = events.matches[from..].iter().position(|matches| matches & trailing.bit != 0);
            *next = found.map_or(events.len(), |ahead| from + ahead);
            events.ts.get(*next).is_none_or(|ts| *ts > until)
        })
    }
}
