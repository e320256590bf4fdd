//! What rows are grouped by: a code per row and key, and the text that each code stands for.
//!
//! Codes are those of one half of a bucket. Code 0 is the missing value. A value that holds several (a list) stands for
//! each of them once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::{Value as Json, json};
use whodid_model::event::paths;
use whodid_model::{EntityKind, EventType, Instant, Value};
use whodid_store::{Codes, Column, Dictionary, EventIds, Half, Instants};

use crate::entities::account_name;
use crate::error::EngineError;

/// One thing to group by.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupKey {
    /// An attribute of the event by its path, or `type`.
    Facet(String),
    /// An attribute of the profile of the event's user or account.
    Profile(Arc<ProfileValues>),
}

/// One profile attribute of many entities.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileValues {
    pub kind: EntityKind,
    /// The values by the entity's written id; an entity without any is absent.
    pub by_id: BTreeMap<String, Vec<String>>,
}

/// Steps of time that follow one another without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    boundaries_us: Vec<i64>,
    /// The length of each step, if they are all of one.
    width_us: Option<i64>,
}

impl Steps {
    /// `n + 1` ascending boundaries make `n` steps.
    pub fn new(boundaries: &[Instant]) -> Steps {
        let boundaries_us: Vec<i64> = boundaries.iter().map(|boundary| boundary.0).collect();
        let mut widths = boundaries_us.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        let first = widths.next().filter(|width| *width > 0);
        let width_us = first.filter(|first| widths.all(|width| width == *first));
        Steps { boundaries_us, width_us }
    }

    pub fn count(&self) -> usize {
        self.boundaries_us.len().saturating_sub(1)
    }

    /// The step of an instant, which has to lie in one.
    fn of(&self, ts_us: i64) -> usize {
        let last = self.count().saturating_sub(1);
        let step = match (self.width_us, self.boundaries_us.first()) {
            (Some(width), Some(first)) => (ts_us - first).div_euclid(width).max(0) as usize,
            _ => self.boundaries_us.partition_point(|begin| *begin <= ts_us).saturating_sub(1),
        };
        step.min(last)
    }
}

/// Everything that rows are grouped by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grouping {
    pub keys: Vec<GroupKey>,
    pub steps: Option<Steps>,
}

impl Grouping {
    pub fn by_facets(paths: &[&str]) -> Grouping {
        Grouping { keys: paths.iter().map(|path| GroupKey::Facet(path.to_string())).collect(), steps: None }
    }

    pub(crate) fn to_json(&self) -> Json {
        let key = |key: &GroupKey| match key {
            GroupKey::Facet(path) => json!({"facet": path}),
            GroupKey::Profile(values) => json!({"of": values.kind, "by_id": values.by_id}),
        };
        let steps = self.steps.as_ref().map(|steps| &steps.boundaries_us);
        json!({"keys": self.keys.iter().map(key).collect::<Vec<_>>(), "steps_us": steps})
    }

    pub(crate) fn from_json(json: &Json) -> Result<Grouping, EngineError> {
        let key = |json: &Json| match json["facet"].as_str() {
            Some(path) => Ok(GroupKey::Facet(path.to_string())),
            None => Ok(GroupKey::Profile(Arc::new(ProfileValues {
                kind: serde_json::from_value(json["of"].clone()).map_err(EngineError::codec)?,
                by_id: serde_json::from_value(json["by_id"].clone()).map_err(EngineError::codec)?,
            }))),
        };
        let steps: Option<Vec<i64>> =
            serde_json::from_value(json["steps_us"].clone()).map_err(EngineError::codec)?;
        let steps = steps.map(|steps| Steps::new(&steps.into_iter().map(Instant).collect::<Vec<_>>()));
        let keys = json["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(Grouping { keys: keys.iter().map(key).collect::<Result<_, EngineError>>()?, steps })
    }

    /// Makes the keys ready for one half of a bucket.
    pub(crate) fn of_half<'a>(&'a self, half: Half<'a>) -> HalfGrouping<'a> {
        let mut keys: Vec<HalfKey<'a>> = self.keys.iter().map(|key| HalfKey::new(key, half)).collect();
        if let Some(steps) = &self.steps {
            keys.push(HalfKey {
                source: Source::Step(steps, half.columns.ts_us()),
                meaning: Meaning::Same,
                texts: Texts::None(steps.count()),
            });
        }
        HalfGrouping { keys }
    }
}

/// The keys of one half; where there are steps, they are the last key.
pub(crate) struct HalfGrouping<'a> {
    pub(crate) keys: Vec<HalfKey<'a>>,
}

