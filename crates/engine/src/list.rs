//! Who is in a list of identifiers. A list holds names of people and not people: someone is in it from the moment that
//! they are known by the name.

use roaring::RoaringBitmap;
use whodid_model::entity::ANONYMOUS_PREFIX;
use whodid_model::event::paths;
use whodid_model::{EntityKind, IdentifierKey, Instant, UserKey};
use whodid_store::{BUCKETS, Half, IdList, Ids, Snapshot};

use crate::entities::{EntitySet, Population};
use crate::error::EngineError;

/// A list and what it names people by.
#[derive(Clone, Debug)]
pub struct List {
    pub key: IdentifierKey,
    pub ids: std::sync::Arc<IdList>,
}

/// What became of the identifiers of a list.
#[derive(Debug)]
pub struct Matched {
    pub members: EntitySet,
    /// How many identifiers name at least one user.
    pub identifiers: u64,
    /// How many name more than one.
    pub ambiguous: u64,
    /// The first of those, each with the written ids of its users.
    pub examples: Vec<(String, Vec<String>)>,
}

/// An identifier, by its place in a bucket of the list, names a user, by bucket and ordinal.
struct Hit {
    place: usize,
    bucket: usize,
    ordinal: u32,
}

/// A list against the users of a snapshot.
struct Matcher<'a> {
    list: &'a List,
    snapshot: &'a Snapshot,
    everyone: &'a EntitySet,
    /// By e-mail only: the addresses of all users in the buckets of the list, sorted.
    addresses: Vec<Vec<(String, usize, u32)>>,
}

impl List {
    /// The users that the list names. `snapshot` is the one seen at `at`.
    pub(crate) fn members(
        &self,
        snapshot: &Snapshot,
        population: &Population,
        at: Instant,
    ) -> Result<EntitySet, EngineError> {
        let mut members = EntitySet::empty();
        if population.kind != EntityKind::User {
            return Ok(members);
        }
        let matcher = Matcher::new(self, snapshot, population, at);
        for bucket in (0..BUCKETS).filter(|bucket| matcher.can_hit(*bucket)) {
            for hit in matcher.bucket(bucket)?.1 {
                members.buckets[hit.bucket].insert(hit.ordinal);
            }
        }
        Ok(members)
    }

    /// The same with counts, and the first `examples` of the identifiers that name several users.
    pub fn matched(
        &self,
        snapshot: &std::sync::Arc<Snapshot>,
        at: Instant,
        examples: usize,
    ) -> Result<Matched, EngineError> {
        let snapshot = &snapshot.at(at);
        let population = Population::of(EntityKind::User, snapshot, at);
        let matcher = Matcher::new(self, snapshot, &population, at);
        let mut matched =
            Matched { members: EntitySet::empty(), identifiers: 0, ambiguous: 0, examples: Vec::new() };
        for bucket in (0..BUCKETS).filter(|bucket| matcher.can_hit(*bucket)) {
            let (ids, hits) = matcher.bucket(bucket)?;
            for group in hits.chunk_by(|a, b| a.place == b.place) {
                matched.identifiers += 1;
                group.iter().for_each(|hit| {
                    matched.members.buckets[hit.bucket].insert(hit.ordinal);
                });
                if group.len() < 2 {
                    continue;
                }
                matched.ambiguous += 1;
                if matched.examples.len() < examples {
                    let user = |hit: &Hit| population.id(snapshot, hit.bucket, hit.ordinal);
                    let mut users: Vec<String> = group.iter().filter_map(user).collect();
                    users.sort_unstable();
                    matched.examples.push((ids.get(group[0].place).to_string(), users));
                }
            }
        }
        matched.examples.sort_unstable();
        Ok(matched)
    }

    /// Visits every identifier that names nobody, in no order across buckets.
    pub fn each_unmatched(
        &self,
        snapshot: &std::sync::Arc<Snapshot>,
        at: Instant,
        mut visit: impl FnMut(&str),
    ) -> Result<(), EngineError> {
        let snapshot = &snapshot.at(at);
        let population = Population::of(EntityKind::User, snapshot, at);
        let matcher = Matcher::new(self, snapshot, &population, at);
        for bucket in (0..BUCKETS).filter(|bucket| self.ids.bucket_len(*bucket) > 0) {
            let (ids, hits) = matcher.bucket(bucket)?;
            let mut hits = hits.iter().map(|hit| hit.place).peekable();
            for (place, id) in ids.iter().enumerate() {
                let mut named = false;
                while hits.next_if_eq(&place).is_some() {
                    named = true;
                }
                if !named {
                    visit(id);
                }
            }
        }
        Ok(())
    }
}

