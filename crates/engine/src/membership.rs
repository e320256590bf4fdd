//! Who is in a definition: the clauses decided by the operator, the tree of conditions by set arithmetic.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt32Type;
use jiff::tz::TimeZone;
use roaring::RoaringBitmap;
use whodid_model::{EntityKind, Instant, Value};
use whodid_query::definition::{Condition, Definition};
use whodid_store::{BUCKETS, Snapshot};

use crate::entities::{EntitySet, Population};
use crate::error::EngineError;
use crate::list::List;
use crate::ops::bucket::BucketTable;
use crate::ops::keys::{ProfileValues, texts_of};
use crate::ops::membership::{MembershipSpec, columns};
use crate::profile::{Attribute, Profile};
use crate::run::Engine;
use crate::stream::{Row, Streams};

/// The segments that a definition refers to, by id.
pub type Segments = BTreeMap<String, Referred>;

/// What a segment is to those that refer to it.
#[derive(Clone, Debug)]
pub enum Referred {
    Definition(Definition),
    /// A list of identifiers. The definition of such a segment by itself is a reference to its own id.
    List(List),
}

impl Referred {
    pub fn entity(&self) -> EntityKind {
        match self {
            Referred::Definition(definition) => definition.entity,
            Referred::List(_) => EntityKind::User,
        }
    }

    /// As [`Definition::segments`]; a list refers to nothing.
    pub fn segments(&self) -> Vec<(String, &str)> {
        match self {
            Referred::Definition(definition) => definition.segments(),
            Referred::List(_) => Vec::new(),
        }
    }
}

/// The users of each list that some conditions rest on, by segment id.
pub(crate) type ListMembers = BTreeMap<String, EntitySet>;

/// The lists that a condition rests on, directly or through other segments.
pub(crate) fn lists_of<'a>(
    condition: &'a Condition,
    segments: &'a Segments,
    depth: usize,
    lists: &mut BTreeMap<&'a str, &'a List>,
) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| lists_of(part, segments, depth, lists));
        }
        Condition::Not(inner) => lists_of(inner, segments, depth, lists),
        Condition::Segment(id) => match segments.get_key_value(id) {
            Some((id, Referred::List(list))) => {
                lists.insert(id, list);
            }
            Some((_, Referred::Definition(definition))) if depth < SEGMENT_DEPTH => {
                lists_of(&definition.condition, segments, depth + 1, lists);
            }
            _ => {}
        },
        Condition::Performed(_) | Condition::Profile(_) => {}
    }
}

/// The answer, bound to the snapshot that it was computed from.
#[derive(Debug)]
pub struct Membership {
    pub snapshot: Arc<Snapshot>,
    pub population: Population,
    pub members: EntitySet,
    /// The members of each clause by itself, in document order: one for each of [`Definition::leaves`].
    pub clauses: Vec<EntitySet>,
    /// What the parts of each `all` come to one after another, in document order.
    pub kept: Vec<Kept>,
}

/// A part of an `all` of the definition's own tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// JSON pointer into the definition, such as `/where/all/1`.
    pub pointer: String,
    /// How many the part holds by itself.
    pub count: u64,
    /// How many are left after this part and those before it.
    pub kept: u64,
}

/// What is known when some of the buckets have been looked at.
#[derive(Clone, Debug)]
pub struct Part {
    /// Members and known entities of each bucket so far.
    pub buckets: Vec<(u64, u64)>,
    /// The members of each clause in these buckets.
    pub clauses: Vec<u64>,
    /// All known entities, of all buckets.
    pub population: u64,
}

/// After how many buckets users are counted on the way to an answer: an owner's bucket is a hash of its id, so that any
/// of them are a fair sample.
const PARTS: [usize; 6] = [1, 2, 4, 8, 16, 32];

impl Engine {
    /// Evaluates a definition at `at`. `segments` has to hold every segment that the definition refers to, directly or
    /// through others, of the same entity kind and without cycles.
    ///
    /// Errors: [`EngineError::UnknownSegment`] for one that is missing.
    pub async fn membership(
        &self,
        snapshot: &Arc<Snapshot>,
        definition: &Definition,
        segments: &Segments,
        at: Instant,
        timezone: &TimeZone,
    ) -> Result<Membership, EngineError> {
        let snapshot = snapshot.at(at);
        let clauses = clauses_of(definition, segments)?;
        let population = Population::of(definition.entity, &snapshot, at);
        let sets = if clauses.is_empty() {
            Vec::new()
        } else {
            let spec = MembershipSpec::new(definition.entity, at, timezone.clone(), clauses);
            self.decide(spec, &snapshot).await?
        };
        let lists = list_members(definition, segments, &population, &snapshot, at).await?;
        let Combined { members, clauses, kept } = combine(definition, segments, &population, sets, &lists)?;
        Ok(Membership { snapshot, population, members, clauses, kept })
    }

