//! Columns that users and accounts have from elsewhere: reference tables, joined by what an entity is known by. They are
//! as they are now, whatever instant a question is about.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use whodid_model::{EntityKind, Value};

/// All joined columns, by the ids of their fields (without the `@` that they are shown with).
#[derive(Debug, Default)]
pub struct Joined {
    pub users: BTreeMap<String, JoinedField>,
    pub accounts: BTreeMap<String, JoinedField>,
    /// Grows with every change of a table or a connection: equal ones are of equal content.
    pub generation: u64,
}

#[derive(Clone, Debug)]
pub struct JoinedField {
    pub by: JoinBy,
    /// The values by what the entity is joined by.
    pub values: Arc<HashMap<String, Value>>,
}

/// What an entity is joined by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinBy {
    Id,
    /// The e-mail address of the profile, without regard to case and surrounding blanks.
    Email,
    /// The latest value of an attribute, by its path.
    Attribute(String),
}

impl Joined {
    pub fn fields(&self, kind: EntityKind) -> &BTreeMap<String, JoinedField> {
        match kind {
            EntityKind::User => &self.users,
            EntityKind::Account => &self.accounts,
        }
    }
}
