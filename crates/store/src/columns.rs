//! Events of whole owners as columns in memory: one run of rows per owner, sorted by (ts, id, type) within it.
//!
//! Every attribute is a [`Column`] of narrow codes into a sorted dictionary, so that a test of a value is made once per
//! distinct value and then becomes a look-up per row.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, OnceLock};

use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;
use whodid_model::{Event, EventKey, EventType, Instant, TimeRange, event::paths};

use crate::error::StoreError;
use crate::image::{self, Image, Section, StoredBucket};
use crate::keys::KeyHash;
use crate::owner::Owner;

mod assemble;
mod build;
mod bulk;
mod column;
mod dictionary;
mod draft;
mod ids;
mod instants;
pub(crate) mod stored;

pub use column::{Codes, Column, order as value_order};
pub use dictionary::Dictionary;
use draft::{Draft, Flags, Versions};
pub use ids::EventIds;
pub use instants::Instants;
use stored::{Histories, Lazy};

/// One owner's rows: `start..end`.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub owner: Owner,
    pub start: u32,
    pub end: u32,
}

impl Run {
    pub fn rows(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Rows of whole owners. Runs are sorted by owner. What lies in an image is read when it is first asked for.
#[derive(Debug, Default)]
pub struct Columns {
    rows: usize,
    /// Instants of the earliest and the latest row; none without rows.
    span: Option<(Instant, Instant)>,
    runs: Lazy<Runs>,
    ts_us: Lazy<Instants>,
    kinds: Lazy<Vec<EventType>>,
    ids: Lazy<EventIds>,
    versions: Lazy<Versions>,
    /// Rows whose `usr.id` is not the event's own but its anonymous id's first user.
    adopted: Lazy<Flags>,
    attributes: FxHashMap<Box<str>, Lazy<Column>>,
    /// The few rows that are put together from partial updates.
    histories: Lazy<Histories>,
    /// Rows by the prefix of their key's hash, made when first asked for.
    by_key: OnceLock<Vec<(u32, u32)>>,
    image: Option<Arc<Image>>,
}

/// The runs, and what is read of all of them so often that it is kept beside them, in little memory.
#[derive(Debug)]
pub(crate) struct Runs {
    list: Vec<Run>,
    /// Where each run starts, and at the end where the last one ends.
    starts: Vec<u32>,
    /// The runs whose owner is a user, by index.
    users: RoaringBitmap,
}

impl Runs {
    fn new(list: Vec<Run>) -> Runs {
        let mut starts: Vec<u32> = list.iter().map(|run| run.start).collect();
        starts.push(list.last().map_or(0, |run| run.end));
        let users = list.iter().enumerate().filter(|(_, run)| run.owner.user().is_some());
        let users = users.map(|(index, _)| index as u32).collect();
        Runs { list, starts, users }
    }

    fn bytes(&self) -> usize {
        let owners = self.list.iter().map(|run| size_of::<Run>() + run.owner.id().len());
        owners.sum::<usize>() + size_of_val(self.starts.as_slice())
    }
}

impl Default for Runs {
    fn default() -> Runs {
        Runs::new(Vec::new())
    }
}

impl Columns {
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn runs(&self) -> &[Run] {
        &self.runs.get().list
    }

    /// Where each run starts, and at the end where the last one ends.
    pub fn run_starts(&self) -> &[u32] {
        &self.runs.get().starts
    }

    /// The runs whose owner is a user, by index.
    pub fn user_runs(&self) -> &RoaringBitmap {
        &self.runs.get().users
    }

    /// The instants of the earliest and the latest row; none without rows.
    pub fn span(&self) -> Option<(Instant, Instant)> {
        self.span
    }

    /// Whether every row is before `at`.
    pub fn all_before(&self, at: Instant) -> bool {
        self.span.is_none_or(|(_, latest)| latest < at)
    }

    /// Whether every row lies in the range.
    pub fn all_within(&self, range: TimeRange) -> bool {
        self.span.is_none_or(|(earliest, latest)| range.contains(earliest) && range.contains(latest))
    }

    /// Microseconds since 1970, one per row.
    pub fn ts_us(&self) -> &Instants {
        self.ts_us.get()
    }

    pub fn kinds(&self) -> &[EventType] {
        self.kinds.get()
    }

    pub fn ids(&self) -> &EventIds {
        self.ids.get()
    }

    /// The column of an attribute by its path; none if no event here carries it. `usr.id` is the resolved user's.
    pub fn attribute(&self, path: &str) -> Option<&Column> {
        self.attributes.get(path).map(Lazy::get)
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(AsRef::as_ref)
    }

    /// Whether the row shows a `usr.id` that it was given by resolution.
    pub fn is_adopted(&self, row: usize) -> bool {
        self.adopted.get().get(row)
    }

    pub(crate) fn has_adopted(&self) -> bool {
        !self.adopted.get().is_empty()
    }

    /// The index of an owner's run.
    pub fn find(&self, owner: &Owner) -> Option<usize> {
        self.runs().binary_search_by(|run| run.owner.cmp(owner)).ok()
    }

    /// The row of an event.
    pub(crate) fn find_key(&self, hash: KeyHash, key: &EventKey) -> Option<usize> {
        let by_key = self.by_key.get_or_init(|| {
            let mut rows: Vec<(u32, u32)> =
                (0..self.rows()).map(|row| (self.key_hash(row).prefix(), row as u32)).collect();
            rows.sort_unstable();
            rows
        });
        let first = by_key.partition_point(|(prefix, _)| *prefix < hash.prefix());
        let same = by_key[first..].iter().take_while(|(prefix, _)| *prefix == hash.prefix());
        let mut rows = same.map(|(_, row)| *row as usize);
        rows.find(|row| self.kinds()[*row] == key.kind && self.ids().get(*row) == key.id)
    }

    pub(crate) fn key_hash(&self, row: usize) -> KeyHash {
        KeyHash::of(self.kinds()[row], &self.ids().get(row))
    }

    pub fn key(&self, row: usize) -> EventKey {
        EventKey { kind: self.kinds()[row], id: self.ids().get(row).into_owned() }
    }

    /// The event as it arrived: without a `usr.id` that it was given by resolution.
    pub fn event(&self, row: usize) -> Event {
        let mut event = self.resolved_event(row);
        if self.is_adopted(row) {
            event.attributes.remove(paths::USR_ID);
        }
        event
    }

    /// The event as questions see it.
    pub fn resolved_event(&self, row: usize) -> Event {
        let attributes = self
            .attributes
            .iter()
            .filter_map(|(path, column)| Some((path.to_string(), column.get().value(row)?.into_owned())))
            .collect();
        Event {
            kind: self.kinds()[row],
            id: self.ids().get(row).into_owned(),
            ts: Instant(self.ts_us().get(row)),
            revision: self.versions.get().get(row),
            attributes,
            revisions: self.histories.get().get(&(row as u32)).cloned(),
        }
    }

    /// Bytes held, without the allocator's own overhead.
    pub fn bytes(&self) -> usize {
        let attributes = self.attributes.values().filter_map(Lazy::held).map(Column::bytes);
        self.runs.held().map_or(0, Runs::bytes)
            + self.ts_us.held().map_or(0, Instants::bytes)
            + self.kinds.held().map_or(0, Vec::len)
            + self.ids.held().map_or(0, EventIds::bytes)
            + self.versions.held().map_or(0, Versions::bytes)
            + self.adopted.held().map_or(0, Flags::bytes)
            + self.by_key.get().map_or(0, |rows| size_of_val(rows.as_slice()))
            + attributes.sum::<usize>()
    }

    /// Bytes of the instants and types of all rows and of the named columns.
    pub(crate) fn bytes_of(&self, attributes: &[&str]) -> usize {
        let named = attributes.iter().filter_map(|path| self.attribute(path));
        self.ts_us().bytes() + self.kinds().len() + named.map(Column::bytes).sum::<usize>()
    }

    /// The columns of a bucket as they lie in an image; none of them is read.
    pub(crate) fn of_image(image: &Arc<Image>, bucket: &StoredBucket) -> Option<Columns> {
        let (fixed, rows) = (&bucket.fixed, bucket.rows);
        let section = |name: &str| fixed.get(name).copied();
        let attribute = |(path, section): (&String, &Section)| {
            (path.as_str().into(), Lazy::of_image(image, *section, rows))
        };
        Some(Columns {
            rows,
            span: bucket.span_us.map(|(earliest, latest)| (Instant(earliest), Instant(latest))),
            runs: Lazy::of_image(image, section("runs")?, rows),
            ts_us: Lazy::of_image(image, section("ts")?, rows),
            kinds: Lazy::of_image(image, section("type")?, rows),
            ids: Lazy::of_image(image, section("id")?, rows),
            versions: Lazy::of_image(image, section("version")?, rows),
            adopted: Lazy::of_image(image, section("adopted")?, rows),
            attributes: bucket.attributes.iter().map(attribute).collect(),
            histories: Lazy::of_image(image, section("history")?, rows),
            by_key: OnceLock::new(),
            image: Some(image.clone()),
        })
    }

    /// Hands every column, as bytes, to `put`.
    pub(crate) fn write_to(
        &self,
        put: &mut impl FnMut(&[u8]) -> io::Result<Section>,
    ) -> io::Result<StoredBucket> {
        let fixed = [
            ("runs", put(&image::bytes_of(self.runs.get()))?),
            ("ts", put(&image::bytes_of(self.ts_us()))?),
            ("type", put(&image::bytes_of(self.kinds.get()))?),
            ("id", put(&image::bytes_of(self.ids()))?),
            ("version", put(&image::bytes_of(self.versions.get()))?),
            ("adopted", put(&image::bytes_of(self.adopted.get()))?),
            ("history", put(&image::bytes_of(self.histories.get()))?),
        ];
        let mut attributes = BTreeMap::new();
        for (path, column) in &self.attributes {
            attributes.insert(path.to_string(), put(&image::bytes_of(column.get()))?);
        }
        Ok(StoredBucket {
            rows: self.rows,
            span_us: self.span.map(|(earliest, latest)| (earliest.0, latest.0)),
            fixed: fixed.map(|(name, section)| (name.to_string(), section)).into(),
            attributes,
        })
    }

    /// Why what these columns say cannot be trusted.
    pub(crate) fn fault(&self) -> Option<StoreError> {
        self.image.as_ref()?.fault()
    }

    /// The same columns with none of them in memory; none if they do not lie in an image.
    pub(crate) fn let_go(&self) -> Option<Columns> {
        let attribute = |column: (_, &Lazy<Column>)| Some((Clone::clone(column.0), column.1.let_go()?));
        Some(Columns {
            rows: self.rows,
            span: self.span,
            runs: self.runs.let_go()?,
            ts_us: self.ts_us.let_go()?,
            kinds: self.kinds.let_go()?,
            ids: self.ids.let_go()?,
            versions: self.versions.let_go()?,
            adopted: self.adopted.let_go()?,
            attributes: self.attributes.iter().map(attribute).collect::<Option<_>>()?,
            histories: self.histories.let_go()?,
            by_key: OnceLock::new(),
            image: Some(self.image.clone()?),
        })
    }
}

#[cfg(test)]
mod tests;
