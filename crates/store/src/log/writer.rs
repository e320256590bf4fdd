//! The one thread that writes: it takes what waits, writes one frame, syncs once, and answers everybody.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::log::frame::{self, HEADER_BYTES, Header};
use crate::log::segment::{self, FrameReader, Segment, Step};
use crate::log::{LogOptions, LogPosition, State};

/// Appends are joined into one frame up to about this size, so that the first does not wait for too many others.
const GROUP_BYTES: usize = 8 << 20;
const ZSTD_LEVEL: i32 = 1;

pub(super) struct Append {
    pub(super) encoded: Vec<u8>,
    pub(super) count: u64,
    pub(super) reply: oneshot::Sender<Result<LogPosition, StoreError>>,
}

pub(super) enum Request {
    Append(Append),
    Truncate { position: LogPosition, reply: oneshot::Sender<Result<(), StoreError>> },
    Rotate { reply: oneshot::Sender<Result<LogPosition, StoreError>> },
}

pub(super) struct Writer {
    dir: PathBuf,
    options: LogOptions,
    state: Arc<State>,
    /// Files that are complete, oldest first.
    closed: Vec<Segment>,
    /// The file being written; its `bytes` end at the last frame that was synced.
    active: Segment,
    file: File,
    header: Header,
    /// Behind the last event that was synced.
    end: LogPosition,
    /// Something may lie behind the last good frame: to be cut off before anything else is written.
    suspect: bool,
    /// A file whose making failed: to be removed before anything else is written.
    stray: Option<PathBuf>,
    compressor: zstd::bulk::Compressor<'static>,
    plain: Vec<u8>,
    framed: Vec<u8>,
}

impl Writer {
    pub(super) fn open(dir: &Path, options: LogOptions, state: Arc<State>) -> Result<Writer, StoreError> {
        let mut closed = segment::list(dir)?;
        let recovered = recover_last(dir, &mut closed)?;
        let (active, file, header, end) = match recovered {
            // A log that has fallen behind the table is no use: what it holds is covered.
            Some((.., end)) if end < options.at_least => {
                begin(dir, &mut closed, recovered, options.at_least)?
            }
            Some(recovered) => recovered,
            None => begin(dir, &mut closed, None, options.at_least)?,
        };
        let compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(|e| StoreError::io(dir, e))?;
        let (plain, framed) = (Vec::new(), Vec::new());
        let dir = dir.to_path_buf();
        let writer = Writer {
            dir,
            options,
            state,
            closed,
            active,
            file,
            header,
            end,
            suspect: false,
            stray: None,
            compressor,
            plain,
            framed,
        };
        writer.publish();
        Ok(writer)
    }

