//! Parquet files, read by row groups: each column keeps its own type.

use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::ChunkReader;

use super::row::{Rows, TIMESTAMP};
use crate::IntakeError;

mod cells;

use cells::Column;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 2_048;

pub(super) fn read<E, C>(file: C, rows: &mut Rows<'_, E>) -> Result<(), E>
where
    E: From<IntakeError>,
    C: ChunkReader + 'static,
{
    let mut reader =
        guarded(|| ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(BATCH_ROWS).build())?;
    let mut number = 0_u64;
    while let Some(batch) = guarded(|| reader.next().transpose().map_err(ParquetError::from))? {
        let columns = cells::columns(&batch, rows.mapping())?;
        let row_bytes = batch.get_array_memory_size() / batch.num_rows().max(1);
        for row in 0..batch.num_rows() {
            number += 1;
            rows.flat(number, row_bytes, read_row(&columns, row))?;
        }
    }
    Ok(())
}

/// The decoder checks some of what a damaged file says by assertion. Such a file is the sender's error like any other,
/// and the reader is not used again after it.
fn guarded<T>(decode: impl FnOnce() -> ParquetResult<T>) -> Result<T, IntakeError> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(decoded)) => Ok(decoded),
        Ok(Err(e)) => Err(IntakeError::Parquet { reason: e.to_string() }),
        Err(_) => Err(IntakeError::Parquet { reason: "it is damaged".to_string() }),
    }
}

fn read_row(
    columns: &[Column],
    row: usize,
) -> Result<(Option<whodid_model::Instant>, whodid_model::Attributes), String> {
    let mut ts = None;
    let mut members = Vec::with_capacity(columns.len() + 8);
    for column in columns {
        if column.path() == TIMESTAMP
            && let Some(instant) = column.instant(row)
        {
            ts = Some(instant);
        } else if let Some(value) = column.value(row)? {
            members.push((column.path().to_string(), value));
        }
    }
    Ok((ts, members.into_iter().collect()))
}