impl HalfGrouping<'_> {
    /// How many combinations of codes there are.
    pub(crate) fn width(&self) -> u128 {
        self.keys.iter().fold(1, |width, key| width.saturating_mul(key.width() as u128))
    }

    /// Calls `visit` with each combination of codes that a row stands for, as one number below [`HalfGrouping::width`].
    pub(crate) fn each(&self, run: usize, row: usize, visit: &mut impl FnMut(u128)) {
        let mut number = 0;
        for (index, key) in self.keys.iter().enumerate() {
            match key.codes(run, row) {
                RowCodes::One(code) => number = number * key.width() as u128 + u128::from(code),
                RowCodes::Many(_) => return each_of(&self.keys[index..], run, row, number, visit),
            }
        }
        visit(number);
    }

    /// The codes of a combination, one per key.
    pub(crate) fn codes(&self, mut number: u128) -> Vec<u32> {
        let mut codes: Vec<u32> = Vec::with_capacity(self.keys.len());
        for key in self.keys.iter().rev() {
            codes.push((number % key.width() as u128) as u32);
            number /= key.width() as u128;
        }
        codes.reverse();
        codes
    }
}

fn each_of(keys: &[HalfKey<'_>], run: usize, row: usize, number: u128, visit: &mut dyn FnMut(u128)) {
    let Some((key, rest)) = keys.split_first() else { return visit(number) };
    let mut with =
        |code: u32| each_of(rest, run, row, number * key.width() as u128 + u128::from(code), visit);
    match key.codes(run, row) {
        RowCodes::One(code) => with(code),
        RowCodes::Many(codes) => codes.iter().for_each(|code| with(*code)),
    }
}

/// One key over one half.
pub(crate) struct HalfKey<'a> {
    source: Source<'a>,
    meaning: Meaning,
    texts: Texts<'a>,
}

