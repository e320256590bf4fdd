//! What a membership question consists of, in a form that travels.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use jiff::tz::TimeZone;
use serde_json::json;
use whodid_model::{EntityKind, Instant};
use whodid_query::definition::{Condition, Definition};

use crate::error::EngineError;

/// Clauses to decide for every entity of one kind at one instant.
#[derive(Clone, Debug)]
pub(crate) struct MembershipSpec {
    pub(crate) at: Instant,
    pub(crate) timezone: TimeZone,
    /// The clauses as the conditions of one `all`, which is how they travel.
    clauses: Definition,
}

impl MembershipSpec {
    /// Every clause must be a `performed` or a `profile`.
    pub(crate) fn new(
        entity: EntityKind,
        at: Instant,
        timezone: TimeZone,
        clauses: Vec<Condition>,
    ) -> MembershipSpec {
        MembershipSpec { at, timezone, clauses: Definition { entity, condition: Condition::All(clauses) } }
    }

    pub(crate) fn entity(&self) -> EntityKind {
        self.clauses.entity
    }

    pub(crate) fn clauses(&self) -> &[Condition] {
        match &self.clauses.condition {
            Condition::All(clauses) => clauses,
            other => std::slice::from_ref(other),
        }
    }

    pub(crate) fn to_text(&self) -> String {
        json!({
            "at_us": self.at.0,
            "timezone": self.timezone.iana_name(),
            "clauses": self.clauses.to_json(),
        })
        .to_string()
    }

    pub(crate) fn from_text(text: &str) -> Result<MembershipSpec, EngineError> {
        let json: serde_json::Value = serde_json::from_str(text).map_err(EngineError::codec)?;
        let at_us = json["at_us"].as_i64().ok_or_else(|| EngineError::codec("no instant"))?;
        let timezone = match json["timezone"].as_str() {
            Some(name) => TimeZone::get(name).map_err(EngineError::codec)?,
            None => TimeZone::UTC,
        };
        let clauses = Definition::from_json(&json["clauses"]).map_err(EngineError::codec)?;
        Ok(MembershipSpec { at: Instant(at_us), timezone, clauses })
    }
}

/// Names of the operator's output columns.
pub(crate) mod columns {
    pub(crate) const BUCKET: &str = "bucket";
    pub(crate) const CLAUSE: &str = "clause";
    /// A roaring bitmap of ordinals in the portable format.
    pub(crate) const MEMBERS: &str = "members";
}

pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(columns::BUCKET, DataType::UInt32, false),
        Field::new(columns::CLAUSE, DataType::UInt32, false),
        Field::new(columns::MEMBERS, DataType::Binary, false),
    ]))
}
