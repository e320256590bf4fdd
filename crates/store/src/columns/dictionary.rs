//! The distinct values of a column: few as they are, many texts in one piece.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use whodid_model::Value;

use super::column::order;

/// Sorted values, each once.
#[derive(Clone, Debug)]
pub enum Dictionary {
    Values(Vec<Value>),
    /// Where each text ends in `text`.
    Texts {
        ends: Vec<u32>,
        text: String,
    },
}

/// So many texts are kept in one piece.
const MANY_TEXTS: usize = 256;

/// A value of a dictionary, without a copy of its text.
#[derive(Clone, Copy)]
pub(super) enum Borrowed<'a> {
    Text(&'a str),
    Value(&'a Value),
}

impl Borrowed<'_> {
    /// As [`order`] says.
    pub(super) fn order(self, other: Borrowed<'_>) -> Ordering {
        match (self, other) {
            (Borrowed::Text(a), Borrowed::Text(b)) => a.cmp(b),
            (Borrowed::Text(a), Borrowed::Value(Value::Text(b))) => a.cmp(b.as_str()),
            (Borrowed::Value(Value::Text(a)), Borrowed::Text(b)) => a.as_str().cmp(b),
            (Borrowed::Value(a), Borrowed::Value(b)) => order(a, b),
            // Any other value is on one side of all texts.
            (Borrowed::Text(_), Borrowed::Value(b)) => order(&Value::Text(String::new()), b),
            (Borrowed::Value(a), Borrowed::Text(_)) => order(a, &Value::Text(String::new())),
        }
    }
}

impl Dictionary {
    /// From sorted values.
    pub(super) fn new(values: Vec<Value>) -> Dictionary {
        let borrowed: Vec<Borrowed<'_>> = values.iter().map(Borrowed::Value).collect();
        match Dictionary::of_texts(&borrowed) {
            Some(texts) => texts,
            None => Dictionary::Values(values),
        }
    }

    pub(super) fn of(values: &[Borrowed<'_>]) -> Dictionary {
        let value = |value: &Borrowed<'_>| match value {
            Borrowed::Text(text) => Value::text(*text),
            Borrowed::Value(value) => (*value).clone(),
        };
        Dictionary::of_texts(values).unwrap_or_else(|| Dictionary::Values(values.iter().map(value).collect()))
    }

    /// None if there are few, some are no texts, or they are too long together.
    fn of_texts(values: &[Borrowed<'_>]) -> Option<Dictionary> {
        if values.len() < MANY_TEXTS {
            return None;
        }
        let text = |value: &Borrowed<'_>| match value {
            Borrowed::Value(Value::Text(text)) => Some(text.len()),
            Borrowed::Text(text) => Some(text.len()),
            Borrowed::Value(_) => None,
        };
        let bytes = values.iter().map(text).sum::<Option<usize>>()?;
        u32::try_from(bytes).ok()?;
        let (mut ends, mut text) = (Vec::with_capacity(values.len()), String::with_capacity(bytes));
        for value in values {
            match value {
                Borrowed::Text(next) => text.push_str(next),
                Borrowed::Value(Value::Text(next)) => text.push_str(next),
                Borrowed::Value(_) => {}
            }
            ends.push(text.len() as u32);
        }
        Some(Dictionary::Texts { ends, text })
    }

    pub fn len(&self) -> usize {
        match self {
            Dictionary::Values(values) => values.len(),
            Dictionary::Texts { ends, .. } => ends.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, index: usize) -> Cow<'_, Value> {
        match self {
            Dictionary::Values(values) => Cow::Borrowed(&values[index]),
            Dictionary::Texts { ends, text } => Cow::Owned(Value::text(slice(ends, text, index))),
        }
    }

    /// The indexes of texts; other values stand before and after them.
    pub fn texts(&self) -> Range<usize> {
        match self {
            Dictionary::Values(values) => {
                let start = values.partition_point(|value| !matches!(value, Value::Text(_) | Value::List(_)));
                start..values.partition_point(|value| !matches!(value, Value::List(_)))
            }
            Dictionary::Texts { ends, .. } => 0..ends.len(),
        }
    }

