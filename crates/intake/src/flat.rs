//! Files of events: CSV, NDJSON and Parquet, read in pieces and never held whole.
//!
//! A column, key or field is a facet path without `@`. `timestamp` is required; `type` and `id` have defaults; every
//! other column becomes a facet of its own type. Lines of NDJSON that have the shape of a RUM event are read as such.

use std::fs::File;
use std::io::{BufReader, Read, Seek};

use bytes::Bytes;
use whodid_model::Event;

use crate::{Enricher, IntakeError, Report};

mod bulk;
pub(crate) mod format;
mod mapping;
mod row;

mod csv;
mod ndjson;
mod parquet;

pub use bulk::{Piece, read_batches};
pub use format::Format;
pub use mapping::Mapping;

/// How many events make up a piece when nothing else is asked.
pub const CHUNK_EVENTS: usize = 4_096;

/// Where a file's bytes come from. Parquet is read from its end and cannot come as a stream.
pub enum Input<'a> {
    Stream(Box<dyn Read + 'a>),
    File(File),
    Bytes(Bytes),
}

#[derive(Clone, Debug)]
pub struct Options {
    /// What the file is; recognised by its first bytes when not given.
    pub format: Option<Format>,
    pub mapping: Mapping,
    /// Without it, rows that say the same are one event, in one file or several. With it, rows without an `id` of their
    /// own are told apart by `source` and row number, so that the same file again still changes nothing.
    pub keep_duplicates: bool,
    /// Names the file: its path, or a hash of its content.
    pub source: String,
    /// Most events given to the sink at once.
    pub chunk_events: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            format: None,
            mapping: Mapping::default(),
            keep_duplicates: false,
            source: String::new(),
            chunk_events: CHUNK_EVENTS,
        }
    }
}

/// Reads a file and hands its events to `sink` piece by piece. Gzip and Zstandard are recognised by their first bytes.
///
/// A row that cannot be read is reported and the rest goes on. An error ends the reading: what the sink took before
/// stays taken, and reading the mended file again adds only what was missing. A sink's error ends the reading, too.
/// Duplicates are counted within a piece.
pub fn read<E: From<IntakeError>>(
    input: Input<'_>,
    options: &Options,
    enricher: &Enricher,
    sink: &mut dyn FnMut(Vec<Event>) -> Result<(), E>,
) -> Result<Report, E> {
    let mut rows = row::Rows::new(options, enricher, sink);
    match open(input, options.format)? {
        Opened::Csv(reader) => csv::read(reader, &mut rows)?,
        Opened::Ndjson(reader) => ndjson::read(BufReader::with_capacity(1 << 16, reader), &mut rows)?,
        Opened::ParquetFile(file) => parquet::read(file, &mut rows)?,
        Opened::ParquetBytes(bytes) => parquet::read(bytes, &mut rows)?,
    }
    rows.finish()
}

/// An input whose format is known and whose text is no longer compressed.
enum Opened<'a> {
    Csv(Box<dyn Read + 'a>),
    Ndjson(Box<dyn Read + 'a>),
    ParquetFile(File),
    ParquetBytes(Bytes),
}

fn open(input: Input<'_>, asked: Option<Format>) -> Result<Opened<'_>, IntakeError> {
    let reader: Box<dyn Read> = match input {
        Input::Stream(reader) => reader,
        Input::File(mut file) => {
            let (head, _) = format::peek(&mut file)?;
            file.rewind()?;
            if format::is_parquet(&head) || asked == Some(Format::Parquet) {
                return Ok(Opened::ParquetFile(file));
            }
            Box::new(file)
        }
        Input::Bytes(bytes) => {
            if format::is_parquet(&bytes) || asked == Some(Format::Parquet) {
                return Ok(Opened::ParquetBytes(bytes));
            }
            Box::new(std::io::Cursor::new(bytes))
        }
    };
    let (sniffed, text) = format::text(reader)?;
    match asked.unwrap_or(sniffed) {
        Format::Csv => Ok(Opened::Csv(text)),
        Format::Ndjson => Ok(Opened::Ndjson(text)),
        Format::Parquet => Err(IntakeError::Parquet {
            reason: "it is read from its end; give it whole and not compressed a second time".to_string(),
        }),
    }
}

#[cfg(test)]
pub(crate) mod tests;
