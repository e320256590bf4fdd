//! Which groups an answer shows, and in which order.
//!
//! Each facet has an order and a limit of its own. The values of the first are ranked over all their events; those of
//! the next within each of these; and so on.

use std::collections::BTreeMap;
use std::sync::Arc;

use whodid_engine::{Aggregate, Group, GroupKey, ScanSpec};
use whodid_model::{EntityKind, Instant, limits};
use whodid_query::definition::{Condition, Definition};
use whodid_store::Snapshot;

use super::aggregation::read_aggregation;
use super::base::path;
use super::facets::{know_attribute, know_facet};
use super::request::{GroupBy, SortOrder};
use crate::InsightError;
use crate::insights::{Insights, off_thread};

/// Groups that are answered when a facet sets no limit of its own.
const DEFAULT_GROUPS: usize = 10;

const OF_USERS: &str = "product_analytics_audience_filters.users";
const OF_ACCOUNTS: &str = "product_analytics_audience_filters.accounts";

/// Facets to group by whose words are read.
pub(crate) struct Groups {
    pub(crate) keys: Vec<GroupKey>,
    ranks: Vec<Rank>,
}

/// How the values of one facet are ranked.
#[derive(Clone, Debug)]
struct Rank {
    by: Aggregate,
    ascending: bool,
    limit: usize,
    exclude_missing: bool,
}

impl Insights {
    /// Reads facets to group by. `number` is what is asked for, by which values are ranked unless they say otherwise;
    /// `snapshot` is the one seen at `at`.
    pub(crate) async fn groups(
        &self,
        snapshot: &Arc<Snapshot>,
        group_by: &[GroupBy],
        number: &Aggregate,
        at: Instant,
        pointer: &str,
    ) -> Result<Groups, InsightError> {
        if group_by.len() > limits::GROUP_FACETS {
            return Err(InsightError::Invalid {
                pointer: Some(pointer.to_string()),
                message: format!("{} facets to group by are too many", group_by.len()),
                hint: Some(format!("name {} at most", limits::GROUP_FACETS)),
            });
        }
        let mut groups = Groups { keys: Vec::new(), ranks: Vec::new() };
        for (index, by) in group_by.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            groups.ranks.push(Rank::read(by, number, snapshot, &pointer)?);
            groups.keys.push(self.key(snapshot, by, at, &pointer).await?);
        }
        Ok(groups)
    }

    async fn key(
        &self,
        snapshot: &Arc<Snapshot>,
        by: &GroupBy,
        at: Instant,
        pointer: &str,
    ) -> Result<GroupKey, InsightError> {
        let kind = match by.source.as_deref().filter(|source| !source.is_empty()) {
            None => {
                know_facet(snapshot, &by.facet, &format!("{pointer}/facet"))?;
                refuse_instant(&by.facet, &format!("{pointer}/facet"))?;
                return Ok(GroupKey::Facet(path(&by.facet).to_string()));
            }
            Some(OF_USERS) => EntityKind::User,
            Some(OF_ACCOUNTS) => EntityKind::Account,
            Some(other) => {
                return Err(InsightError::Invalid {
                    pointer: Some(format!("{pointer}/source")),
                    message: format!("`{other}` is not a source of groups"),
                    hint: Some(format!(
                        "write {OF_USERS} or {OF_ACCOUNTS}, or leave it out for event facets"
                    )),
                });
            }
        };
        let everyone = Definition { entity: kind, condition: Condition::All(Vec::new()) };
        let membership = self.membership_in(snapshot, &everyone, at).await?;
        let (inner, name) = (self.inner.clone(), path(&by.facet).to_string());
        let (known, values) = off_thread(move || {
            let known = inner.engine.profile_names(&membership, at);
            (known, inner.engine.profile_texts(&membership, &name, at))
        })
        .await?;
        know_attribute(snapshot, kind, &known, &by.facet, &format!("{pointer}/facet"))?;
        Ok(GroupKey::Profile(Arc::new(values)))
    }

    /// The groups that are shown, in order: `numbers` is what is computed for each.
    pub(crate) async fn shown_groups(
        &self,
        snapshot: &Arc<Snapshot>,
        scan: &ScanSpec,
        groups: &Groups,
        numbers: &[Aggregate],
    ) -> Result<Vec<Group>, InsightError> {
        let by = |depth: usize| {
            let mut scan = scan.clone();
            scan.grouping.keys = groups.keys[..depth].to_vec();
            scan
        };
        if groups.keys.is_empty() {
            return Ok(self.inner.engine.aggregate(snapshot, by(0), numbers).await?);
        }
        let mut kept = vec![Vec::new()];
        for depth in 1..groups.keys.len() {
            let rank = &groups.ranks[depth - 1];
            let ranked =
                self.inner.engine.aggregate(snapshot, by(depth), std::slice::from_ref(&rank.by)).await?;
            kept = keep(ranked, kept, rank).into_iter().map(|group| group.values).collect();
        }
        let Some(rank) = groups.ranks.last() else { return Ok(Vec::new()) };
        let aggregates: Vec<Aggregate> = std::iter::once(&rank.by).chain(numbers).cloned().collect();
        let ranked = self.inner.engine.aggregate(snapshot, by(groups.keys.len()), &aggregates).await?;
        let mut shown = keep(ranked, kept, rank);
        for group in &mut shown {
            group.numbers.remove(0);
        }
        Ok(shown)
    }
}