impl<'a> Matcher<'a> {
    fn new(list: &'a List, snapshot: &'a Snapshot, population: &'a Population, at: Instant) -> Matcher<'a> {
        let addresses = match list.key {
            IdentifierKey::UsrId => Vec::new(),
            IdentifierKey::UsrEmail => addresses(snapshot, &population.everyone, at),
        };
        Matcher { list, snapshot, everyone: &population.everyone, addresses }
    }

    /// Whether an identifier in this bucket of the list can name anybody.
    fn can_hit(&self, bucket: usize) -> bool {
        let somebody = match self.list.key {
            IdentifierKey::UsrId => !self.everyone.bucket(bucket).is_empty(),
            IdentifierKey::UsrEmail => !self.addresses[bucket].is_empty(),
        };
        somebody && self.list.ids.bucket_len(bucket) > 0
    }

    /// The identifiers of a bucket and whom they name, in order of place.
    fn bucket(&self, bucket: usize) -> Result<(Ids, Vec<Hit>), EngineError> {
        let ids = self.list.ids.bucket(bucket)?;
        let mut hits = Vec::new();
        match self.list.key {
            IdentifierKey::UsrId => {
                let everyone = self.everyone.bucket(bucket);
                for half in self.snapshot.buckets()[bucket].halves() {
                    by_id(half, everyone, &ids, &mut |place, ordinal| {
                        hits.push(Hit { place, bucket, ordinal })
                    });
                }
            }
            IdentifierKey::UsrEmail => {
                let addresses = &self.addresses[bucket];
                let texts = addresses.iter().map(|(text, _, _)| text.as_str());
                meet(&ids, 0, texts, &mut |place, index| {
                    let (_, bucket, ordinal) = addresses[index];
                    hits.push(Hit { place, bucket, ordinal });
                });
            }
        }
        hits.sort_unstable_by_key(|hit| (hit.place, hit.bucket, hit.ordinal));
        Ok((ids, hits))
    }
}

/// Runs are sorted by owner, identified users before anonymous ones, so both kinds are merged with the list in turn.
fn by_id(half: Half<'_>, everyone: &RoaringBitmap, ids: &Ids, hit: &mut dyn FnMut(usize, u32)) {
    let (mut identified, mut anonymous) = (Vec::new(), Vec::new());
    for (ordinal, run) in half.runs().filter(|(ordinal, _)| everyone.contains(*ordinal)) {
        match run.owner.user() {
            Some(UserKey::Identified(id)) => identified.push((id.as_str(), ordinal)),
            Some(UserKey::Anonymous(id)) => anonymous.push((id.as_str(), ordinal)),
            None => {}
        }
    }
    meet(ids, 0, identified.iter().map(|(id, _)| *id), &mut |place, index| hit(place, identified[index].1));
    let written: Vec<String> = anonymous.iter().map(|(id, _)| format!("{ANONYMOUS_PREFIX}{id}")).collect();
    let first = ids.partition_point(ANONYMOUS_PREFIX);
    meet(ids, first, written.iter().map(String::as_str), &mut |place, index| hit(place, anonymous[index].1));
}

/// Calls `hit` with the places of what is in both. The names are sorted and may repeat; the list is read from `first`.
fn meet<'a>(
    ids: &Ids,
    first: usize,
    names: impl ExactSizeIterator<Item = &'a str>,
    hit: &mut dyn FnMut(usize, usize),
) {
    // Few names are looked up; many are merged.
    let few = names.len() * 16 < ids.len();
    let mut place = first;
    for (index, name) in names.enumerate() {
        if few {
            if let Some(place) = ids.find(name) {
                hit(place, index);
            }
            continue;
        }
        while place < ids.len() && ids.get(place) < name {
            place += 1;
        }
        if place < ids.len() && ids.get(place) == name {
            hit(place, index);
        }
    }
}

/// The e-mail address of every user who has one (as in their profile: the latest), by the list bucket that it hashes into.
fn addresses(snapshot: &Snapshot, everyone: &EntitySet, at: Instant) -> Vec<Vec<(String, usize, u32)>> {
    let mut addresses: Vec<Vec<(String, usize, u32)>> = vec![Vec::new(); BUCKETS];
    for (bucket, lain) in snapshot.buckets().iter().enumerate() {
        for half in lain.halves() {
            let Some(column) = half.columns.attribute(paths::USR_EMAIL) else { continue };
            for (ordinal, run) in
                half.runs().filter(|(ordinal, _)| everyone.bucket(bucket).contains(*ordinal))
            {
                let rows = run.rows();
                let before = half.columns.ts_us().rows_before(rows, at.0);
                let latest = before.rev().find_map(|row| column.value(row));
                if let Some(value) = latest {
                    let address = IdentifierKey::UsrEmail.normalized(&value.as_text()).into_owned();
                    addresses[IdList::bucket_of(&address)].push((address, bucket, ordinal));
                }
            }
        }
    }
    addresses.iter_mut().for_each(|bucket| bucket.sort_unstable());
    addresses
}
