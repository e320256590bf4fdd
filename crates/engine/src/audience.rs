//! Whose events a question is about: sets of users and accounts, joined by AND and OR.

use roaring::RoaringBitmap;
use serde_json::{Value, json};
use whodid_model::EntityKind;
use whodid_model::event::paths;
use whodid_store::{BUCKETS, Half};

use crate::entities::{EntitySet, Population, account_name, serialize};
use crate::error::EngineError;
use crate::mask::{Mask, matching_values};

/// An event passes when its user or its account is in the sets. An event without a user is in no set of users, nor in a
/// complement of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Audience {
    All(Vec<Audience>),
    Any(Vec<Audience>),
    /// Users by ordinal: bound to one snapshot.
    Users(EntitySet),
    /// Account ids, sorted.
    Accounts(Vec<String>),
}

impl Audience {
    /// The events of a set of entities.
    pub fn of(population: &Population, set: EntitySet) -> Audience {
        match population.kind {
            EntityKind::User => Audience::Users(set),
            EntityKind::Account => Audience::accounts(population, &set),
        }
    }

    pub fn accounts(population: &Population, set: &EntitySet) -> Audience {
        let names = set.iter().filter_map(|(_, ordinal)| population.accounts.get(ordinal as usize));
        Audience::Accounts(names.cloned().collect())
    }

    /// The rows of a half that pass.
    pub(crate) fn mask(&self, half: Half<'_>, bucket: usize) -> Mask {
        let rows = half.columns.rows();
        match self {
            Audience::All(parts) => {
                parts.iter().fold(Mask::every(rows), |mask, part| mask.and(&part.mask(half, bucket)))
            }
            Audience::Any(parts) => {
                parts.iter().fold(Mask::none(rows), |mask, part| mask.or(&part.mask(half, bucket)))
            }
            Audience::Users(users) => {
                let members = users.bucket(bucket);
                let mut mask = Mask::none(rows);
                for (_, run) in half.runs().filter(|(ordinal, _)| members.contains(*ordinal)) {
                    mask.set(run.rows());
                }
                mask
            }
            Audience::Accounts(names) => {
                let column = half.columns.attribute(paths::ACCOUNT_ID);
                matching_values(column, rows, |value| {
                    account_name(value).is_some_and(|name| names.binary_search(&name).is_ok())
                })
            }
        }
    }

    /// The tree in words, with each set of users as `BUCKETS` bitmaps appended to `bitmaps`.
    pub(crate) fn to_parts(&self, bitmaps: &mut Vec<Vec<u8>>) -> Result<Value, EngineError> {
        let mut list = |parts: &[Audience]| -> Result<Vec<Value>, EngineError> {
            parts.iter().map(|part| part.to_parts(bitmaps)).collect()
        };
        Ok(match self {
            Audience::All(parts) => json!({ "all": list(parts)? }),
            Audience::Any(parts) => json!({ "any": list(parts)? }),
            Audience::Accounts(names) => json!({ "accounts": names }),
            Audience::Users(users) => {
                let first = bitmaps.len();
                for ordinals in &users.buckets {
                    bitmaps.push(serialize(ordinals)?);
                }
                json!({ "users": first })
            }
        })
    }

    pub(crate) fn from_parts(words: &Value, bitmaps: &[Vec<u8>]) -> Result<Audience, EngineError> {
        let list = |parts: &Value| -> Result<Vec<Audience>, EngineError> {
            let parts = parts.as_array().map(Vec::as_slice).unwrap_or_default();
            parts.iter().map(|part| Audience::from_parts(part, bitmaps)).collect()
        };
        if let Some(parts) = words.get("all") {
            return Ok(Audience::All(list(parts)?));
        }
        if let Some(parts) = words.get("any") {
            return Ok(Audience::Any(list(parts)?));
        }
        if let Some(names) = words.get("accounts") {
            return Ok(Audience::Accounts(
                serde_json::from_value(names.clone()).map_err(EngineError::codec)?,
            ));
        }
        let first = words.get("users").and_then(Value::as_u64).map(|first| first as usize);
        let bytes = first.and_then(|first| bitmaps.get(first..first + BUCKETS));
        let bytes = bytes.ok_or_else(|| EngineError::codec("an audience that is none of the known kinds"))?;
        let bitmap = |bytes: &Vec<u8>| RoaringBitmap::deserialize_from(bytes.as_slice());
        let buckets = bytes.iter().map(bitmap).collect::<Result<_, _>>().map_err(EngineError::codec)?;
        Ok(Audience::Users(EntitySet { buckets }))
    }
}
