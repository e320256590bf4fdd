//! What can be asked about: facets and their values, for those who type a query.

use whodid_engine::{FacetCount, TopValues};
use whodid_model::{EntityKind, limits};
use whodid_query::nearest::nearest;
use whodid_query::search::RESERVED_FACETS;

use crate::InsightError;
use crate::insights::{Insights, off_thread};
use crate::meta::{Asked, Meta};

/// Whose facets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FacetOf {
    Event,
    Profile(EntityKind),
}

/// Some of the facets: the best known first, then those that most events or entities carry.
#[derive(Clone, Debug)]
pub struct Facets {
    pub meta: Meta,
    /// How many the search finds, listed or not.
    pub total: u64,
    pub facets: Vec<FacetCount>,
}

#[derive(Clone, Debug)]
pub struct FacetValues {
    pub meta: Meta,
    pub values: TopValues,
}

/// What people look for first.
const WELL_KNOWN: [&str; 14] = [
    "type",
    "view.name",
    "view.url_path",
    "action.name",
    "event.name",
    "geo.country",
    "device.type",
    "browser.name",
    "os.name",
    "usr.id",
    "usr.email",
    "usr.name",
    "account.id",
    "service",
];

impl FacetOf {
    /// A facet as it is typed in a query.
    pub fn typed(self, name: &str) -> String {
        match self {
            FacetOf::Event if !RESERVED_FACETS.contains(&name) => format!("@{name}"),
            _ => name.to_string(),
        }
    }
}

impl Insights {
    /// `search`: only names that hold this text, whatever the case; `limit`: 1 ..= [`limits::PAGE_ITEMS`].
    pub async fn facets(&self, of: FacetOf, search: &str, limit: usize) -> Result<Facets, InsightError> {
        check_limit(limit)?;
        let at = self.instant(None);
        let asked = Asked::new(at);
        let (mut found, watermark) = self.every_facet(of).await?;
        let search = search.trim().to_lowercase();
        found.retain(|facet| of.typed(&facet.name).to_lowercase().contains(&search));
        let rank = |facet: &FacetCount| {
            WELL_KNOWN.iter().position(|name| *name == facet.name).unwrap_or(WELL_KNOWN.len())
        };
        found.sort_by(|a, b| {
            rank(a).cmp(&rank(b)).then(b.count.cmp(&a.count)).then_with(|| a.name.cmp(&b.name))
        });
        let total = found.len() as u64;
        found.truncate(limit);
        Ok(Facets { meta: asked.answered(watermark, None), total, facets: found })
    }

    /// The most frequent values of a facet, typed with or without `@`, that hold the text of `search`.
    ///
    /// Errors: `Invalid` at `facet`, naming the nearest known one, for a facet that nothing carries.
    pub async fn facet_values(
        &self,
        of: FacetOf,
        facet: &str,
        search: &str,
        limit: usize,
    ) -> Result<FacetValues, InsightError> {
        check_limit(limit)?;
        let at = self.instant(None);
        let asked = Asked::new(at);
        let name = facet.trim_start_matches('@').to_string();
        let snapshot = self.snapshot().await?;
        let watermark = snapshot.watermark();
        let (inner, path, search) = (self.inner.clone(), name.clone(), search.to_lowercase());
        let work = move || {
            let wanted = |text: &str| search.is_empty() || text.to_lowercase().contains(&search);
            match of {
                FacetOf::Event => inner.engine.event_values(&snapshot, &path, at, &wanted, limit),
                FacetOf::Profile(kind) => {
                    inner.engine.profile_values(&snapshot.at(at), kind, &path, at, &wanted, limit)
                }
            }
        };
        let values = off_thread(work).await?;
        if values.distinct == 0 {
            self.refuse_unknown(of, &name).await?;
        }
        Ok(FacetValues { meta: asked.answered(watermark, None), values })
    }

    async fn every_facet(&self, of: FacetOf) -> Result<(Vec<FacetCount>, u64), InsightError> {
        let at = self.instant(None);
        let snapshot = self.snapshot().await?;
        let watermark = snapshot.watermark();
        let inner = self.inner.clone();
        let work = move || match of {
            FacetOf::Event => inner.engine.event_facets(&snapshot, at),
            FacetOf::Profile(kind) => inner.engine.profile_facets(&snapshot.at(at), kind, at),
        };
        Ok((off_thread(work).await?, watermark))
    }

    async fn refuse_unknown(&self, of: FacetOf, name: &str) -> Result<(), InsightError> {
        let (known, _) = self.every_facet(of).await?;
        let names: Vec<&str> = known.iter().map(|facet| facet.name.as_str()).collect();
        if names.contains(&name) {
            return Ok(());
        }
        let hint = match nearest(name, &names) {
            Some(near) => format!("did you mean {}?", of.typed(near)),
            None => "ask for the list of facets".to_string(),
        };
        Err(InsightError::Invalid {
            pointer: Some("facet".to_string()),
            message: format!("nothing carries {}", of.typed(name)),
            hint: Some(hint),
        })
    }
}

fn check_limit(limit: usize) -> Result<(), InsightError> {
    if (1..=limits::PAGE_ITEMS).contains(&limit) {
        return Ok(());
    }
    Err(InsightError::Invalid {
        pointer: Some("page[limit]".to_string()),
        message: format!("a page of {limit} items is not possible"),
        hint: Some(format!("ask for 1 to {}", limits::PAGE_ITEMS)),
    })
}
