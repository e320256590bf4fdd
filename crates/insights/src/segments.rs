//! Segments: preview, save, list, members.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::Value as Json;
use whodid_engine::{EntitySet, Membership};
use whodid_model::entity::ANONYMOUS_PREFIX;
use whodid_model::{EntityKind, IdentifierKey, Instant, Span, limits};
use whodid_query::definition::{Definition, Warning};
use whodid_query::echo::echo;

use crate::InsightError;
use crate::catalogue::{self, Dependent, Page, PageRequest, Reference, SegmentVersion};
use crate::insights::{Insights, read_definition};
use crate::meta::{Asked, Meta};

mod as_code;
mod comparing;
mod export;
mod history;
mod imports;
mod lists;
mod why;

pub use as_code::{Applied, AppliedChange, ApplyAction, CodedSegment};
pub use comparing::{Compared, Comparison, Diff, DiffRequest, Pair, Region, Side};
pub use export::Export;
pub use history::{History, HistoryPoint, HistoryRequest, HistoryStep};
pub use imports::{Ambiguous, ImportMode, ImportReport, ImportRequest, RejectedLine};
pub use lists::{ListedIdentifiers, UnmatchedRequest};
pub use why::Explained;

/// A definition's answer before it is saved.
#[derive(Clone, Debug, Serialize)]
pub struct Preview {
    #[serde(skip)]
    pub meta: Meta,
    pub count: u64,
    /// All known entities of the kind.
    pub population: u64,
    /// Each clause by itself, in document order.
    pub clauses: Vec<ClauseCount>,
    /// Some members' ids: in order, identified users first.
    pub sample: Vec<String>,
    /// The definition in words.
    pub echo: String,
    pub warnings: Vec<Note>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClauseCount {
    /// JSON pointer into the definition.
    pub pointer: String,
    pub count: u64,
}

/// Something about a definition that is allowed and hardly meant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    pub pointer: String,
    pub message: String,
}

impl From<Warning> for Note {
    fn from(warning: Warning) -> Note {
        Note { pointer: warning.pointer, message: warning.message }
    }
}

/// What a new segment is made of.
#[derive(Clone, Debug)]
pub struct NewSegment {
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    pub definition: Definition,
}

/// Changed members of a segment; the others stay.
#[derive(Clone, Debug, Default)]
pub struct SegmentChange {
    pub name: Option<String>,
    pub description: Option<String>,
    pub tags: Option<Vec<String>>,
    pub definition: Option<Definition>,
}

/// A saved segment with its size.
#[derive(Clone, Debug, Serialize)]
pub struct Segment {
    #[serde(skip)]
    pub id: String,
    #[serde(skip)]
    pub meta: Meta,
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    pub kind: &'static str,
    pub entity: EntityKind,
    /// Absent for a static segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<Json>,
    /// What the list of a static segment names people by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<IdentifierKey>,
    /// How many identifiers the list of a static segment has, of people who are known or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifiers: Option<u64>,
    pub version: i64,
    pub size: u64,
    pub size_as_of: Instant,
    /// How far into the log of acknowledged events the size reaches.
    pub size_watermark: u64,
    pub created_at: Instant,
    pub modified_at: Instant,
    pub echo: String,
    pub used_in: Vec<UsedIn>,
    pub warnings: Vec<Note>,
}

/// Something that refers to a segment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UsedIn {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub id: String,
    pub name: String,
}

impl From<Dependent> for UsedIn {
    fn from(dependent: Dependent) -> UsedIn {
        UsedIn { kind: dependent.what, id: dependent.id, name: dependent.name }
    }
}

/// A size and what it was computed over.
#[derive(Clone, Copy)]
pub(crate) struct KnownSize {
    version: i64,
    watermark: u64,
    as_of: Instant,
    size: u64,
}

/// How long a size may be shown while nothing but time has passed.
const SIZE_STAYS: Span = Span::from_seconds(60);

/// Which members of a segment.
#[derive(Clone, Debug)]
pub struct MembersRequest {
    pub at: Option<Instant>,
    /// The last id of the page before.
    pub after: Option<String>,
    /// 1 ..= [`limits::PAGE_ITEMS`].
    pub limit: usize,
    /// Only ids that contain this text, whatever the case.
    pub search: Option<String>,
    pub profiles: bool,
}

