//! Rows and runs on their way to columns, and the small columns that they become.

use rustc_hash::FxHashMap;
use whodid_model::{EventType, Instant};

use super::column::{Codes, Column};
use super::stored::Histories;
use super::{Columns, EventIds, Instants, Run, Runs};

/// What is known of rows besides their attributes.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) runs: Vec<Run>,
    pub(super) ts_us: Vec<i64>,
    pub(super) kinds: Vec<EventType>,
    pub(super) ids: EventIds,
    pub(super) versions: Vec<u64>,
    pub(super) adopted: Vec<bool>,
    pub(super) histories: Histories,
}

impl Draft {
    pub(super) fn rows(&self) -> usize {
        self.kinds.len()
    }

    pub(super) fn finish(self, attributes: FxHashMap<Box<str>, Column>) -> Columns {
        let (earliest, latest) = (self.ts_us.iter().min().copied(), self.ts_us.iter().max().copied());
        let span = earliest.zip(latest).map(|(earliest, latest)| (Instant(earliest), Instant(latest)));
        let attributes = attributes.into_iter().map(|(path, column)| (path, column.into()));
        Columns {
            rows: self.kinds.len(),
            span,
            runs: Runs::new(self.runs).into(),
            ts_us: Instants::new(self.ts_us).into(),
            kinds: self.kinds.into(),
            ids: self.ids.into(),
            versions: Versions::new(self.versions).into(),
            adopted: Flags::new(&self.adopted).into(),
            attributes: attributes.collect(),
            histories: self.histories.into(),
            by_key: Default::default(),
            image: None,
        }
    }
}

/// The versions of rows: most often all the same small number.
#[derive(Debug, Default)]
pub(crate) enum Versions {
    #[default]
    Zero,
    Narrow(Codes),
    Wide(Vec<u64>),
}

impl Versions {
    fn new(versions: Vec<u64>) -> Versions {
        match versions.iter().max().copied().unwrap_or_default() {
            0 => Versions::Zero,
            most if most <= u64::from(u32::MAX) => Versions::Narrow(Codes::narrow(
                versions.into_iter().map(|v| v as u32).collect(),
                most as usize,
            )),
            _ => Versions::Wide(versions),
        }
    }

    pub(super) fn get(&self, row: usize) -> u64 {
        match self {
            Versions::Zero => 0,
            Versions::Narrow(versions) => versions.get(row).into(),
            Versions::Wide(versions) => versions[row],
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Versions::Zero => 0,
            Versions::Narrow(versions) => versions.bytes(),
            Versions::Wide(versions) => size_of_val(versions.as_slice()),
        }
    }
}

/// One bit per row, up to the last that is set.
#[derive(Debug, Default)]
pub(crate) struct Flags(pub(super) Vec<u64>);

impl Flags {
    fn new(flags: &[bool]) -> Flags {
        let end = flags.iter().rposition(|flag| *flag).map_or(0, |last| last + 1);
        let word = |flags: &[bool]| {
            flags.iter().enumerate().fold(0, |word, (bit, flag)| word | (u64::from(*flag) << bit))
        };
        Flags(flags[..end].chunks(64).map(word).collect())
    }

    pub(super) fn get(&self, row: usize) -> bool {
        self.0.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.0.as_slice())
    }
}
