//! Counts and exact unique users by group, in one pass over codes: the common case of a top list.
//!
//! Each half of a bucket counts into a dense array, indexed by the codes of its own dictionaries. A user lies in one half
//! only and their rows are together, so unique users need no set: an array remembers who was counted last in each group.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use whodid_model::event::paths;
use whodid_store::{Codes, Column, Half, Snapshot};

use super::bucket::{BucketWork, Worked};
use super::codec::OperatorMessage;
use super::scan::{ScanColumn, ScanSpec};
use crate::error::EngineError;
use crate::stream::for_each_hit_run;

/// Largest dense array of groups in one half of a bucket; beyond it nothing dense is possible.
const DENSE_GROUPS: usize = 1 << 20;

/// The events of a scan by group. The scan's columns are the facets to group by, each [`ScanColumn::Text`].
#[derive(Clone, Debug)]
pub(crate) struct GroupedSpec {
    pub(crate) scan: ScanSpec,
}

/// Names of the operator's columns beside those of the facets.
pub(crate) const EVENTS: &str = "events";
/// Identified users: events whose `usr.id` is none are not among them.
pub(crate) const USERS: &str = "users";

impl GroupedSpec {
    /// Whether every half's groups fit a dense array. Event ids never do.
    pub(crate) fn fits(&self, snapshot: &Snapshot) -> bool {
        let halves = || snapshot.buckets().iter().flat_map(|bucket| bucket.halves());
        let texts =
            self.scan.columns.iter().all(|column| matches!(column, ScanColumn::Text(path) if path != "id"));
        texts
            && halves().all(|half| {
                self.facets(half)
                    .iter()
                    .try_fold(1usize, |n, facet| n.checked_mul(facet.width()))
                    .is_some_and(|n| n <= DENSE_GROUPS)
            })
    }

    pub(crate) fn from_parts(spec: &str, bitmaps: &[Vec<u8>]) -> Result<GroupedSpec, EngineError> {
        Ok(GroupedSpec { scan: ScanSpec::from_parts(spec, bitmaps)? })
    }

    fn facets<'a>(&self, half: Half<'a>) -> Vec<Facet<'a>> {
        let path = |column: &ScanColumn| match column {
            ScanColumn::Text(path) | ScanColumn::Number(path) => path.clone(),
            ScanColumn::Ts => "ts".to_string(),
        };
        let facet = |path: String| match path.as_str() {
            "type" => Facet::Type(half),
            path => Facet::Attribute(half.columns.attribute(path)),
        };
        self.scan.columns.iter().map(path).map(facet).collect()
    }
}

/// Where a facet's code of a row comes from. Code 0 is the missing value.
enum Facet<'a> {
    Type(Half<'a>),
    Attribute(Option<&'a Column>),
}

impl Facet<'_> {
    fn width(&self) -> usize {
        match self {
            Facet::Type(_) => whodid_model::EventType::ALL.len() + 1,
            Facet::Attribute(column) => column.map_or(1, |column| column.dictionary().len() + 1),
        }
    }

    fn code(&self, row: usize) -> usize {
        match self {
            Facet::Type(half) => half.columns.kinds()[row] as usize + 1,
            Facet::Attribute(column) => column.map_or(0, |column| column.codes().get(row) as usize),
        }
    }

    fn text(&self, code: usize) -> Option<String> {
        let index = code.checked_sub(1)?;
        match self {
            Facet::Type(_) => Some(whodid_model::EventType::ALL[index].name().to_string()),
            Facet::Attribute(column) => Some(column.as_ref()?.dictionary()[index].as_text().into_owned()),
        }
    }
}

impl BucketWork for GroupedSpec {
    const NAME: &'static str = "GroupedCountsExec";

    fn schema(&self) -> SchemaRef {
        let facets = self.scan.columns.iter().map(|column| Field::new(column.name(), DataType::Utf8, true));
        let numbers = [EVENTS, USERS].map(|name| Field::new(name, DataType::UInt64, false));
        Arc::new(Schema::new(facets.chain(numbers).collect::<Vec<_>>()))
    }

    fn describe(&self) -> String {
        self.scan.describe()
    }

    fn work(&self, snapshot: &Snapshot, bucket: usize) -> Result<Worked, EngineError> {
        let mut worked = Worked { batches: Vec::new(), rows_scanned: 0 };
        for half in snapshot.buckets()[bucket].halves().into_iter().filter(|half| half.columns.rows() > 0) {
            worked.rows_scanned += half.columns.rows();
            let facets = self.facets(half);
            let groups = self.count(half, bucket, &facets);
            worked.batches.push(self.batch(&facets, &groups)?);
        }
        Ok(worked)
    }

    fn to_message(&self) -> Result<OperatorMessage, EngineError> {
        self.scan.to_message()
    }
}

#[derive(Clone, Copy)]
struct Group {
    events: u32,
    users: u32,
    /// One more than the index of the run counted last; 0 before the first.
    last_run: u32,
}

impl GroupedSpec {
    fn count(&self, half: Half<'_>, bucket: usize, facets: &[Facet<'_>]) -> Vec<Group> {
        // The usual case of one attribute reads its codes as they are.
        match facets {
            [Facet::Attribute(Some(column))] => match column.codes() {
                Codes::U8(codes) => self.count_by(half, bucket, facets, |row| codes[row].into()),
                Codes::U16(codes) => self.count_by(half, bucket, facets, |row| codes[row].into()),
                Codes::U32(codes) => self.count_by(half, bucket, facets, |row| codes[row] as usize),
            },
            _ => self.count_by(half, bucket, facets, |row| {
                facets.iter().fold(0, |code, facet| code * facet.width() + facet.code(row))
            }),
        }
    }

    fn count_by(
        &self,
        half: Half<'_>,
        bucket: usize,
        facets: &[Facet<'_>],
        code: impl Fn(usize) -> usize,
    ) -> Vec<Group> {
        let mask = self.scan.mask(half, bucket);
        let size = facets.iter().map(Facet::width).product();
        let mut groups = vec![Group { events: 0, users: 0, last_run: 0 }; size];
        let users = half.columns.attribute(paths::USR_ID);
        for_each_hit_run(half, &mask, |run, rows| {
            // A run of a user shows one `usr.id` on every row, or none on any.
            let identified = users.is_some_and(|users| users.codes().get(rows[0]) != 0);
            let last_run = run as u32 + 1;
            for row in rows {
                let group = &mut groups[code(*row)];
                group.events += 1;
                group.users += u32::from(identified && group.last_run != last_run);
                group.last_run = last_run;
            }
        });
        groups
    }

    fn batch(&self, facets: &[Facet<'_>], groups: &[Group]) -> Result<RecordBatch, EngineError> {
        let seen = || groups.iter().enumerate().filter(|(_, group)| group.events > 0);
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(facets.len() + 2);
        let mut stride: usize = facets.iter().map(Facet::width).product();
        for facet in facets {
            stride /= facet.width();
            let mut texts = StringBuilder::new();
            seen().for_each(|(code, _)| texts.append_option(facet.text(code / stride % facet.width())));
            columns.push(Arc::new(texts.finish()));
        }
        columns.push(Arc::new(UInt64Array::from_iter_values(seen().map(|(_, group)| group.events.into()))));
        columns.push(Arc::new(UInt64Array::from_iter_values(seen().map(|(_, group)| group.users.into()))));
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}
