//! What a file is by its first bytes: compression, encoding, delimiter.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use whodid_model::limits;

use crate::IntakeError;
use crate::flat::format::{ZSTD_WINDOW_LOG, peek};

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

pub(super) struct Opened<'a> {
    pub(super) text: Box<dyn Read + 'a>,
    pub(super) delimiter: u8,
    pub(super) compression: Option<&'static str>,
}

pub(super) fn open<'a>(input: Box<dyn Read + 'a>) -> Result<Opened<'a>, IntakeError> {
    let (head, whole) = peek(input)?;
    let (plain, compression): (Box<dyn Read + 'a>, _) = if head.starts_with(b"\x1f\x8b") {
        (Box::new(MultiGzDecoder::new(whole)), Some("gzip"))
    } else if head.starts_with(b"\x28\xb5\x2f\xfd") {
        let mut decoder = zstd::Decoder::new(whole)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG)?;
        (Box::new(decoder), Some("zstd"))
    } else {
        (Box::new(whole), None)
    };
    let (head, whole) = peek(Bounded { inner: plain, left: limits::LIST_DECODED_BYTES })?;
    if let Some(other) = foreign(&head) {
        let reason = format!("the file is {other}; save it as CSV in UTF-8");
        return Err(IntakeError::File { line: 1, reason });
    }
    let (mut whole, text) = match head.strip_prefix(UTF8_MARK) {
        Some(text) => (whole, text),
        None => (whole, &head[..]),
    };
    if text.len() < head.len() {
        whole.read_exact(&mut [0; UTF8_MARK.len()])?;
    }
    Ok(Opened { delimiter: delimiter(text), text: Box::new(whole), compression })
}

/// What is recognised and can't be read.
fn foreign(head: &[u8]) -> Option<&'static str> {
    let starts = |mark: &[u8]| head.starts_with(mark);
    if starts(b"\xff\xfe\0\0") || starts(b"\0\0\xfe\xff") {
        return Some("in UTF-32");
    }
    if starts(b"\xff\xfe") {
        return Some("in UTF-16 (little endian)");
    }
    if starts(b"\xfe\xff") {
        return Some("in UTF-16 (big endian)");
    }
    if starts(b"PK\x03\x04") {
        return Some("a ZIP archive or an Excel workbook");
    }
    if starts(b"PAR1") {
        return Some("in Parquet");
    }
    if starts(b"%PDF") {
        return Some("a PDF document");
    }
    // ASCII text in UTF-16 without a mark: every other byte is zero.
    let zeros = |odd: usize| {
        let every_other = head.iter().skip(odd).step_by(2);
        head.len() >= 4 && every_other.clone().count() > 1 && every_other.clone().all(|byte| *byte == 0)
    };
    if zeros(1) {
        return Some("in UTF-16 (little endian)");
    }
    if zeros(0) {
        return Some("in UTF-16 (big endian)");
    }
    None
}

pub(super) fn not_utf8(line: u64, byte: u8) -> IntakeError {
    let looks = match byte {
        0xc0..=0xff => "Latin-1 (ISO-8859-1) or Windows-1252",
        _ => "Windows-1252 or Latin-1 (ISO-8859-1)",
    };
    let reason = format!(
        "the byte {byte:02X} is not UTF-8; the file looks like {looks}: save it as UTF-8, such as with `iconv -f \
         WINDOWS-1252 -t UTF-8`"
    );
    IntakeError::File { line, reason }
}

/// The candidate that stands most often in the first line, outside of quotes; a comma if there is none.
fn delimiter(head: &[u8]) -> u8 {
    let mut counts = [0; DELIMITERS.len()];
    let mut quoted = false;
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => break,
            _ if !quoted => {
                if let Some(place) = DELIMITERS.iter().position(|delimiter| delimiter == byte) {
                    counts[place] += 1;
                }
            }
            _ => {}
        }
    }
    let most = counts.iter().max().copied().unwrap_or_default();
    counts.iter().position(|count| *count == most).map_or(b',', |place| DELIMITERS[place])
}

/// Tells damaged or oversized input, which is the sender's, from a failing disk.
pub(super) fn read_error(error: io::Error) -> IntakeError {
    if error.kind() == io::ErrorKind::FileTooLarge {
        let limit = limits::LIST_DECODED_BYTES >> 30;
        let reason = format!("the file has more than {limit} GiB once decompressed; import it in parts");
        return IntakeError::File { line: 1, reason };
    }
    crate::flat::format::read_error(error)
}

/// Stops a small compressed file that unfolds without end.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(read)
    }
}