    /// The index of a text.
    pub fn find_text(&self, text: &str) -> Option<usize> {
        let (mut first, mut end) = (self.texts().start, self.texts().end);
        while first < end {
            let middle = first.midpoint(end);
            match self.borrowed(middle).order(Borrowed::Text(text)) {
                Ordering::Equal => return Some(middle),
                Ordering::Less => first = middle + 1,
                Ordering::Greater => end = middle,
            }
        }
        None
    }

    pub fn first(&self) -> Option<Cow<'_, Value>> {
        (!self.is_empty()).then(|| self.get(0))
    }

    pub fn last(&self) -> Option<Cow<'_, Value>> {
        self.len().checked_sub(1).map(|last| self.get(last))
    }

    /// All values as they are; a copy of them where they are kept in one piece.
    pub fn values(&self) -> Cow<'_, [Value]> {
        match self {
            Dictionary::Values(values) => Cow::Borrowed(values),
            Dictionary::Texts { .. } => Cow::Owned(self.map(Value::clone)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, Value>> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// What `test` answers for each value, in order.
    pub fn map<T>(&self, mut test: impl FnMut(&Value) -> T) -> Vec<T> {
        match self {
            Dictionary::Values(values) => values.iter().map(test).collect(),
            Dictionary::Texts { ends, text } => {
                // One text after another in the same memory.
                let mut value = Value::Text(String::new());
                let mut answer = |index| {
                    if let Value::Text(current) = &mut value {
                        current.clear();
                        current.push_str(slice(ends, text, index));
                    }
                    test(&value)
                };
                (0..ends.len()).map(&mut answer).collect()
            }
        }
    }

    pub(super) fn borrowed(&self, index: usize) -> Borrowed<'_> {
        match self {
            Dictionary::Values(values) => Borrowed::Value(&values[index]),
            Dictionary::Texts { ends, text } => Borrowed::Text(slice(ends, text, index)),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let value = |value: &Value| {
            size_of::<Value>()
                + match value {
                    Value::Text(text) => text.len(),
                    Value::List(items) => items.iter().map(|item| 24 + item.len()).sum(),
                    Value::Null | Value::Bool(_) | Value::Number(_) => 0,
                }
        };
        match self {
            Dictionary::Values(values) => values.iter().map(value).sum(),
            Dictionary::Texts { ends, text } => size_of_val(ends.as_slice()) + text.len(),
        }
    }
}

fn slice<'a>(ends: &[u32], text: &'a str, index: usize) -> &'a str {
    let start = index.checked_sub(1).map_or(0, |before| ends[before]);
    &text[start as usize..ends[index] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_values_read_the_same() {
        for count in [3, MANY_TEXTS - 1, MANY_TEXTS, 1_000] {
            let values: Vec<Value> = (0..count).map(|n| Value::Text(format!("{n:05}"))).collect();
            let dictionary = Dictionary::new(values.clone());
            assert_eq!(matches!(dictionary, Dictionary::Texts { .. }), count >= MANY_TEXTS);
            assert_eq!(dictionary.map(Value::clone), values);
            assert_eq!(dictionary.values(), values);
            assert_eq!(dictionary.iter().map(Cow::into_owned).collect::<Vec<_>>(), values);
            assert_eq!(
                (dictionary.first().as_deref(), dictionary.last().as_deref()),
                (values.first(), values.last())
            );
            assert_eq!(dictionary.texts(), 0..count);
            assert!((0..count).all(|n| dictionary.find_text(&format!("{n:05}")) == Some(n)));
            assert_eq!(dictionary.find_text("00001x"), None);
        }
        let mixed =
            vec![Value::Bool(true), Value::Number(1.0), "a".into(), "b".into(), Value::List(Vec::new())];
        let mixed = Dictionary::new(mixed);
        assert_eq!((mixed.texts(), mixed.find_text("b"), mixed.find_text("c")), (2..4, Some(3), None));
    }
}
