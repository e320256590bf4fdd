//! Numbers by group and step, and lists, against a reading of the words event by event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};
use whodid_model::{Event, Instant, TimeRange, Value};
use whodid_query::op::Op;
use whodid_query::search::{Dialect, Query, parse};
use whodid_store::Snapshot;

use super::{oracle, strategies};
use crate::{Aggregate, Engine, Group, GroupKey, Grouping, Occurrences, RowOrder, RowsSpec, ScanSpec, Steps};

/// Making one takes longer than most questions here.
static ENGINE: LazyLock<(Runtime, Engine)> =
    LazyLock::new(|| (Builder::new_current_thread().enable_time().build().unwrap(), Engine::new(2)));

const HOUR_US: i64 = 3_600_000_000;

fn at(event: &Event, path: &str) -> Option<Value> {
    match path {
        "type" => Some(Value::text(event.kind.name())),
        "id" => Some(Value::text(&event.id)),
        path => event.attributes.get(path).cloned(),
    }
}

fn texts(event: &Event, path: &str) -> Vec<Option<String>> {
    let texts: BTreeSet<String> = match at(event, path) {
        None => BTreeSet::new(),
        Some(Value::List(items)) => items.into_iter().collect(),
        Some(value) => [value.as_text().into_owned()].into(),
    };
    if texts.is_empty() { vec![None] } else { texts.into_iter().map(Some).collect() }
}

fn selected(
    events: &[Event],
    query: &Query,
    range: TimeRange,
    occurrences: Option<Occurrences>,
) -> Vec<Event> {
    let matches = |event: &&Event| range.contains(event.ts) && query.expr.matches(&|path| at(event, path));
    let matching: Vec<Event> = events.iter().filter(matches).cloned().collect();
    let Some(Occurrences { op, count }) = occurrences else { return matching };
    let of = |id: &String| matching.iter().filter(|event| event.usr_id().as_ref() == Some(id)).count() as u64;
    let often = |event: &&Event| event.usr_id().is_some_and(|id| op.holds(of(&id), count));
    matching.iter().filter(often).cloned().collect()
}

fn number(aggregate: &Aggregate, events: &[&Event]) -> Option<f64> {
    let numbers = |path: &str| {
        let mut numbers: Vec<f64> = events.iter().filter_map(|event| at(event, path)?.as_number()).collect();
        numbers.sort_by(f64::total_cmp);
        numbers
    };
    match aggregate {
        Aggregate::Count => Some(events.len() as f64),
        Aggregate::Cardinality(path) => {
            let distinct: BTreeSet<String> =
                events.iter().filter_map(|event| Some(at(event, path)?.as_text().into_owned())).collect();
            Some(distinct.len() as f64)
        }
        Aggregate::Sum(path) => numbers(path).into_iter().reduce(|a, b| a + b),
        Aggregate::Average(path) => {
            let numbers = numbers(path);
            (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
        }
        Aggregate::Minimum(path) => numbers(path).first().copied(),
        Aggregate::Maximum(path) => numbers(path).last().copied(),
        Aggregate::Percentile(path, share) => {
            let numbers = numbers(path);
            let place = share * numbers.len().checked_sub(1)? as f64;
            let (low, high) = (numbers[place.floor() as usize], numbers[place.ceil() as usize]);
            Some(low + (high - low) * place.fract())
        }
    }
}

type Groups = BTreeMap<(Vec<Option<String>>, usize), Vec<Option<f64>>>;

fn expected(
    events: &[Event],
    keys: &[&str],
    boundaries: Option<&[Instant]>,
    numbers: &[Aggregate],
) -> Groups {
    let mut groups: BTreeMap<(Vec<Option<String>>, usize), Vec<&Event>> = BTreeMap::new();
    if keys.is_empty() && boundaries.is_none() {
        groups.insert((Vec::new(), 0), Vec::new());
    }
    for event in events {
        let step = boundaries
            .map_or(0, |b| (0..b.len() - 1).find(|i| b[*i] <= event.ts && event.ts < b[*i + 1]).unwrap());
        let mut combinations = vec![Vec::new()];
        for key in keys {
            let with = |before: &Vec<Option<String>>, value: &Option<String>| {
                before.iter().cloned().chain([value.clone()]).collect::<Vec<_>>()
            };
            let values = texts(event, key);
            combinations = combinations.iter().flat_map(|c| values.iter().map(|v| with(c, v))).collect();
        }
        for values in combinations {
            groups.entry((values, step)).or_default().push(event);
        }
    }
    let computed = |events: &Vec<&Event>| numbers.iter().map(|number_| number(number_, events)).collect();
    groups.iter().map(|(group, events)| (group.clone(), computed(events))).collect()
}

fn answered(groups: Vec<Group>) -> Groups {
    groups.into_iter().map(|group| ((group.values, group.step), group.numbers)).collect()
}

type Rounded = Vec<((Vec<Option<String>>, usize), Vec<Option<i64>>)>;

fn rounded(groups: Groups) -> Rounded {
    let round = |numbers: Vec<Option<f64>>| {
        numbers.into_iter().map(|n| n.map(|n| (n * 1e6).round() as i64)).collect()
    };
    groups.into_iter().map(|(group, numbers)| (group, round(numbers))).collect()
}

fn numbers() -> impl Strategy<Value = Vec<Aggregate>> {
    let n = || "context.n".to_string();
    prop_oneof![
        Just(vec![Aggregate::Count, Aggregate::Cardinality("usr.id".to_string())]),
        Just(vec![Aggregate::Count, Aggregate::Sum(n()), Aggregate::Cardinality("session.id".to_string())]),
        Just(vec![Aggregate::Average(n()), Aggregate::Minimum(n()), Aggregate::Maximum(n())]),
        Just(vec![Aggregate::Percentile(n(), 0.5), Aggregate::Percentile(n(), 0.9)]),
    ]
}

fn keys() -> impl Strategy<Value = Vec<&'static str>> {
    let known =
        vec!["type", "id", "usr.id", "view.name", "context.n", "context.tags", "geo.country", "never"];
    prop::collection::vec(prop::sample::select(known), 0..4)
}

