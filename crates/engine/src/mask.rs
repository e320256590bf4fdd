//! Which rows a search query matches, as one bit per row.
//!
//! A test is made once per distinct value of a column and then looked up per row. Of several tests joined by AND the one
//! that fewest rows pass goes first; the others look only at the rows that are left.

mod bits;
mod codes;

use whodid_model::{EventType, Instant, Value};
use whodid_query::search::{Expr, Facet, Query, TEXT_FACETS, Term, Test};
use whodid_store::{Column, Columns};

pub(crate) use bits::Mask;
use codes::CodeTest;

/// The rows of `columns` that match.
pub(crate) fn matching(query: &Query, columns: &Columns) -> Mask {
    evaluate(&query.expr, columns)
}

/// The rows among `candidates` that match. Looks at no others, so it is for few of them.
pub(crate) fn matching_among(query: &Query, columns: &Columns, candidates: &Mask) -> Mask {
    evaluate_among(&query.expr, columns, candidates.clone())
}

fn evaluate_among(expr: &Expr, columns: &Columns, candidates: Mask) -> Mask {
    match expr {
        Expr::Everything => candidates,
        Expr::Term(term) => RowTest::new(term, columns).narrow(candidates, columns),
        Expr::Not(inner) => {
            let matching = evaluate_among(inner, columns, candidates.clone());
            candidates.and(&matching.not())
        }
        Expr::And(parts) => parts.iter().fold(candidates, |mask, part| evaluate_among(part, columns, mask)),
        Expr::Or(parts) => parts.iter().fold(Mask::none(columns.rows()), |mask, part| {
            mask.or(&evaluate_among(part, columns, candidates.clone()))
        }),
    }
}

/// Which of several steps each row matches.
pub(crate) struct StepMasks {
    steps: Vec<Mask>,
    /// The rows that match any step.
    pub(crate) union: Mask,
}

impl StepMasks {
    pub(crate) fn new<'q>(steps: impl Iterator<Item = &'q Query>, columns: &Columns) -> StepMasks {
        StepMasks::of(steps.map(|step| matching(step, columns)).collect(), columns.rows())
    }

    /// `steps` are masks of so many rows each.
    pub(crate) fn of(steps: Vec<Mask>, rows: usize) -> StepMasks {
        let union = steps.iter().fold(Mask::none(rows), |union, step| union.or(step));
        StepMasks { steps, union }
    }

    /// Bit `i` is set where the row matches step `i`, as the kernels take it.
    pub(crate) fn bits(&self, row: usize) -> u16 {
        let steps = self.steps.iter().enumerate();
        steps.fold(0, |bits, (step, mask)| bits | (u16::from(mask.get(row)) << step))
    }
}

fn evaluate(expr: &Expr, columns: &Columns) -> Mask {
    let rows = columns.rows();
    match expr {
        Expr::Everything => Mask::every(rows),
        Expr::Term(term) => RowTest::new(term, columns).mask(columns),
        Expr::Not(inner) => evaluate(inner, columns).not(),
        Expr::And(parts) => all(parts, columns),
        Expr::Or(parts) => {
            parts.iter().fold(Mask::none(rows), |mask, part| mask.or(&evaluate(part, columns)))
        }
    }
}

fn all(parts: &[Expr], columns: &Columns) -> Mask {
    let mut tests: Vec<RowTest<'_>> = parts
        .iter()
        .map(|part| match part {
            Expr::Term(term) => RowTest::new(term, columns),
            other => RowTest::Known(evaluate(other, columns)),
        })
        .collect();
    tests.sort_by_key(|test| test.expected_rows(columns));
    let mut tests = tests.into_iter();
    let Some(first) = tests.next() else { return Mask::every(columns.rows()) };
    tests.fold(first.mask(columns), |mask, test| test.narrow(mask, columns))
}

/// A term made ready for these columns.
enum RowTest<'a> {
    Nothing,
    Codes(CodeTest<'a>),
    Kinds([bool; EventType::ALL.len()]),
    Known(Mask),
}

impl<'a> RowTest<'a> {
    fn new(term: &Term, columns: &'a Columns) -> RowTest<'a> {
        let test = |column: &'a Column| CodeTest::new(column, |value| term.test.matches(value));
        match &term.facet {
            Facet::AnyText => {
                let found = TEXT_FACETS.iter().filter_map(|path| columns.attribute(path)).map(test);
                let rows = columns.rows();
                RowTest::Known(found.fold(Mask::none(rows), |mask, test| mask.or(&test.mask(rows))))
            }
            Facet::Path(path) => match path.as_str() {
                "type" => RowTest::Kinds(EventType::ALL.map(|kind| term.test.matches_text(kind.name()))),
                "id" => {
                    let holds = |row: usize| term.test.matches_text(&columns.ids().get(row));
                    RowTest::Known(Mask::from_test(columns.rows(), holds))
                }
                "ts" | "timestamp" | "date" => {
                    let holds = |row: usize| test_instant(term, columns.ts_us().get(row));
                    RowTest::Known(Mask::from_test(columns.rows(), holds))
                }
                path => match columns.attribute(path).map(test) {
                    Some(test) if test.rows() > 0 => RowTest::Codes(test),
                    _ => RowTest::Nothing,
                },
            },
        }
    }

    fn expected_rows(&self, columns: &Columns) -> usize {
        match self {
            RowTest::Nothing => 0,
            RowTest::Codes(test) => test.rows(),
            RowTest::Kinds(_) => columns.rows(),
            RowTest::Known(mask) => mask.count(),
        }
    }

    fn mask(self, columns: &Columns) -> Mask {
        match self {
            RowTest::Nothing => Mask::none(columns.rows()),
            RowTest::Codes(test) => test.mask(columns.rows()),
            RowTest::Kinds(holds) => {
                Mask::from_test(columns.rows(), |row| holds[columns.kinds()[row] as usize])
            }
            RowTest::Known(mask) => mask,
        }
    }

    /// The rows of `mask` that pass.
    fn narrow(self, mut mask: Mask, columns: &Columns) -> Mask {
        match self {
            RowTest::Nothing => Mask::none(columns.rows()),
            RowTest::Codes(test) => {
                mask.retain(|row| test.holds(row));
                mask
            }
            RowTest::Kinds(holds) => {
                mask.retain(|row| holds[columns.kinds()[row] as usize]);
                mask
            }
            RowTest::Known(other) => mask.and(&other),
        }
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

/// The rows whose value in `column` passes.
pub(crate) fn matching_values(column: Option<&Column>, rows: usize, holds: impl Fn(&Value) -> bool) -> Mask {
    column.map_or_else(|| Mask::none(rows), |column| CodeTest::new(column, holds).mask(rows))
}

#[cfg(test)]
mod tests;
