//! One attribute of every row: narrow codes into a sorted dictionary.

use std::borrow::Cow;
use std::cmp::Ordering;

use whodid_model::Value;

use super::dictionary::Dictionary;

/// One code per row. Code 0 says that the row has no value; code `k` means `dictionary[k - 1]`.
#[derive(Clone, Debug)]
pub enum Codes {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

impl Codes {
    /// As narrow as the largest code allows.
    pub(super) fn narrow(codes: Vec<u32>, largest: usize) -> Codes {
        if largest <= usize::from(u8::MAX) {
            Codes::U8(codes.into_iter().map(|code| code as u8).collect())
        } else if largest <= usize::from(u16::MAX) {
            Codes::U16(codes.into_iter().map(|code| code as u16).collect())
        } else {
            Codes::U32(codes)
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Codes::U8(codes) => codes.len(),
            Codes::U16(codes) => codes.len(),
            Codes::U32(codes) => codes.len(),
        }
    }

    pub fn get(&self, row: usize) -> u32 {
        match self {
            Codes::U8(codes) => codes[row].into(),
            Codes::U16(codes) => codes[row].into(),
            Codes::U32(codes) => codes[row],
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Codes::U8(codes) => codes.len(),
            Codes::U16(codes) => 2 * codes.len(),
            Codes::U32(codes) => 4 * codes.len(),
        }
    }
}

/// Of so few values the rows are counted always.
const MANY_VALUES: usize = 256;

/// Codes order as the values do: see [`order`].
#[derive(Clone, Debug)]
pub struct Column {
    codes: Codes,
    dictionary: Dictionary,
    /// How many rows have each code, where there are few codes for the rows.
    counts: Vec<u32>,
}

/// Counts are kept of dictionaries with fewer values than this share of the rows.
const COUNTED_SHARE: usize = 16;

impl Column {
    /// `dictionary` has to be sorted by [`order`]; every code is at most its length.
    pub(super) fn new(codes: Vec<u32>, dictionary: Dictionary) -> Column {
        let mut counts = Vec::new();
        if dictionary.len() <= MANY_VALUES || dictionary.len() < codes.len() / COUNTED_SHARE {
            counts = vec![0; dictionary.len() + 1];
            for code in &codes {
                counts[*code as usize] += 1;
            }
        }
        Column { codes: Codes::narrow(codes, dictionary.len()), dictionary, counts }
    }

    /// None if a code has no value.
    pub(super) fn of_codes(codes: Codes, dictionary: Dictionary) -> Option<Column> {
        let codes: Vec<u32> = (0..codes.len()).map(|row| codes.get(row)).collect();
        let all_known = codes.iter().all(|code| *code as usize <= dictionary.len());
        all_known.then(|| Column::new(codes, dictionary))
    }

    /// About how many rows have one of the codes for which `holds`; 0 only if there is none.
    pub fn rows_with(&self, holds: &[bool]) -> usize {
        if !self.counts.is_empty() {
            let counts = self.counts.iter().zip(holds).filter(|(_, holds)| **holds);
            return counts.map(|(count, _)| *count as usize).sum();
        }
        let holding = holds.iter().filter(|holds| **holds).count();
        (self.codes.len() * holding).div_ceil(holds.len().max(1))
    }

    /// How many rows have each code, the missing value's first.
    pub fn counts(&self) -> Cow<'_, [u32]> {
        match self.counts.is_empty() {
            true => Cow::Owned(self.count()),
            false => Cow::Borrowed(&self.counts),
        }
    }

    fn count(&self) -> Vec<u32> {
        let mut counts = vec![0; self.dictionary.len() + 1];
        (0..self.codes.len()).for_each(|row| counts[self.codes.get(row) as usize] += 1);
        counts
    }

    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// The distinct values, sorted; code `k` means the one at `k - 1`.
    pub fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    pub fn value(&self, row: usize) -> Option<Cow<'_, Value>> {
        match self.codes.get(row) {
            0 => None,
            code => Some(self.dictionary.get(code as usize - 1)),
        }
    }

    /// Bytes held, without the allocator's own overhead.
    pub fn bytes(&self) -> usize {
        self.codes.bytes() + 4 * self.counts.len() + self.dictionary.bytes()
    }
}

/// A total order of values: booleans, numbers, texts, lists, each by value. Values of different types are different,
/// so a path that holds both `5` and `"5"` keeps both.
pub fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => a.total_cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::List(a), Value::List(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::Text(_) => 3,
        Value::List(_) => 4,
    }
}
