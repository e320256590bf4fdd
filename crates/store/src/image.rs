//! An image of the base: what lies in memory, in a file, so that a start has to read only what it is asked about.
//!
//! It says nothing that the table does not say, and counts only while every part that it was made of is in the table.
//! Without one the parts are read. One file: sections of bytes, a directory of them in JSON, and at its end the
//! directory's length and checksum.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::columns::Columns;
use crate::columns::stored::Stored;
use crate::error::StoreError;
use crate::identity::Identity;
use crate::keys::KeyIndex;
use crate::owner::BUCKETS;

const FOLDER: &str = "image";
const FILE: &str = "base.image";
/// Files of another version are passed over and replaced.
const FORMAT: u32 = 1;
const TRAILER_BYTES: usize = 24;
const MAGIC: u64 = u64::from_le_bytes(*b"whodidim");

/// Where some bytes lie.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Section {
    offset: u64,
    bytes: u64,
    checksum: u64,
}

/// A file from which columns are read.
#[derive(Debug)]
pub(crate) struct Image {
    path: PathBuf,
    file: File,
    file_bytes: u64,
    fault: OnceLock<String>,
    read_bytes: AtomicU64,
}

#[derive(Serialize, Deserialize)]
struct Directory {
    format: u32,
    /// The parts of the table that the image shows.
    parts: Vec<String>,
    identity: Section,
    keys: Section,
    buckets: Vec<StoredBucket>,
}

/// The sections of one bucket.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredBucket {
    pub(crate) rows: usize,
    /// The earliest and the latest instant, µs.
    pub(crate) span_us: Option<(i64, i64)>,
    pub(crate) fixed: BTreeMap<String, Section>,
    pub(crate) attributes: BTreeMap<String, Section>,
}

/// What an image shows.
pub(crate) struct Shown {
    pub(crate) image: Arc<Image>,
    pub(crate) parts: Vec<String>,
    pub(crate) base: Vec<Arc<Columns>>,
    pub(crate) identity: Identity,
    pub(crate) keys: KeyIndex,
}

impl Image {
    /// The image in a data folder; none if there is none that this version can read.
    pub(crate) fn open(root: &Path) -> Option<Shown> {
        let path = root.join(FOLDER).join(FILE);
        let file = File::open(&path).ok()?;
        let file_bytes = file.metadata().ok()?.len();
        let (fault, read_bytes) = (OnceLock::new(), AtomicU64::new(0));
        let image = Arc::new(Image { path, file, file_bytes, fault, read_bytes });
        let directory = image.directory()?;
        if directory.format != FORMAT || directory.buckets.len() != BUCKETS {
            return None;
        }
        let identity = Identity::read(&mut image.read(&directory.identity)?.as_slice())?;
        let keys = KeyIndex::read(&mut image.read(&directory.keys)?.as_slice())?;
        let base = directory.buckets.iter().map(|bucket| Columns::of_image(&image, bucket).map(Arc::new));
        let base = base.collect::<Option<_>>()?;
        Some(Shown { image, parts: directory.parts, base, identity, keys })
    }

    fn directory(&self) -> Option<Directory> {
        let start = self.file_bytes.checked_sub(TRAILER_BYTES as u64)?;
        let mut trailer = [0; TRAILER_BYTES];
        self.file.read_exact_at(&mut trailer, start).ok()?;
        let (numbers, _) = trailer.as_chunks::<8>();
        let [bytes, checksum, magic] = [0, 1, 2].map(|at| u64::from_le_bytes(numbers[at]));
        if magic != MAGIC {
            return None;
        }
        let section = Section { offset: start.checked_sub(bytes)?, bytes, checksum };
        serde_json::from_slice(&self.read(&section)?).ok()
    }

