//! How tables and columns are called: lower case, beginning with a letter, with `_` for whatever is none of `a-z0-9_`.

use std::collections::HashMap;

use whodid_model::limits;

use super::refuse;
use crate::InsightError;

/// Errors: `Invalid` for what has no letter, or is longer than [`limits::TABLE_NAME_CHARS`] then.
pub fn normalized_name(text: &str) -> Result<String, InsightError> {
    let lower = text.trim().to_lowercase();
    let from_letter = lower.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let plain = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' };
    let name: String = from_letter.chars().map(plain).collect();
    if name.is_empty() {
        return Err(refuse(format!("`{text}` has no letter that a name could begin with")));
    }
    within_limit(name)
}

fn within_limit(name: String) -> Result<String, InsightError> {
    if name.len() > limits::TABLE_NAME_CHARS {
        return Err(refuse(format!(
            "the name `{name}` is longer than {} characters",
            limits::TABLE_NAME_CHARS
        )));
    }
    Ok(name)
}

/// Columns of one file: those that are called alike are all numbered from 1.
pub fn normalized_headers(headers: &[String]) -> Result<Vec<String>, InsightError> {
    let names = headers.iter().map(|header| normalized_name(header)).collect::<Result<Vec<_>, _>>()?;
    let mut counts: HashMap<&str, usize> = HashMap::new();
    names.iter().for_each(|name| *counts.entry(name).or_default() += 1);
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let numbered = names.iter().map(|name| {
        let number = seen.entry(name).or_default();
        *number += 1;
        within_limit(if counts[name.as_str()] > 1 { format!("{name}{number}") } else { name.clone() })
    });
    numbered.collect()
}
