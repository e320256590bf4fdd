//! Names of columns to facet paths: `user_id=usr.id,event=action.name,ts=timestamp`.

use std::borrow::Cow;
use std::str::FromStr;

use whodid_model::{Attributes, limits};

use crate::IntakeError;

/// Renames columns, and with a column all that lies below it. A leading `@` of a column's name is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    pairs: Vec<(String, String)>,
}

impl FromStr for Mapping {
    type Err = IntakeError;

    fn from_str(text: &str) -> Result<Mapping, IntakeError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || IntakeError::Mapping { part: part.to_string() };
            let (column, facet) = part.split_once('=').ok_or_else(wrong)?;
            let (column, facet) = (column.trim(), facet.trim().trim_start_matches('@'));
            let is_known = pairs.iter().any(|(known, _)| known == column);
            if column.is_empty() || facet.is_empty() || facet.len() > limits::PATH_BYTES || is_known {
                return Err(wrong());
            }
            pairs.push((column.to_string(), facet.to_string()));
        }
        Ok(Mapping { pairs })
    }
}

impl Mapping {
    /// The facet path of a column.
    pub fn path<'a>(&self, column: &'a str) -> Cow<'a, str> {
        for (from, to) in &self.pairs {
            match column.strip_prefix(from.as_str()) {
                Some("") => return Cow::Owned(to.clone()),
                Some(below) if below.starts_with('.') => return Cow::Owned(format!("{to}{below}")),
                _ => {}
            }
        }
        Cow::Borrowed(column.strip_prefix('@').unwrap_or(column))
    }

    pub(super) fn apply(&self, attributes: Attributes) -> Attributes {
        if self.pairs.is_empty() && !attributes.keys().any(|path| path.starts_with('@')) {
            return attributes;
        }
        attributes.into_iter().map(|(path, value)| (self.path(&path).into_owned(), value)).collect()
    }
}
