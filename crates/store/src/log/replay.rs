//! Reading the log back.

use std::collections::VecDeque;

use whodid_model::Event;

use crate::error::StoreError;
use crate::log::LogPosition;
use crate::log::frame::FrameHead;
use crate::log::segment::{FrameReader, Segment, Step};

/// The events behind a position, in order. Stops at the first error.
pub(crate) struct Replay {
    segments: VecDeque<Segment>,
    reader: Option<FrameReader>,
    from: LogPosition,
    /// Where the next file must begin.
    next: LogPosition,
    failed: bool,
}

impl Replay {
    pub(super) fn new(segments: Vec<Segment>, from: LogPosition) -> Replay {
        let mut segments = VecDeque::from(segments);
        while segments.get(1).is_some_and(|next| next.first <= from) {
            segments.pop_front();
        }
        let next = segments.front().map_or(from, |oldest| oldest.first.min(from));
        Replay { segments, reader: None, from, next, failed: false }
    }

    fn next_batch(&mut self) -> Result<Option<(LogPosition, Vec<Event>)>, StoreError> {
        loop {
            let Some(reader) = &mut self.reader else {
                let Some(segment) = self.segments.pop_front() else { return Ok(None) };
                if segment.first != self.next {
                    let (missing, first) = (self.next.0, segment.first.0);
                    let detail = format!(
                        "the events from {missing} up to {first} are gone: an older log file is missing or short"
                    );
                    return Err(StoreError::Damaged { path: segment.path, detail });
                }
                self.reader = FrameReader::open(&segment)?;
                continue;
            };
            let offset = reader.offset();
            match reader.step()? {
                Step::Frame(head, _) if head.end() <= self.from => {}
                Step::Frame(head, payload) => {
                    let batch =
                        events_behind(self.from, head, &payload).ok_or_else(|| reader.damaged(offset))?;
                    return Ok(Some((head.end(), batch)));
                }
                Step::Bad(offset) => return Err(reader.damaged(offset)),
                Step::End => {
                    self.next = reader.position();
                    self.reader = None;
                }
            }
        }
    }
}

fn events_behind(from: LogPosition, head: FrameHead, payload: &[u8]) -> Option<Vec<Event>> {
    let mut events = head.events(payload)?;
    let known = from.0.saturating_sub(head.first.0).min(events.len() as u64);
    events.drain(..known as usize);
    Some(events)
}

impl Iterator for Replay {
    type Item = Result<(LogPosition, Vec<Event>), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let item = self.next_batch().transpose();
        self.failed = matches!(item, Some(Err(_)));
        item
    }
}