    /// The same, telling what is known of users on the way. Accounts are too few to be worth it.
    pub async fn membership_in_parts(
        &self,
        snapshot: &Arc<Snapshot>,
        definition: &Definition,
        segments: &Segments,
        at: Instant,
        timezone: &TimeZone,
        tell: &mut (dyn FnMut(Part) + Send),
    ) -> Result<Membership, EngineError> {
        let clauses = clauses_of(definition, segments)?;
        if definition.entity == EntityKind::Account || clauses.is_empty() {
            return self.membership(snapshot, definition, segments, at, timezone).await;
        }
        let snapshot = snapshot.at(at);
        let population = Population::of(definition.entity, &snapshot, at);
        let lists = list_members(definition, segments, &population, &snapshot, at).await?;
        let spec = MembershipSpec::new(definition.entity, at, timezone.clone(), clauses);
        let mut sets = vec![EntitySet::empty(); spec.clauses().len()];
        let mut done = 0;
        for until in PARTS {
            let part = self.decide(spec.of_buckets(done..until), &snapshot).await?;
            sets.iter_mut().zip(&part).for_each(|(all, part)| all.or(part));
            done = until;
            let seen = population.in_buckets(done);
            let so_far = combine(definition, segments, &seen, sets.clone(), &lists)?;
            let count =
                |bucket: usize| (so_far.members.bucket(bucket).len(), seen.everyone.bucket(bucket).len());
            tell(Part {
                buckets: (0..done).map(count).collect(),
                clauses: so_far
                    .clauses
                    .iter()
                    .map(|set| (0..done).map(|bucket| set.bucket(bucket).len()).sum())
                    .collect(),
                population: population.everyone.len(),
            });
        }
        let rest = self.decide(spec.of_buckets(done..BUCKETS), &snapshot).await?;
        sets.iter_mut().zip(&rest).for_each(|(all, part)| all.or(part));
        let Combined { members, clauses, kept } = combine(definition, segments, &population, sets, &lists)?;
        Ok(Membership { snapshot, population, members, clauses, kept })
    }

    /// A profile attribute of some of the members, by its name in profile queries: each id with its value, sorted by id.
    pub fn attribute_of(
        &self,
        membership: &Membership,
        set: &EntitySet,
        name: &str,
        at: Instant,
    ) -> Vec<(String, Option<Value>)> {
        let (snapshot, population) = (&membership.snapshot, &membership.population);
        let attribute = Attribute::named(name, population.kind);
        let mut values = Vec::new();
        match population.kind {
            EntityKind::User => {
                for (bucket, ordinals) in set.buckets.iter().enumerate().filter(|(_, set)| !set.is_empty()) {
                    let streams = Streams::of_bucket(snapshot, bucket, at);
                    let rows = ordinals.iter().filter_map(|ordinal| streams.rows_of_user(ordinal));
                    values.extend(rows.map(|(id, rows)| {
                        let value = attribute.value(&streams, &id, &rows);
                        (id, value)
                    }));
                }
            }
            EntityKind::Account => {
                let streams = Streams::of_everything(snapshot, at);
                streams.for_each_account(population, |ordinal, id, rows| {
                    if set.bucket(0).contains(ordinal) {
                        values.push((id.to_string(), attribute.value(&streams, id, rows)));
                    }
                });
            }
        }
        values.sort_by(|(a, _), (b, _)| a.cmp(b));
        values
    }

    /// The profiles of some of the members, sorted by id.
    pub fn profiles(&self, membership: &Membership, set: &EntitySet, at: Instant) -> Vec<Profile> {
        let (snapshot, kind) = (&membership.snapshot, membership.population.kind);
        let mut profiles = Vec::new();
        match kind {
            EntityKind::User => {
                for (bucket, ordinals) in set.buckets.iter().enumerate().filter(|(_, set)| !set.is_empty()) {
                    let streams = Streams::of_bucket(snapshot, bucket, at);
                    let rows = ordinals.iter().filter_map(|ordinal| streams.rows_of_user(ordinal));
                    profiles.extend(rows.map(|(id, rows)| Profile::of(&streams, kind, &id, &rows)));
                }
            }
            EntityKind::Account => {
                let streams = Streams::of_everything(snapshot, at);
                streams.for_each_account(&membership.population, |ordinal, id, rows| {
                    if set.bucket(0).contains(ordinal) {
                        profiles.push(Profile::of(&streams, kind, id, rows));
                    }
                });
            }
        }
        profiles.sort_by(|a, b| a.id.cmp(&b.id));
        profiles
    }

