//! The analytics explorer: numbers over events, by group and step of time, and lists of events, within an audience.
//!
//! Reading order: [`request`] (what is asked) → [`base`], [`audience`] (which events) → [`aggregation`], [`facets`],
//! [`groups`] (what of them) → [`timeseries`] and [`list`], [`formulas`] (several numbers in one).

mod aggregation;
mod audience;
mod base;
mod facets;
mod formulas;
mod groups;
mod list;
mod request;
mod timeseries;

use std::sync::Arc;

use whodid_engine::{Aggregate, Group, ScanSpec};
use whodid_model::{Instant, TimeRange};
use whodid_store::Snapshot;

use crate::InsightError;
use crate::insights::{Insights, off_thread};
use crate::meta::{Asked, Meta};

pub(crate) use aggregation::{metric_of, of_nothing, read_aggregation};
pub(crate) use audience::name_of;
pub(crate) use base::{Base, path, time_range};
pub(crate) use facets::{know_attribute, know_facet};
pub use formulas::{FormulaAnswer, FormulaRequest, FormulaSeries, NamedFormula, NamedQuery};
pub(crate) use groups::{Groups, arrange};
pub use list::List;
pub use request::{
    AnalyticsQuery, AnalyticsRequest, AudienceFilters, BaseQuery, Compute, GroupBy, ListQuery, ListRequest,
    ListSort, OccurrenceFilter, ProfileFilter, Search, SegmentFilter, Sort, SortOrder,
};
pub use timeseries::{Series, StepInterval, Timeseries};

/// What stands for a value that an event does not have.
pub const MISSING: &str = "N/A";

/// One row per group: the values of the facets, and one number.
#[derive(Clone, Debug)]
pub struct Scalar {
    pub meta: Meta,
    /// The facets as the request wrote them.
    pub facets: Vec<String>,
    pub rows: Vec<Group>,
}

/// An analytics question whose words are read, bound to a snapshot.
struct Prepared {
    snapshot: Arc<Snapshot>,
    scan: ScanSpec,
    groups: Groups,
    number: Aggregate,
    /// As asked for, not cut at the evaluation instant.
    range: TimeRange,
    asked: Asked,
}

impl Insights {
    /// Errors: `Invalid` with a pointer relative to the request's attributes.
    pub async fn scalar(&self, request: &AnalyticsRequest) -> Result<Scalar, InsightError> {
        let prepared = self.prepare(request).await?;
        let Prepared { snapshot, scan, groups, number, asked, .. } = &prepared;
        let rows = self.shown_groups(snapshot, scan, groups, std::slice::from_ref(number)).await?;
        Ok(Scalar {
            rows,
            facets: request.query.group_by.iter().map(|group| group.facet.clone()).collect(),
            meta: asked.answered(snapshot.watermark(), None),
        })
    }

    async fn prepare(&self, request: &AnalyticsRequest) -> Result<Prepared, InsightError> {
        let range = time_range(request.from, request.to)?;
        let at = self.instant(request.at);
        let asked = Asked::new(at);
        let query = &request.query;
        let compute = &query.compute;
        let number = read_aggregation(&compute.aggregation, compute.metric.as_deref(), "/query/compute")?;
        let base = Base::read(&query.query, "/query/query")?;
        let snapshot = self.snapshot().await?.at(at);
        if let Some(metric) = metric_of(&number) {
            know_facet(&snapshot, metric, "/query/compute/metric")?;
        }
        let groups = self.groups(&snapshot, &query.group_by, &number, at, "/query/group_by").await?;
        let sorts = query.group_by.iter().filter_map(|by| by.sort.as_ref()?.metric.as_deref());
        let facets = query.group_by.iter().map(|by| by.facet.as_str());
        let wanted =
            facets.chain(sorts).map(path).chain(metric_of(&number)).map(ToString::to_string).collect();
        let filters = query.audience_filters.as_ref();
        let (snapshot, scan) = self.selection(snapshot, base, filters, range, Some(wanted), at).await?;
        Ok(Prepared { snapshot, scan, groups, number, range, asked })
    }

    /// The rows that a question is about. `snapshot` is the one seen at `at`; the rows may lie in another one, where
    /// sessions are derived. `wanted` are the paths that the question looks at; none for all.
    pub(crate) async fn selection(
        &self,
        snapshot: Arc<Snapshot>,
        base: Base,
        filters: Option<&AudienceFilters>,
        range: TimeRange,
        wanted: Option<Vec<String>>,
        at: Instant,
    ) -> Result<(Arc<Snapshot>, ScanSpec), InsightError> {
        let audience = self.audience(&snapshot, filters, at, "/query/audience_filters").await?;
        let Base { query, occurrences } = base;
        let sessions = query.names_sessions();
        let scan = ScanSpec { audience, occurrences, ..ScanSpec::new(query, range.cut_at(at)) };
        if !sessions {
            return Ok((snapshot, scan));
        }
        Ok(off_thread(move || scan.with_sessions(&snapshot, wanted.as_deref(), at)).await??)
    }
}
