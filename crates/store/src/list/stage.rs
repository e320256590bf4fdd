//! Identifiers in any order on their way into a list, in little memory: each bucket gathers in a buffer, and what does not
//! fit is spilled to a file that vanishes with its handle.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{IdList, ListWriter, bucket_of};
use crate::error::StoreError;
use crate::owner::BUCKETS;

/// What one bucket gathers before it is spilled.
const BUFFER_BYTES: usize = 256 * 1024;

pub struct Stage {
    folder: PathBuf,
    buckets: Vec<Gathered>,
    added: u64,
}

#[derive(Default)]
struct Gathered {
    /// A u16 length before each identifier.
    buffer: Vec<u8>,
    spilled: Option<File>,
    spilled_bytes: u64,
}

impl Stage {
    /// Spills into `folder`.
    pub fn new(folder: &Path) -> Stage {
        let buckets = (0..BUCKETS).map(|_| Gathered::default()).collect();
        Stage { folder: folder.to_path_buf(), buckets, added: 0 }
    }

    /// `id` has at most [`u16::MAX`] bytes; what is longer is cut there by no one: the caller has refused it.
    pub fn add(&mut self, id: &str) -> Result<(), StoreError> {
        let gathered = &mut self.buckets[bucket_of(id)];
        if gathered.buffer.len() + 2 + id.len() > BUFFER_BYTES {
            gathered.spill(&self.folder)?;
        }
        gathered.buffer.extend((id.len() as u16).to_le_bytes());
        gathered.buffer.extend_from_slice(id.as_bytes());
        self.added += 1;
        Ok(())
    }

    /// How many have been added, equal ones included.
    pub fn added(&self) -> u64 {
        self.added
    }

    /// Sorts, drops what is there twice, and writes the list.
    pub fn finish(mut self, path: &Path) -> Result<IdList, StoreError> {
        let mut writer = ListWriter::create(path)?;
        for gathered in &mut self.buckets {
            let bytes = gathered.take(&self.folder)?;
            writer.bucket(&sorted(&bytes))?;
        }
        writer.finish()
    }
}

impl Gathered {
    fn spill(&mut self, folder: &Path) -> Result<(), StoreError> {
        let io = |source| StoreError::io(folder, source);
        // A file that repeats itself shrinks here already.
        let mut distinct = Vec::with_capacity(self.buffer.len());
        for id in sorted(&self.buffer) {
            distinct.extend((id.len() as u16).to_le_bytes());
            distinct.extend_from_slice(id.as_bytes());
        }
        let mut file = match self.spilled.take() {
            Some(file) => file,
            None => tempfile::tempfile_in(folder).map_err(io)?,
        };
        file.write_all(&distinct).map_err(io)?;
        self.spilled_bytes += distinct.len() as u64;
        self.spilled = Some(file);
        self.buffer.clear();
        Ok(())
    }

    fn take(&mut self, folder: &Path) -> Result<Vec<u8>, StoreError> {
        let io = |source| StoreError::io(folder, source);
        let mut bytes = Vec::with_capacity(self.spilled_bytes as usize + self.buffer.len());
        if let Some(mut file) = self.spilled.take() {
            file.seek(SeekFrom::Start(0)).map_err(io)?;
            file.read_to_end(&mut bytes).map_err(io)?;
        }
        bytes.append(&mut self.buffer);
        Ok(bytes)
    }
}

fn sorted(bytes: &[u8]) -> Vec<&str> {
    let mut ids = Vec::new();
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (id, after) = after.split_at(length);
        ids.extend(str::from_utf8(id));
        rest = after;
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}
