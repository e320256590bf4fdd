//! Everyone in a segment, page by page from one evaluation.

use std::collections::BTreeMap;

use whodid_engine::Membership;
use whodid_model::{EntityKind, Instant, limits};
use whodid_query::definition::Definition;

use super::{Member, ids};
use crate::InsightError;
use crate::insights::{Insights, read_definition};
use crate::meta::{Asked, Meta};

/// The members of one evaluation in order of id.
pub struct Export {
    pub meta: Meta,
    /// The segment's name.
    pub name: String,
    pub entity: EntityKind,
    pub total: u64,
    /// The profile attributes that some member may have, sorted; empty if profiles were not asked for. The id is not
    /// among them.
    pub attributes: Vec<String>,
    at: Instant,
    insights: Insights,
    membership: Membership,
    ids: std::vec::IntoIter<String>,
}

impl Insights {
    pub async fn export(
        &self,
        id: &str,
        at: Option<Instant>,
        profiles: bool,
    ) -> Result<Export, InsightError> {
        let segment = self.catalogue().segment(id).await?;
        let definition = read_definition(&segment.definition)?;
        self.export_of(&definition, &segment.name, Some(segment.version), at, profiles).await
    }

    /// Everyone in a definition that need not be saved, under a name for the file.
    pub async fn export_of(
        &self,
        definition: &Definition,
        name: &str,
        version: Option<i64>,
        at: Option<Instant>,
        profiles: bool,
    ) -> Result<Export, InsightError> {
        let at = self.instant(at);
        let asked = Asked::new(at);
        let membership = self.membership(definition, at).await?;
        let own_id = format!("{}_id", definition.entity.name());
        let mut attributes = match profiles {
            true => self.inner.engine.profile_names(&membership, at),
            false => Vec::new(),
        };
        attributes.retain(|name| *name != own_id);
        Ok(Export {
            meta: asked.answered(membership.snapshot.watermark(), version),
            name: name.to_string(),
            entity: definition.entity,
            total: membership.members.len(),
            attributes,
            at,
            insights: self.clone(),
            ids: ids(&membership, &membership.members).into_iter(),
            membership,
        })
    }
}

impl Export {
    /// The next members; none after the last.
    pub fn next_page(&mut self) -> Option<Vec<Member>> {
        let page: Vec<String> = self.ids.by_ref().take(limits::PAGE_ITEMS).collect();
        if page.is_empty() {
            return None;
        }
        if self.attributes.is_empty() {
            return Some(page.into_iter().map(|id| Member { id, profile: BTreeMap::new() }).collect());
        }
        Some(self.insights.with_profiles(&self.membership, &page, self.at))
    }
}
