//! The files of the log, named by the position they begin at.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::log::LogPosition;
use crate::log::frame::{self, FRAME_BYTES, FrameHead, HEADER_BYTES, Header, HeaderFault};

const SUFFIX: &str = ".log";

#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) first: LogPosition,
    pub(super) bytes: u64,
}

/// The log's files from the oldest to the newest.
pub(super) fn list(dir: &Path) -> Result<Vec<Segment>, StoreError> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| StoreError::io(dir, e))? {
        let entry = entry.map_err(|e| StoreError::io(dir, e))?;
        let name = entry.file_name();
        let first =
            name.to_str().and_then(|name| name.strip_suffix(SUFFIX)).and_then(|digits| digits.parse().ok());
        if let Some(first) = first {
            let bytes = entry.metadata().map_err(|e| StoreError::io(&entry.path(), e))?.len();
            segments.push(Segment { path: entry.path(), first: LogPosition(first), bytes });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

pub(super) fn path(dir: &Path, first: LogPosition) -> PathBuf {
    dir.join(format!("{:020}{SUFFIX}", first.0))
}

/// Makes a new file with its header, durable together with its name.
pub(super) fn create(dir: &Path, first: LogPosition) -> io::Result<(Segment, File, Header)> {
    let path = path(dir, first);
    let header = Header { salt: uuid::Uuid::new_v4().as_fields().0, first };
    // Whatever has this name never got as far as a first event.
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
    file.write_all(&header.encode())?;
    file.sync_all()?;
    sync_dir(dir)?;
    Ok((Segment { path, first, bytes: HEADER_BYTES as u64 }, file, header))
}

/// Makes the folder's list of names durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Reads a file frame by frame, up to the first that is not whole.
pub(super) struct FrameReader {
    path: PathBuf,
    input: BufReader<File>,
    header: Header,
    /// Of the next frame.
    offset: u64,
    file_bytes: u64,
    /// Where the next frame must begin to count.
    next: LogPosition,
}

pub(super) enum Step {
    Frame(FrameHead, Vec<u8>),
    End,
    /// No whole frame begins at this offset, though the file goes on.
    Bad(u64),
}

impl FrameReader {
    /// `None` when the file ends inside its header: it was being made when the process stopped.
    pub(super) fn open(segment: &Segment) -> Result<Option<FrameReader>, StoreError> {
        let fail = |e| StoreError::io(&segment.path, e);
        let file = File::open(&segment.path).map_err(fail)?;
        let file_bytes = file.metadata().map_err(fail)?.len();
        if file_bytes < HEADER_BYTES as u64 {
            return Ok(None);
        }
        let mut input = BufReader::with_capacity(1 << 20, file);
        let mut bytes = [0; HEADER_BYTES];
        input.read_exact(&mut bytes).map_err(fail)?;
        let header = match Header::decode(&bytes) {
            Ok(header) if header.first == segment.first => header,
            // The bytes of a header whose sync never finished may be anything, and nothing follows it.
            Err(HeaderFault::Damaged) if file_bytes == HEADER_BYTES as u64 => return Ok(None),
            Ok(_) | Err(HeaderFault::Damaged) => {
                let detail = "the header at offset 0 does not match its checksum or the file's name".into();
                return Err(StoreError::Damaged { path: segment.path.clone(), detail });
            }
            Err(HeaderFault::Version(found)) => {
                return Err(StoreError::Format {
                    path: segment.path.clone(),
                    found: found.to_string(),
                    known: frame::VERSION,
                });
            }
        };
        let (path, offset, next) = (segment.path.clone(), HEADER_BYTES as u64, header.first);
        Ok(Some(FrameReader { path, input, header, offset, file_bytes, next }))
    }

    pub(super) fn header(&self) -> Header {
        self.header
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The position behind the last whole frame read.
    pub(super) fn position(&self) -> LogPosition {
        self.next
    }

    pub(super) fn step(&mut self) -> Result<Step, StoreError> {
        let left = self.file_bytes - self.offset;
        if left == 0 {
            return Ok(Step::End);
        }
        if left < FRAME_BYTES as u64 {
            return Ok(Step::Bad(self.offset));
        }
        let mut bytes = [0; FRAME_BYTES];
        self.input.read_exact(&mut bytes).map_err(|e| StoreError::io(&self.path, e))?;
        let room = left - FRAME_BYTES as u64;
        let head = FrameHead::decode(&bytes).filter(|head| u64::from(head.payload_bytes) <= room);
        let Some(head) = head.filter(|head| head.first == self.next) else {
            return Ok(Step::Bad(self.offset));
        };
        let mut payload = vec![0; head.payload_bytes as usize];
        self.input.read_exact(&mut payload).map_err(|e| StoreError::io(&self.path, e))?;
        if !head.accepts(self.header.salt, &payload) {
            return Ok(Step::Bad(self.offset));
        }
        self.offset += (FRAME_BYTES + payload.len()) as u64;
        self.next = head.end();
        Ok(Step::Frame(head, payload))
    }

    pub(super) fn damaged(&self, offset: u64) -> StoreError {
        let detail = format!("the record at offset {offset} does not match its checksum");
        StoreError::Damaged { path: self.path.clone(), detail }
    }

    /// Whether a whole frame begins anywhere behind `offset`, though none does at it.
    pub(super) fn goes_on_behind(&mut self, offset: u64) -> Result<bool, StoreError> {
        let mut rest = Vec::new();
        self.input
            .seek(SeekFrom::Start(offset + 1))
            .and_then(|_| self.input.read_to_end(&mut rest))
            .map_err(|e| StoreError::io(&self.path, e))?;
        Ok(frame::any_frame_in(&rest, self.header.salt, self.next))
    }
}