    /// The bytes of a section. `None`, and [`Image::fault`] says why, if they cannot be what was written.
    pub(crate) fn read(&self, section: &Section) -> Option<Vec<u8>> {
        let end = section.offset.checked_add(section.bytes);
        if end.is_none_or(|end| end > self.file_bytes) {
            self.damaged("it is shorter than it says");
            return None;
        }
        let mut bytes = vec![0; usize::try_from(section.bytes).ok()?];
        if let Err(error) = self.file.read_exact_at(&mut bytes, section.offset) {
            self.damaged(&error.to_string());
            return None;
        }
        self.read_bytes.fetch_add(section.bytes, Ordering::Relaxed);
        if xxh3_64(&bytes) != section.checksum {
            self.damaged(&format!("the bytes at offset {} do not match their checksum", section.offset));
            return None;
        }
        Some(bytes)
    }

    pub(crate) fn damaged(&self, detail: &str) {
        tracing::error!(file = %self.path.display(), detail, "the image of the base is damaged");
        self.fault.get_or_init(|| detail.to_string());
        // The next start reads the table.
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, file = %self.path.display(), "could not remove it");
        }
    }

    /// Why answers that rest on this image cannot be trusted.
    pub(crate) fn fault(&self) -> Option<StoreError> {
        let detail = format!("{}; start again, which reads the table instead", self.fault.get()?);
        Some(StoreError::Damaged { path: self.path.clone(), detail })
    }

    /// Bytes of columns read since it was opened.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }
}

/// Writes the image of a base beside the one that is there, and puts it in its place.
pub(crate) fn write(
    root: &Path,
    parts: Vec<String>,
    base: &[Arc<Columns>],
    identity: &Identity,
    keys: &KeyIndex,
) -> Result<(), StoreError> {
    let folder = root.join(FOLDER);
    let unfinished = folder.join("base.unfinished");
    let io = |source| StoreError::io(&unfinished, source);
    std::fs::create_dir_all(&folder).map_err(io)?;
    let mut out = Out { file: BufWriter::new(File::create(&unfinished).map_err(io)?), offset: 0 };
    let mut buckets = Vec::with_capacity(base.len());
    for columns in base {
        // What is read for this alone is not kept.
        let mut columns = columns.clone();
        if let Some(apart) = columns.let_go() {
            columns = Arc::new(apart);
        }
        buckets.push(columns.write_to(&mut |bytes| out.section(bytes)).map_err(io)?);
        if let Some(fault) = columns.fault() {
            return Err(fault);
        }
    }
    let mut bytes = Vec::new();
    identity.write(&mut bytes);
    let identity = out.section(&bytes).map_err(io)?;
    bytes.clear();
    keys.write(&mut bytes);
    let keys = out.section(&bytes).map_err(io)?;
    let directory = Directory { format: FORMAT, parts, identity, keys, buckets };
    let directory = serde_json::to_vec(&directory).map_err(|e| StoreError::table("writing an image", e))?;
    let Section { bytes, checksum, .. } = out.section(&directory).map_err(io)?;
    let trailer = [bytes, checksum, MAGIC].map(u64::to_le_bytes);
    out.file.write_all(trailer.as_flattened()).map_err(io)?;
    let file = out.file.into_inner().map_err(|e| io(e.into_error()))?;
    file.sync_all().map_err(io)?;
    std::fs::rename(&unfinished, folder.join(FILE)).map_err(io)?;
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(io)
}

/// Removes the image, which shows what the table shows no longer.
pub(crate) fn remove(root: &Path) {
    let path = root.join(FOLDER).join(FILE);
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, file = %path.display(), "could not remove an image that is out of date");
    }
}

struct Out {
    file: BufWriter<File>,
    offset: u64,
}

impl Out {
    fn section(&mut self, bytes: &[u8]) -> std::io::Result<Section> {
        self.file.write_all(bytes)?;
        let section = Section { offset: self.offset, bytes: bytes.len() as u64, checksum: xxh3_64(bytes) };
        self.offset += section.bytes;
        Ok(section)
    }
}

/// A stored value as bytes.
pub(crate) fn bytes_of(value: &impl Stored) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests;