/// A page of members in order of id.
#[derive(Clone, Debug)]
pub struct Members {
    pub meta: Meta,
    pub entity: EntityKind,
    /// All members that the search accepts, on whichever page.
    pub total: u64,
    pub next: Option<String>,
    pub members: Vec<Member>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub id: String,
    /// Empty unless profiles were asked for.
    pub profile: BTreeMap<String, whodid_model::Value>,
}

impl Insights {
    /// Evaluates a definition without saving it. `sample_size` is at most [`limits::PAGE_ITEMS`].
    pub async fn preview(
        &self,
        definition: &Definition,
        at: Option<Instant>,
        sample_size: usize,
    ) -> Result<Preview, InsightError> {
        let asked = Asked::new(self.instant(at));
        let at = self.instant(at);
        let membership = self.membership(definition, at).await?;
        let pointers = definition.leaves().into_iter().map(|(pointer, _)| pointer);
        let clauses = pointers
            .zip(&membership.clauses)
            .map(|(pointer, set)| ClauseCount { pointer, count: set.len() })
            .collect();
        let mut sample = ids(&membership, &membership.members);
        // People with a name first: a sample of anonymous ids alone says little.
        sample.sort_by_key(|id| id.starts_with(ANONYMOUS_PREFIX));
        sample.truncate(sample_size.min(limits::PAGE_ITEMS));
        Ok(Preview {
            count: membership.members.len(),
            population: membership.population.everyone.len(),
            clauses,
            sample,
            echo: self.words(definition).await?,
            warnings: definition.warnings().into_iter().map(Note::from).collect(),
            meta: asked.answered(membership.snapshot.watermark(), None),
        })
    }

    pub async fn create_segment(&self, new: NewSegment) -> Result<Segment, InsightError> {
        let NewSegment { name, description, tags, definition } = new;
        let definition = to_catalogue(&definition);
        let stored = self
            .catalogue()
            .create_segment(catalogue::NewSegment { name, description, tags, definition })
            .await?;
        self.shown(stored).await
    }

    /// `expected_version`: refuse with `Stale` unless the segment still has it.
    pub async fn update_segment(
        &self,
        id: &str,
        change: SegmentChange,
        expected_version: Option<i64>,
    ) -> Result<Segment, InsightError> {
        let change = catalogue::SegmentChange {
            name: change.name,
            description: change.description,
            tags: change.tags,
            definition: change.definition.as_ref().map(to_catalogue),
        };
        let stored = self.catalogue().update_segment(id, change, expected_version).await?;
        self.shown(stored).await
    }

    pub async fn segment(&self, id: &str) -> Result<Segment, InsightError> {
        let stored = self.catalogue().segment(id).await?;
        self.shown(stored).await
    }

