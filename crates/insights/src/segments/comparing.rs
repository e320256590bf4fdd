//! Who differs: between two instants, between a definition and its edit, between segments.

use whodid_engine::EntitySet;
use whodid_model::{EntityKind, Instant, limits};
use whodid_query::definition::Definition;

use super::ids;
use crate::InsightError;
use crate::insights::{Insights, read_definition};
use crate::meta::{Asked, Meta};

#[derive(Clone, Copy, Debug)]
pub struct DiffRequest {
    /// How many ids of each group to show.
    pub sample_size: usize,
    /// Whether to list everyone, at most [`limits::DIFF_MEMBERS`] in all.
    pub members: bool,
}

/// Who came and who went from one side to the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Diff {
    pub meta: Meta,
    pub before: Side,
    pub after: Side,
    pub joined: u64,
    pub left: u64,
    pub stayed: u64,
    /// Ids in order: samples, or everyone if that was asked for.
    pub joined_ids: Vec<String>,
    pub left_ids: Vec<String>,
    pub stayed_ids: Vec<String>,
}

/// What was evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    pub at: Instant,
    /// Absent for a definition that is not saved.
    pub definition_version: Option<i64>,
    pub size: u64,
}

/// Segments beside each other at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    pub meta: Meta,
    pub entity: EntityKind,
    /// In the order asked for.
    pub segments: Vec<Compared>,
    /// Every two of them.
    pub pairs: Vec<Pair>,
    /// Up to [`limits::COMPARED_REGIONS_SEGMENTS`] segments: who is in exactly these. Every region that can be is there.
    pub regions: Option<Vec<Region>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    pub id: String,
    pub name: String,
    pub version: i64,
    pub size: u64,
}

/// Two segments by their places.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub a: usize,
    pub b: usize,
    pub intersection: u64,
    pub union: u64,
    /// Intersection over union; absent when both are empty.
    pub jaccard: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// The places of the segments that one has to be in, and in no other.
    pub segments: Vec<usize>,
    pub count: u64,
}

/// Two sorted lists against each other.
pub(super) struct Difference {
    pub(super) joined: Vec<String>,
    pub(super) left: Vec<String>,
    pub(super) stayed: Vec<String>,
}

impl Difference {
    pub(super) fn of(before: Vec<String>, after: &[String]) -> Difference {
        let joined = after.iter().filter(|id| before.binary_search(id).is_err()).cloned().collect();
        let is_there = |id: &String| after.binary_search(id).is_ok();
        let (stayed, left) = before.into_iter().partition(is_there);
        Difference { joined, left, stayed }
    }
}

impl Insights {
    /// A saved segment, by its definition of now, at two instants.
    pub async fn diff_instants(
        &self,
        id: &str,
        from: Instant,
        to: Option<Instant>,
        request: &DiffRequest,
    ) -> Result<Diff, InsightError> {
        let segment = self.catalogue().segment(id).await?;
        let definition = read_definition(&segment.definition)?;
        let (version, to) = (Some(segment.version), self.instant(to));
        self.diff((&definition, version, from), (&definition, version, to), request).await
    }

    /// A saved segment and an edit of its definition at one instant.
    pub async fn diff_definition(
        &self,
        id: &str,
        edited: &Definition,
        at: Option<Instant>,
        request: &DiffRequest,
    ) -> Result<Diff, InsightError> {
        let segment = self.catalogue().segment(id).await?;
        let definition = read_definition(&segment.definition)?;
        if definition.entity != edited.entity {
            return Err(InsightError::Invalid {
                pointer: Some("/entity".to_string()),
                message: format!("segment “{}” is about {}s", segment.name, definition.entity),
                hint: Some("compare it with a definition of the same entity".to_string()),
            });
        }
        let at = self.instant(at);
        self.diff((&definition, Some(segment.version), at), (edited, None, at), request).await
    }

