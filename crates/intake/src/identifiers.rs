//! A list of identifiers in a CSV file: which column they are in, and each of them, or why a line has none.

use std::io::Read;

use whodid_model::{IdentifierKey, limits};

use crate::IntakeError;
use crate::rows::{CsvReader, CsvRow, is_formula};

/// Names that a column of identifiers goes by, in lower case and with `_` for blanks, dots and dashes.
fn known_names(key: IdentifierKey) -> &'static [&'static str] {
    match key {
        IdentifierKey::UsrId => &["usr_id", "user_id", "userid", "usrid", "id", "user"],
        IdentifierKey::UsrEmail => {
            &["usr_email", "user_email", "email", "e_mail", "email_address", "e_mail_address", "mail"]
        }
    }
}

/// A line of the file.
#[derive(Debug, PartialEq)]
pub enum Entry<'a> {
    /// In the form in which equal ones are equal.
    Identifier(&'a str),
    Rejected {
        reason: String,
    },
}

/// What the file is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The names of the columns; none if the file begins with data.
    pub header: Option<Vec<String>>,
    /// Where the identifiers are, from 0.
    pub column: usize,
    pub columns: usize,
    pub delimiter: char,
    /// `gzip` or `zstd`.
    pub compression: Option<&'static str>,
}

pub struct IdentifierReader<'a> {
    rows: CsvReader<'a>,
    key: IdentifierKey,
    layout: Layout,
    row: CsvRow,
    /// The first row is data and is not given out yet.
    pending: bool,
    identifier: String,
}

impl<'a> IdentifierReader<'a> {
    /// `column` is a name in the header or a position from 1; without it the column goes by one of its usual names, or is
    /// the only one.
    ///
    /// Errors: those of [`CsvReader`], and `Column` when the column can't be told.
    pub fn open(
        input: impl Read + 'a,
        key: IdentifierKey,
        column: Option<&str>,
    ) -> Result<IdentifierReader<'a>, IntakeError> {
        let mut rows = CsvReader::open(input)?;
        let mut row = CsvRow::default();
        if !rows.next(&mut row)? {
            return Err(IntakeError::File { line: 1, reason: "the file is empty".to_string() });
        }
        let first: Vec<&str> = row.cells().collect();
        let (column, has_header) = locate(&first, key, column)?;
        let layout = Layout {
            header: has_header.then(|| first.iter().map(|name| name.trim().to_string()).collect()),
            column,
            columns: first.len(),
            delimiter: rows.delimiter.into(),
            compression: rows.compression,
        };
        Ok(IdentifierReader { rows, key, layout, row, pending: !has_header, identifier: String::new() })
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The row that the last entry came from.
    pub fn row(&self) -> &CsvRow {
        &self.row
    }

    /// The next line's entry; none after the last.
    pub fn advance(&mut self) -> Result<Option<Entry<'_>>, IntakeError> {
        if !std::mem::take(&mut self.pending) && !self.rows.next(&mut self.row)? {
            return Ok(None);
        }
        let row = &self.row;
        if let Some(fault) = row.fault {
            return Ok(Some(Entry::Rejected { reason: fault.to_string() }));
        }
        let superfluous = (self.layout.columns..row.len()).any(|index| row.cell(index) != Some(""));
        if superfluous {
            let reason = format!(
                "the line has {} cells where the first line has {}; quote what holds a `{}`",
                row.len(),
                self.layout.columns,
                self.layout.delimiter
            );
            return Ok(Some(Entry::Rejected { reason }));
        }
        let Some(cell) = row.cell(self.layout.column) else {
            let reason = format!("the line has no column {}", self.layout.column + 1);
            return Ok(Some(Entry::Rejected { reason }));
        };
        let text = self.key.normalized(disarmed(cell));
        if let Some(reason) = refusal(self.key, &text) {
            return Ok(Some(Entry::Rejected { reason }));
        }
        self.identifier.clear();
        self.identifier.push_str(&text);
        Ok(Some(Entry::Identifier(&self.identifier)))
    }
}

/// A cell as it was before an export kept spreadsheets from taking it for a formula: `'=1` was `=1`, `''=1` was `'=1`.
fn disarmed(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest) => rest,
        _ => cell,
    }
}

