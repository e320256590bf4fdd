//! Lists of identifiers in files: what a static segment holds.
//!
//! A file never changes once it is there. It holds one block per bucket, in order, then a directory:
//!
//! ```text
//! block      lengths: count × u16 · text: the identifiers one after another, sorted, each once
//! directory  magic "whdlist1" · BUCKETS × { offset u64 · count u64 · bytes of text u64 · xxh3 of the block u64 }
//!            · xxh3 of the directory so far u64
//! ```
//!
//! Numbers are little-endian. An identifier lies in the bucket that its text hashes into, as a user's events do: so a
//! list is compared with a snapshot bucket by bucket, and little of either is in memory at once.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use tempfile::NamedTempFile;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::StoreError;
use crate::owner::{BUCKETS, bucket_of};

mod stage;

pub use stage::Stage;

const MAGIC: &[u8; 8] = b"whdlist1";
const ENTRY_BYTES: usize = 32;
const DIRECTORY_BYTES: usize = MAGIC.len() + BUCKETS * ENTRY_BYTES + 8;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Block {
    offset: u64,
    count: u64,
    text_bytes: u64,
    hash: u64,
}

/// A list that can be read. The open file keeps it readable after it has been replaced.
#[derive(Debug)]
pub struct IdList {
    path: PathBuf,
    file: Mutex<File>,
    blocks: Vec<Block>,
}

/// The identifiers of one bucket, sorted.
#[derive(Debug, Default)]
pub struct Ids {
    text: String,
    ends: Vec<usize>,
}

impl Ids {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn get(&self, place: usize) -> &str {
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.text[start..self.ends[place]]
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|place| self.get(place))
    }

    pub fn find(&self, id: &str) -> Option<usize> {
        let place = self.partition_point(id);
        (place < self.len() && self.get(place) == id).then_some(place)
    }

    /// How many are smaller.
    pub fn partition_point(&self, id: &str) -> usize {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from.midpoint(to);
            if self.get(middle) < id { from = middle + 1 } else { to = middle }
        }
        from
    }
}

impl IdList {
    pub fn open(path: &Path) -> Result<IdList, StoreError> {
        let io = |source| StoreError::io(path, source);
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let start = length
            .checked_sub(DIRECTORY_BYTES as u64)
            .ok_or_else(|| damaged(path, "it is too short to be a list"))?;
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        let mut directory = vec![0; DIRECTORY_BYTES];
        file.read_exact(&mut directory).map_err(io)?;
        let blocks = read_directory(path, &directory)?;
        let end = blocks.last().map_or(0, |block| block.offset + block.bytes());
        if end != start {
            return Err(damaged(path, "its directory does not fit its length"));
        }
        Ok(IdList { path: path.to_path_buf(), file: Mutex::new(file), blocks })
    }

    pub fn len(&self) -> u64 {
        self.blocks.iter().map(|block| block.count).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many identifiers a bucket has, without reading them.
    pub fn bucket_len(&self, bucket: usize) -> u64 {
        self.blocks[bucket].count
    }

    pub fn bucket(&self, bucket: usize) -> Result<Ids, StoreError> {
        let block = self.blocks[bucket];
        if block.count == 0 {
            return Ok(Ids::default());
        }
        let mut bytes = vec![0; block.bytes() as usize];
        {
            let io = |source| StoreError::io(&self.path, source);
            let mut file = self.file.lock();
            file.seek(SeekFrom::Start(block.offset)).map_err(io)?;
            file.read_exact(&mut bytes).map_err(io)?;
        }
        let broken = |detail: &str| damaged(&self.path, &format!("bucket {bucket} {detail}"));
        if xxh3_64(&bytes) != block.hash {
            return Err(broken("does not have its checksum"));
        }
        let text = bytes.split_off(2 * block.count as usize);
        let text = String::from_utf8(text).map_err(|_| broken("is not text"))?;
        let mut end = 0;
        let lengths = bytes.chunks_exact(2).map(|pair| usize::from(u16::from_le_bytes([pair[0], pair[1]])));
        let ends: Vec<usize> = lengths
            .map(|length| {
                end += length;
                end
            })
            .collect();
        if end != text.len() || ends.iter().any(|end| !text.is_char_boundary(*end)) {
            return Err(broken("does not fit together"));
        }
        Ok(Ids { text, ends })
    }

    /// The bucket that an identifier lies in.
    pub fn bucket_of(id: &str) -> usize {
        bucket_of(id)
    }

    pub fn contains(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.bucket(bucket_of(id))?.find(id).is_some())
    }

    /// How many identifiers both lists have.
    pub fn common(&self, other: &IdList) -> Result<u64, StoreError> {
        let mut common = 0;
        for bucket in (0..BUCKETS).filter(|bucket| self.bucket_len(*bucket) > 0) {
            let (mine, theirs) = (self.bucket(bucket)?, other.bucket(bucket)?);
            common += (mine.len() - Merge::Minus.apply(&mine, &theirs).len()) as u64;
        }
        Ok(common)
    }

