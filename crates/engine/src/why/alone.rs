//! One entity as a small snapshot of its own, so that it can be evaluated again and again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use whodid_model::{EntityKind, Event, IdentifierKey, Instant, TimeRange, Value};
use whodid_query::definition::{Condition, Definition, Performed};
use whodid_query::search::Query;
use whodid_store::{Owner, Snapshot};

use crate::clauses::Clauses;
use crate::entities::{EntitySet, Population};
use crate::error::EngineError;
use crate::membership::{Combined, ListMembers, Segments, clauses_of, combine, lists_of};
use crate::performed::{Clause, Reading};
use crate::profile::{Attribute, ProfileTest};
use crate::stream::{Row, Streams};

pub(super) struct Alone {
    snapshot: Arc<Snapshot>,
    population: Population,
    /// Where the entity lies: the bucket that its evaluation looks at.
    bucket: usize,
    ordinal: u32,
    id: String,
    timezone: TimeZone,
    known_lists: RefCell<ListMembers>,
}

pub(super) struct Decided {
    pub(super) member: bool,
    pub(super) leaves: Vec<bool>,
}

impl Alone {
    /// The entity as it is at `at`; none if it is not known then.
    pub(super) fn of(
        snapshot: &Arc<Snapshot>,
        kind: EntityKind,
        id: &str,
        at: Instant,
        timezone: &TimeZone,
    ) -> Option<Alone> {
        let snapshot = snapshot.at(at);
        let population = Population::of(kind, &snapshot, at);
        let (bucket, ordinal) = population.find(&snapshot, id).iter().next()?;
        let streams = streams(kind, &snapshot, bucket, at);
        let (id, rows) = rows(&streams, &population, ordinal)?;
        let events =
            rows.iter().map(|row| (owner(&streams, row), streams.columns(row).event(row.row as usize)));
        // Owners are settled at `at`, and with nothing more happening they stay.
        let joined = snapshot.joined().clone();
        let snapshot = Snapshot::of_owned(events.collect(), snapshot.watermark()).with_joined(joined);
        let population = Population::of(kind, &snapshot, at);
        let (bucket, ordinal) = population.everyone.iter().next()?;
        Some(Alone {
            snapshot,
            population,
            bucket,
            ordinal,
            id,
            timezone: timezone.clone(),
            known_lists: RefCell::default(),
        })
    }

    /// The definition for this entity at an instant that is not before the one that it was taken at.
    pub(super) fn decide(
        &self,
        definition: &Definition,
        segments: &Segments,
        at: Instant,
    ) -> Result<Decided, EngineError> {
        let clauses = clauses_of(definition, segments)?;
        let sets = self.sets(&clauses, at)?;
        let lists = self.lists(definition, segments, at)?;
        let Combined { members, clauses: leaves, .. } =
            combine(definition, segments, &self.population, sets, &lists)?;
        let holds = |set: &EntitySet| set.bucket(self.bucket).contains(self.ordinal);
        Ok(Decided { member: holds(&members), leaves: leaves.iter().map(holds).collect() })
    }

    /// Nothing happens after the instant that the entity was taken at, so each list is read once.
    fn lists(
        &self,
        definition: &Definition,
        segments: &Segments,
        at: Instant,
    ) -> Result<ListMembers, EngineError> {
        let mut wanted = BTreeMap::new();
        lists_of(&definition.condition, segments, 0, &mut wanted);
        let mut known = self.known_lists.borrow_mut();
        for (id, list) in wanted {
            if !known.contains_key(id) {
                known.insert(id.to_string(), list.members(&self.snapshot, &self.population, at)?);
            }
        }
        Ok(known.clone())
    }

    /// One clause, a `performed` or a `profile`.
    pub(super) fn holds(&self, clause: &Condition, at: Instant) -> Result<bool, EngineError> {
        let sets = self.sets(std::slice::from_ref(clause), at)?;
        Ok(sets.first().is_some_and(|set| set.bucket(self.bucket).contains(self.ordinal)))
    }