    async fn diff(
        &self,
        before: (&Definition, Option<i64>, Instant),
        after: (&Definition, Option<i64>, Instant),
        request: &DiffRequest,
    ) -> Result<Diff, InsightError> {
        let asked = Asked::new(after.2);
        let snapshot = self.snapshot().await?;
        let evaluate = async |(definition, definition_version, at): (&Definition, Option<i64>, Instant)| {
            let membership = self.membership_in(&snapshot, definition, at).await?;
            let members = ids(&membership, &membership.members);
            let side = Side { at, definition_version, size: members.len() as u64 };
            Ok::<_, InsightError>((side, members))
        };
        let (before, was) = evaluate(before).await?;
        let (after, is) = evaluate(after).await?;
        let Difference { joined, left, stayed } = Difference::of(was, &is);
        let total = joined.len() + left.len() + stayed.len();
        if request.members && total > limits::DIFF_MEMBERS {
            return Err(InsightError::Invalid {
                pointer: Some("members".to_string()),
                message: format!(
                    "{total} members are more than the {} that a list may have",
                    limits::DIFF_MEMBERS
                ),
                hint: Some("ask for the counts, or export both sides".to_string()),
            });
        }
        let shown = |mut ids: Vec<String>| {
            if !request.members {
                ids.truncate(request.sample_size.min(limits::PAGE_ITEMS));
            }
            ids
        };
        Ok(Diff {
            meta: asked.answered(snapshot.watermark(), after.definition_version),
            before,
            after,
            joined: joined.len() as u64,
            left: left.len() as u64,
            stayed: stayed.len() as u64,
            joined_ids: shown(joined),
            left_ids: shown(left),
            stayed_ids: shown(stayed),
        })
    }

    /// Errors: `Invalid` unless there are 2 to [`limits::COMPARED_SEGMENTS`] segments, all different and about the same
    /// kind of entity; `NotFound` for one that is not there.
    pub async fn compare(
        &self,
        segment_ids: &[String],
        at: Option<Instant>,
    ) -> Result<Comparison, InsightError> {
        let at = self.instant(at);
        let asked = Asked::new(at);
        let saved = self.to_compare(segment_ids).await?;
        let snapshot = self.snapshot().await?;
        let (mut segments, mut sets) = (Vec::new(), Vec::new());
        for (segment, definition) in &saved {
            let members = self.membership_in(&snapshot, definition, at).await?.members;
            segments.push(Compared {
                id: segment.id.clone(),
                name: segment.name.clone(),
                version: segment.version,
                size: members.len(),
            });
            sets.push(members);
        }
        let regions = (sets.len() <= limits::COMPARED_REGIONS_SEGMENTS).then(|| regions(&sets));
        let entity = saved[0].1.entity;
        let meta = asked.answered(snapshot.watermark(), None);
        Ok(Comparison { meta, entity, segments, pairs: pairs(&sets), regions })
    }

    async fn to_compare(
        &self,
        segment_ids: &[String],
    ) -> Result<Vec<(crate::catalogue::Segment, Definition)>, InsightError> {
        let invalid = |pointer: String, message: String, hint: &str| InsightError::Invalid {
            pointer: Some(pointer),
            message,
            hint: Some(hint.to_string()),
        };
        if !(2..=limits::COMPARED_SEGMENTS).contains(&segment_ids.len()) {
            let message = format!("{} segments can't be compared", segment_ids.len());
            let hint = format!("name 2 to {}", limits::COMPARED_SEGMENTS);
            return Err(invalid("/segment_ids".to_string(), message, &hint));
        }
        let mut saved: Vec<(crate::catalogue::Segment, Definition)> = Vec::new();
        for (place, id) in segment_ids.iter().enumerate() {
            let pointer = format!("/segment_ids/{place}");
            if segment_ids[..place].contains(id) {
                return Err(invalid(pointer, format!("`{id}` is there twice"), "name each segment once"));
            }
            let segment = self.catalogue().segment(id).await?;
            let definition = read_definition(&segment.definition)?;
            if let Some((first, other)) = saved.first()
                && other.entity != definition.entity
            {
                let (a, b) = (&first.name, &segment.name);
                let message = format!("“{a}” is about {}s, “{b}” about {}s", other.entity, definition.entity);
                return Err(invalid(pointer, message, "compare segments of one kind"));
            }
            saved.push((segment, definition));
        }
        Ok(saved)
    }
}

fn pairs(sets: &[EntitySet]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for a in 0..sets.len() {
        for b in a + 1..sets.len() {
            let mut both = sets[a].clone();
            both.and(&sets[b]);
            let intersection = both.len();
            let union = sets[a].len() + sets[b].len() - intersection;
            let jaccard = (union > 0).then(|| intersection as f64 / union as f64);
            pairs.push(Pair { a, b, intersection, union, jaccard });
        }
    }
    pairs
}

fn regions(sets: &[EntitySet]) -> Vec<Region> {
    let region = |chosen: usize| {
        let is_in = |place: &usize| chosen >> place & 1 == 1;
        let (inside, outside): (Vec<usize>, Vec<usize>) = (0..sets.len()).partition(is_in);
        let mut members = sets[inside[0]].clone();
        inside.iter().for_each(|place| members.and(&sets[*place]));
        outside.iter().for_each(|place| members.minus(&sets[*place]));
        Region { segments: inside, count: members.len() }
    };
    (1..1 << sets.len()).map(region).collect()
}