    /// Live segments in order of creation.
    pub async fn list_segments(
        &self,
        search: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Segment>, InsightError> {
        let stored = self.catalogue().list_segments(search, page).await?;
        let mut items = Vec::with_capacity(stored.items.len());
        for segment in stored.items {
            items.push(self.shown(segment).await?);
        }
        Ok(Page { items, next: stored.next })
    }

    /// Unless `force`, refused with those who refer to the segment.
    pub async fn delete_segment(&self, id: &str, force: bool) -> Result<(), InsightError> {
        self.catalogue().delete_segment(id, force).await
    }

    /// Brings back a segment deleted within the last 30 days.
    pub async fn restore_segment(&self, id: &str) -> Result<Segment, InsightError> {
        let stored = self.catalogue().restore_segment(id).await?;
        self.shown(stored).await
    }

    pub async fn segment_versions(&self, id: &str) -> Result<Vec<SegmentVersion>, InsightError> {
        self.catalogue().segment_versions(id).await
    }

    pub async fn members(&self, id: &str, request: &MembersRequest) -> Result<Members, InsightError> {
        if !(1..=limits::PAGE_ITEMS).contains(&request.limit) {
            return Err(InsightError::Invalid {
                pointer: Some("page[limit]".to_string()),
                message: format!("a page of {} members is not possible", request.limit),
                hint: Some(format!("ask for 1 to {} and follow the cursor", limits::PAGE_ITEMS)),
            });
        }
        let segment = self.catalogue().segment(id).await?;
        let definition = read_definition(&segment.definition)?;
        let at = self.instant(request.at);
        let asked = Asked::new(at);
        let membership = self.membership(&definition, at).await?;
        let mut found = ids(&membership, &membership.members);
        if let Some(search) = request.search.as_deref().filter(|search| !search.is_empty()) {
            let search = search.to_lowercase();
            found.retain(|id| id.to_lowercase().contains(&search));
        }
        let total = found.len() as u64;
        let first = request.after.as_ref().map_or(0, |after| found.partition_point(|id| id <= after));
        let page = &found[first..found.len().min(first + request.limit)];
        let more = first + page.len() < found.len();
        Ok(Members {
            entity: definition.entity,
            total,
            next: page.last().filter(|_| more).cloned(),
            members: if request.profiles {
                self.with_profiles(&membership, page, at)
            } else {
                page.iter().map(|id| Member { id: id.clone(), profile: BTreeMap::new() }).collect()
            },
            meta: asked.answered(membership.snapshot.watermark(), Some(segment.version)),
        })
    }

    fn with_profiles(&self, membership: &Membership, page: &[String], at: Instant) -> Vec<Member> {
        let mut set = EntitySet::empty();
        for id in page {
            set.or(&membership.population.find(&membership.snapshot, id));
        }
        let profiles = self.inner.engine.profiles(membership, &set, at);
        profiles.into_iter().map(|profile| Member { id: profile.id, profile: profile.attributes }).collect()
    }

    /// The definition in words, with other segments by name.
    pub async fn words(&self, definition: &Definition) -> Result<String, InsightError> {
        let mut names = HashMap::new();
        for (_, id) in definition.segments() {
            names.insert(id.to_string(), self.catalogue().segment(id).await?.name);
        }
        Ok(echo(definition, &|id| names.get(id).cloned()))
    }

    async fn shown(&self, stored: catalogue::Segment) -> Result<Segment, InsightError> {
        let definition = read_definition(&stored.definition)?;
        let asked = Asked::new(self.instant(None));
        let known = self.size(&stored, &definition).await?;
        let used_in = self.catalogue().used_in(&stored.id).await?;
        Ok(Segment {
            // The size may have been known already: the answer is as of then.
            meta: Meta { as_of: known.as_of, ..asked.answered(known.watermark, Some(stored.version)) },
            name: stored.name,
            description: stored.description,
            tags: stored.tags,
            kind: if stored.list.is_some() { "static" } else { "dynamic" },
            entity: definition.entity,
            definition: stored.list.is_none().then(|| definition.to_json()),
            key: stored.list.as_ref().map(|list| list.key),
            identifiers: stored.list.as_ref().map(|list| list.identifiers),
            version: stored.version,
            size: known.size,
            size_as_of: known.as_of,
            size_watermark: known.watermark,
            created_at: stored.created_at,
            modified_at: stored.modified_at,
            echo: match &stored.list {
                Some(list) => list_words(list),
                None => self.words(&definition).await?,
            },
            used_in: used_in.into_iter().map(UsedIn::from).collect(),
            warnings: definition.warnings().into_iter().map(Note::from).collect(),
            id: stored.id,
        })
    }

    /// The segment's size: the one known if it is of this version and of everything acknowledged, and fresh.
    async fn size(
        &self,
        stored: &catalogue::Segment,
        definition: &Definition,
    ) -> Result<KnownSize, InsightError> {
        let now = self.instant(None);
        let snapshot = self.inner.store.snapshot().await?;
        let watermark = snapshot.watermark();
        // A segment that rests on others changes with them, so its own version does not tell.
        if (definition.segments().is_empty() || stored.list.is_some())
            && let Some(known) = self.inner.sizes.lock().get(&stored.id).copied()
            && (known.version, known.watermark) == (stored.version, watermark)
            && known.as_of <= now
            && now < known.as_of.plus(SIZE_STAYS)
        {
            return Ok(known);
        }
        let membership = self.membership_in(&snapshot, definition, now).await?;
        let known =
            KnownSize { version: stored.version, watermark, as_of: now, size: membership.members.len() };
        self.inner.sizes.lock().insert(stored.id.clone(), known);
        Ok(known)
    }
}

fn list_words(list: &catalogue::StoredList) -> String {
    format!("Users in a list of {} by {}", list.identifiers, list.key)
}

fn ids(membership: &Membership, set: &EntitySet) -> Vec<String> {
    membership.population.ids(&membership.snapshot, set)
}

fn to_catalogue(definition: &Definition) -> catalogue::Definition {
    let references = definition
        .segments()
        .into_iter()
        .map(|(pointer, id)| Reference { id: id.to_string(), pointer })
        .collect();
    catalogue::Definition { entity: definition.entity, json: definition.to_json().to_string(), references }
}
