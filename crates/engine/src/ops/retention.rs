//! Who came back, period by period: one row per entity that joins a cohort.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde_json::{Value as Json, json};
use whodid_match as kernel;
use whodid_store::Snapshot;

use super::bucket::{BucketWork, Worked};
use super::codec::OperatorMessage;
use super::journey::WantedColumn;
use super::nodes::{Follow, Node, Wanted, read};
use crate::error::EngineError;

#[derive(Clone, Debug)]
pub struct RetentionSpec {
    pub follow: Follow,
    pub cohort: Node,
    pub returning: Node,
    pub rules: kernel::Retention,
    /// Values are those of the event with which an entity joins: step 0. There is no next event.
    pub columns: Vec<Wanted>,
}

/// Names of the operator's columns beside the wanted ones.
pub(crate) const COHORT: &str = "cohort";
/// The instant of joining.
pub(crate) const JOINED: &str = "joined";
/// Bit `i % 8` of byte `i / 8` says whether the entity returned in its period `i`.
pub(crate) const RETURNED: &str = "returned";

impl RetentionSpec {
    pub(crate) fn from_parts(text: &str, bitmaps: &[Vec<u8>]) -> Result<RetentionSpec, EngineError> {
        let json: Json = serde_json::from_str(text).map_err(EngineError::codec)?;
        let periods = |boundaries| kernel::Periods::new(boundaries).map_err(EngineError::codec);
        let returns: Vec<Vec<i64>> = read(&json["returns_us"])?;
        let or_after: bool = read(&json["or_after"])?;
        let rules = kernel::Retention {
            cohorts: periods(read(&json["cohorts_us"])?)?,
            returns: returns.into_iter().map(periods).collect::<Result<_, _>>()?,
            returning: if or_after { kernel::Returning::OnOrAfter } else { kernel::Returning::On },
            same_criteria: read(&json["same_criteria"])?,
        };
        Ok(RetentionSpec {
            follow: Follow::from_json(&json["follow"], bitmaps)?,
            cohort: Node::from_json(&json["cohort"])?,
            returning: Node::from_json(&json["returning"])?,
            rules,
            columns: read(&json["columns"])?,
        })
    }
}

impl BucketWork for RetentionSpec {
    const NAME: &'static str = "RetentionExec";

    fn schema(&self) -> SchemaRef {
        let own = [
            Field::new(COHORT, DataType::UInt32, false),
            Field::new(JOINED, DataType::Int64, false),
            Field::new(RETURNED, DataType::Binary, false),
        ];
        let wanted =
            self.columns.iter().enumerate().map(|(number, wanted)| WantedColumn::field(wanted, number));
        Arc::new(Schema::new(own.into_iter().chain(wanted).collect::<Vec<_>>()))
    }

    fn units(&self) -> usize {
        self.follow.subjects.units()
    }

    fn describe(&self) -> String {
        let (cohort, returning) = (&self.cohort.query, &self.returning.query);
        format!("{} cohort={cohort} return={returning}", self.follow.describe())
    }

    fn work(&self, snapshot: &Snapshot, unit: usize) -> Result<Worked, EngineError> {
        let nodes = [&self.cohort, &self.returning];
        let followed = self.follow.rows(snapshot, unit, &nodes, false);
        let (parts, range) = (&followed.parts, self.follow.scan.range);
        let bounds = kernel::Bounds { from: range.from.0, to: range.to.0, at: range.to.0 };
        let (mut cohorts, mut joined, mut returned) = (Vec::new(), Vec::new(), BinaryBuilder::new());
        let mut wanted: Vec<WantedColumn> = self.columns.iter().map(WantedColumn::new).collect();
        let (mut ts, mut matches, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        self.follow.subjects.for_each(unit, parts, &followed.hits, |subject, rows| {
            ts.clear();
            ts.extend(rows.iter().map(|row| row.ts_us));
            matches.clear();
            matches.extend(rows.iter().map(|row| followed.steps[row.half as usize].bits(row.row as usize)));
            let stream = kernel::Stream { ts: &ts, matches: &matches };
            let Some(member) = self.rules.member(stream, bounds) else { return };
            cohorts.push(member.cohort as u32);
            joined.push(ts[member.row]);
            bytes.clear();
            bytes.resize(member.returned.len().div_ceil(8), 0u8);
            for period in (0..member.returned.len()).filter(|period| member.returned[*period]) {
                bytes[period / 8] |= 1 << (period % 8);
            }
            returned.append_value(&bytes);
            for column in &mut wanted {
                column.push(parts, subject, &rows[member.row..=member.row], None);
            }
        });
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from(cohorts)),
            Arc::new(Int64Array::from(joined)),
            Arc::new(returned.finish()),
        ];
        for column in wanted {
            arrays.push(column.finish()?);
        }
        let batches = vec![RecordBatch::try_new(self.schema(), arrays)?];
        Ok(Worked { batches, rows_scanned: followed.rows_scanned })
    }

    fn to_message(&self) -> Result<OperatorMessage, EngineError> {
        let mut bitmaps = Vec::new();
        let spec = json!({
            "follow": self.follow.to_json(&mut bitmaps)?,
            "cohort": self.cohort.to_json(),
            "returning": self.returning.to_json(),
            "cohorts_us": self.rules.cohorts.boundaries_us(),
            "returns_us": self.rules.returns.iter().map(kernel::Periods::boundaries_us).collect::<Vec<_>>(),
            "or_after": self.rules.returning == kernel::Returning::OnOrAfter,
            "same_criteria": self.rules.same_criteria,
            "columns": self.columns,
        });
        Ok(OperatorMessage { spec: spec.to_string(), bitmaps, ..OperatorMessage::default() })
    }
}
