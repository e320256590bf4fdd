//! A part: one immutable Parquet file of events.

use std::fmt;

use object_store::path::Path;
use serde::Deserialize;
use serde_json::json;
use whodid_model::Instant;
use xxhash_rust::xxh3::xxh3_64;

use super::row::month_of;
use crate::error::StoreError;

const PREFIX: &str = "events-";
const SUFFIX: &str = ".parquet";

/// A part's file, relative to the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartId(String);

impl PartId {
    /// A name that no other part has; later ones sort behind earlier ones. It ends with a checksum of the file.
    pub(super) fn of(bytes: &[u8]) -> PartId {
        PartId(format!("{PREFIX}{}-{:016x}{SUFFIX}", uuid::Uuid::now_v7(), xxh3_64(bytes)))
    }

    /// Errors: `Damaged` when the file's bytes are not those that its name tells.
    pub(super) fn verify(&self, path: &std::path::Path, bytes: &[u8]) -> Result<(), StoreError> {
        let checksum = self.checksum();
        if checksum.is_none_or(|checksum| checksum == xxh3_64(bytes)) {
            return Ok(());
        }
        let detail = "its bytes do not match the checksum in its name".to_string();
        Err(StoreError::Damaged { path: path.to_path_buf(), detail })
    }

    /// None for the names of former versions, which end with a UUID, and of other programs.
    fn checksum(&self) -> Option<u64> {
        let (_, digits) = self.0.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.rsplit_once('-')?;
        (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?
    }

    /// A part that the table's log names. It may have been written by another program.
    pub(crate) fn named(path: &str) -> PartId {
        PartId(path.to_string())
    }

    /// `None` for files that are not ours.
    pub(super) fn of_own_file(name: &str) -> Option<PartId> {
        (name.starts_with(PREFIX) && name.ends_with(SUFFIX)).then(|| PartId(name.to_string()))
    }

    pub(super) fn location(&self) -> Path {
        Path::from(self.0.as_str())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PartInfo {
    pub(crate) id: PartId,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// No row is earlier; rows of instants that the table's statistics cannot express make it [`Instant::MIN`].
    pub(crate) earliest: Instant,
    /// No row is later; [`Instant::MAX`] likewise.
    pub(crate) latest: Instant,
}

/// Delta's statistics of a file, as far as they are ours.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Stats {
    num_records: u64,
    min_values: Bound,
    max_values: Bound,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Bound {
    ts: Option<String>,
}

/// Instants of the years 1 to 9999, which every reader of the statistics can parse.
const EXPRESSIBLE_US: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_207_200_000_000;

impl PartInfo {
    /// The month that all rows lie in, counted from January 1970; none for a part of several months.
    pub(crate) fn month(&self) -> Option<i64> {
        let month = month_of(self.earliest);
        (month == month_of(self.latest)).then_some(month)
    }

    pub(super) fn of_stats(id: PartId, bytes: u64, stats: Option<&str>) -> PartInfo {
        let stats: Stats = stats.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        let instant = |bound: Bound| bound.ts.and_then(|text| Instant::parse(&text));
        PartInfo {
            id,
            rows: stats.num_records,
            bytes,
            earliest: instant(stats.min_values).unwrap_or(Instant::MIN),
            latest: instant(stats.max_values).unwrap_or(Instant::MAX),
        }
    }

    /// The statistics as Delta writes them.
    pub(super) fn stats(&self) -> String {
        let mut stats = json!({ "numRecords": self.rows, "nullCount": { "type": 0, "ts": 0 } });
        if EXPRESSIBLE_US.contains(&self.earliest.0) && EXPRESSIBLE_US.contains(&self.latest.0) {
            stats["minValues"] = json!({ "ts": self.earliest });
            stats["maxValues"] = json!({ "ts": self.latest });
        }
        stats.to_string()
    }
}
