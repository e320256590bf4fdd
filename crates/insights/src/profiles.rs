//! One user's or account's profile.

use std::collections::BTreeMap;

use whodid_model::{EntityKind, Instant, Value};
use whodid_query::definition::{Condition, Definition};

use crate::InsightError;
use crate::insights::Insights;
use crate::meta::{Asked, Meta};

/// What is known of one entity, by the names that profile queries use.
#[derive(Clone, Debug)]
pub struct EntityProfile {
    pub meta: Meta,
    pub id: String,
    pub attributes: BTreeMap<String, Value>,
}

impl Insights {
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