/// Where a row's first code comes from.
enum Source<'a> {
    Nothing,
    Kind(&'a [EventType]),
    Column(&'a Codes),
    /// By run.
    Run(Vec<u32>),
    Row,
    Step(&'a Steps, &'a Instants),
}

/// What a first code stands for.
enum Meaning {
    Same,
    One(Vec<u32>),
    Many(Vec<Vec<u32>>),
}

enum RowCodes<'a> {
    One(u32),
    Many(&'a [u32]),
}

enum Texts<'a> {
    /// Codes that are numbers themselves, this many and none of them missing.
    None(usize),
    Kinds,
    Ids(&'a EventIds),
    Dictionary(&'a Dictionary),
    Own(Vec<String>),
}

impl<'a> HalfKey<'a> {
    fn new(key: &GroupKey, half: Half<'a>) -> HalfKey<'a> {
        match key {
            GroupKey::Facet(path) => match path.as_str() {
                "type" => HalfKey {
                    source: Source::Kind(half.columns.kinds()),
                    meaning: Meaning::Same,
                    texts: Texts::Kinds,
                },
                "id" => HalfKey {
                    source: Source::Row,
                    meaning: Meaning::Same,
                    texts: Texts::Ids(half.columns.ids()),
                },
                path => HalfKey::of_column(half.columns.attribute(path)),
            },
            GroupKey::Profile(values) => HalfKey::of_profiles(values, half),
        }
    }

    fn of_column(column: Option<&'a Column>) -> HalfKey<'a> {
        let Some(column) = column else { return HalfKey::nothing() };
        let dictionary = column.dictionary();
        let source = Source::Column(column.codes());
        // Different texts are different values; a number and a text, or two lists, may show the same.
        if dictionary.texts().len() == dictionary.len() {
            return HalfKey { source, meaning: Meaning::Same, texts: Texts::Dictionary(dictionary) };
        }
        let mut own = Interned::default();
        let values: Vec<Vec<u32>> = dictionary.map(|value| own.codes_of(&texts_of(value)));
        HalfKey { source, meaning: Meaning::of(values), texts: Texts::Own(own.texts) }
    }

    fn of_profiles(values: &ProfileValues, half: Half<'a>) -> HalfKey<'a> {
        let mut own = Interned::default();
        let mut codes_of = |id: Option<String>| {
            let texts = id.and_then(|id| values.by_id.get(&id));
            texts.map_or_else(|| vec![0], |texts| own.codes_of(texts))
        };
        match values.kind {
            EntityKind::User => {
                let runs = half.columns.runs();
                let of_runs: Vec<Vec<u32>> =
                    runs.iter().map(|run| codes_of(run.owner.user().map(ToString::to_string))).collect();
                let source = Source::Run((1..=runs.len() as u32).collect());
                HalfKey { source, meaning: Meaning::of(of_runs), texts: Texts::Own(own.texts) }
            }
            EntityKind::Account => {
                let Some(column) = half.columns.attribute(paths::ACCOUNT_ID) else {
                    return HalfKey::nothing();
                };
                let of_accounts: Vec<Vec<u32>> =
                    column.dictionary().map(|value| codes_of(account_name(value)));
                let source = Source::Column(column.codes());
                HalfKey { source, meaning: Meaning::of(of_accounts), texts: Texts::Own(own.texts) }
            }
        }
    }

    fn nothing() -> HalfKey<'a> {
        HalfKey { source: Source::Nothing, meaning: Meaning::Same, texts: Texts::Own(Vec::new()) }
    }

    pub(crate) fn width(&self) -> usize {
        match &self.texts {
            Texts::None(count) => (*count).max(1),
            Texts::Kinds => EventType::ALL.len() + 1,
            Texts::Ids(ids) => ids.len() + 1,
            Texts::Dictionary(dictionary) => dictionary.len() + 1,
            Texts::Own(texts) => texts.len() + 1,
        }
    }

    fn codes(&self, run: usize, row: usize) -> RowCodes<'_> {
        let code = match &self.source {
            Source::Nothing => 0,
            Source::Kind(kinds) => kinds[row] as u32 + 1,
            Source::Column(codes) => codes.get(row),
            Source::Run(codes) => codes[run],
            Source::Row => row as u32 + 1,
            Source::Step(steps, ts_us) => steps.of(ts_us.get(row)) as u32,
        };
        match &self.meaning {
            Meaning::Same => RowCodes::One(code),
            Meaning::One(codes) => RowCodes::One(codes[code as usize]),
            Meaning::Many(codes) => RowCodes::Many(&codes[code as usize]),
        }
    }

    /// The codes as they lie in the column, where nothing has to be looked up.
    pub(crate) fn plain(&self) -> Option<&Codes> {
        match (&self.source, &self.meaning) {
            (Source::Column(codes), Meaning::Same) => Some(codes),
            _ => None,
        }
    }

    /// None for the missing value.
    pub(crate) fn text(&self, code: u32) -> Option<Cow<'_, str>> {
        let index = (code as usize).checked_sub(1)?;
        Some(match &self.texts {
            Texts::None(_) => return None,
            Texts::Kinds => Cow::Borrowed(EventType::ALL[index].name()),
            Texts::Ids(ids) => ids.get(index),
            Texts::Dictionary(dictionary) => Cow::Owned(dictionary.get(index).as_text().into_owned()),
            Texts::Own(texts) => Cow::Borrowed(&texts[index]),
        })
    }
}

impl Meaning {
    /// From the codes behind each first code, beginning with 1; the missing value stays missing.
    fn of(values: Vec<Vec<u32>>) -> Meaning {
        let with_missing = std::iter::once(vec![0]).chain(values);
        let values: Vec<Vec<u32>> = with_missing.collect();
        if values.iter().all(|codes| codes.len() == 1) {
            Meaning::One(values.into_iter().flatten().collect())
        } else {
            Meaning::Many(values)
        }
    }
}

/// The single values of a value, as text. An empty list has none.
pub(crate) fn texts_of(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items.clone(),
        value => vec![value.as_text().into_owned()],
    }
}

#[derive(Default)]
struct Interned {
    codes: FxHashMap<String, u32>,
    texts: Vec<String>,
}

impl Interned {
    /// Each text's code once; that of the missing value if there are none.
    fn codes_of(&mut self, texts: &[String]) -> Vec<u32> {
        let mut codes: Vec<u32> = texts.iter().map(|text| self.code_of(text)).collect();
        codes.sort_unstable();
        codes.dedup();
        if codes.is_empty() { vec![0] } else { codes }
    }

    fn code_of(&mut self, text: &str) -> u32 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        self.texts.push(text.to_string());
        let code = self.texts.len() as u32;
        self.codes.insert(text.to_string(), code);
        code
    }
}
