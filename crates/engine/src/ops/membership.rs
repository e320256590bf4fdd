//! Which entities hold which clauses: the operator behind every segment.
//!
//! It answers, for each bucket and each clause, the bitmap of entities that hold it. What leaves the operator is bitmaps,
//! never events.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use jiff::tz::TimeZone;
use serde_json::json;
use whodid_model::{EntityKind, Instant};
use whodid_query::definition::{Condition, Definition};
use whodid_store::{BUCKETS, Snapshot};

use super::bucket::{BucketWork, Worked};
use super::codec::OperatorMessage;
use crate::clauses::Clauses;
use crate::entities::{Population, serialize};
use crate::error::EngineError;
use crate::stream::Streams;

/// Clauses to decide for every entity of one kind at one instant.
#[derive(Clone, Debug)]
pub(crate) struct MembershipSpec {
    pub(crate) at: Instant,
    pub(crate) timezone: TimeZone,
    /// The clauses as the conditions of one `all`, which is how they travel.
    clauses: Definition,
    /// Which buckets are looked at. Accounts are gathered from all of them and are therefore one unit of work.
    buckets: Range<usize>,
}

impl MembershipSpec {
    /// Every clause must be a `performed` or a `profile`.
    pub(crate) fn new(
        entity: EntityKind,
        at: Instant,
        timezone: TimeZone,
        clauses: Vec<Condition>,
    ) -> MembershipSpec {
        let buckets = match entity {
            EntityKind::User => 0..BUCKETS,
            EntityKind::Account => 0..1,
        };
        let clauses = Definition { entity, condition: Condition::All(clauses) };
        MembershipSpec { at, timezone, clauses, buckets }
    }

    /// The same question to some of the buckets of users.
    pub(crate) fn of_buckets(&self, buckets: Range<usize>) -> MembershipSpec {
        MembershipSpec { buckets, ..self.clone() }
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
            "buckets": [self.buckets.start, self.buckets.end],
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
        let buckets: [usize; 2] =
            serde_json::from_value(json["buckets"].clone()).map_err(EngineError::codec)?;
        Ok(MembershipSpec { at: Instant(at_us), timezone, clauses, buckets: buckets[0]..buckets[1] })
    }
}

/// Names of the operator's output columns.
pub(crate) mod columns {
    pub(crate) const BUCKET: &str = "bucket";
    pub(crate) const CLAUSE: &str = "clause";
    /// A roaring bitmap of ordinals in the portable format.
    pub(crate) const MEMBERS: &str = "members";
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(columns::BUCKET, DataType::UInt32, false),
        Field::new(columns::CLAUSE, DataType::UInt32, false),
        Field::new(columns::MEMBERS, DataType::Binary, false),
    ]))
}

impl BucketWork for MembershipSpec {
    const NAME: &'static str = "MembershipExec";

    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn units(&self) -> usize {
        self.buckets.len()
    }

    fn describe(&self) -> String {
        format!("entity={} clauses={} at={}", self.entity(), self.clauses().len(), self.at)
    }

    fn work(&self, snapshot: &Snapshot, unit: usize) -> Result<Worked, EngineError> {
        let bucket = self.buckets.start + unit;
        let streams = match self.entity() {
            EntityKind::User => Streams::of_bucket(snapshot, bucket, self.at),
            EntityKind::Account => Streams::of_everything(snapshot, self.at),
        };
        let clauses = Clauses::new(self.entity(), self.at, &self.timezone, self.clauses(), &streams)?;
        let members = match self.entity() {
            EntityKind::User => clauses.users(&streams),
            EntityKind::Account => {
                clauses.accounts(&Population::of(EntityKind::Account, snapshot, self.at), &streams)
            }
        };
        let bitmaps = members.iter().map(serialize).collect::<Result<Vec<_>, _>>()?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from(vec![bucket as u32; members.len()])),
            Arc::new(UInt32Array::from_iter_values(0..members.len() as u32)),
            Arc::new(BinaryArray::from_iter_values(bitmaps)),
        ];
        let batches = vec![RecordBatch::try_new(schema(), columns)?];
        Ok(Worked { batches, rows_scanned: streams.rows() })
    }

    fn to_message(&self) -> Result<OperatorMessage, EngineError> {
        Ok(OperatorMessage { spec: self.to_text(), ..OperatorMessage::default() })
    }
}
