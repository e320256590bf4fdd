//! Reading every record of the log without changing anything.

use std::path::{Path, PathBuf};

use whodid_model::Event;

use crate::error::StoreError;
use crate::log::LogPosition;
use crate::log::segment::{self, FrameReader, Segment, Step};

/// What the log's files hold.
#[derive(Debug, Default)]
pub(crate) struct LogContents {
    pub(crate) files: usize,
    /// The positions before the first and behind the last event; none without files.
    pub(crate) span: Option<(LogPosition, LogPosition)>,
    /// What is wrong, with the file that it is wrong in.
    pub(crate) damages: Vec<(PathBuf, String)>,
    /// What a crash may leave, and the next start puts right.
    pub(crate) notes: Vec<(PathBuf, String)>,
}

/// Shows every readable event with the position before it to `visit`. A file is read up to its first fault.
pub(crate) fn check(
    dir: &Path,
    mut visit: impl FnMut(LogPosition, &Event),
) -> Result<LogContents, StoreError> {
    let segments = segment::list(dir)?;
    let mut contents = LogContents { files: segments.len(), ..LogContents::default() };
    for (at, segment) in segments.iter().enumerate() {
        let is_last = at + 1 == segments.len();
        if let Some((_, end)) = contents.span
            && end != segment.first
        {
            let detail =
                format!("the file before ends at event {}, this one begins at {}", end.0, segment.first.0);
            contents.damages.push((segment.path.clone(), detail));
        }
        let first = contents.span.map_or(segment.first, |(first, _)| first);
        let end = match contents.read(segment, is_last, &mut visit) {
            Ok(end) => end,
            Err(StoreError::Damaged { path, detail }) => {
                contents.damages.push((path, detail));
                segment.first
            }
            Err(error) => return Err(error),
        };
        contents.span = Some((first, end));
    }
    Ok(contents)
}

impl LogContents {
    /// Answers the position behind the last event that could be read.
    fn read(
        &mut self,
        segment: &Segment,
        is_last: bool,
        visit: &mut impl FnMut(LogPosition, &Event),
    ) -> Result<LogPosition, StoreError> {
        let Some(mut reader) = FrameReader::open(segment)? else {
            let detail = "it has no header: it was being made when the process stopped".to_string();
            if is_last { &mut self.notes } else { &mut self.damages }.push((segment.path.clone(), detail));
            return Ok(segment.first);
        };
        loop {
            let offset = reader.offset();
            match reader.step()? {
                Step::End => return Ok(reader.position()),
                Step::Frame(head, payload) => {
                    let events = head.events(&payload).ok_or_else(|| reader.damaged(offset))?;
                    (head.first.0..).zip(&events).for_each(|(at, event)| visit(LogPosition(at), event));
                }
                Step::Bad(offset) => {
                    let position = reader.position();
                    if !is_last || reader.goes_on_behind(offset)? {
                        return Err(reader.damaged(offset));
                    }
                    let bytes = segment.bytes - offset;
                    let detail = format!("its last {bytes} bytes are no whole record: a write was cut short");
                    self.notes.push((segment.path.clone(), detail));
                    return Ok(position);
                }
            }
        }
    }
}