    fn sets(&self, clauses: &[Condition], at: Instant) -> Result<Vec<EntitySet>, EngineError> {
        let kind = self.population.kind;
        let streams = self.streams(at);
        let clauses = Clauses::new(kind, at, &self.timezone, clauses, &streams)?;
        let members = match kind {
            EntityKind::User => clauses.users(&streams),
            EntityKind::Account => clauses.accounts(&self.population, &streams),
        };
        let set = |members| {
            let mut set = EntitySet::empty();
            set.buckets[self.bucket] = members;
            set
        };
        Ok(members.into_iter().map(set).collect())
    }

    pub(super) fn read(
        &self,
        performed: &Performed,
        holds: bool,
        at: Instant,
    ) -> Result<Reading, EngineError> {
        let streams = self.streams(at);
        let seen = TimeRange { from: streams.first(), to: at };
        let clause = Clause::new(performed, at, &self.timezone, seen)?;
        Ok(clause.prepare(&streams).read(self.population.kind, &streams, &self.rows(&streams), holds))
    }

    pub(super) fn profile_values(&self, query: &Query, at: Instant) -> BTreeMap<String, Option<Value>> {
        let streams = self.streams(at);
        ProfileTest::new(query, self.population.kind).values(&streams, &self.id, &self.rows(&streams))
    }

    /// What the entity goes by in a list.
    pub(super) fn identifier(&self, key: IdentifierKey, at: Instant) -> Option<String> {
        if key == IdentifierKey::UsrId {
            return Some(self.id.clone());
        }
        let streams = self.streams(at);
        let address = Attribute::Latest(key.name().to_string());
        let address = address.value(&streams, &self.id, &self.rows(&streams))?;
        Some(key.normalized(&address.as_text()).into_owned())
    }

    /// The instants of the events that match a step of the clause, in order.
    pub(super) fn instants_us(&self, performed: &Performed, at: Instant) -> Result<Vec<i64>, EngineError> {
        let streams = self.streams(at);
        let seen = TimeRange { from: streams.first(), to: at };
        let clause = Clause::new(performed, at, &self.timezone, seen)?;
        Ok(clause.prepare(&streams).instants_us(&self.rows(&streams)))
    }

    /// Every event, as questions see it, in order.
    pub(super) fn events(&self, at: Instant) -> Vec<Event> {
        let streams = self.streams(at);
        let rows = self.rows(&streams);
        let mut events: Vec<Event> =
            rows.iter().map(|row| streams.columns(row).resolved_event(row.row as usize)).collect();
        events.sort_by(|a, b| (a.ts, &a.id, a.kind).cmp(&(b.ts, &b.id, b.kind)));
        events
    }

    pub(super) fn timezone(&self) -> &TimeZone {
        &self.timezone
    }

    fn streams(&self, at: Instant) -> Streams<'_> {
        streams(self.population.kind, &self.snapshot, self.bucket, at)
    }

    fn rows(&self, streams: &Streams<'_>) -> Vec<Row> {
        rows(streams, &self.population, self.ordinal).map(|(_, rows)| rows).unwrap_or_default()
    }
}

fn streams(kind: EntityKind, snapshot: &Snapshot, bucket: usize, at: Instant) -> Streams<'_> {
    match kind {
        EntityKind::User => Streams::of_bucket(snapshot, bucket, at),
        EntityKind::Account => Streams::of_everything(snapshot, at),
    }
}

/// The written id and the rows of an entity, in order.
fn rows(streams: &Streams<'_>, population: &Population, ordinal: u32) -> Option<(String, Vec<Row>)> {
    match population.kind {
        EntityKind::User => streams.rows_of_user(ordinal),
        EntityKind::Account => {
            let mut found = None;
            streams.for_each_account(population, |other, id, rows| {
                if other == ordinal {
                    found = Some((id.to_string(), rows.to_vec()));
                }
            });
            found
        }
    }
}

fn owner(streams: &Streams<'_>, row: &Row) -> Owner {
    let runs = streams.columns(row).runs();
    runs[runs.partition_point(|run| run.end <= row.row)].owner.clone()
}
