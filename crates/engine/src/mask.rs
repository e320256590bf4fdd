//! Which rows a search query matches, as one bit per row.
//!
//! A test is made once per distinct value of a column and then looked up per row.

use whodid_model::{EventType, Instant};
use whodid_query::search::{Expr, Facet, Query, TEXT_FACETS, Term, Test};
use whodid_store::{Codes, Column, Columns};

/// One bit per row, 64 to a word, the lowest bit first. Bits past the last row are 0.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mask {
    words: Vec<u64>,
    rows: usize,
}

impl Mask {
    pub(crate) fn none(rows: usize) -> Mask {
        Mask { words: vec![0; rows.div_ceil(64)], rows }
    }

    pub(crate) fn every(rows: usize) -> Mask {
        let mut mask = Mask { words: vec![u64::MAX; rows.div_ceil(64)], rows };
        mask.clear_past_end();
        mask
    }

    fn clear_past_end(&mut self) {
        if let Some(last) = self.words.last_mut()
            && !self.rows.is_multiple_of(64)
        {
            *last &= (1 << (self.rows % 64)) - 1;
        }
    }

    pub(crate) fn from_test(rows: usize, mut holds: impl FnMut(usize) -> bool) -> Mask {
        let word = |first: usize| {
            (first..rows.min(first + 64)).fold(0, |word, row| word | (u64::from(holds(row)) << (row - first)))
        };
        Mask { words: (0..rows).step_by(64).map(word).collect(), rows }
    }

    pub(crate) fn and(mut self, other: &Mask) -> Mask {
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine &= theirs);
        self
    }

    pub(crate) fn or(mut self, other: &Mask) -> Mask {
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine |= theirs);
        self
    }

    fn not(mut self) -> Mask {
        self.words.iter_mut().for_each(|word| *word = !*word);
        self.clear_past_end();
        self
    }

    pub(crate) fn set(&mut self, rows: std::ops::Range<usize>) {
        for row in rows {
            self.words[row / 64] |= 1 << (row % 64);
        }
    }

    pub(crate) fn get(&self, row: usize) -> bool {
        self.words[row / 64] >> (row % 64) & 1 == 1
    }

    /// The set rows in `range`, in order.
    pub(crate) fn ones(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = usize> + '_ {
        let words = range.start / 64..range.end.div_ceil(64);
        words.flat_map(move |index| {
            let mut word = self.words[index];
            let first = index * 64;
            if first < range.start {
                word &= u64::MAX << (range.start - first);
            }
            if first + 64 > range.end {
                word &= u64::MAX >> (first + 64 - range.end);
            }
            std::iter::from_fn(move || {
                (word != 0).then(|| {
                    let bit = word.trailing_zeros() as usize;
                    word &= word - 1;
                    first + bit
                })
            })
        })
    }
}

/// The rows of `columns` that match.
pub(crate) fn matching(query: &Query, columns: &Columns) -> Mask {
    evaluate(&query.expr, columns)
}

fn evaluate(expr: &Expr, columns: &Columns) -> Mask {
    let rows = columns.rows();
    match expr {
        Expr::Everything => Mask::every(rows),
        Expr::Term(term) => evaluate_term(term, columns),
        Expr::Not(inner) => evaluate(inner, columns).not(),
        Expr::And(parts) => {
            parts.iter().fold(Mask::every(rows), |mask, part| mask.and(&evaluate(part, columns)))
        }
        Expr::Or(parts) => {
            parts.iter().fold(Mask::none(rows), |mask, part| mask.or(&evaluate(part, columns)))
        }
    }
}

fn evaluate_term(term: &Term, columns: &Columns) -> Mask {
    let rows = columns.rows();
    match &term.facet {
        Facet::AnyText => TEXT_FACETS
            .iter()
            .filter_map(|path| columns.attribute(path))
            .fold(Mask::none(rows), |mask, column| mask.or(&test_column(term, column, rows))),
        Facet::Path(path) => match path.as_str() {
            "type" => {
                let holds = EventType::ALL.map(|kind| term.test.matches_text(kind.name()));
                Mask::from_test(rows, |row| holds[columns.kinds()[row] as usize])
            }
            "id" => Mask::from_test(rows, |row| term.test.matches_text(&columns.ids()[row])),
            "ts" | "timestamp" | "date" => {
                Mask::from_test(rows, |row| test_instant(term, columns.ts_us()[row]))
            }
            path => match columns.attribute(path) {
                Some(column) => test_column(term, column, rows),
                None => Mask::none(rows),
            },
        },
    }
}

/// An event's own instant compares in time, as epoch milliseconds, or as RFC 3339 text.
fn test_instant(term: &Term, ts_us: i64) -> bool {
    match &term.test {
        Test::Exists => true,
        Test::When { op, instant } => op.holds(Instant(ts_us), *instant),
        Test::Compare { .. } | Test::Range { .. } => term.test.matches_number(ts_us.div_euclid(1_000) as f64),
        Test::Text(_) | Test::Contains(_) | Test::Cidr(_) => {
            term.test.matches_text(&Instant(ts_us).to_string())
        }
    }
}

fn test_column(term: &Term, column: &Column, rows: usize) -> Mask {
    let holds = table(column, |value| term.test.matches(value));
    if !holds.contains(&true) {
        return Mask::none(rows);
    }
    match column.codes() {
        Codes::U8(codes) => Mask::from_test(rows, |row| holds[usize::from(codes[row])]),
        Codes::U16(codes) => Mask::from_test(rows, |row| holds[usize::from(codes[row])]),
        Codes::U32(codes) => Mask::from_test(rows, |row| holds[codes[row] as usize]),
    }
}

/// A test of every code: `false` for the missing value, then each value of the dictionary.
pub(crate) fn table(column: &Column, test: impl Fn(&whodid_model::Value) -> bool) -> Vec<bool> {
    std::iter::once(false).chain(column.dictionary().iter().map(test)).collect()
}

#[cfg(test)]
mod tests {
    use super::Mask;

    #[test]
    fn ones_are_the_set_rows_of_the_range() {
        for rows in [0, 1, 63, 64, 65, 200] {
            let mask = Mask::from_test(rows, |row| row % 3 == 0);
            for (start, end) in [(0, rows), (1, rows), (rows / 2, rows), (rows / 3, rows / 2)] {
                if start <= end {
                    let expected: Vec<usize> = (start..end).filter(|row| row % 3 == 0).collect();
                    assert_eq!(
                        mask.ones(start..end).collect::<Vec<_>>(),
                        expected,
                        "{start}..{end} of {rows}"
                    );
                }
            }
            let others = mask.not().ones(0..rows).count();
            assert_eq!(others, (0..rows).filter(|row| row % 3 != 0).count());
        }
    }
}
