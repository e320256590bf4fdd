//! The analytics explorer: numbers over events, by group, within an audience.

mod audience;
mod base;
mod request;

use crate::InsightError;
use crate::insights::Insights;
use crate::meta::{Asked, Meta};
use whodid_engine::{Aggregate, Group, ScanSpec};

pub(crate) use base::{Base, path, time_range};
pub use request::{
    AnalyticsQuery, AnalyticsRequest, AudienceFilters, BaseQuery, Compute, GroupBy, ListQuery, ListRequest,
    ListSort, OccurrenceFilter, ProfileFilter, Search, SegmentFilter, Sort, SortOrder,
};

/// What stands for a value that an event does not have.
pub const MISSING: &str = "N/A";

/// Groups that are answered when a facet sets no limit of its own.
const DEFAULT_GROUPS: usize = 10;

/// One row per group: the values of the facets, and one number.
#[derive(Clone, Debug)]
pub struct Scalar {
    pub meta: Meta,
    /// The facets as the request wrote them.
    pub facets: Vec<String>,
    pub rows: Vec<Group>,
}

impl Insights {
    /// Errors: `Invalid` with a pointer relative to the request's attributes.
    pub async fn scalar(&self, request: &AnalyticsRequest) -> Result<Scalar, InsightError> {
        let range = time_range(request.from, request.to)?;
        let at = self.instant(request.at);
        let asked = Asked::new(at);
        let query = &request.query;
        let aggregate = aggregate(&query.compute)?;
        let base = Base::read(&query.query, "/query/query")?;
        let group_by: Vec<String> =
            query.group_by.iter().map(|group| path(&group.facet).to_string()).collect();
        refuse_unknown(query)?;

        let snapshot = self.inner.store.snapshot().await?.at(at);
        let filters = query.audience_filters.as_ref();
        let audience = self.audience(&snapshot, filters, at, "/query/audience_filters").await?;
        let range = range.cut_at(at);
        let Base { query: search, occurrences } = base;
        let scan = ScanSpec { query: search, range, columns: Vec::new(), audience, occurrences };
        let groups = self.inner.engine.aggregate(&snapshot, scan, &group_by, &[aggregate]).await?;
        Ok(Scalar {
            rows: arrange(groups, &query.group_by),
            facets: query.group_by.iter().map(|group| group.facet.clone()).collect(),
            meta: asked.answered(snapshot.watermark(), None),
        })
    }
}

fn aggregate(compute: &Compute) -> Result<Aggregate, InsightError> {
    let metric = || match compute.metric.as_deref() {
        Some(metric) if !path(metric).is_empty() => Ok(path(metric).to_string()),
        _ => Err(InsightError::Invalid {
            pointer: Some("/query/compute/metric".to_string()),
            message: format!("`{}` needs a metric", compute.aggregation),
            hint: Some("name a facet, such as @usr.id".to_string()),
        }),
    };
    match compute.aggregation.as_str() {
        "count" => Ok(Aggregate::Count),
        "cardinality" => Ok(Aggregate::Cardinality(metric()?)),
        "sum" => Ok(Aggregate::Sum(metric()?)),
        "avg" => Ok(Aggregate::Average(metric()?)),
        "min" => Ok(Aggregate::Minimum(metric()?)),
        "max" => Ok(Aggregate::Maximum(metric()?)),
        other => Err(InsightError::Invalid {
            pointer: Some("/query/compute/aggregation".to_string()),
            message: format!("`{other}` is not an aggregation that can be computed"),
            hint: Some("write count, cardinality, sum, avg, min or max".to_string()),
        }),
    }
}

fn refuse_unknown(query: &AnalyticsQuery) -> Result<(), InsightError> {
    for (index, group) in query.group_by.iter().enumerate() {
        if group.source.is_some() {
            return Err(InsightError::Invalid {
                pointer: Some(format!("/query/group_by/{index}/source")),
                message: "grouping by a profile attribute is not possible yet".to_string(),
                hint: Some("group by an event facet, such as @usr.plan".to_string()),
            });
        }
        if group.limit == Some(0) {
            return Err(InsightError::Invalid {
                pointer: Some(format!("/query/group_by/{index}/limit")),
                message: "a limit of 0 groups shows nothing".to_string(),
                hint: Some("write 1 or more, or leave it out".to_string()),
            });
        }
    }
    Ok(())
}

/// Drops what is to be left out, orders the groups, and keeps each facet's best values within those before it.
pub(crate) fn arrange(mut groups: Vec<Group>, group_by: &[GroupBy]) -> Vec<Group> {
    groups.retain(|group| {
        let missing = |(value, by): (&Option<String>, &GroupBy)| value.is_none() && by.should_exclude_missing;
        !group.values.iter().zip(group_by).any(missing)
    });
    if group_by.is_empty() {
        return groups;
    }
    let ascending = group_by[0].sort.as_ref().is_some_and(|sort| sort.order == SortOrder::Asc);
    groups.sort_by(|a, b| {
        let number = |group: &Group| group.numbers.first().copied().flatten().unwrap_or(f64::NEG_INFINITY);
        let by_number = number(a).total_cmp(&number(b));
        let by_number = if ascending { by_number } else { by_number.reverse() };
        by_number.then_with(|| a.values.cmp(&b.values))
    });
    for (depth, by) in group_by.iter().enumerate() {
        let limit = by.limit.map_or(DEFAULT_GROUPS, |limit| limit as usize);
        groups = keep_best(groups, depth, limit);
    }
    groups
}

/// Keeps the groups whose value at `depth` is among the first `limit` distinct ones within their leading values.
fn keep_best(groups: Vec<Group>, depth: usize, limit: usize) -> Vec<Group> {
    let mut kept: std::collections::HashMap<Vec<Option<String>>, Vec<Option<String>>> = Default::default();
    groups
        .into_iter()
        .filter(|group| {
            let seen = kept.entry(group.values[..depth].to_vec()).or_default();
            let value = &group.values[depth];
            if seen.contains(value) {
                return true;
            }
            let fits = seen.len() < limit;
            if fits {
                seen.push(value.clone());
            }
            fits
        })
        .collect()
}

#[cfg(test)]
mod tests;