    pub(super) fn run(mut self, inbox: mpsc::Receiver<Request>) {
        let mut next = inbox.recv().ok();
        while let Some(request) = next.take() {
            match request {
                Request::Truncate { position, reply } => {
                    // Whoever asked may have gone away.
                    let _ = reply.send(self.truncate_before(position));
                }
                Request::Rotate { reply } => {
                    let _ = reply.send(self.begin_file());
                }
                Request::Append(first) => {
                    let mut bytes = first.encoded.len();
                    let mut group = vec![first];
                    while bytes < GROUP_BYTES {
                        match inbox.try_recv() {
                            Ok(Request::Append(append)) => {
                                bytes += append.encoded.len();
                                group.push(append);
                            }
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.append_group(group);
                }
            }
            next = next.or_else(|| inbox.recv().ok());
        }
    }

    fn append_group(&mut self, group: Vec<Append>) {
        self.plain.clear();
        group.iter().for_each(|append| self.plain.extend_from_slice(&append.encoded));
        let waited = self.plain.len() as u64;
        let count: u64 = group.iter().map(|append| append.count).sum();
        let mut position = self.end;
        let written = if count == 0 { Ok(()) } else { self.write_frame(count) };
        self.publish();
        self.state.waiting_bytes.fetch_sub(waited, Ordering::Relaxed);
        for append in group {
            let answer = match &written {
                Ok(()) => {
                    position = LogPosition(position.0 + append.count);
                    Ok(position)
                }
                Err(e) => Err(StoreError::io(&self.active.path, same(e))),
            };
            // Whoever asked may have gone away; the events are kept all the same.
            let _ = append.reply.send(answer);
        }
    }

    /// Writes `self.plain` as one frame and syncs it. After an error the file ends where it did before, now or, if
    /// even that fails, before the next write.
    fn write_frame(&mut self, count: u64) -> io::Result<()> {
        self.repair()?;
        if self.active.bytes >= self.options.segment_bytes && self.active.first < self.end {
            self.rotate()?;
        }
        let count_u32 = u32::try_from(count).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        self.framed.clear();
        frame::encode(
            &mut self.compressor,
            self.header.salt,
            self.end,
            count_u32,
            &self.plain,
            &mut self.framed,
        )?;
        self.suspect = true;
        let written = self.write_and_sync();
        if written.is_err() {
            // Its own failure is no news: it is tried again before the next write.
            let _ = self.repair();
            return written;
        }
        self.suspect = false;
        self.active.bytes += self.framed.len() as u64;
        self.end = LogPosition(self.end.0 + count);
        Ok(())
    }

    fn write_and_sync(&mut self) -> io::Result<()> {
        #[cfg(test)]
        self.options.probe.before_write(&mut self.file, &self.framed)?;
        self.file.write_all(&self.framed)?;
        #[cfg(test)]
        self.options.probe.before_sync()?;
        self.file.sync_data()
    }

    fn repair(&mut self) -> io::Result<()> {
        if self.suspect {
            #[cfg(test)]
            self.options.probe.before_repair()?;
            self.file.set_len(self.active.bytes)?;
            self.file.seek(SeekFrom::Start(self.active.bytes))?;
            self.file.sync_all()?;
            self.suspect = false;
        }
        if let Some(stray) = &self.stray {
            match std::fs::remove_file(stray) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => self.stray = None,
            }
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let path = segment::path(&self.dir, self.end);
        let (segment, file, header) =
            segment::create(&self.dir, self.end).inspect_err(|_| self.stray = Some(path))?;
        self.closed.push(std::mem::replace(&mut self.active, segment));
        self.file = file;
        self.header = header;
        Ok(())
    }

    fn truncate_before(&mut self, position: LogPosition) -> Result<(), StoreError> {
        if position >= self.end {
            self.begin_file()?;
        }
        let result = self.delete_closed_before(position);
        self.publish();
        result
    }

    /// Begins a new file, and answers the position at which it starts.
    fn begin_file(&mut self) -> Result<LogPosition, StoreError> {
        if self.active.first < self.end {
            self.repair().and_then(|()| self.rotate()).map_err(|e| StoreError::io(&self.dir, e))?;
        }
        Ok(self.active.first)
    }

    fn delete_closed_before(&mut self, position: LogPosition) -> Result<(), StoreError> {
        let mut deleted = false;
        while let Some(oldest) = self.closed.first() {
            let end = self.closed.get(1).map_or(self.active.first, |next| next.first);
            if end > position {
                break;
            }
            std::fs::remove_file(&oldest.path).map_err(|e| StoreError::io(&oldest.path, e))?;
            self.closed.remove(0);
            deleted = true;
        }
        if deleted {
            segment::sync_dir(&self.dir).map_err(|e| StoreError::io(&self.dir, e))?;
        }
        Ok(())
    }

    fn publish(&self) {
        let closed: u64 = self.closed.iter().map(|segment| segment.bytes).sum();
        let first = self.closed.first().map_or(self.active.first, |oldest| oldest.first);
        self.state.first.store(first.0, Ordering::Release);
        self.state.stored_bytes.store(closed + self.active.bytes, Ordering::Relaxed);
        self.state.end.store(self.end.0, Ordering::Release);
    }
}

type Active = (Segment, File, Header, LogPosition);

/// Starts a new file at `first`; a former active file is closed with the others.
fn begin(
    dir: &Path,
    closed: &mut Vec<Segment>,
    former: Option<Active>,
    first: LogPosition,
) -> Result<Active, StoreError> {
    let (active, file, header) = segment::create(dir, first).map_err(|e| StoreError::io(dir, e))?;
    closed.extend(former.map(|(segment, ..)| segment));
    // Not contiguous with what is to follow, and all of it covered by the table.
    for old in closed.drain(..) {
        std::fs::remove_file(&old.path).map_err(|e| StoreError::io(&old.path, e))?;
    }
    segment::sync_dir(dir).map_err(|e| StoreError::io(dir, e))?;
    Ok((active, file, header, first))
}

/// Takes the newest file off `segments` and makes it ready to be written on, without its torn tail. A file that was
/// still being made is dropped in favour of the one before.
fn recover_last(dir: &Path, segments: &mut Vec<Segment>) -> Result<Option<Active>, StoreError> {
    let mut newest = true;
    while let Some(mut last) = segments.pop() {
        let fail = |e| StoreError::io(&last.path, e);
        let Some(mut reader) = FrameReader::open(&last)? else {
            std::fs::remove_file(&last.path).map_err(fail)?;
            segment::sync_dir(dir).map_err(|e| StoreError::io(dir, e))?;
            newest = false;
            continue;
        };
        loop {
            match reader.step()? {
                Step::Frame(..) => {}
                Step::End => break,
                Step::Bad(offset) => {
                    if !newest || reader.goes_on_behind(offset)? {
                        return Err(reader.damaged(offset));
                    }
                    break;
                }
            }
        }
        let mut file = OpenOptions::new().read(true).write(true).open(&last.path).map_err(fail)?;
        let good_bytes = reader.offset().max(HEADER_BYTES as u64);
        if last.bytes != good_bytes {
            tracing::info!(file = %last.path.display(), cut_bytes = last.bytes - good_bytes, "cut a torn tail off the log");
            file.set_len(good_bytes).and_then(|()| file.sync_all()).map_err(fail)?;
        }
        file.seek(SeekFrom::Start(good_bytes)).map_err(fail)?;
        let (header, end) = (reader.header(), reader.position());
        last.bytes = good_bytes;
        return Ok(Some((last, file, header, end)));
    }
    Ok(None)
}

/// The same error once more, for the next of those who wait on one write.
fn same(e: &io::Error) -> io::Error {
    match e.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(e.kind(), e.to_string()),
    }
}
