//! Parts from the columns of a batch, without a row each in between. They are what [`super::write`] makes of the same events.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use whodid_model::{EventBatch, Instant, Value};

use super::commit::NewPart;
use super::layout::{self, Kind, Layout};
use super::part::{PartId, PartInfo};
use super::row::{month_of, pieces};
use super::write::{BATCH_ROWS, ColumnBuilder, Failure, ROW_GROUP_ROWS, properties};
use super::{EventTable, PART_ROWS};
use crate::bulk::{Owners, Rows, ranks};
use crate::error::StoreError;

/// Rows of a batch in the order in which they lie in parts.
pub(crate) struct BulkRows {
    batch: Arc<EventBatch>,
    rows: Vec<u32>,
    owner_of_row: Vec<u32>,
    owners: Vec<OwnerText>,
}

struct OwnerText {
    bucket: u8,
    is_user: bool,
    /// As people see it.
    text: String,
}

impl BulkRows {
    /// Sorts the rows as [`super::Row::order`] does.
    pub(crate) fn new(rows: &Rows, owners: &Owners) -> BulkRows {
        let text = |(owner, bucket): (&crate::owner::Owner, u8)| OwnerText {
            bucket,
            is_user: owner.user().is_some(),
            text: owner.to_string(),
        };
        let texts: Vec<OwnerText> = owners.list.iter().zip(owners.buckets()).map(text).collect();
        let rank = ranks(texts.len(), |owner| {
            let OwnerText { bucket, is_user, text } = &texts[owner];
            (*bucket, !is_user, text.as_str())
        });
        let batch = rows.batch.clone();
        let mut sorted = owners.sort(&batch, &rows.rows, &rank);
        let month = |row: u32| month_of(Instant(batch.ts_us()[row as usize]));
        let months: Vec<i64> = (0..batch.rows() as u32).map(month).collect();
        if !sorted.is_sorted_by_key(|row| months[*row as usize]) {
            sorted.sort_by_key(|row| months[*row as usize]);
        }
        BulkRows { batch, rows: sorted, owner_of_row: owners.of_row.clone(), owners: texts }
    }

    pub(crate) fn rows(&self) -> &[u32] {
        &self.rows
    }

    fn owner(&self, row: u32) -> &OwnerText {
        &self.owners[self.owner_of_row[row as usize] as usize]
    }

    fn bucket(&self, row: &u32) -> u8 {
        self.owner(*row).bucket
    }

    /// The rows of each part: none spans two months, and none has more than `most` rows.
    fn parts(&self, most: usize) -> Vec<Range<usize>> {
        let month = |row: &u32| month_of(Instant(self.batch.ts_us()[*row as usize]));
        let mut parts = Vec::new();
        let mut start = 0;
        for rows in self.rows.chunk_by(|a, b| month(a) == month(b)) {
            let of_month = pieces(rows, |row| self.bucket(row), most);
            parts.extend(of_month.into_iter().map(|piece| start + piece.start..start + piece.end));
            start += rows.len();
        }
        parts
    }

