//! Which format and compression a file has.

use std::fmt;
use std::io::{Cursor, Read};
use std::str::FromStr;

use flate2::read::MultiGzDecoder;

use crate::IntakeError;

/// How many first bytes decide.
const HEAD_BYTES: u64 = 512;
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
/// Largest window that a Zstandard stream may ask for: 2^27 bytes, its usual limit.
pub(crate) const ZSTD_WINDOW_LOG: u32 = 27;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Ndjson,
    Parquet,
}

impl Format {
    /// By a content type such as `text/csv; charset=utf-8`; general types such as `application/octet-stream` say nothing.
    pub fn from_content_type(content_type: &str) -> Option<Format> {
        let name = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match name.as_str() {
            "text/csv" | "application/csv" => Some(Format::Csv),
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines" => Some(Format::Ndjson),
            "application/vnd.apache.parquet" | "application/x-parquet" | "application/parquet" => {
                Some(Format::Parquet)
            }
            _ => None,
        }
    }

    /// By a file's name such as `events.csv` or `events.ndjson.gz`.
    pub fn from_file_name(name: &str) -> Option<Format> {
        let name = name.to_ascii_lowercase();
        let plain = [".gz", ".zst"].into_iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        match plain.rsplit_once('.')?.1 {
            "csv" => Some(Format::Csv),
            "ndjson" | "jsonl" | "json" => Some(Format::Ndjson),
            "parquet" => Some(Format::Parquet),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
            Format::Parquet => "parquet",
        })
    }
}

impl FromStr for Format {
    type Err = IntakeError;

    fn from_str(name: &str) -> Result<Format, IntakeError> {
        [Format::Csv, Format::Ndjson, Format::Parquet]
            .into_iter()
            .find(|format| format.to_string() == name)
            .ok_or_else(|| IntakeError::Format { name: name.to_string() })
    }
}

pub(super) fn is_parquet(head: &[u8]) -> bool {
    head.starts_with(b"PAR1")
}

/// The first bytes, and a reader that gives all of them.
pub(crate) fn peek<R: Read>(mut reader: R) -> Result<(Vec<u8>, impl Read), IntakeError> {
    let mut head = Vec::new();
    reader.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(read_error)?;
    Ok((head.clone(), Cursor::new(head).chain(reader)))
}

/// Undoes the compression and a byte-order mark, and says what the text looks like.
pub(super) fn text<'a>(reader: Box<dyn Read + 'a>) -> Result<(Format, Box<dyn Read + 'a>), IntakeError> {
    let (head, whole) = peek(reader)?;
    let plain: Box<dyn Read + 'a> = if head.starts_with(b"\x1f\x8b") {
        Box::new(MultiGzDecoder::new(whole))
    } else if head.starts_with(b"\x28\xb5\x2f\xfd") {
        let mut decoder = zstd::Decoder::new(whole)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG)?;
        Box::new(decoder)
    } else {
        Box::new(whole)
    };
    let (head, mut whole) = peek(plain)?;
    if head.starts_with(UTF8_MARK) {
        whole.read_exact(&mut [0; UTF8_MARK.len()])?;
    }
    let start = head.strip_prefix(UTF8_MARK).unwrap_or(&head).trim_ascii_start();
    let format = if is_parquet(start) {
        Format::Parquet
    } else if start.starts_with(b"{") {
        Format::Ndjson
    } else {
        Format::Csv
    };
    Ok((format, Box::new(whole)))
}

/// Tells damaged compressed data, which is the sender's, from a failing disk or connection.
pub(crate) fn read_error(error: std::io::Error) -> IntakeError {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    match error.kind() {
        InvalidData | InvalidInput | UnexpectedEof | Other => {
            IntakeError::Compression { what: "file", encoding: "gzip or zstd", reason: error.to_string() }
        }
        _ => IntakeError::Io(error),
    }
}
