//! The handle through which every question is asked.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use parking_lot::Mutex;
use whodid_engine::{Engine, List, Membership, Referred, Segments};
use whodid_model::{Clock, Instant};
use whodid_query::definition::Definition;
use whodid_store::{IdList, Joined, Snapshot, Store, StoreError};

use crate::InsightError;
use crate::catalogue::{self, Catalogue};
use crate::jobs::Jobs;
use crate::segments::KnownSize;

/// Cheap to clone.
#[derive(Clone)]
pub struct Insights {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<dyn Clock>,
    /// The workspace's time zone: for windows that name none.
    pub(crate) timezone: TimeZone,
    /// The last size of each segment, by id.
    pub(crate) sizes: Mutex<HashMap<String, KnownSize>>,
    pub(crate) jobs: Jobs,
    /// Held while the list of a static segment changes.
    pub(crate) list_changes: tokio::sync::Mutex<()>,
    /// The columns of reference tables that are joined, as they were last read.
    pub(crate) joined: tokio::sync::Mutex<Option<Arc<Joined>>>,
}

impl Insights {
    /// `threads` is how many buckets one question works on at the same time.
    pub fn new(
        store: Store,
        catalogue: Arc<Catalogue>,
        clock: Arc<dyn Clock>,
        timezone: TimeZone,
        threads: usize,
    ) -> Insights {
        let (engine, sizes) = (Engine::new(threads), Mutex::default());
        let (jobs, list_changes, joined) = (Jobs::new(), Default::default(), Default::default());
        let inner = Inner { store, catalogue, engine, clock, timezone, sizes, jobs, list_changes, joined };
        Insights { inner: Arc::new(inner) }
    }

    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.inner.catalogue
    }

    /// For its bounds and how it is doing.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The workspace's time zone: for windows that name none.
    pub fn timezone(&self) -> &TimeZone {
        &self.inner.timezone
    }

    pub(crate) fn instant(&self, at: Option<Instant>) -> Instant {
        at.unwrap_or_else(|| self.inner.clock.now())
    }

    /// Everything acknowledged so far, beside what is joined to it.
    pub(crate) async fn snapshot(&self) -> Result<Arc<Snapshot>, InsightError> {
        let joined = self.joined_columns().await?;
        Ok(self.inner.store.snapshot().await?.with_joined(joined))
    }

    /// Who is in a definition at an instant, over everything acknowledged so far.
    pub(crate) async fn membership(
        &self,
        definition: &Definition,
        at: Instant,
    ) -> Result<Membership, InsightError> {
        let snapshot = self.snapshot().await?;
        self.membership_in(&snapshot, definition, at).await
    }

    pub(crate) async fn membership_in(
        &self,
        snapshot: &Arc<Snapshot>,
        definition: &Definition,
        at: Instant,
    ) -> Result<Membership, InsightError> {
        let segments = self.referred(definition).await?;
        let Inner { engine, timezone, .. } = &*self.inner;
        Ok(engine.membership(snapshot, definition, &segments, at, timezone).await?)
    }

    /// Every segment that a definition refers to, directly or through others.
    ///
    /// Errors: `NotFound` or `Invalid` with the pointer of the reference in `definition` for one that does not exist, is
    /// deleted, or is about another kind of entity.
    pub(crate) async fn referred(&self, definition: &Definition) -> Result<Segments, InsightError> {
        let mut segments = Segments::new();
        let mut open: Vec<(String, String)> =
            definition.segments().into_iter().map(|(pointer, id)| (pointer, id.to_string())).collect();
        while let Some((pointer, id)) = open.pop() {
            if segments.contains_key(&id) {
                continue;
            }
            let segment = self.inner.catalogue.segment(&id).await?;
            if segment.entity != definition.entity {
                let (is, wanted) = (segment.entity, definition.entity);
                return Err(InsightError::Invalid {
                    message: format!(
                        "segment “{}” is about {is}s, this definition about {wanted}s",
                        segment.name
                    ),
                    hint: Some(format!("refer to a segment of {wanted}s")),
                    pointer: Some(pointer),
                });
            }
            let referred = self.referred_as(&segment).await?;
            open.extend(referred.segments().into_iter().map(|(_, id)| (pointer.clone(), id.to_string())));
            segments.insert(id, referred);
        }
        Ok(segments)
    }

    /// What a saved segment is to those that refer to it.
    pub(crate) async fn referred_as(&self, segment: &catalogue::Segment) -> Result<Referred, InsightError> {
        let Some(list) = &segment.list else {
            return Ok(Referred::Definition(read_definition(&segment.definition)?));
        };
        let found = match self.open_list(list) {
            // It was replaced between two looks.
            Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                let now = self.inner.catalogue.segment_or_deleted(&segment.id).await?;
                self.open_list(now.list.as_ref().unwrap_or(list))
            }
            found => found,
        };
        Ok(Referred::List(List { key: list.key, ids: Arc::new(found?) }))
    }

    pub(crate) fn open_list(&self, list: &catalogue::StoredList) -> Result<IdList, StoreError> {
        IdList::open(&self.list_folder().join(&list.file))
    }

    pub(crate) fn list_folder(&self) -> std::path::PathBuf {
        self.inner.store.root().join("lists")
    }
}

/// A definition as the catalogue keeps it.
pub(crate) fn read_definition(text: &str) -> Result<Definition, InsightError> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| InsightError::Invalid {
        pointer: None,
        message: format!("the stored definition is not JSON: {error}"),
        hint: None,
    })?;
    Ok(Definition::from_json(&json)?)
}

/// Work that keeps a core busy, away from the threads that answer requests.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, InsightError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(InsightError::Stopped),
    }
}