/// Instants are grouped by steps of time.
fn refuse_instant(facet: &str, pointer: &str) -> Result<(), InsightError> {
    if !matches!(path(facet), "ts" | "timestamp" | "date") {
        return Ok(());
    }
    Err(InsightError::Invalid {
        pointer: Some(pointer.to_string()),
        message: format!("`{facet}` is an instant, and hardly two events share one"),
        hint: Some("ask for a timeseries with an interval".to_string()),
    })
}

impl Rank {
    fn read(
        by: &GroupBy,
        number: &Aggregate,
        snapshot: &Snapshot,
        pointer: &str,
    ) -> Result<Rank, InsightError> {
        let sort = by.sort.as_ref();
        let aggregation = sort.and_then(|sort| sort.aggregation.as_deref()).filter(|name| !name.is_empty());
        let by_what = match aggregation {
            None => number.clone(),
            Some(aggregation) => {
                let metric = sort.and_then(|sort| sort.metric.as_deref());
                let read = read_aggregation(aggregation, metric, &format!("{pointer}/sort"))?;
                if let Some(metric) = super::aggregation::metric_of(&read) {
                    know_facet(snapshot, metric, &format!("{pointer}/sort/metric"))?;
                }
                read
            }
        };
        let limit = match by.limit {
            None => DEFAULT_GROUPS,
            Some(limit) if (1..=limits::FACET_GROUPS as u64).contains(&limit) => limit as usize,
            Some(limit) => {
                return Err(InsightError::Invalid {
                    pointer: Some(format!("{pointer}/limit")),
                    message: format!("a limit of {limit} groups is not possible"),
                    hint: Some(format!(
                        "write 1 to {}, or leave it out for {DEFAULT_GROUPS}",
                        limits::FACET_GROUPS
                    )),
                });
            }
        };
        let ascending = sort.is_some_and(|sort| sort.order == SortOrder::Asc);
        Ok(Rank { by: by_what, ascending, limit, exclude_missing: by.should_exclude_missing })
    }
}

/// The best groups within each of the groups one level up, in the order of those. The first number ranks; groups without
/// one come last, equal ones by value.
fn keep(groups: Vec<Group>, parents: Vec<Vec<Option<String>>>, rank: &Rank) -> Vec<Group> {
    let mut within: BTreeMap<Vec<Option<String>>, Vec<Group>> = BTreeMap::new();
    for group in groups {
        let Some((value, parent)) = group.values.split_last() else { continue };
        if value.is_some() || !rank.exclude_missing {
            within.entry(parent.to_vec()).or_default().push(group);
        }
    }
    let best = |parent: Vec<Option<String>>| {
        let mut groups = within.remove(&parent).unwrap_or_default();
        groups.sort_by(|a, b| {
            let number = |group: &Group| group.numbers.first().copied().flatten();
            let by_number = match (number(a), number(b)) {
                (Some(a), Some(b)) if rank.ascending => a.total_cmp(&b),
                (Some(a), Some(b)) => b.total_cmp(&a),
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            by_number.then_with(|| a.values.cmp(&b.values))
        });
        groups.truncate(rank.limit);
        groups
    };
    parents.into_iter().flat_map(best).collect()
}

/// The same for groups that are counted elsewhere: drops what is to be left out, orders the groups, and keeps each facet's best values within those before it.
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
