//! One JSON object to attributes by dotted path, in one pass and within limits.
//!
//! An array of scalars becomes a list. The members of objects inside an array become lists of texts under the same
//! dotted path, so that a facet matches if any element does.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use whodid_model::event::paths::{ACCOUNT_ID, ANONYMOUS_ID, SESSION_ID, USR_ID, VIEW_ID};
use whodid_model::revision::REPLACED_WHOLE;
use whodid_model::{Attributes, Value, limits};

/// How an object is read.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    /// Members of the outermost object that are left out.
    pub(crate) without: &'static [&'static str],
    /// The object says what has changed: a null removes a member, and some members are replaced whole.
    pub(crate) partial: bool,
}

/// Ids are text even where a client sends them as numbers, so that `usr.id` is one column.
fn is_identity(path: &str) -> bool {
    matches!(path, USR_ID | ANONYMOUS_ID | ACCOUNT_ID | SESSION_ID | VIEW_ID | "action.id" | "application.id")
}

/// Reads one JSON object, reserved names included. The error says where and what, for a person.
pub(crate) fn flatten(bytes: &[u8], reading: Reading) -> Result<Attributes, String> {
    let mut flat =
        Flat { reading, attributes: Attributes::new(), path: String::with_capacity(64), depth: 0, lists: 0 };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    Outermost(&mut flat).deserialize(&mut json).and_then(|()| json.end()).map_err(describe)?;
    Ok(flat.attributes)
}

/// serde's message with the column in front and without the line, which is always the first.
pub(crate) fn describe(error: serde_json::Error) -> String {
    let text = error.to_string();
    let problem = text.split(" at line ").next().unwrap_or_default();
    if error.column() == 0 { problem.to_string() } else { format!("column {}: {problem}", error.column()) }
}

/// `id` and `ts` are members of every event; attributes with these names move under `context`.
pub(crate) fn keep_reserved_names_apart(attributes: &mut Attributes) {
    for (name, instead) in [("id", "context.id"), ("ts", "context.ts"), ("type", "context.type")] {
        if let Some(value) = attributes.remove(name) {
            attributes.entry(instead.to_string()).or_insert(value);
        }
    }
}

struct Flat {
    reading: Reading,
    attributes: Attributes,
    path: String,
    depth: usize,
    /// How many arrays are open around the current value.
    lists: usize,
}

impl Flat {
    fn put<E: Error>(&mut self, value: Value) -> Result<(), E> {
        if self.lists > 0 {
            return self.append(value);
        }
        if value == Value::Null && !self.reading.partial {
            return Ok(());
        }
        self.insert(value)
    }

    fn append<E: Error>(&mut self, value: Value) -> Result<(), E> {
        let item = match value {
            Value::Text(text) => text,
            other => other.as_text().into_owned(),
        };
        match self.attributes.get_mut(self.path.as_str()) {
            Some(Value::List(items)) => {
                items.push(item);
                Ok(())
            }
            _ => self.insert(Value::List(vec![item])),
        }
    }

    fn put_number<E: Error>(&mut self, value: Value) -> Result<(), E> {
        let is_id = is_identity(&self.path);
        self.put(if is_id { Value::Text(value.as_text().into_owned()) } else { value })
    }

    fn insert<E: Error>(&mut self, value: Value) -> Result<(), E> {
        if self.path.is_empty() {
            return Err(E::custom("a member has an empty name"));
        }
        if self.path.len() > limits::PATH_BYTES {
            return Err(E::custom(format!("a member's path is longer than {} bytes", limits::PATH_BYTES)));
        }
        self.attributes.insert(self.path.clone(), value);
        if self.attributes.len() > limits::EVENT_ATTRIBUTES {
            return Err(E::custom(format!(
                "the event has more than {} attributes",
                limits::EVENT_ATTRIBUTES
            )));
        }
        Ok(())
    }

    fn enter<E: Error>(&mut self) -> Result<(), E> {
        self.depth += 1;
        if self.depth > limits::EVENT_DEPTH {
            return Err(E::custom(format!("the event is nested deeper than {} levels", limits::EVENT_DEPTH)));
        }
        Ok(())
    }

    fn members<'de, A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        self.enter()?;
        let start = self.path.len();
        while map.next_key_seed(Key(&mut self.path))?.is_some() {
            if self.depth == 1 && self.reading.without.contains(&self.path.as_str()) {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Node(self))?;
            }
            self.path.truncate(start);
        }
        self.depth -= 1;
        Ok(())
    }
}

/// Appends a member's name to the path.
struct Key<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        if !self.0.is_empty() {
            self.0.push('.');
        }
        self.0.push_str(name);
        Ok(())
    }
}

struct Outermost<'a>(&'a mut Flat);

impl<'de> DeserializeSeed<'de> for Outermost<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Outermost<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.members(map)
    }
}

/// One value below the outermost object.
struct Node<'a>(&'a mut Flat);

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.put(Value::Null)
    }

    fn visit_bool<E: Error>(self, b: bool) -> Result<(), E> {
        self.0.put(Value::Bool(b))
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<(), E> {
        self.0.put_number(whole_number(n.into()))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<(), E> {
        self.0.put_number(whole_number(n.into()))
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<(), E> {
        self.0.put_number(Value::Number(n))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.put(Value::Text(text.to_string()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<(), E> {
        self.0.put(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let flat = self.0;
        flat.enter()?;
        if flat.lists == 0 {
            flat.attributes.remove(flat.path.as_str());
        }
        flat.lists += 1;
        let mut count = 0_u64;
        while seq.next_element_seed(Node(flat))?.is_some() {
            count += 1;
        }
        flat.lists -= 1;
        flat.depth -= 1;
        if flat.lists == 0 && !flat.attributes.contains_key(flat.path.as_str()) {
            // Either nothing at all, or only objects, whose members lie below.
            if count == 0 {
                flat.insert(Value::List(Vec::new()))?;
            } else if flat.reading.partial {
                flat.insert(Value::Null)?;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let flat = self.0;
        if flat.reading.partial && flat.lists == 0 && REPLACED_WHOLE.contains(&flat.path.as_str()) {
            flat.insert(Value::Null)?;
        }
        flat.members(map)
    }
}

/// A whole number that a float cannot hold is kept as its digits.
pub(crate) fn whole_number(n: i128) -> Value {
    let float = n as f64;
    if float as i128 == n { Value::Number(float) } else { Value::Text(n.to_string()) }
}

#[cfg(test)]
mod tests;
