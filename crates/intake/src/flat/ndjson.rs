//! JSON objects, one a line; each is a RUM event or a row of its own form.

use std::io::{BufRead, Read};

use whodid_model::limits;

use super::format::read_error;
use super::row::Rows;
use crate::json::{self, Reading};
use crate::{IntakeError, rum};

const ROW: Reading = Reading { without: &[], partial: false };

pub(super) fn read<E: From<IntakeError>>(mut reader: impl BufRead, rows: &mut Rows<'_, E>) -> Result<(), E> {
    let mut buffer = Vec::new();
    for number in 1.. {
        buffer.clear();
        let whole = next_line(&mut reader, &mut buffer).map_err(read_error)?;
        if buffer.is_empty() {
            break;
        }
        let line = buffer.trim_ascii();
        if !whole {
            let reason = format!("the line is longer than {} bytes", limits::EVENT_BYTES);
            rows.flat(number, 0, Err(reason))?;
        } else if !line.is_empty() {
            take_line(number, line, rows)?;
        }
    }
    Ok(())
}

/// Reads up to and with the line's end. `false` if the line was too long: then its rest has been skipped.
fn next_line(reader: &mut impl BufRead, buffer: &mut Vec<u8>) -> std::io::Result<bool> {
    let limit = limits::EVENT_BYTES + 2;
    reader.by_ref().take(limit as u64).read_until(b'\n', buffer)?;
    if buffer.len() < limit || buffer.ends_with(b"\n") {
        return Ok(true);
    }
    loop {
        let ahead = reader.fill_buf()?;
        let (skipped, found) = match ahead.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (ahead.len(), ahead.is_empty()),
        };
        reader.consume(skipped);
        if found {
            return Ok(false);
        }
    }
}

fn take_line<E: From<IntakeError>>(number: u64, line: &[u8], rows: &mut Rows<'_, E>) -> Result<(), E> {
    match rum::read_head(line) {
        Ok(head) if head.is_rum() => rows.rum(number, &head, line),
        Ok(_) => {
            let row = json::flatten(line, ROW).map(|attributes| (None, rows.mapping().apply(attributes)));
            rows.flat(number, line.len(), row)
        }
        Err(reason) => rows.flat(number, 0, Err(reason)),
    }
}
