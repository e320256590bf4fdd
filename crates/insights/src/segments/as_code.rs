//! Segments as code: a list of segments that the catalogue is made to hold, planned first and then done at once.
//!
//! A segment is known by its name here, and definitions refer to each other by name (or by id): so a list means the same
//! in another workspace.

use std::collections::{BTreeMap, BTreeSet};

use whodid_engine::{Referred, Segments};
use whodid_model::{Instant, limits};
use whodid_query::definition::{Condition, Definition};

use super::to_catalogue;
use crate::InsightError;
use crate::catalogue::{self, PageRequest, SegmentChange, Step, clean_description, clean_name, clean_tags};
use crate::insights::{Insights, read_definition};
use crate::meta::{Asked, Meta};

mod plan;

use plan::Plan;

/// A segment as written down. Its definition may name other segments by name or by id.
#[derive(Clone, Debug, PartialEq)]
pub struct CodedSegment {
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    pub definition: Definition,
}

/// What was done, or would be.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    pub meta: Meta,
    /// In the order of the list, then what is deleted.
    pub changes: Vec<AppliedChange>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AppliedChange {
    pub action: ApplyAction,
    /// Of one that is to be created in a dry run: an id that it will not have.
    pub id: String,
    pub name: String,
    /// Of a changed one: which of `name`, `description`, `tags` and `definition` differ.
    pub changed: Vec<&'static str>,
    /// Members before and after, at the evaluation instant. An unchanged segment can differ where it rests on a changed
    /// one.
    pub before: u64,
    pub after: u64,
    pub joined: u64,
    pub left: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyAction {
    Create,
    Change,
    Unchanged,
    Delete,
}

impl ApplyAction {
    pub fn name(self) -> &'static str {
        match self {
            ApplyAction::Create => "create",
            ApplyAction::Change => "change",
            ApplyAction::Unchanged => "unchanged",
            ApplyAction::Delete => "delete",
        }
    }
}

impl CodedSegment {
    /// As the catalogue would keep it.
    fn clean(self) -> Result<CodedSegment, InsightError> {
        Ok(CodedSegment {
            name: clean_name(&self.name)?,
            description: clean_description(self.description)?,
            tags: clean_tags(self.tags)?,
            definition: self.definition,
        })
    }
}

impl Insights {
    /// Every live segment as written down, in order of creation; references are names.
    pub async fn segments_as_code(&self) -> Result<Vec<CodedSegment>, InsightError> {
        let live = self.live_segments().await?;
        let names: BTreeMap<&str, &str> =
            live.iter().map(|segment| (segment.id.as_str(), segment.name.as_str())).collect();
        let coded = |segment: &catalogue::Segment| {
            let mut definition = read_definition(&segment.definition)?;
            rename(&mut definition.condition, &|id| names.get(id).map(ToString::to_string));
            Ok(CodedSegment {
                name: segment.name.clone(),
                description: segment.description.clone(),
                tags: segment.tags.clone(),
                definition,
            })
        };
        // A list is data and is not written down here.
        live.iter().filter(|segment| segment.list.is_none()).map(coded).collect()
    }

    /// Makes the catalogue hold these segments: creates what is missing and changes what differs, all or nothing. With
    /// `prune` segments that are not in the list are deleted. A dry run only says what would be done.
    ///
    /// Errors point into the list, such as `/0/definition/where/segment`: `Invalid` for a name that is there twice, a
    /// reference to nothing or to another kind of entity, a cycle; `Stale` when someone else changed a segment meanwhile.
    pub async fn apply_segments(
        &self,
        list: Vec<CodedSegment>,
        prune: bool,
        dry_run: bool,
    ) -> Result<Applied, InsightError> {
        if list.len() > limits::APPLIED_SEGMENTS {
            return Err(InsightError::Invalid {
                pointer: Some(String::new()),
                message: format!("there are more than {} segments", limits::APPLIED_SEGMENTS),
                hint: Some("apply them in parts, without pruning".to_string()),
            });
        }
        let at = self.instant(None);
        let asked = Asked::new(at);
        let live = self.live_segments().await?;
        let mut before = Segments::new();
        for segment in &live {
            before.insert(segment.id.clone(), self.referred_as(segment).await?);
        }
        let plan = Plan::new((live, before), list, prune, || self.catalogue().new_id())?;
        let snapshot = self.snapshot().await?;
        let mut changes = Vec::new();
        for planned in plan.entries() {
            let mut change = planned.clone();
            let before = self.set(&snapshot, &change.id, plan.before(), at).await?;
            let after = self.set(&snapshot, &change.id, plan.after(), at).await?;
            (change.before, change.after) = (before.len(), after.len());
            // Of another kind of entity nobody stays.
            let same = kind(&change.id, plan.before()) == kind(&change.id, plan.after());
            let mut stayed = before;
            stayed.and(&after);
            let stayed = if same { stayed.len() } else { 0 };
            (change.joined, change.left) = (change.after - stayed, change.before - stayed);
            changes.push(change);
        }
        if !dry_run {
            self.catalogue().apply(plan.into_steps()).await?;
        }
        Ok(Applied { meta: asked.answered(snapshot.watermark(), None), changes })
    }

    /// The members of one of these segments; nobody if it is none of them.
    async fn set(
        &self,
        snapshot: &std::sync::Arc<whodid_store::Snapshot>,
        id: &str,
        segments: &Segments,
        at: Instant,
    ) -> Result<whodid_engine::EntitySet, InsightError> {
        let Some(entity) = kind(id, segments) else { return Ok(whodid_engine::EntitySet::empty()) };
        let definition = Definition { entity, condition: Condition::Segment(id.to_string()) };
        let (engine, timezone) = (&self.inner.engine, &self.inner.timezone);
        Ok(engine.membership(snapshot, &definition, segments, at, timezone).await?.members)
    }

    pub(crate) async fn live_segments(&self) -> Result<Vec<catalogue::Segment>, InsightError> {
        let mut live = Vec::new();
        let mut page = PageRequest::FIRST;
        loop {
            let found = self.catalogue().list_segments(None, &page).await?;
            live.extend(found.items);
            match found.next {
                Some(next) => page.after = Some(next),
                None => return Ok(live),
            }
        }
    }
}

fn kind(id: &str, segments: &Segments) -> Option<whodid_model::EntityKind> {
    segments.get(id).map(Referred::entity)
}

/// Replaces the references for which there is another text.
fn rename(condition: &mut Condition, other: &dyn Fn(&str) -> Option<String>) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter_mut().for_each(|part| rename(part, other));
        }
        Condition::Not(inner) => rename(inner, other),
        Condition::Segment(id) => {
            if let Some(text) = other(id) {
                *id = text;
            }
        }
        Condition::Performed(_) | Condition::Profile(_) => {}
    }
}
