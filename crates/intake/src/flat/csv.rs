//! Comma-separated values with a header. Cells have no type: what is written as a number or as true or false becomes
//! that, ids stay text, and an empty cell is an absent member.

use std::io::{self, Read};

use csv::{ByteRecord, ReaderBuilder};
use whodid_model::{Attributes, Value, limits};

use super::format::read_error;
use super::row::{Rows, is_id};
use crate::IntakeError;

const BUFFER_BYTES: usize = 1 << 16;

struct Column {
    index: usize,
    path: String,
    is_id: bool,
}

pub(super) fn read<E: From<IntakeError>>(reader: impl Read, rows: &mut Rows<'_, E>) -> Result<(), E> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(BUFFER_BYTES)
        .from_reader(Bounded { inner: reader, left: ROW_BYTES });
    let mut record = ByteRecord::new();
    if !next(&mut reader, &mut record)? {
        return Ok(());
    }
    let width = record.len();
    let columns = header(&record, rows)?;
    while next(&mut reader, &mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let row = attributes(&record, &columns, width).map(|attributes| (None, attributes));
        rows.flat(line, record.as_slice().len(), row)?;
    }
    Ok(())
}

fn next<R: Read>(reader: &mut csv::Reader<Bounded<R>>, record: &mut ByteRecord) -> Result<bool, IntakeError> {
    reader.get_mut().left = ROW_BYTES;
    let line = reader.position().line();
    reader.read_byte_record(record).map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(e) if e.kind() == io::ErrorKind::FileTooLarge => {
            let limit = limits::EVENT_BYTES;
            let reason = format!("a row is larger than {limit} bytes; is a quote not closed?");
            IntakeError::File { line, reason }
        }
        csv::ErrorKind::Io(e) => read_error(e),
        other => IntakeError::File { line, reason: format!("{other:?}") },
    })
}

/// The columns in the order of their paths. A column without a name, such as the row numbers that some tools write
/// first, is left out.
fn header<E: From<IntakeError>>(record: &ByteRecord, rows: &Rows<'_, E>) -> Result<Vec<Column>, IntakeError> {
    let wrong = |reason: String| IntakeError::File { line: 1, reason };
    let mut columns = Vec::with_capacity(record.len());
    for (index, name) in record.iter().enumerate() {
        let name = str::from_utf8(name)
            .map_err(|_| wrong(format!("the name of column {} is not UTF-8", index + 1)))?;
        let path = rows.mapping().path(name.trim()).into_owned();
        if path.len() > limits::PATH_BYTES {
            return Err(wrong(format!(
                "the name of column {} is longer than {} bytes",
                index + 1,
                limits::PATH_BYTES
            )));
        }
        if !path.is_empty() {
            columns.push(Column { index, is_id: is_id(&path), path });
        }
    }
    columns.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some(pair) = columns.windows(2).find(|pair| pair[0].path == pair[1].path) {
        return Err(wrong(format!(
            "columns {} and {} are both `{}`; rename one with a mapping",
            pair[0].index + 1,
            pair[1].index + 1,
            pair[0].path
        )));
    }
    Ok(columns)
}

fn attributes(record: &ByteRecord, columns: &[Column], width: usize) -> Result<Attributes, String> {
    if record.len() != width {
        return Err(format!("the row has {} fields and the header {width}", record.len()));
    }
    if record.as_slice().len() > limits::EVENT_BYTES {
        return Err(format!("the row is larger than {} bytes", limits::EVENT_BYTES));
    }
    let mut members = Vec::with_capacity(columns.len() + 8);
    for column in columns {
        let bytes = record.get(column.index).unwrap_or_default();
        let text =
            str::from_utf8(bytes).map_err(|_| format!("the value of `{}` is not UTF-8", column.path))?;
        if !text.is_empty() {
            members.push((column.path.clone(), cell(text, column.is_id)));
        }
    }
    Ok(members.into_iter().collect())
}

/// Numbers are those that JSON would read: `007` and `+5` are texts, and so is a whole number that a float cannot hold.
fn cell(text: &str, is_id: bool) -> Value {
    let first = text.as_bytes().first().copied().unwrap_or_default();
    if !is_id && (first.is_ascii_digit() || first == b'-') {
        if let Ok(n) = serde_json::from_str::<serde_json::Number>(text)
            && !text.ends_with(|c: char| c.is_ascii_whitespace())
        {
            let number = serde_json::Value::Number(n);
            return Value::from_json(&number).unwrap_or_else(|| Value::text(text));
        }
    } else if !is_id && text.eq_ignore_ascii_case("true") {
        return Value::Bool(true);
    } else if !is_id && text.eq_ignore_ascii_case("false") {
        return Value::Bool(false);
    }
    Value::text(text)
}

/// Most bytes read ahead for one row: the row itself and what the buffer holds of the next.
const ROW_BYTES: usize = limits::EVENT_BYTES + 2 * BUFFER_BYTES;

/// Stops a quote that is never closed from gathering the whole file.
struct Bounded<R> {
    inner: R,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = match self.left.checked_sub(read) {
            Some(left) => left,
            None => return Err(io::ErrorKind::FileTooLarge.into()),
        };
        Ok(read)
    }
}
