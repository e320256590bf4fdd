//! Segments: preview, save, list, members.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value as Json;
use whodid_engine::{EntitySet, Membership};
use whodid_model::{EntityKind, IdentifierKey, Instant, Span};
use whodid_query::definition::{Definition, Warning};
use whodid_query::echo::echo;

use crate::InsightError;
use crate::catalogue::{self, Dependent, Page, PageRequest, Reference, SegmentVersion};
use crate::insights::{Insights, read_definition};
use crate::meta::{Asked, Meta};

mod as_code;
mod comparing;
mod estimate;
mod export;
mod history;
mod imports;
mod lists;
mod members;
mod preview;
mod refresh;
mod why;

pub use as_code::{Applied, AppliedChange, ApplyAction, CodedSegment};
pub use comparing::{Compared, Comparison, Diff, DiffRequest, Pair, Region, Side};
pub use estimate::Estimate;
pub use export::Export;
pub use history::{History, HistoryPoint, HistoryRequest, HistoryStep};
pub use imports::{Ambiguous, ImportMode, ImportReport, ImportRequest, RejectedLine};
pub use lists::{ListedIdentifiers, UnmatchedRequest};
pub use members::{Member, Members, MembersRequest};
pub use refresh::{Recent, Refreshed, SizeState};
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
    /// The parts of an `all` that are more than one clause.
    pub groups: Vec<ClauseCount>,
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
    /// In an `all`: how many are left after this part and those before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<u64>,
    /// Of a sequence: how many get as far as each positive step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<u64>,
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
    /// What was recorded of a dynamic segment.
    #[serde(skip)]
    pub recent: Recent,
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
    /// Of the joined columns.
    generation: u64,
    as_of: Instant,
    size: u64,
}

/// How long a size may be shown while nothing but time has passed.
const SIZE_STAYS: Span = Span::from_seconds(60);

impl Insights {
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
        let mut used_in = self.catalogue().used_in_all().await?;
        let mut items = Vec::with_capacity(stored.items.len());
        for segment in stored.items {
            let used_in = used_in.remove(&segment.id).unwrap_or_default();
            items.push(self.shown_or_failed(segment, used_in).await?);
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

    /// The definition in words, with other segments by name.
    pub async fn words(&self, definition: &Definition) -> Result<String, InsightError> {
        let mut names = HashMap::new();
        for (_, id) in definition.segments() {
            names.insert(id.to_string(), self.catalogue().segment_or_deleted(id).await?.name);
        }
        Ok(echo(definition, &|id| names.get(id).cloned()))
    }

    async fn shown(&self, stored: catalogue::Segment) -> Result<Segment, InsightError> {
        let definition = read_definition(&stored.definition)?;
        let known = self.size(&stored, &definition).await?;
        let used_in = self.catalogue().used_in(&stored.id).await?;
        self.described(stored, known, None, used_in).await
    }

    /// For lists: a segment that can't be evaluated is shown with its last good size, and says why.
    async fn shown_or_failed(
        &self,
        stored: catalogue::Segment,
        used_in: Vec<Dependent>,
    ) -> Result<Segment, InsightError> {
        let definition = read_definition(&stored.definition)?;
        match self.size(&stored, &definition).await {
            Ok(known) => self.described(stored, known, None, used_in).await,
            Err(error) => {
                let last = self.catalogue().last_point(&stored.id).await?;
                let (as_of, watermark, size) =
                    last.map_or((stored.created_at, 0, 0), |point| (point.at, point.watermark, point.size));
                let known = KnownSize { version: stored.version, watermark, generation: 0, as_of, size };
                self.described(stored, known, Some(error), used_in).await
            }
        }
    }

    async fn described(
        &self,
        stored: catalogue::Segment,
        known: KnownSize,
        error: Option<InsightError>,
        used_in: Vec<Dependent>,
    ) -> Result<Segment, InsightError> {
        let definition = read_definition(&stored.definition)?;
        let asked = Asked::new(self.instant(None));
        let recent = self.recent(&stored.id, known.size, error.as_ref()).await?;
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
            recent,
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
        let snapshot = self.snapshot().await?;
        let (watermark, generation) = (snapshot.watermark(), snapshot.joined().generation);
        // A segment that rests on others changes with them, so its own version does not tell.
        if (definition.segments().is_empty() || stored.list.is_some())
            && let Some(known) = self.inner.sizes.lock().get(&stored.id).copied()
            && (known.version, known.watermark, known.generation) == (stored.version, watermark, generation)
            && known.as_of <= now
            && now < known.as_of.plus(SIZE_STAYS)
        {
            return Ok(known);
        }
        let membership = self.membership_in(&snapshot, definition, now).await?;
        let size = membership.members.len();
        let known = KnownSize { version: stored.version, watermark, generation, as_of: now, size };
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
