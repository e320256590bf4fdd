//! Rows of a CSV file, streamed: bounded memory, exact line numbers, and a clear word about what is not CSV in UTF-8.

use std::io::Read;

use whodid_model::limits;

use crate::IntakeError;

mod encoding;

use encoding::{Opened, open};

const BUFFER_BYTES: usize = 1 << 16;
/// Largest row, in bytes of its cells.
const ROW_BYTES: usize = limits::EVENT_BYTES;

/// One row. The cells are text without their quotes.
#[derive(Debug, Default)]
pub struct CsvRow {
    text: Vec<u8>,
    /// Where each cell ends in `text`.
    ends: Vec<usize>,
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// What is wrong with its quotes.
    pub fault: Option<&'static str>,
}

impl CsvRow {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn cell(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        // The whole input was found to be UTF-8, and cells end at ASCII characters.
        str::from_utf8(&self.text[start..end]).ok()
    }

    pub fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.cell(index).unwrap_or_default())
    }

    fn clear(&mut self, line: u64) {
        self.text.clear();
        self.ends.clear();
        self.line = line;
        self.fault = None;
    }

    fn end_cell(&mut self) {
        self.ends.push(self.text.len());
    }
}

/// Reads rows. Compression (gzip, zstd) and a byte-order mark are undone; the delimiter is found in the first line.
pub struct CsvReader<'a> {
    input: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
    /// What of the buffer is not read yet: `at..valid`. What follows up to `filled` is a character that is cut in two.
    at: usize,
    valid: usize,
    filled: usize,
    /// The line that the next byte is on.
    line: u64,
    /// The byte before was a carriage return: a line feed that follows belongs to it.
    after_return: bool,
    pub delimiter: u8,
    /// `gzip` or `zstd`; none for plain text.
    pub compression: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    Bare,
    Quoted,
    /// Behind a quote inside of quotes: the end of them, or half of a doubled one.
    Closing,
}

impl<'a> CsvReader<'a> {
    /// Errors: `File` for what is not CSV in UTF-8 by its first bytes (UTF-16, Excel, Parquet), saying what it is.
    pub fn open(input: impl Read + 'a) -> Result<CsvReader<'a>, IntakeError> {
        let Opened { text, delimiter, compression } = open(Box::new(input))?;
        Ok(CsvReader {
            input: text,
            buffer: vec![0; BUFFER_BYTES],
            at: 0,
            valid: 0,
            filled: 0,
            line: 1,
            after_return: false,
            delimiter,
            compression,
        })
    }

    /// The next row that is not blank; false after the last.
    ///
    /// Errors: `File` with a line for text that is not UTF-8, a quote that is never closed, a row without end.
    pub fn next(&mut self, row: &mut CsvRow) -> Result<bool, IntakeError> {
        row.clear(self.line);
        let mut state = State::Start;
        let mut quote_line = 0;
        loop {
            if self.at == self.valid && !self.fill()? {
                return self.end(row, state, quote_line);
            }
            let byte = self.buffer[self.at];
            if std::mem::take(&mut self.after_return) && byte == b'\n' && state != State::Quoted {
                self.at += 1;
                continue;
            }
            match state {
                State::Quoted => {
                    let rest = &self.buffer[self.at..self.valid];
                    let length = rest.iter().position(|byte| *byte == b'"').unwrap_or(rest.len());
                    self.line += newlines(&rest[..length]);
                    row.text.extend_from_slice(&rest[..length]);
                    self.at += length;
                    if self.at < self.valid {
                        self.at += 1;
                        state = State::Closing;
                    }
                }
                State::Closing if byte == b'"' => {
                    row.text.push(b'"');
                    self.at += 1;
                    state = State::Quoted;
                }
                _ if byte == self.delimiter => {
                    row.end_cell();
                    self.at += 1;
                    state = State::Start;
                }
                _ if byte == b'\r' || byte == b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    self.after_return = byte == b'\r';
                    if state == State::Start && row.is_empty() {
                        row.line = self.line;
                        continue;
                    }
                    row.end_cell();
                    return Ok(true);
                }
                State::Start if byte == b'"' => {
                    self.at += 1;
                    quote_line = self.line;
                    state = State::Quoted;
                }
                State::Closing => {
                    row.fault = Some("text follows a closing quote");
                    state = State::Bare;
                }
                State::Start | State::Bare => {
                    let rest = &self.buffer[self.at..self.valid];
                    let ends = |byte: &u8| *byte == self.delimiter || matches!(byte, b'\r' | b'\n');
                    let length = rest.iter().position(ends).unwrap_or(rest.len());
                    row.text.extend_from_slice(&rest[..length]);
                    self.at += length;
                    state = State::Bare;
                }
            }
            if row.text.len() > ROW_BYTES {
                let reason = format!("the row is larger than {ROW_BYTES} bytes; is a quote not closed?");
                return Err(IntakeError::File { line: row.line, reason });
            }
        }
    }

    fn end(&mut self, row: &mut CsvRow, state: State, quote_line: u64) -> Result<bool, IntakeError> {
        match state {
            State::Quoted => {
                let reason = "a quote is opened here and never closed".to_string();
                Err(IntakeError::File { line: quote_line, reason })
            }
            State::Start if row.is_empty() => Ok(false),
            _ => {
                row.end_cell();
                Ok(true)
            }
        }
    }

    /// Reads on; false at the end of the input.
    fn fill(&mut self) -> Result<bool, IntakeError> {
        loop {
            self.buffer.copy_within(self.valid..self.filled, 0);
            self.filled -= self.valid;
            (self.at, self.valid) = (0, 0);
            let read = self.input.read(&mut self.buffer[self.filled..]).map_err(encoding::read_error)?;
            self.filled += read;
            let text = &self.buffer[..self.filled];
            match str::from_utf8(text) {
                Ok(_) => self.valid = self.filled,
                Err(error) if error.error_len().is_none() && read > 0 => self.valid = error.valid_up_to(),
                Err(error) => {
                    let line = self.line + newlines(&text[..error.valid_up_to()]);
                    return Err(encoding::not_utf8(line, text[error.valid_up_to()]));
                }
            }
            if self.valid > 0 || read == 0 {
                return Ok(self.valid > 0);
            }
        }
    }
}

/// Writes a row that reads back as these cells. A cell that a spreadsheet would take for a formula gets an apostrophe.
pub fn write_row<'a>(out: &mut Vec<u8>, cells: impl IntoIterator<Item = &'a str>) {
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        let quoted = cell.contains([',', ';', '\t', '|', '"', '\r', '\n']);
        if quoted {
            out.push(b'"');
        }
        if is_formula(cell) {
            out.push(b'\'');
        }
        match cell.contains('"') {
            true => out.extend_from_slice(cell.replace('"', "\"\"").as_bytes()),
            false => out.extend_from_slice(cell.as_bytes()),
        }
        if quoted {
            out.push(b'"');
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Whether a spreadsheet would take the text, or what an apostrophe hides in it, for a formula.
pub fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

fn newlines(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests;
