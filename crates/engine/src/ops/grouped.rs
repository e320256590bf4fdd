//! Counts and exact unique users by group, in one pass over codes: the common case of a top list.
//!
//! Each half of a bucket counts into a dense array, indexed by the codes of its own dictionaries, or into a hash map where
//! the array would be too large. A user lies in one half only and their rows are together, so unique users need no set:
//! each group remembers who was counted last in it.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rustc_hash::FxHashMap;
use whodid_model::event::paths;
use whodid_store::{Codes, Half, Snapshot};

use super::bucket::{BucketWork, Worked};
use super::codec::OperatorMessage;
use super::keys::HalfGrouping;
use super::scan::{STEP, ScanSpec, key_name};
use crate::error::EngineError;
use crate::stream::for_each_hit_run;

/// Largest dense array of groups in one half of a bucket.
const DENSE_GROUPS: u128 = 1 << 20;

/// The events of a scan by its grouping; its columns are left alone.
#[derive(Clone, Debug)]
pub(crate) struct GroupedSpec {
    pub(crate) scan: ScanSpec,
}

/// Names of the operator's columns beside those of the grouping.
pub(crate) const EVENTS: &str = "events";
/// Identified users: events whose `usr.id` is none are not among them.
pub(crate) const USERS: &str = "users";

impl GroupedSpec {
    pub(crate) fn from_parts(spec: &str, bitmaps: &[Vec<u8>]) -> Result<GroupedSpec, EngineError> {
        Ok(GroupedSpec { scan: ScanSpec::from_parts(spec, bitmaps)? })
    }
}

impl BucketWork for GroupedSpec {
    const NAME: &'static str = "GroupedCountsExec";

    fn schema(&self) -> SchemaRef {
        let grouping = &self.scan.grouping;
        let keys = (0..grouping.keys.len()).map(|key| Field::new(key_name(key), DataType::Utf8, true));
        let step = grouping.steps.iter().map(|_| Field::new(STEP, DataType::UInt32, false));
        let numbers = [EVENTS, USERS].map(|name| Field::new(name, DataType::UInt64, false));
        Arc::new(Schema::new(keys.chain(step).chain(numbers).collect::<Vec<_>>()))
    }

    fn describe(&self) -> String {
        self.scan.describe()
    }

    fn work(&self, snapshot: &Snapshot, bucket: usize) -> Result<Worked, EngineError> {
        let mut worked = Worked { batches: Vec::new(), rows_scanned: 0 };
        for half in snapshot.buckets()[bucket].halves().into_iter().filter(|half| half.columns.rows() > 0) {
            worked.rows_scanned += half.columns.rows();
            let grouping = self.scan.grouping.of_half(half);
            let groups = self.count(half, bucket, &grouping);
            worked.batches.push(self.batch(&grouping, &groups)?);
        }
        Ok(worked)
    }

    fn to_message(&self) -> Result<OperatorMessage, EngineError> {
        self.scan.to_message()
    }
}

#[derive(Clone, Copy, Default)]
struct Group {
    events: u32,
    users: u32,
    /// One more than the index of the run counted last; 0 before the first.
    last_run: u32,
}

impl Group {
    fn add(&mut self, run: usize, identified: bool) {
        let run = run as u32 + 1;
        self.events += 1;
        self.users += u32::from(identified && self.last_run != run);
        self.last_run = run;
    }
}

impl GroupedSpec {
    /// The groups that have events, by their number in the grouping.
    fn count(&self, half: Half<'_>, bucket: usize, grouping: &HalfGrouping<'_>) -> Vec<(u128, Group)> {
        let width = grouping.width();
        if width > DENSE_GROUPS {
            let mut groups: FxHashMap<u128, Group> = FxHashMap::default();
            self.each_row(half, bucket, |run, row, identified| {
                let add = &mut |number| groups.entry(number).or_default().add(run, identified);
                grouping.each(run, row, add);
            });
            return groups.into_iter().collect();
        }
        let mut groups = vec![Group::default(); width as usize];
        // The usual case of one attribute reads its codes as they are.
        let plain = grouping.keys.first().filter(|_| grouping.keys.len() == 1).and_then(|key| key.plain());
        match plain {
            Some(Codes::U8(codes)) => {
                self.each_row(half, bucket, |run, row, known| groups[usize::from(codes[row])].add(run, known))
            }
            Some(Codes::U16(codes)) => {
                self.each_row(half, bucket, |run, row, known| groups[usize::from(codes[row])].add(run, known))
            }
            Some(Codes::U32(codes)) => {
                self.each_row(half, bucket, |run, row, known| groups[codes[row] as usize].add(run, known))
            }
            None => self.each_row(half, bucket, |run, row, known| {
                grouping.each(run, row, &mut |number| groups[number as usize].add(run, known));
            }),
        }
        let numbered = groups.into_iter().enumerate().map(|(number, group)| (number as u128, group));
        numbered.filter(|(_, group)| group.events > 0).collect()
    }

    /// Calls `visit` with the run and the row of every event, and whether its user is identified.
    fn each_row(&self, half: Half<'_>, bucket: usize, mut visit: impl FnMut(usize, usize, bool)) {
        let mask = self.scan.mask(half, bucket);
        let users = half.columns.attribute(paths::USR_ID);
        for_each_hit_run(half, &mask, |run, rows| {
            // A run of a user shows one `usr.id` on every row, or none on any.
            let identified = users.is_some_and(|users| users.codes().get(rows[0]) != 0);
            rows.iter().for_each(|row| visit(run, *row, identified));
        });
    }

    fn batch(
        &self,
        grouping: &HalfGrouping<'_>,
        groups: &[(u128, Group)],
    ) -> Result<RecordBatch, EngineError> {
        let codes: Vec<Vec<u32>> = groups.iter().map(|(number, _)| grouping.codes(*number)).collect();
        let keys = self.scan.grouping.keys.len();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(keys + 3);
        for (index, key) in grouping.keys[..keys].iter().enumerate() {
            let mut texts = StringBuilder::new();
            codes.iter().for_each(|codes| texts.append_option(key.text(codes[index])));
            columns.push(Arc::new(texts.finish()));
        }
        if self.scan.grouping.steps.is_some() {
            columns.push(Arc::new(UInt32Array::from_iter_values(codes.iter().map(|codes| codes[keys]))));
        }
        let numbers = |number: fn(&Group) -> u32| {
            UInt64Array::from_iter_values(groups.iter().map(|(_, group)| number(group).into()))
        };
        columns.push(Arc::new(numbers(|group| group.events)));
        columns.push(Arc::new(numbers(|group| group.users)));
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}
