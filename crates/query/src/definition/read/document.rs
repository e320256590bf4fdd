//! A JSON document that knows where in it one is.

use serde_json::{Map, Value};

use super::super::DefinitionError;
use crate::nearest::nearest;
use crate::search::{self, Dialect, Query};

/// A value and its pointer.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    json: &'a Value,
    pointer: String,
    name: &'a str,
}

/// An object whose members are all known.
pub(super) struct Members<'a> {
    map: &'a Map<String, Value>,
    pointer: String,
    what: &'static str,
}

impl<'a> At<'a> {
    pub(super) fn root(json: &'a Value) -> At<'a> {
        At { json, pointer: String::new(), name: "the definition" }
    }

    pub(super) fn json(&self) -> &'a Value {
        self.json
    }

    /// The member's name.
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    pub(super) fn refuse(&self, message: impl Into<String>, hint: impl Into<String>) -> DefinitionError {
        DefinitionError::new(&self.pointer, message, hint)
    }

    pub(super) fn too_large(&self, message: impl Into<String>, hint: impl Into<String>) -> DefinitionError {
        DefinitionError::too_large(&self.pointer, message, hint)
    }

    fn wrong_kind(&self, expected: &str) -> DefinitionError {
        let found = match self.json {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.refuse(format!("here stands {found}"), format!("write {expected}"))
    }

    /// The members of an object; one that is not `known` is refused, with the nearest that is.
    pub(super) fn members(&self, what: &'static str, known: &[&str]) -> Result<Members<'a>, DefinitionError> {
        let map = self.json.as_object().ok_or_else(|| {
            self.wrong_kind(&format!("{what}: an object with the members {}", known.join(", ")))
        })?;
        if let Some(unknown) = map.keys().find(|name| !known.contains(&name.as_str())) {
            let hint = match nearest(unknown, known) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("it may have {}", known.join(", ")),
            };
            let pointer = format!("{}/{}", self.pointer, unknown.replace('~', "~0").replace('/', "~1"));
            return Err(DefinitionError::new(pointer, format!("{what} has no member `{unknown}`"), hint));
        }
        Ok(Members { map, pointer: self.pointer.clone(), what })
    }

    pub(super) fn items(&self, what: &str) -> Result<Vec<At<'a>>, DefinitionError> {
        let items = self.json.as_array().ok_or_else(|| self.wrong_kind(what))?;
        let at = |(i, json)| At { json, pointer: format!("{}/{i}", self.pointer), name: self.name };
        Ok(items.iter().enumerate().map(at).collect())
    }

    pub(super) fn text(&self, what: &str) -> Result<&'a str, DefinitionError> {
        self.json.as_str().ok_or_else(|| self.wrong_kind(what))
    }

    pub(super) fn boolean(&self) -> Result<bool, DefinitionError> {
        self.json.as_bool().ok_or_else(|| self.wrong_kind("true or false"))
    }

    pub(super) fn number(&self) -> Result<f64, DefinitionError> {
        let number = self.json.as_f64().filter(|number| number.is_finite());
        number.ok_or_else(|| self.wrong_kind("a number"))
    }

    /// A whole number from 0. `2.0` is one.
    pub(super) fn count(&self) -> Result<u64, DefinitionError> {
        let whole = |n: f64| (n.fract() == 0.0 && (0.0..9e15).contains(&n)).then_some(n as u64);
        self.json.as_u64().or_else(|| self.json.as_f64().and_then(whole)).ok_or_else(|| {
            self.refuse(format!("{} is not a count", self.json), "write a whole number from 0")
        })
    }

    pub(super) fn choice<T: Copy>(&self, what: &str, choices: &[(&str, T)]) -> Result<T, DefinitionError> {
        let names = choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let text = self.text(&format!("one of {names}"))?;
        choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, choice)| *choice)
            .ok_or_else(|| self.refuse(format!("`{text}` is not {what}"), format!("write one of {names}")))
    }

    pub(super) fn query(&self, dialect: Dialect) -> Result<Query, DefinitionError> {
        let text = self.text("a search query, such as \"@view.name:/cart\"")?;
        search::parse(text, dialect).map_err(|error| DefinitionError::in_query(&self.pointer, error))
    }
}

impl<'a> Members<'a> {
    pub(super) fn get(&self, name: &'static str) -> Option<At<'a>> {
        let json = self.map.get(name)?;
        Some(At { json, pointer: format!("{}/{name}", self.pointer), name })
    }

    pub(super) fn need(&self, name: &'static str, hint: &str) -> Result<At<'a>, DefinitionError> {
        self.get(name).ok_or_else(|| {
            DefinitionError::new(&self.pointer, format!("{} needs a member `{name}`", self.what), hint)
        })
    }

    /// The single member of an object that has exactly one.
    pub(super) fn the_only(&self, hint: &str, known: &[&'static str]) -> Result<At<'a>, DefinitionError> {
        let mut present = known.iter().filter_map(|name| self.get(name));
        match (present.next(), present.next()) {
            (Some(one), None) => Ok(one),
            (Some(one), Some(other)) => Err(DefinitionError::new(
                &self.pointer,
                format!(
                    "{} has exactly one member, and here are `{}` and `{}`",
                    self.what, one.name, other.name
                ),
                hint,
            )),
            (None, _) => Err(DefinitionError::new(
                &self.pointer,
                format!("{} is empty", self.what),
                format!("write one of {}", known.join(", ")),
            )),
        }
    }

    /// Refuses members that are known but do not stand beside these.
    pub(super) fn allow_only(&self, together: &[&str]) -> Result<(), DefinitionError> {
        match self.map.keys().find(|name| !together.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(DefinitionError::new(
                format!("{}/{name}", self.pointer),
                format!("`{name}` does not stand beside `{}`", together[0]),
                format!("here {} may have {} only", self.what, together.join(", ")),
            )),
        }
    }
}
