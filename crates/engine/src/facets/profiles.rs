//! The facets of profiles: how many users or accounts have an attribute, and which values.

use std::borrow::Cow;

use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;
use whodid_model::event::paths;
use whodid_model::{EntityKind, Instant, Value};
use whodid_store::{Column, Half, Snapshot};

use super::{FacetCount, Shape, Top, TopValues, halves};
use crate::entities::{Population, account_name};
use crate::profile::{Attribute, Profile};
use crate::run::Engine;
use crate::stream::Streams;

/// Who carries a path, and what kind of value it is.
struct Carriers {
    shape: Option<Shape>,
    count: u64,
}

/// Hands over the attribute's value of every user or account.
fn for_each_value(
    snapshot: &Snapshot,
    kind: EntityKind,
    attribute: &Attribute,
    at: Instant,
    take: &mut dyn FnMut(Option<Value>),
) {
    match kind {
        EntityKind::User => {
            for bucket in 0..snapshot.buckets().len() {
                let streams = Streams::of_bucket(snapshot, bucket, at);
                streams.for_each_user(|_, id, rows| take(attribute.value(&streams, id, rows)));
            }
        }
        EntityKind::Account => {
            let streams = Streams::of_everything(snapshot, at);
            let population = Population::of(kind, snapshot, at);
            streams.for_each_account(&population, |_, id, rows| take(attribute.value(&streams, id, rows)));
        }
    }
}

/// How many have a value in a joined column, and of what kind the values are.
fn joined_carriers(
    snapshot: &Snapshot,
    kind: EntityKind,
    attribute: &Attribute,
    at: Instant,
) -> (Option<Shape>, u64) {
    let (mut numbers, mut others) = (0, 0);
    for_each_value(snapshot, kind, attribute, at, &mut |value| match value {
        None | Some(Value::Null) => {}
        Some(Value::Number(_)) => numbers += 1,
        Some(_) => others += 1,
    });
    let shape = if others == 0 { Shape::Number } else { Shape::String };
    (Some(shape), numbers + others)
}

impl Engine {
    /// Every attribute that the profile of some user or account has at `at`, by its name in profile queries. `snapshot`
    /// is the one seen at that instant.
    pub fn profile_facets(&self, snapshot: &Snapshot, kind: EntityKind, at: Instant) -> Vec<FacetCount> {
        let population = Population::of(kind, snapshot, at);
        let everyone = population.everyone.len();
        let names = Profile::names(&Streams::of_everything(snapshot, at), kind);
        let mut known: FxHashMap<String, (Option<Shape>, u64)> = FxHashMap::default();
        let mut carriers = |path: &str| match known.get(path) {
            Some(found) => *found,
            None => {
                let Carriers { shape, count } = carriers(snapshot, &population, path, at);
                known.insert(path.to_string(), (shape, count));
                (shape, count)
            }
        };
        let mut facets = Vec::new();
        for name in names {
            let (shape, count) = match Attribute::named(&name, kind) {
                Attribute::Id | Attribute::FirstSeen | Attribute::LastSeen => (Some(Shape::String), everyone),
                Attribute::IsAnonymous => (Some(Shape::Boolean), everyone),
                Attribute::SessionCount
                | Attribute::EventsCount
                | Attribute::ErrorCount
                | Attribute::UserCount => (Some(Shape::Number), everyone),
                Attribute::AverageLoadingTime => (Some(Shape::Number), carriers("view.loading_time").1),
                Attribute::Accounts => (Some(Shape::List), carriers(paths::ACCOUNT_ID).1),
                Attribute::First(path) | Attribute::Latest(path) => carriers(&path),
                Attribute::JoinedOr(kind, field, otherwise) => {
                    let joined = snapshot.joined().fields(kind).contains_key(&field);
                    match *otherwise {
                        Attribute::First(path) | Attribute::Latest(path) if !joined => carriers(&path),
                        _ => joined_carriers(snapshot, kind, &Attribute::named(&field, kind), at),
                    }
                }
            };
            if let Some(shape) = shape.filter(|_| count > 0) {
                facets.push(FacetCount { name, shape, count });
            }
        }
        facets
    }

    /// The values that `wanted` takes, of a profile attribute. `snapshot` is the one seen at `at`.
    pub fn profile_values(
        &self,
        snapshot: &Snapshot,
        kind: EntityKind,
        name: &str,
        at: Instant,
        wanted: &dyn Fn(&str) -> bool,
        limit: usize,
    ) -> TopValues {
        let attribute = Attribute::named(name, kind);
        let mut scalars: FxHashMap<String, (Value, u64)> = FxHashMap::default();
        let mut count = |value: Value| {
            let text = value.as_text().into_owned();
            if wanted(&text) {
                scalars.entry(text).or_insert((value, 0)).1 += 1;
            }
        };
        let mut take = |value: Option<Value>| match value {
            None | Some(Value::Null) => {}
            Some(Value::List(items)) => items.into_iter().map(Value::Text).for_each(&mut count),
            Some(scalar) => count(scalar),
        };
        for_each_value(snapshot, kind, &attribute, at, &mut take);
        let mut top = Top::new(limit);
        for (value, count) in scalars.into_values() {
            top.add(Cow::Owned(value), count);
        }
        top.finish()
    }
}

fn carriers(snapshot: &Snapshot, population: &Population, path: &str, at: Instant) -> Carriers {
    let mut shape: Option<Shape> = None;
    let (mut users, mut accounts) = (0, RoaringBitmap::new());
    for half in halves(snapshot) {
        let Some(column) = half.columns.attribute(path) else { continue };
        let before = match population.kind {
            EntityKind::User => {
                let here = users_with(half, column, at);
                users += here;
                here > 0
            }
            EntityKind::Account => {
                let here = accounts_with(half, column, population, at);
                accounts |= &here;
                !here.is_empty()
            }
        };
        if let Some(here) = Shape::of_column(column).filter(|_| before) {
            shape = Some(shape.map_or(here, |known| known.with(here)));
        }
    }
    Carriers { shape, count: users + accounts.len() }
}

fn users_with(half: Half<'_>, column: &Column, at: Instant) -> u64 {
    let ts_us = half.columns.ts_us();
    let carries = |row: usize| ts_us.get(row) < at.0 && column.codes().get(row) != 0;
    let users = half.runs().filter(|(_, run)| run.owner.user().is_some());
    users.filter(|(_, run)| run.rows().any(carries)).count() as u64
}

fn accounts_with(half: Half<'_>, column: &Column, population: &Population, at: Instant) -> RoaringBitmap {
    let mut found = RoaringBitmap::new();
    let Some(accounts) = half.columns.attribute(paths::ACCOUNT_ID) else { return found };
    let ordinal = |value: &Value| population.accounts.binary_search(&account_name(value)?).ok();
    let ordinals: Vec<Option<usize>> =
        std::iter::once(None).chain(accounts.dictionary().map(ordinal)).collect();
    for (_, run) in half.runs() {
        for row in run.rows().take_while(|row| half.columns.ts_us().get(*row) < at.0) {
            if let Some(ordinal) = ordinals[accounts.codes().get(row) as usize]
                && column.codes().get(row) != 0
            {
                found.insert(ordinal as u32);
            }
        }
    }
    found
}
