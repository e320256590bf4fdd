//! Who is behind a number of a journey.

use std::collections::BTreeMap;

use whodid_engine::{Grain, Wanted};
use whodid_model::Value;

use super::entity_name;
use super::evaluate::{Evaluated, Extra};
use super::plan::{Plan, Way, event_query, invalid};
use super::request::{JourneyListing, JourneyRequest, JourneyTarget};
use crate::InsightError;
use crate::analytics::{SortOrder, path};
use crate::insights::Insights;
use crate::meta::Meta;

/// Records that are answered when no limit is set.
const DEFAULT_RECORDS: usize = 1_000;

#[derive(Clone, Debug)]
pub struct JourneyList {
    pub meta: Meta,
    pub entity: &'static str,
    /// Before the limit.
    pub total: u64,
    pub records: Vec<JourneyRecord>,
}

/// The entity by its join key, `timestamp` (epoch milliseconds, of the event at the target), the asked columns, and
/// `<alias>_timestamp` for each step; `Null` where there is no value.
pub type JourneyRecord = BTreeMap<String, Value>;

/// Who is meant, and whose event stands for them.
struct Chosen {
    /// How many steps they reached: at least, and fewer than.
    depths: std::ops::Range<usize>,
    step: usize,
}

fn chosen(plan: &Plan, listing: &JourneyListing) -> Result<Chosen, InsightError> {
    let way = plan.way(listing.target.as_ref(), "/query/target")?;
    let everyone_after = |step: usize| Chosen { depths: step + 1..usize::MAX, step };
    Ok(match (&listing.target, listing.drop_off) {
        (_, false) => everyone_after(way.end),
        (Some(JourneyTarget::Node { .. }), true) if way.end == plan.last() => {
            let message =
                format!("nothing comes after `{}`, so nobody drops off there", plan.aliases[way.end]);
            return Err(invalid("/query/target/value", message, "name an earlier step, or a path"));
        }
        (Some(JourneyTarget::Node { .. }), true) => {
            Chosen { depths: way.end + 1..way.end + 2, step: way.end }
        }
        (_, true) => Chosen { depths: way.start + 1..way.end + 1, step: way.start },
    })
}

pub(crate) fn join_key(grain: Grain) -> &'static str {
    match grain {
        Grain::Session => "@session.id",
        Grain::User => "@usr.id",
        Grain::Account => "@account.id",
    }
}

impl Insights {
    pub async fn journey_list(
        &self,
        request: &JourneyRequest,
        listing: &JourneyListing,
    ) -> Result<JourneyList, InsightError> {
        let plan = Plan::read(request)?;
        let Chosen { depths, step } = chosen(&plan, listing)?;
        let filter = event_query(listing.entity_filters.as_deref(), "/query/entity_filters")?;
        let facets: Vec<String> = filter.facets().into_iter().map(str::to_string).collect();
        let paths = listing.entity_columns.iter().map(|facet| path(facet).to_string()).chain(facets.clone());
        let columns = paths.map(|path| Wanted::Value { step, path }).collect();
        let evaluated = self.attempts(request, Extra { ids: true, columns, passes: false }).await?;

        let first_facet = listing.entity_columns.len();
        let passes = |row: &usize| {
            let lookup = |name: &str| {
                let number = facets.iter().position(|facet| facet == name)?;
                evaluated.extra(first_facet + number).get(*row).cloned()
            };
            depths.contains(&evaluated.depth(*row)) && filter.expr.matches(&lookup)
        };
        let mut rows: Vec<usize> = evaluated.rows().filter(passes).collect();
        order(&mut rows, &evaluated, listing, step);
        let total = rows.len() as u64;
        rows.truncate(listing.limit.map_or(DEFAULT_RECORDS, |limit| limit as usize));
        Ok(JourneyList {
            entity: entity_name(plan.grain),
            total,
            records: rows.into_iter().map(|row| record(&evaluated, listing, row, step)).collect(),
            meta: evaluated.meta(),
        })
    }
}

fn millis(ts_us: Option<i64>) -> Value {
    ts_us.map_or(Value::Null, |ts_us| Value::Number(ts_us.div_euclid(1_000) as f64))
}

fn record(evaluated: &Evaluated, listing: &JourneyListing, row: usize, step: usize) -> JourneyRecord {
    let (plan, attempts) = (&evaluated.plan, &evaluated.attempts);
    let mut record = JourneyRecord::new();
    if listing.step_timestamps {
        let reached = Way { start: 0, end: evaluated.depth(row) };
        for (step, alias) in plan.aliases.iter().enumerate() {
            let ts_us = attempts.steps[step][row].filter(|_| step < reached.end);
            record.insert(format!("{alias}_timestamp"), millis(ts_us));
        }
    }
    for (number, facet) in listing.entity_columns.iter().enumerate() {
        record.insert(facet.clone(), evaluated.extra(number).get(row).cloned().unwrap_or(Value::Null));
    }
    record.insert("timestamp".to_string(), millis(attempts.steps[step][row]));
    record.insert(join_key(plan.grain).to_string(), Value::text(&attempts.ids[row]));
    record
}

/// By time, the latest first, unless the sort names a column that is answered.
fn order(rows: &mut [usize], evaluated: &Evaluated, listing: &JourneyListing, step: usize) {
    let attempts = &evaluated.attempts;
    rows.sort_by(|a, b| {
        let instants = &attempts.steps[step];
        instants[*b].cmp(&instants[*a]).then_with(|| attempts.ids[*a].cmp(&attempts.ids[*b]))
    });
    let Some(sort) = &listing.sort else { return };
    let Some(facet) = sort.facet.as_deref() else { return };
    let key = |row: usize| record(evaluated, listing, row, step).remove(facet);
    if rows.first().is_none_or(|row| key(*row).is_none()) {
        return;
    }
    rows.sort_by_cached_key(|row| SortKey(key(*row).unwrap_or(Value::Null)));
    if sort.order == SortOrder::Desc {
        rows.reverse();
    }
}

/// Missing values first, then numbers, then texts.
#[derive(PartialEq)]
struct SortKey(Value);

impl Eq for SortKey {}

impl Ord for SortKey {
    fn cmp(&self, other: &SortKey) -> std::cmp::Ordering {
        match (&self.0, &other.0) {
            (Value::Number(a), Value::Number(b)) => a.total_cmp(b),
            (a, b) => {
                let rank = |value: &Value| match value {
                    Value::Null => 0,
                    Value::Number(_) => 1,
                    Value::Bool(_) | Value::Text(_) | Value::List(_) => 2,
                };
                rank(a).cmp(&rank(b)).then_with(|| a.as_text().cmp(&b.as_text()))
            }
        }
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &SortKey) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
