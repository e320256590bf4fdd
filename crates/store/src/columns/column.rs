//! One attribute of every row: narrow codes into a sorted dictionary.

use std::cmp::Ordering;

use whodid_model::Value;

/// One code per row. Code 0 says that the row has no value; code `k` means `dictionary[k - 1]`.
#[derive(Clone, Debug)]
pub enum Codes {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

impl Codes {
    /// As narrow as the largest code allows.
    fn narrow(codes: Vec<u32>, largest: usize) -> Codes {
        if largest <= usize::from(u8::MAX) {
            Codes::U8(codes.into_iter().map(|code| code as u8).collect())
        } else if largest <= usize::from(u16::MAX) {
            Codes::U16(codes.into_iter().map(|code| code as u16).collect())
        } else {
            Codes::U32(codes)
        }
    }

    pub fn get(&self, row: usize) -> u32 {
        match self {
            Codes::U8(codes) => codes[row].into(),
            Codes::U16(codes) => codes[row].into(),
            Codes::U32(codes) => codes[row],
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Codes::U8(codes) => codes.len(),
            Codes::U16(codes) => 2 * codes.len(),
            Codes::U32(codes) => 4 * codes.len(),
        }
    }
}

/// Codes order as the values do: see [`order`].
#[derive(Clone, Debug)]
pub struct Column {
    codes: Codes,
    dictionary: Vec<Value>,
    counts: Vec<u32>,
}

impl Column {
    /// `dictionary` has to be sorted by [`order`]; every code is at most its length.
    pub(super) fn new(codes: Vec<u32>, dictionary: Vec<Value>) -> Column {
        let mut counts = vec![0; dictionary.len() + 1];
        for code in &codes {
            counts[*code as usize] += 1;
        }
        Column { codes: Codes::narrow(codes, dictionary.len()), dictionary, counts }
    }

    /// How many rows have each code, code 0 first.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// The distinct values, sorted; code `k` means `dictionary()[k - 1]`.
    pub fn dictionary(&self) -> &[Value] {
        &self.dictionary
    }

    pub fn value(&self, row: usize) -> Option<&Value> {
        match self.codes.get(row) {
            0 => None,
            code => Some(&self.dictionary[code as usize - 1]),
        }
    }

    /// Bytes held, without the allocator's own overhead.
    pub fn bytes(&self) -> usize {
        let values: usize = self
            .dictionary
            .iter()
            .map(|value| {
                size_of::<Value>()
                    + match value {
                        Value::Text(text) => text.len(),
                        Value::List(items) => items.iter().map(|item| 24 + item.len()).sum(),
                        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
                    }
            })
            .sum();
        self.codes.bytes() + 4 * self.counts.len() + values
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