fn occurrences() -> impl Strategy<Value = Option<Occurrences>> {
    let op = prop::sample::select(Op::ALL.to_vec());
    prop::option::weighted(0.3, (op, 0..4u64).prop_map(|(op, count)| Occurrences { op, count }))
}

proptest! {
    #[test]
    fn numbers_equal_the_oracle(
        batches in strategies::batches(),
        at in strategies::instant(),
        (query, keys, numbers) in (strategies::query(), keys(), numbers()),
        (from_hours, to_hours, step_hours) in (0..40i64, 1..64i64, prop::option::of(1..30i64)),
        occurrences in occurrences(),
    ) {
        let start = strategies::instant_after(0);
        let range = TimeRange {
            from: Instant(start.0 + from_hours * HOUR_US),
            to: Instant(start.0 + (from_hours + to_hours) * HOUR_US),
        };
        let boundaries: Option<Vec<Instant>> = step_hours.map(|step| {
            let count = (to_hours + step - 1) / step;
            (0..=count).map(|number| Instant(range.from.0 + number * step * HOUR_US)).collect()
        });
        let arrived: Vec<Event> = batches.iter().flatten().cloned().collect();
        let query = parse(&query, Dialect::Event).unwrap();
        let events = selected(&oracle::resolved_events(&arrived, at), &query, range.cut_at(at), occurrences);
        let expected = expected(&events, &keys, boundaries.as_deref(), &numbers);

        let snapshot = Snapshot::of_events(batches).at(at);
        let grouping = Grouping {
            keys: keys.iter().map(|path| GroupKey::Facet(path.to_string())).collect(),
            steps: boundaries.as_deref().map(Steps::new),
        };
        let scan = ScanSpec { grouping, occurrences, ..ScanSpec::new(query.clone(), range.cut_at(at)) };
        let (runtime, engine) = &*ENGINE;
        let groups = runtime.block_on(engine.aggregate(&snapshot, scan.clone(), &numbers)).unwrap();
        prop_assert_eq!(rounded(answered(groups)), rounded(expected), "{}", query);

        // The list of the same rows: as many, in order.
        let order = RowOrder { path: keys.first().map(ToString::to_string), ascending: true };
        let rows = RowsSpec { scan, columns: vec!["id".to_string(), "type".to_string()], order, limit: 1000 };
        let rows = runtime.block_on(engine.rows(&snapshot, rows)).unwrap();
        let listed: BTreeSet<(String, String)> = rows
            .records
            .iter()
            .map(|record| (record["id"].as_str().unwrap().to_string(), record["type"].as_str().unwrap().to_string()))
            .collect();
        let there: BTreeSet<(String, String)> =
            events.iter().map(|event| (event.id.clone(), event.kind.to_string())).collect();
        prop_assert_eq!(rows.total, events.len() as u64);
        prop_assert_eq!(listed, there);
    }
}
