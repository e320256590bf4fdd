//! The rules one by one, then all of them at once against a simple model.

mod keys;
mod model;
mod people;
mod segments;
mod sessions;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tempfile::TempDir;
use whodid_model::{Clock, EntityKind, FaultKind, Instant, Span};

use super::{Catalogue, Definition, NewSegment, PageRequest, Reference, Segment, SegmentChange};
use crate::InsightError;

/// A clock that moves only when told to.
#[derive(Default)]
struct Hand(AtomicI64);

impl Hand {
    fn advance(&self, span: Span) {
        self.0.fetch_add(span.0, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::Relaxed))
    }
}

/// A catalogue on a folder of its own.
struct Bench {
    folder: TempDir,
    clock: Arc<Hand>,
    catalogue: Arc<Catalogue>,
}

async fn open(folder: &Path, clock: &Arc<Hand>) -> Arc<Catalogue> {
    let clock: Arc<dyn Clock> = clock.clone();
    Arc::new(Catalogue::open(folder, clock).await.unwrap())
}

impl Bench {
    async fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hand(AtomicI64::new(1_790_000_000_000_000)));
        let catalogue = open(folder.path(), &clock).await;
        Bench { folder, clock, catalogue }
    }

    async fn restart(&mut self) {
        self.catalogue.close().await;
        self.catalogue = open(self.folder.path(), &self.clock).await;
    }

    async fn create(&self, name: &str, references: &[&Segment]) -> Result<Segment, InsightError> {
        self.catalogue.create_segment(new(name, definition(EntityKind::User, references))).await
    }

    /// The names of live segments that hold the text.
    async fn found(&self, search: &str) -> Vec<String> {
        let page = self.catalogue.list_segments(Some(search), &PageRequest::FIRST).await.unwrap();
        page.items.into_iter().map(|segment| segment.name).collect()
    }
}

fn definition(entity: EntityKind, references: &[&Segment]) -> Definition {
    let ids: Vec<&str> = references.iter().map(|segment| segment.id.as_str()).collect();
    definition_of_ids(entity, &ids)
}

fn definition_of_ids(entity: EntityKind, ids: &[&str]) -> Definition {
    let references = ids
        .iter()
        .enumerate()
        .map(|(i, id)| Reference { id: id.to_string(), pointer: format!("/where/all/{i}/segment") })
        .collect();
    Definition { entity, json: format!(r#"{{"entity":"{entity}","where":{ids:?}}}"#), references }
}

fn new(name: &str, definition: Definition) -> NewSegment {
    NewSegment { name: name.to_string(), description: String::new(), tags: Vec::new(), definition }
}

fn rename(name: &str) -> SegmentChange {
    SegmentChange { name: Some(name.to_string()), ..SegmentChange::default() }
}

fn redefine(entity: EntityKind, references: &[&Segment]) -> SegmentChange {
    SegmentChange { definition: Some(definition(entity, references)), ..SegmentChange::default() }
}

/// The kind of error, what it says, and where it points.
#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, InsightError>) -> (FaultKind, String, String) {
    let error = outcome.unwrap_err();
    let pointer = match &error {
        InsightError::Invalid { pointer, .. } => pointer.clone().unwrap_or_default(),
        _ => String::new(),
    };
    (error.kind(), error.to_string(), pointer)
}