    /// Attributes of the profiles of some of the members, sorted by id. Names are read as a profile query reads them.
    pub fn profile_columns(
        &self,
        membership: &Membership,
        set: &EntitySet,
        names: &[&str],
        at: Instant,
    ) -> Vec<(String, Vec<Option<Value>>)> {
        let (snapshot, kind) = (&membership.snapshot, membership.population.kind);
        let attributes: Vec<Attribute> = names.iter().map(|name| Attribute::named(name, kind)).collect();
        let mut profiles = Vec::new();
        let mut note = |streams: &Streams<'_>, id: &str, rows: &[Row]| {
            let values = attributes.iter().map(|attribute| attribute.value(streams, id, rows));
            profiles.push((id.to_string(), values.collect()));
        };
        match kind {
            EntityKind::User => {
                for (bucket, ordinals) in set.buckets.iter().enumerate().filter(|(_, set)| !set.is_empty()) {
                    let streams = Streams::of_bucket(snapshot, bucket, at);
                    let rows = ordinals.iter().filter_map(|ordinal| streams.rows_of_user(ordinal));
                    rows.for_each(|(id, rows)| note(&streams, &id, &rows));
                }
            }
            EntityKind::Account => {
                let streams = Streams::of_everything(snapshot, at);
                streams.for_each_account(&membership.population, |ordinal, id, rows| {
                    if set.bucket(0).contains(ordinal) {
                        note(&streams, id, rows);
                    }
                });
            }
        }
        profiles.sort_by(|(a, _): &(String, Vec<_>), (b, _)| a.cmp(b));
        profiles
    }

    /// One attribute of everyone's profile, to group by. A list is all of its items.
    pub fn profile_texts(&self, membership: &Membership, name: &str, at: Instant) -> ProfileValues {
        let columns = self.profile_columns(membership, &membership.population.everyone, &[name], at);
        let texts =
            columns.into_iter().filter_map(|(id, values)| Some((id, texts_of(values.first()?.as_ref()?))));
        ProfileValues { kind: membership.population.kind, by_id: texts.collect() }
    }

    /// Every attribute that some profile can have, by name.
    pub fn profile_names(&self, membership: &Membership, at: Instant) -> Vec<String> {
        let streams = Streams::of_everything(&membership.snapshot, at);
        Profile::names(&streams, membership.population.kind).into_iter().collect()
    }

    /// Whether a profile attribute's name means something of its own, that no joined column can take.
    pub fn is_built_in(&self, name: &str, kind: EntityKind) -> bool {
        Attribute::is_built_in(name, kind)
    }

    async fn decide(
        &self,
        spec: MembershipSpec,
        snapshot: &Arc<Snapshot>,
    ) -> Result<Vec<EntitySet>, EngineError> {
        let mut sets = vec![EntitySet::empty(); spec.clauses().len()];
        let table = BucketTable::new(spec, snapshot.clone());
        let frame = self.session().read_table(Arc::new(table))?;
        for batch in self.run(frame.into_unoptimized_plan()).await? {
            read(&batch, &mut sets)?;
        }
        Ok(sets)
    }
}

/// Reads the lists that a definition rests on, away from the threads that answer requests.
async fn list_members(
    definition: &Definition,
    segments: &Segments,
    population: &Population,
    snapshot: &Arc<Snapshot>,
    at: Instant,
) -> Result<ListMembers, EngineError> {
    let mut lists = BTreeMap::new();
    lists_of(&definition.condition, segments, 0, &mut lists);
    if lists.is_empty() {
        return Ok(ListMembers::new());
    }
    let lists: Vec<(String, List)> =
        lists.into_iter().map(|(id, list)| (id.to_string(), list.clone())).collect();
    let (snapshot, population) = (snapshot.clone(), population.clone());
    let members = tokio::task::spawn_blocking(move || {
        let members = |(id, list): (String, List)| Ok((id, list.members(&snapshot, &population, at)?));
        lists.into_iter().map(members).collect()
    });
    members.await.map_err(|error| EngineError::Lists { detail: error.to_string() })?
}

fn read(batch: &RecordBatch, sets: &mut [EntitySet]) -> Result<(), EngineError> {
    let broken = |detail: &str| EngineError::codec(detail);
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| broken("a column is missing"));
    let buckets = column(columns::BUCKET)?.as_primitive::<UInt32Type>();
    let clauses = column(columns::CLAUSE)?.as_primitive::<UInt32Type>();
    let members = column(columns::MEMBERS)?.as_binary::<i32>();
    for row in 0..batch.num_rows() {
        let bitmap = RoaringBitmap::deserialize_from(members.value(row)).map_err(EngineError::codec)?;
        let set = sets.get_mut(clauses.value(row) as usize).ok_or_else(|| broken("no such clause"))?;
        set.buckets[buckets.value(row) as usize] |= bitmap;
    }
    Ok(())
}

