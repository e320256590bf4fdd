//! Which attributes events and profiles have, and which values: read from the dictionaries and their counts, so that the
//! cost grows with distinct values and not with events.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use rustc_hash::FxHashMap;
use whodid_model::{EventType, Instant, Value};
use whodid_store::{Column, Half, Snapshot, value_order};

use crate::run::Engine;

mod profiles;

/// The facet that says what kind of event a row is; no attribute, and treated like one.
const TYPE: &str = "type";
/// More candidates than this are cut back to those that can still be among the most frequent.
const CANDIDATES: usize = 65_536;

/// What kinds of value a facet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Boolean,
    Number,
    String,
    List,
    Mixed,
}

/// How many events, or entities, carry a facet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetCount {
    /// A path without `@`, or a profile attribute's name.
    pub name: String,
    pub shape: Shape,
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ValueCount {
    pub value: Value,
    /// Of events, or of entities. One that holds a list counts for each item.
    pub count: u64,
}

/// The most frequent values of a facet.
#[derive(Clone, Debug, PartialEq)]
pub struct TopValues {
    /// How many different values there are, shown or not.
    pub distinct: u64,
    /// By count, then by value.
    pub values: Vec<ValueCount>,
}

impl Shape {
    fn of(value: &Value) -> Option<Shape> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(_) => Shape::Boolean,
            Value::Number(_) => Shape::Number,
            Value::Text(_) => Shape::String,
            Value::List(_) => Shape::List,
        })
    }

    /// Of a sorted dictionary: its two ends tell whether all values are of one kind.
    fn of_column(column: &Column) -> Option<Shape> {
        let dictionary = column.dictionary();
        let of = |value: Option<Cow<'_, Value>>| Shape::of(value.as_deref()?);
        let (first, last) = (of(dictionary.first())?, of(dictionary.last())?);
        Some(first.with(last))
    }

    fn with(self, other: Shape) -> Shape {
        if self == other { self } else { Shape::Mixed }
    }
}

/// The rows of a half that are not there at `at`: those of dead runs, and those that come later.
fn absent_rows(half: Half<'_>, at: Instant) -> Vec<usize> {
    let columns = half.columns;
    if half.dead.is_none() && columns.all_before(at) {
        return Vec::new();
    }
    let mut absent = Vec::new();
    for (index, run) in columns.runs().iter().enumerate() {
        let alive = half.is_alive(index as u32);
        absent.extend(run.rows().filter(|row| !alive || columns.ts_us().get(*row) >= at.0));
    }
    absent
}

/// How many of the rows that are there have each code.
fn counts<'a>(column: &'a Column, absent: &[usize]) -> Cow<'a, [u32]> {
    if absent.is_empty() {
        return column.counts();
    }
    let mut counts = column.counts().into_owned();
    for row in absent {
        counts[column.codes().get(*row) as usize] -= 1;
    }
    Cow::Owned(counts)
}

fn carrying(counts: &[u32]) -> u64 {
    counts.iter().skip(1).map(|count| u64::from(*count)).sum()
}

fn halves(snapshot: &Snapshot) -> impl Iterator<Item = Half<'_>> {
    snapshot.buckets().iter().flat_map(|bucket| bucket.halves())
}

impl Engine {
    /// Every facet that an event before `at` carries, by name.
    pub fn event_facets(&self, snapshot: &Snapshot, at: Instant) -> Vec<FacetCount> {
        let mut found: BTreeMap<&str, (Option<Shape>, u64)> = BTreeMap::new();
        let mut rows = 0;
        for half in halves(snapshot) {
            let absent = absent_rows(half, at);
            rows += (half.columns.rows() - absent.len()) as u64;
            for path in half.columns.paths() {
                let Some(column) = half.columns.attribute(path) else { continue };
                let count = carrying(&counts(column, &absent));
                if count == 0 {
                    continue;
                }
                let (shape, total) = found.entry(path).or_default();
                *shape = match (*shape, Shape::of_column(column)) {
                    (Some(known), Some(here)) => Some(known.with(here)),
                    (known, here) => known.or(here),
                };
                *total += count;
            }
        }
        if rows > 0 {
            found.insert(TYPE, (Some(Shape::String), rows));
        }
        let facet = |(name, (shape, count)): (&str, (Option<Shape>, u64))| {
            Some(FacetCount { name: name.to_string(), shape: shape?, count })
        };
        found.into_iter().filter_map(facet).collect()
    }

