//! What an attribute can hold.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One attribute value. `Null` appears only in a partial update, where it removes the member and all below it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Null,
    Bool(bool),
    /// Every number is a 64-bit float. A whole number that a float cannot hold exactly is kept as its text instead.
    Number(f64),
    Text(String),
    List(Vec<String>),
}

impl Value {
    pub fn text(s: impl Into<String>) -> Value {
        Value::Text(s.into())
    }

    /// A JSON scalar or an array of scalars. `None` for objects, and for arrays that hold objects or arrays.
    pub fn from_json(json: &serde_json::Value) -> Option<Value> {
        Some(match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(b) => Value::Bool(*b),
            serde_json::Value::Number(n) => Value::from_json_number(n),
            serde_json::Value::String(s) => Value::Text(s.clone()),
            serde_json::Value::Array(items) => {
                let texts: Option<Vec<String>> = items
                    .iter()
                    .map(|item| match Value::from_json(item)? {
                        Value::List(_) => None,
                        Value::Null => Some("null".to_string()),
                        scalar => Some(scalar.as_text().into_owned()),
                    })
                    .collect();
                Value::List(texts?)
            }
            serde_json::Value::Object(_) => return None,
        })
    }

    fn from_json_number(n: &serde_json::Number) -> Value {
        let exact = match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => (i as f64) as i128 == i as i128,
            (_, Some(u)) => (u as f64) as i128 == u as i128,
            _ => true,
        };
        match n.as_f64() {
            Some(f) if exact && f.is_finite() => Value::Number(f),
            _ => Value::Text(n.to_string()),
        }
    }

    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => (*n as i64).into(),
            Value::Number(n) => (*n).into(),
            Value::Text(s) => s.clone().into(),
            Value::List(items) => items.clone().into(),
        }
    }

    /// The value as people write and read it: whole numbers without a fraction, lists comma-separated.
    pub fn as_text(&self) -> Cow<'_, str> {
        match self {
            Value::Null => Cow::Borrowed("null"),
            Value::Bool(b) => Cow::Borrowed(if *b { "true" } else { "false" }),
            Value::Number(n) => Cow::Owned(number_text(*n)),
            Value::Text(s) => Cow::Borrowed(s),
            Value::List(items) => Cow::Owned(items.join(",")),
        }
    }

    /// As an id: text, whatever its JSON type; an empty one is none.
    pub fn as_id(&self) -> Option<String> {
        let text = match self {
            Value::Text(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => self.as_text().into_owned(),
            Value::Null | Value::List(_) => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number(n) => Some(*n),
            _ => None,
        }
    }
}

/// A number as text: `3`, not `3.0`; otherwise the shortest digits that read back as the same number.
pub fn number_text(n: f64) -> String {
    if n.fract() == 0.0 && n.abs() < 9e15 { format!("{}", n as i64) } else { format!("{n}") }
}

impl From<&str> for Value {
    fn from(s: &str) -> Value {
        Value::Text(s.to_string())
    }
}

impl From<String> for Value {
    fn from(s: String) -> Value {
        Value::Text(s)
    }
}

impl From<f64> for Value {
    fn from(n: f64) -> Value {
        Value::Number(n)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value::Bool(b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_a_float_cannot_hold_keep_their_digits() {
        let read = |text: &str| Value::from_json(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(read("9007199254740992"), Value::Number(9_007_199_254_740_992.0));
        assert_eq!(read("9007199254740993"), Value::text("9007199254740993"));
        assert_eq!(read("1.50"), Value::Number(1.5));
        assert_eq!(read("[1,\"a\",true]"), Value::List(vec!["1".into(), "a".into(), "true".into()]));
    }

    #[test]
    fn values_print_as_people_write_them() {
        assert_eq!(Value::Number(3.0).as_text(), "3");
        assert_eq!(Value::Number(-0.25).as_text(), "-0.25");
        assert_eq!(Value::Bool(true).as_text(), "true");
    }
}