/// No chain of segments is longer; a cycle that slipped through ends here.
const SEGMENT_DEPTH: usize = 64;

/// Every `performed` and `profile` that a definition rests on, those of referred segments among them.
pub(crate) fn clauses_of(
    definition: &Definition,
    segments: &Segments,
) -> Result<Vec<Condition>, EngineError> {
    let mut clauses = Vec::new();
    collect(&definition.condition, segments, 0, &mut clauses)?;
    Ok(clauses)
}

/// The tree of conditions worked out.
pub(crate) struct Combined {
    pub(crate) members: EntitySet,
    /// The members of each of the definition's own leaves.
    pub(crate) clauses: Vec<EntitySet>,
    pub(crate) kept: Vec<Kept>,
}

/// From the sets of [`clauses_of`].
pub(crate) fn combine(
    definition: &Definition,
    segments: &Segments,
    population: &Population,
    sets: Vec<EntitySet>,
    lists: &ListMembers,
) -> Result<Combined, EngineError> {
    let (sets, clauses, kept) = (sets.into_iter(), Vec::new(), Vec::new());
    let mut combiner = Combiner { population, segments, lists, sets, clauses, kept };
    let members = combiner.combine(&definition.condition, Some("/where"))?;
    Ok(Combined { members, clauses: combiner.clauses, kept: combiner.kept })
}

/// The clauses below a condition in the order in which [`Combiner`] takes their sets.
fn collect(
    condition: &Condition,
    segments: &Segments,
    depth: usize,
    out: &mut Vec<Condition>,
) -> Result<(), EngineError> {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().try_for_each(|part| collect(part, segments, depth, out))
        }
        Condition::Not(inner) => collect(inner, segments, depth, out),
        Condition::Segment(id) => match segments.get(id) {
            Some(Referred::List(_)) => Ok(()),
            Some(Referred::Definition(definition)) if depth < SEGMENT_DEPTH => {
                collect(&definition.condition, segments, depth + 1, out)
            }
            _ => Err(EngineError::UnknownSegment { id: id.clone() }),
        },
        Condition::Performed(_) | Condition::Profile(_) => {
            out.push(condition.clone());
            Ok(())
        }
    }
}

struct Combiner<'a> {
    population: &'a Population,
    segments: &'a Segments,
    lists: &'a ListMembers,
    sets: std::vec::IntoIter<EntitySet>,
    clauses: Vec<EntitySet>,
    kept: Vec<Kept>,
}

impl Combiner<'_> {
    /// `pointer` says where the condition stands in the definition; none inside a referred segment.
    fn combine(&mut self, condition: &Condition, pointer: Option<&str>) -> Result<EntitySet, EngineError> {
        let set = match condition {
            Condition::All(parts) => return self.all(parts, pointer),
            Condition::Any(parts) => {
                let mut set = EntitySet::empty();
                for (index, part) in parts.iter().enumerate() {
                    let pointer = pointer.map(|pointer| format!("{pointer}/any/{index}"));
                    set.or(&self.combine(part, pointer.as_deref())?);
                }
                return Ok(set);
            }
            Condition::Not(inner) => {
                let mut set = self.population.everyone.clone();
                let pointer = pointer.map(|pointer| format!("{pointer}/not"));
                set.minus(&self.combine(inner, pointer.as_deref())?);
                return Ok(set);
            }
            Condition::Segment(id) => {
                let unknown = || EngineError::UnknownSegment { id: id.clone() };
                match self.segments.get(id).ok_or_else(unknown)? {
                    Referred::Definition(definition) => self.combine(&definition.condition, None)?,
                    Referred::List(_) => self.lists.get(id).ok_or_else(unknown)?.clone(),
                }
            }
            Condition::Performed(_) | Condition::Profile(_) => {
                self.sets.next().ok_or(EngineError::NotAClause)?
            }
        };
        if pointer.is_some() {
            self.clauses.push(set.clone());
        }
        Ok(set)
    }

    fn all(&mut self, parts: &[Condition], pointer: Option<&str>) -> Result<EntitySet, EngineError> {
        let mut set = self.population.everyone.clone();
        for (index, part) in parts.iter().enumerate() {
            let pointer = pointer.map(|pointer| format!("{pointer}/all/{index}"));
            let place = self.kept.len();
            let one = self.combine(part, pointer.as_deref())?;
            set.and(&one);
            if let Some(pointer) = pointer {
                // Before what stands inside it.
                self.kept.insert(place, Kept { pointer, count: one.len(), kept: set.len() });
            }
        }
        Ok(set)
    }
}
