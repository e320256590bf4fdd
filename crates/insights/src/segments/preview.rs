//! A definition's answer before it is saved.

use std::sync::Arc;

use whodid_engine::{Kept, Membership, Segments};
use whodid_model::entity::ANONYMOUS_PREFIX;
use whodid_model::{Instant, limits};
use whodid_query::definition::{Bound, Condition, Definition, Order, Per, Performed};
use whodid_store::Snapshot;

use super::estimate::Estimate;
use super::{ClauseCount, Note, Preview, ids};
use crate::InsightError;
use crate::insights::{Inner, Insights};
use crate::meta::Asked;

impl Insights {
    /// Evaluates a definition without saving it. `sample_size` is at most [`limits::PAGE_ITEMS`].
    pub async fn preview(
        &self,
        definition: &Definition,
        at: Option<Instant>,
        sample_size: usize,
    ) -> Result<Preview, InsightError> {
        let at = self.instant(at);
        let asked = Asked::new(at);
        let snapshot = self.snapshot().await?;
        let membership = self.membership_in(&snapshot, definition, at).await?;
        self.previewed(&snapshot, definition, membership, sample_size, &asked, at).await
    }

    /// The same, telling estimates on the way.
    pub async fn preview_growing(
        &self,
        definition: &Definition,
        at: Option<Instant>,
        sample_size: usize,
        tell: &mut (dyn FnMut(Estimate) + Send),
    ) -> Result<Preview, InsightError> {
        let at = self.instant(at);
        let asked = Asked::new(at);
        let snapshot = self.snapshot().await?;
        let segments = self.referred(definition).await?;
        let pointers: Vec<String> = definition.leaves().into_iter().map(|(pointer, _)| pointer).collect();
        let Inner { engine, timezone, .. } = &*self.inner;
        let mut tell = |part| tell(Estimate::of(part, &pointers));
        let membership =
            engine.membership_in_parts(&snapshot, definition, &segments, at, timezone, &mut tell).await?;
        self.previewed(&snapshot, definition, membership, sample_size, &asked, at).await
    }

    async fn previewed(
        &self,
        snapshot: &Arc<Snapshot>,
        definition: &Definition,
        membership: Membership,
        sample_size: usize,
        asked: &Asked,
        at: Instant,
    ) -> Result<Preview, InsightError> {
        let steps = self.step_counts(snapshot, definition, at).await?;
        let (clauses, groups) = clause_counts(definition, &membership, steps);
        let mut sample = ids(&membership, &membership.members);
        // People with a name first: a sample of anonymous ids alone says little.
        sample.sort_by_key(|id| id.starts_with(ANONYMOUS_PREFIX));
        sample.truncate(sample_size.min(limits::PAGE_ITEMS));
        Ok(Preview {
            count: membership.members.len(),
            population: membership.population.everyone.len(),
            clauses,
            groups,
            sample,
            echo: self.words(definition).await?,
            warnings: definition.warnings().into_iter().map(Note::from).collect(),
            meta: asked.answered(membership.snapshot.watermark(), None),
        })
    }

    /// For each leaf, how many entities get as far as each of its positive steps; nothing where there is one step, or no
    /// order among them.
    async fn step_counts(
        &self,
        snapshot: &Arc<Snapshot>,
        definition: &Definition,
        at: Instant,
    ) -> Result<Vec<Vec<u64>>, InsightError> {
        let beginnings: Vec<Vec<Condition>> =
            definition.leaves().into_iter().map(|(_, leaf)| beginnings(leaf)).collect();
        let all: Vec<Condition> = beginnings.iter().flatten().cloned().collect();
        let mut counts = Vec::new();
        if !all.is_empty() {
            let together = Definition { entity: definition.entity, condition: Condition::All(all) };
            let Inner { engine, timezone, .. } = &*self.inner;
            let answer = engine.membership(snapshot, &together, &Segments::new(), at, timezone).await?;
            counts = answer.clauses.iter().map(|set| set.len()).collect();
        }
        let mut counts = counts.into_iter();
        Ok(beginnings.iter().map(|steps| counts.by_ref().take(steps.len()).collect()).collect())
    }
}

/// A sequence cut behind each of its positive steps, in turn.
fn beginnings(leaf: &Condition) -> Vec<Condition> {
    let Condition::Performed(performed) = leaf else { return Vec::new() };
    let positive =
        |(index, step): (usize, &whodid_query::definition::Step)| (!step.negative).then_some(index);
    let positives: Vec<usize> = performed.steps.iter().enumerate().filter_map(positive).collect();
    if positives.len() < 2 || performed.order == Order::Any {
        return Vec::new();
    }
    let until = |last: usize| {
        Condition::Performed(Performed {
            steps: performed.steps[..=last].to_vec(),
            times: Bound::DEFAULT,
            per: Per::Occurrence,
            measure: None,
            ..performed.clone()
        })
    };
    positives.into_iter().map(until).collect()
}

/// The leaves, and the parts of an `all` that are no single leaf.
fn clause_counts(
    definition: &Definition,
    membership: &Membership,
    steps: Vec<Vec<u64>>,
) -> (Vec<ClauseCount>, Vec<ClauseCount>) {
    let mut kept: Vec<&Kept> = membership.kept.iter().collect();
    let leaves = definition.leaves().into_iter().zip(&membership.clauses).zip(steps);
    let clauses = leaves
        .map(|(((pointer, _), set), steps)| {
            let part = part_of(&pointer);
            let place = kept.iter().position(|kept| kept.pointer == part);
            let kept = place.map(|place| kept.remove(place).kept);
            ClauseCount { pointer, count: set.len(), kept, steps }
        })
        .collect();
    let group = |kept: &Kept| ClauseCount {
        pointer: kept.pointer.clone(),
        count: kept.count,
        kept: Some(kept.kept),
        steps: Vec::new(),
    };
    (clauses, kept.into_iter().map(group).collect())
}

/// The part of an `all` that a leaf alone makes up: itself, or what negates it.
fn part_of(leaf: &str) -> &str {
    leaf.trim_end_matches("/not")
}