    /// The columns of some rows, those that have a place in the layout sorted by its names.
    fn columns(&self, rows: &[u32], layout: &mut Layout) -> Columns {
        let mut columns = Columns { housed: Vec::new(), homeless: Vec::new() };
        for (index, column) in self.batch.columns().iter().enumerate() {
            let kinds: Vec<Option<Kind>> =
                std::iter::once(None).chain(column.values().iter().map(Kind::of)).collect();
            let mut used = [false; 4];
            let mut has_null = false;
            for code in rows.iter().map(|row| column.code(*row as usize)) {
                match kinds[code as usize] {
                    Some(kind) => used[kind as usize] = true,
                    None => has_null |= code != 0,
                }
            }
            // Kinds come up in the order of the rows that bring them, as with events.
            let mut in_order: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| used[*kind as usize]).collect();
            if in_order.len() > 1 {
                let first = |kind: &Kind| {
                    rows.iter().position(|row| kinds[column.code(*row as usize) as usize] == Some(*kind))
                };
                in_order.sort_by_key(first);
            }
            for kind in in_order {
                match layout.admit_values(column.path(), kind) {
                    Some(place) => columns.housed.push((place, index, kind)),
                    None => columns.homeless.push((index, Some(kind))),
                }
            }
            if has_null {
                columns.homeless.push((index, None));
            }
        }
        columns.housed.sort_by(|a, b| layout.name_and_kind(a.0).0.cmp(layout.name_and_kind(b.0).0));
        columns
    }

    fn encode(&self, rows: &[u32], layout: &mut Layout) -> Result<Vec<u8>, Failure> {
        let columns = self.columns(rows, layout);
        let places: Vec<u32> = columns.housed.iter().map(|(place, ..)| *place).collect();
        let schema = Arc::new(layout::part_schema(layout, &places));
        let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties()?))?;
        for group in pieces(rows, |row| self.bucket(row), ROW_GROUP_ROWS) {
            for rows in rows[group].chunks(BATCH_ROWS) {
                let mut arrays = self.fixed(rows);
                arrays.push(self.overflow(rows, &columns)?);
                let attribute = |(_, index, kind): &(u32, usize, Kind)| self.attribute(rows, *index, *kind);
                arrays.extend(columns.housed.iter().map(attribute));
                writer.write(&RecordBatch::try_new(schema.clone(), arrays)?)?;
            }
            writer.flush()?;
        }
        Ok(writer.into_inner()?)
    }

    /// All before `_overflow`, in the layout's order.
    fn fixed(&self, rows: &[u32]) -> Vec<ArrayRef> {
        let batch = &*self.batch;
        let at = || rows.iter().map(|row| *row as usize);
        let user = |row: &u32| {
            let owner = self.owner(*row);
            owner.is_user.then_some(owner.text.as_str())
        };
        let ts_us = TimestampMicrosecondArray::from_iter_values(at().map(|row| batch.ts_us()[row]));
        vec![
            Arc::new(StringArray::from_iter_values(at().map(|row| batch.kinds()[row].name()))),
            Arc::new(ts_us.with_timezone("UTC")),
            Arc::new(StringArray::from_iter_values(at().map(|row| batch.id(row)))),
            Arc::new(rows.iter().map(user).collect::<StringArray>()),
            Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| self.bucket(row).into()))),
            Arc::new(Int64Array::from_iter_values(at().map(|row| batch.revisions()[row] as i64))),
            Arc::new(StringArray::new_null(rows.len())),
        ]
    }

    fn attribute(&self, rows: &[u32], index: usize, kind: Kind) -> ArrayRef {
        let column = &self.batch.columns()[index];
        if kind == Kind::Text {
            let text = |row: &u32| match column.value(column.code(*row as usize)) {
                Some(Value::Text(text)) => Some(text.as_str()),
                _ => None,
            };
            return Arc::new(rows.iter().map(text).collect::<StringArray>());
        }
        let mut builder = ColumnBuilder::new(kind);
        for (at, row) in rows.iter().enumerate() {
            if let Some(value) = column.value(column.code(*row as usize))
                && Kind::of(value) == Some(kind)
            {
                builder.put(at, value);
            }
        }
        builder.finish(rows.len())
    }

    fn overflow(&self, rows: &[u32], columns: &Columns) -> Result<ArrayRef, Failure> {
        if columns.homeless.is_empty() {
            return Ok(Arc::new(StringArray::new_null(rows.len())));
        }
        let mut overflow = StringBuilder::new();
        for row in rows {
            let value = |(index, kind): &(usize, Option<Kind>)| {
                let column = &self.batch.columns()[*index];
                let value = column.value(column.code(*row as usize))?;
                (Kind::of(value) == *kind).then_some((column.path(), value))
            };
            let homeless: BTreeMap<&str, &Value> = columns.homeless.iter().filter_map(value).collect();
            match homeless.is_empty() {
                true => overflow.append_null(),
                false => overflow.append_value(serde_json::to_string(&homeless)?),
            }
        }
        Ok(Arc::new(overflow.finish()))
    }

    fn bounds(&self, rows: &[u32]) -> Option<(Instant, Instant)> {
        let instants = || rows.iter().map(|row| Instant(self.batch.ts_us()[*row as usize]));
        Some((instants().min()?, instants().max()?))
    }
}

/// Where the values of a part go.
struct Columns {
    /// The place in the layout, the index in the batch, and the kind of the values.
    housed: Vec<(u32, usize, Kind)>,
    /// What has no place: the index in the batch and the kind of the values, none for nulls.
    homeless: Vec<(usize, Option<Kind>)>,
}

impl EventTable {
    /// Writes the files of the rows of a batch. Those that are there when this fails are in `added` too.
    pub(super) async fn write_bulk(
        &self,
        bulk: BulkRows,
        layout: &mut Layout,
        added: &mut Vec<NewPart>,
    ) -> Result<(), StoreError> {
        let bulk = Arc::new(bulk);
        for range in bulk.parts(self.part_rows.min(PART_ROWS)) {
            let (bulk, mut grown) = (bulk.clone(), layout.clone());
            let encode = move || {
                let rows = &bulk.rows[range];
                let bytes = bulk.encode(rows, &mut grown);
                (bytes, grown, rows.len() as u64, bulk.bounds(rows))
            };
            let encoded = tokio::task::spawn_blocking(encode).await;
            let (bytes, grown, rows, bounds) =
                encoded.map_err(|e| StoreError::table("encoding a part", e))?;
            let bytes = bytes.map_err(|e| StoreError::table("encoding a part", e))?;
            let (earliest, latest) = bounds.unwrap_or((Instant::MIN, Instant::MAX));
            let info = PartInfo { id: PartId::of(&bytes), rows, bytes: bytes.len() as u64, earliest, latest };
            *layout = grown;
            self.write_file(info, bytes, added).await?;
        }
        Ok(())
    }
}
