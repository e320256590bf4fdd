//! Why one entity is in a segment, or is not.

use whodid_engine::Why;
use whodid_model::Instant;
use whodid_query::definition::Definition;

use crate::InsightError;
use crate::insights::{Insights, off_thread, read_definition};
use crate::meta::{Asked, Meta};

/// An explanation of one entity.
#[derive(Clone, Debug)]
pub struct Explained {
    pub meta: Meta,
    pub why: Why,
}

impl Insights {
    /// Explains an entity in a saved segment. Errors: `NotFound` for the segment, or for an entity that no event before
    /// `at` names.
    pub async fn why_in_segment(
        &self,
        id: &str,
        entity: &str,
        at: Option<Instant>,
    ) -> Result<Explained, InsightError> {
        let segment = self.catalogue().segment(id).await?;
        self.explain(&read_definition(&segment.definition)?, entity, at, Some(segment.version)).await
    }

    /// The same for a definition that is not saved.
    pub async fn why(
        &self,
        definition: &Definition,
        entity: &str,
        at: Option<Instant>,
    ) -> Result<Explained, InsightError> {
        self.explain(definition, entity, at, None).await
    }

    async fn explain(
        &self,
        definition: &Definition,
        entity: &str,
        at: Option<Instant>,
        version: Option<i64>,
    ) -> Result<Explained, InsightError> {
        let at = self.instant(at);
        let asked = Asked::new(at);
        let snapshot = self.snapshot().await?;
        let segments = self.referred(definition).await?;
        let unknown = || InsightError::NotFound { what: definition.entity.name(), id: entity.to_string() };
        let watermark = snapshot.watermark();
        let (inner, definition, entity) = (self.inner.clone(), definition.clone(), entity.to_string());
        let why = off_thread(move || {
            inner.engine.why(&snapshot, &definition, &segments, at, &inner.timezone, &entity)
        });
        let why = why.await??.ok_or_else(unknown)?;
        Ok(Explained { why, meta: asked.answered(watermark, version) })
    }
}