    /// The values that `wanted` takes, of a facet of events before `at`.
    pub fn event_values(
        &self,
        snapshot: &Snapshot,
        path: &str,
        at: Instant,
        wanted: &dyn Fn(&str) -> bool,
        limit: usize,
    ) -> TopValues {
        if path == TYPE {
            return kinds(snapshot, at, wanted, limit);
        }
        let mut columns = Vec::new();
        for half in halves(snapshot) {
            if let Some(column) = half.columns.attribute(path) {
                columns.push((column.dictionary().values(), counts(column, &absent_rows(half, at))));
            }
        }
        let mut top = Top::new(limit);
        let mut items: FxHashMap<&str, u64> = FxHashMap::default();
        merge(&columns, |value, count| match value {
            Value::List(list) => {
                for item in list.iter().filter(|item| wanted(item)) {
                    *items.entry(item).or_default() += count;
                }
            }
            scalar if wanted(&scalar.as_text()) => top.add(Cow::Borrowed(scalar), count),
            _ => {}
        });
        for (item, count) in items {
            top.add(Cow::Owned(Value::text(item)), count);
        }
        top.finish()
    }
}

fn kinds(snapshot: &Snapshot, at: Instant, wanted: &dyn Fn(&str) -> bool, limit: usize) -> TopValues {
    let mut found = [0u64; EventType::STORED.len()];
    for half in halves(snapshot) {
        half.columns.kinds().iter().for_each(|kind| found[*kind as usize] += 1);
        absent_rows(half, at).into_iter().for_each(|row| found[half.columns.kinds()[row] as usize] -= 1);
    }
    let mut top = Top::new(limit);
    for kind in EventType::STORED.into_iter().filter(|kind| wanted(kind.name())) {
        top.add(Cow::Owned(Value::text(kind.name())), found[kind as usize]);
    }
    top.finish()
}

/// The next value of one dictionary.
struct Head<'a> {
    value: &'a Value,
    dictionary: usize,
    place: usize,
}

impl Ord for Head<'_> {
    /// The smallest value is the greatest head, which is the one that a heap gives first.
    fn cmp(&self, other: &Self) -> Ordering {
        value_order(other.value, self.value).then_with(|| other.dictionary.cmp(&self.dictionary))
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head<'_> {}

/// A sorted dictionary and how often each of its codes occurs.
type Counted<'a> = (Cow<'a, [Value]>, Cow<'a, [u32]>);

/// Goes through several sorted dictionaries side by side: each value once, with the sum of its counts.
fn merge<'a>(columns: &'a [Counted<'a>], mut visit: impl FnMut(&'a Value, u64)) {
    let head = |dictionary: usize, place: usize| -> Option<Head<'a>> {
        columns[dictionary].0.get(place).map(|value| Head { value, dictionary, place })
    };
    let mut heads: BinaryHeap<Head<'a>> = (0..columns.len()).filter_map(|index| head(index, 0)).collect();
    let mut current: Option<(&Value, u64)> = None;
    while let Some(next) = heads.pop() {
        let count = u64::from(columns[next.dictionary].1[next.place + 1]);
        match &mut current {
            Some((value, total)) if value_order(value, next.value) == Ordering::Equal => *total += count,
            _ => {
                if let Some((value, total)) =
                    current.replace((next.value, count)).filter(|(_, total)| *total > 0)
                {
                    visit(value, total);
                }
            }
        }
        heads.extend(head(next.dictionary, next.place + 1));
    }
    if let Some((value, total)) = current.filter(|(_, total)| *total > 0) {
        visit(value, total);
    }
}

/// The most frequent of many values, in little memory.
struct Top<'a> {
    limit: usize,
    distinct: u64,
    candidates: Vec<(Cow<'a, Value>, u64)>,
}

impl<'a> Top<'a> {
    fn new(limit: usize) -> Top<'a> {
        Top { limit, distinct: 0, candidates: Vec::new() }
    }

    fn add(&mut self, value: Cow<'a, Value>, count: u64) {
        if count == 0 {
            return;
        }
        self.distinct += 1;
        self.candidates.push((value, count));
        if self.candidates.len() >= CANDIDATES.max(2 * self.limit) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.candidates
            .sort_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| value_order(a, b)));
        self.candidates.truncate(self.limit);
    }

    fn finish(mut self) -> TopValues {
        self.cut();
        let value = |(value, count): (Cow<'_, Value>, u64)| ValueCount { value: value.into_owned(), count };
        TopValues { distinct: self.distinct, values: self.candidates.into_iter().map(value).collect() }
    }
}