fn refusal(key: IdentifierKey, text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(format!("the {key} is empty"));
    }
    if text.len() > limits::IDENTIFIER_BYTES {
        return Some(format!("the {key} is longer than {} bytes", limits::IDENTIFIER_BYTES));
    }
    let is_email = || {
        let (name, domain) = text.rsplit_once('@')?;
        let bare = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        (bare && !name.is_empty() && !domain.is_empty()).then_some(())
    };
    if key == IdentifierKey::UsrEmail && is_email().is_none() {
        return Some(format!("`{}` is not an e-mail address", excerpt(text)));
    }
    None
}

const EXCERPT_CHARS: usize = 60;

fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(EXCERPT_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// The column of the identifiers, and whether the first row is a header.
fn locate(first: &[&str], key: IdentifierKey, column: Option<&str>) -> Result<(usize, bool), IntakeError> {
    let folded: Vec<String> = first.iter().map(|name| fold(name)).collect();
    let known = |key: IdentifierKey| {
        known_names(key).iter().find_map(|name| folded.iter().position(|cell| cell == name))
    };
    let is_header = IdentifierKey::ALL.into_iter().any(|key| known(key).is_some());
    let holds_email = |cell: &&str| cell.contains('@');
    if let Some(column) = column {
        if let Some(place) = first.iter().position(|name| name.trim() == column.trim()) {
            return Ok((place, true));
        }
        if let Some(place) = folded.iter().position(|name| *name == fold(column)) {
            return Ok((place, true));
        }
        return match column.trim().parse::<usize>() {
            Ok(position) if (1..=first.len()).contains(&position) => {
                let cell = &first[position - 1];
                let named = key == IdentifierKey::UsrEmail && !holds_email(cell);
                Ok((position - 1, is_header || named))
            }
            _ => Err(unknown_column(column, first)),
        };
    }
    if let Some(place) = known(key) {
        return Ok((place, true));
    }
    match key {
        IdentifierKey::UsrEmail => match first.iter().position(holds_email) {
            Some(place) => Ok((place, false)),
            None if first.len() == 1 => Ok((0, true)),
            None => Err(which_column(key, first)),
        },
        IdentifierKey::UsrId if first.len() == 1 => Ok((0, is_header)),
        IdentifierKey::UsrId => Err(which_column(key, first)),
    }
}

fn fold(name: &str) -> String {
    let lower = name.trim().trim_start_matches('@').to_lowercase();
    lower.chars().map(|c| if matches!(c, ' ' | '.' | '-') { '_' } else { c }).collect()
}

fn listed(first: &[&str]) -> String {
    let names: Vec<String> =
        first.iter().take(20).map(|name| format!("`{}`", excerpt(name.trim()))).collect();
    names.join(", ")
}

fn unknown_column(column: &str, first: &[&str]) -> IntakeError {
    IntakeError::Column {
        reason: format!("there is no column `{column}`; the first line has {}", listed(first)),
    }
}

fn which_column(key: IdentifierKey, first: &[&str]) -> IntakeError {
    let reason = format!(
        "none of the columns is called {key}: say which one it is by its name or its position; the first line has {}",
        listed(first)
    );
    IntakeError::Column { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_is_found_by_its_names_or_by_what_it_holds() {
        let check = |first: &[&str], key, column, expected: Option<(usize, bool)>| {
            assert_eq!(locate(first, key, column).ok(), expected, "{first:?} {column:?}");
        };
        use IdentifierKey::{UsrEmail, UsrId};
        check(&["usr.id"], UsrId, None, Some((0, true)));
        check(&["Name", "User ID"], UsrId, None, Some((1, true)));
        check(&["u1"], UsrId, None, Some((0, false)));
        check(&["email"], UsrId, None, Some((0, true)));
        check(&["u1", "x"], UsrId, None, None);
        check(&["u1", "x"], UsrId, Some("1"), Some((0, false)));
        check(&["Kunde", "x"], UsrId, Some("kunde"), Some((0, true)));
        check(&["Kunde", "x"], UsrId, Some("Kunden"), None);
        check(&["E-Mail"], UsrEmail, None, Some((0, true)));
        check(&["Ana", "ana@example.com"], UsrEmail, None, Some((1, false)));
        check(&["Newsletter"], UsrEmail, None, Some((0, true)));
        check(&["Name", "Post"], UsrEmail, None, None);
    }

    #[test]
    fn what_an_export_made_harmless_comes_back_as_it_was() {
        for text in ["=1", "'=1", "''=1", "'plain", "@x", "plain"] {
            let exported = if is_formula(text) { format!("'{text}") } else { text.to_string() };
            assert_eq!(disarmed(&exported), text);
        }
    }
}
