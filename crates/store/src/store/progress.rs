//! Which part of the log the live state reflects.
//!
//! Appends end up in the live state in another order than in the log. Whatever is flushed may therefore say that it
//! covers the log only up to the first append that is in the log and not yet in the live state.

use std::collections::BTreeMap;

use crate::log::LogPosition;

#[derive(Debug)]
pub(super) struct Progress {
    /// Position up to which some append has been applied.
    applied: LogPosition,
    /// For each append under way, a position that lies before its events, wherever they come to lie.
    under_way: BTreeMap<LogPosition, usize>,
    watermark: u64,
}

impl Progress {
    /// Everything below `applied` is reflected, and what was `imported` without the log.
    pub(super) fn new(applied: LogPosition, imported: u64) -> Progress {
        Progress { applied, under_way: BTreeMap::new(), watermark: applied.0 + imported }
    }

    /// An append begins while the log ends at `before`. Until [`Progress::end`] nothing behind that counts as
    /// reflected, also if the append is never heard of again.
    pub(super) fn begin(&mut self, before: LogPosition) {
        *self.under_way.entry(before).or_insert(0) += 1;
    }

    /// The append that began at `before` is over: nothing of it is in the log, or its `events` are in the live state
    /// too.
    pub(super) fn end(&mut self, before: LogPosition, applied: Option<(LogPosition, u64)>) {
        if let Some((position, events)) = applied {
            self.applied = self.applied.max(position);
            self.watermark += events;
        }
        if let Some(count) = self.under_way.get_mut(&before) {
            *count -= 1;
            if *count == 0 {
                self.under_way.remove(&before);
            }
        }
    }

    /// Events that came without the log are shown.
    pub(super) fn imported(&mut self, events: u64) {
        self.watermark += events;
    }

    /// Every event of the log below this position is in the live state.
    pub(super) fn reflected(&self) -> LogPosition {
        self.under_way.keys().next().map_or(self.applied, |before| self.applied.min(*before))
    }

    /// How many acknowledged events the live state has taken, from the first ever logged. Unlike a position it changes
    /// with every append.
    pub(super) fn watermark(&self) -> u64 {
        self.watermark
    }
}

#[cfg(test)]
mod tests;