    /// Writes this list changed by another one.
    pub fn merged(&self, other: &IdList, how: Merge, path: &Path) -> Result<IdList, StoreError> {
        let mut writer = ListWriter::create(path)?;
        for bucket in 0..BUCKETS {
            let (mine, theirs) = (self.bucket(bucket)?, other.bucket(bucket)?);
            writer.bucket(&how.apply(&mine, &theirs))?;
        }
        writer.finish()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// All of both.
    Union,
    /// The first without the second.
    Minus,
}

impl Merge {
    fn apply<'a>(self, mine: &'a Ids, theirs: &'a Ids) -> Vec<&'a str> {
        let mut merged = Vec::with_capacity(mine.len() + theirs.len());
        let mut theirs = theirs.iter().peekable();
        for id in mine.iter() {
            while let Some(other) = theirs.next_if(|other| *other < id) {
                if self == Merge::Union {
                    merged.push(other);
                }
            }
            let both = theirs.next_if(|other| *other == id).is_some();
            if self == Merge::Union || !both {
                merged.push(id);
            }
        }
        if self == Merge::Union {
            merged.extend(theirs);
        }
        merged
    }
}

impl Block {
    fn bytes(self) -> u64 {
        self.count.saturating_mul(2).saturating_add(self.text_bytes)
    }
}

fn damaged(path: &Path, detail: &str) -> StoreError {
    StoreError::Damaged { path: path.to_path_buf(), detail: detail.to_string() }
}

fn read_directory(path: &Path, directory: &[u8]) -> Result<Vec<Block>, StoreError> {
    let number = |at: usize| {
        let bytes = directory.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
        u64::from_le_bytes(bytes)
    };
    let end = DIRECTORY_BYTES - 8;
    if !directory.starts_with(MAGIC) {
        return Err(damaged(path, "it does not end like a list of format 1"));
    }
    if number(end) != xxh3_64(&directory[..end]) {
        return Err(damaged(path, "its directory does not have its checksum"));
    }
    let block = |bucket: usize| {
        let at = MAGIC.len() + bucket * ENTRY_BYTES;
        Block {
            offset: number(at),
            count: number(at + 8),
            text_bytes: number(at + 16),
            hash: number(at + 24),
        }
    };
    Ok((0..BUCKETS).map(block).collect())
}

/// Writes a list, bucket by bucket. The file appears under its name once it is whole and on disk.
pub struct ListWriter {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    blocks: Vec<Block>,
    offset: u64,
}

impl ListWriter {
    pub fn create(path: &Path) -> Result<ListWriter, StoreError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let file = std::fs::create_dir_all(folder).and_then(|()| NamedTempFile::new_in(folder));
        let file = BufWriter::new(file.map_err(|source| StoreError::io(folder, source))?);
        Ok(ListWriter { path: path.to_path_buf(), file, blocks: Vec::with_capacity(BUCKETS), offset: 0 })
    }

    /// The identifiers of the next bucket, sorted, each once and at most [`u16::MAX`] bytes long.
    pub fn bucket(&mut self, ids: &[&str]) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        for id in ids {
            let length =
                u16::try_from(id.len()).map_err(|_| damaged(&self.path, "an identifier is too long"))?;
            bytes.extend(length.to_le_bytes());
        }
        let lengths = bytes.len();
        ids.iter().for_each(|id| bytes.extend_from_slice(id.as_bytes()));
        let text_bytes = (bytes.len() - lengths) as u64;
        let block = Block { offset: self.offset, count: ids.len() as u64, text_bytes, hash: xxh3_64(&bytes) };
        self.file.write_all(&bytes).map_err(|source| StoreError::io(&self.path, source))?;
        self.offset += bytes.len() as u64;
        self.blocks.push(block);
        Ok(())
    }

    pub fn finish(mut self) -> Result<IdList, StoreError> {
        self.blocks.resize(BUCKETS, Block { offset: self.offset, ..Block::default() });
        let mut directory = MAGIC.to_vec();
        for block in &self.blocks {
            for number in [block.offset, block.count, block.text_bytes, block.hash] {
                directory.extend(number.to_le_bytes());
            }
        }
        directory.extend(xxh3_64(&directory).to_le_bytes());
        let path = self.path;
        let io = |source| StoreError::io(&path, source);
        self.file.write_all(&directory).map_err(io)?;
        let file = self.file.into_inner().map_err(|error| io(error.into_error()))?;
        file.as_file().sync_all().map_err(io)?;
        file.persist(&path).map_err(|error| io(error.error))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        IdList::open(&path)
    }
}

#[cfg(test)]
mod tests;
