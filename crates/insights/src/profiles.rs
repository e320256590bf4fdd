//! One user or account: its profile, its events, its segments.

use std::collections::BTreeMap;

use whodid_engine::Segments;
use whodid_model::{EntityKind, Event, EventType, Instant, Value, limits};
use whodid_query::definition::{Condition, Definition};

use crate::InsightError;
use crate::insights::{Inner, Insights, off_thread};
use crate::meta::{Asked, Meta};

/// What is known of one entity, by the names that profile queries use.
#[derive(Clone, Debug)]
pub struct EntityProfile {
    pub meta: Meta,
    pub id: String,
    pub attributes: BTreeMap<String, Value>,
}

/// A page of an entity's events, newest first.
#[derive(Clone, Debug)]
pub struct Timeline {
    pub meta: Meta,
    pub events: Vec<Event>,
    pub next: Option<TimelineCursor>,
}

/// The last event of a page: the next one begins after it. Events that come in between shift nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimelineCursor {
    pub ts: Instant,
    pub id: String,
    pub kind: EventType,
}

/// The segments that an entity is in.
#[derive(Clone, Debug)]
pub struct SegmentsOf {
    pub meta: Meta,
    /// In order of creation.
    pub segments: Vec<SegmentOf>,
    /// Those that can't be answered, and why.
    pub failing: Vec<(SegmentOf, String)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SegmentOf {
    pub id: String,
    pub name: String,
    pub version: i64,
}

impl TimelineCursor {
    fn of(event: &Event) -> TimelineCursor {
        TimelineCursor { ts: event.ts, id: event.id.clone(), kind: event.kind }
    }
}

impl Insights {
    /// Errors: `NotFound` if no event before `at` names the entity; `Invalid` unless `limit` is 1 to
    /// [`limits::PAGE_ITEMS`].
    pub async fn timeline(
        &self,
        kind: EntityKind,
        id: &str,
        at: Option<Instant>,
        after: Option<&TimelineCursor>,
        limit: usize,
    ) -> Result<Timeline, InsightError> {
        if !(1..=limits::PAGE_ITEMS).contains(&limit) {
            return Err(InsightError::Invalid {
                pointer: Some("page[limit]".to_string()),
                message: format!("a page of {limit} events is not possible"),
                hint: Some(format!("ask for 1 to {} and follow the cursor", limits::PAGE_ITEMS)),
            });
        }
        let at = self.instant(at);
        let asked = Asked::new(at);
        let snapshot = self.snapshot().await?;
        let unknown = || InsightError::NotFound { what: kind.name(), id: id.to_string() };
        let watermark = snapshot.watermark();
        let (inner, entity) = (self.inner.clone(), id.to_string());
        let events = off_thread(move || inner.engine.events_of(&snapshot, kind, &entity, at));
        let mut events = events.await?.ok_or_else(unknown)?;
        if let Some(after) = after {
            events.retain(|event| TimelineCursor::of(event) < *after);
        }
        let more = events.len() > limit;
        let events: Vec<Event> = events.into_iter().rev().take(limit).collect();
        let next = events.last().filter(|_| more).map(TimelineCursor::of);
        Ok(Timeline { meta: asked.answered(watermark, None), events, next })
    }

    /// Errors: `NotFound` if no event before `at` names the entity.
    pub async fn segments_of(
        &self,
        kind: EntityKind,
        id: &str,
        at: Option<Instant>,
    ) -> Result<SegmentsOf, InsightError> {
        let at = self.instant(at);
        let asked = Asked::new(at);
        let mut definitions = Segments::new();
        let mut live = self.live_segments().await?;
        for segment in &live {
            definitions.insert(segment.id.clone(), self.referred_as(segment).await?);
        }
        live.retain(|segment| segment.entity == kind);
        let snapshot = self.snapshot().await?;
        let watermark = snapshot.watermark();
        let wanted: Vec<Definition> = live.iter().map(|segment| refers_to(kind, &segment.id)).collect();
        let (inner, entity) = (self.inner.clone(), id.to_string());
        let decided = off_thread(move || {
            let wanted: Vec<&Definition> = wanted.iter().collect();
            let Inner { engine, timezone, .. } = &*inner;
            engine.is_member(&snapshot, (kind, &entity), &wanted, &definitions, at, timezone)
        });
        let unknown = || InsightError::NotFound { what: kind.name(), id: id.to_string() };
        let decided = decided.await?.ok_or_else(unknown)?;
        let (mut segments, mut failing) = (Vec::new(), Vec::new());
        for (segment, decided) in live.into_iter().zip(decided) {
            let one = SegmentOf { id: segment.id, name: segment.name, version: segment.version };
            match decided {
                Ok(true) => segments.push(one),
                Ok(false) => {}
                Err(error) => failing.push((one, error.to_string())),
            }
        }
        let mut meta = asked.answered(watermark, None);
        meta.partial = !failing.is_empty();
        Ok(SegmentsOf { meta, segments, failing })
    }

    /// Errors: `NotFound` if no event before `at` names the entity.
    pub async fn profile(
        &self,
        kind: EntityKind,
        id: &str,
        at: Option<Instant>,
    ) -> Result<EntityProfile, InsightError> {
        let at = self.instant(at);
        let asked = Asked::new(at);
        let everyone = Definition { entity: kind, condition: Condition::All(Vec::new()) };
        let membership = self.membership(&everyone, at).await?;
        let found = membership.population.find(&membership.snapshot, id);
        let profile = self.inner.engine.profiles(&membership, &found, at).into_iter().next();
        let profile =
            profile.ok_or_else(|| InsightError::NotFound { what: kind.name(), id: id.to_string() })?;
        let meta = asked.answered(membership.snapshot.watermark(), None);
        Ok(EntityProfile { meta, id: profile.id, attributes: profile.attributes })
    }
}

fn refers_to(entity: EntityKind, id: &str) -> Definition {
    Definition { entity, condition: Condition::Segment(id.to_string()) }
}
