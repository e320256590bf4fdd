//! Journeys: how far sessions, users and accounts get through steps, how long they take, and who they are.
//!
//! Every number is made of one table of attempts, so a list has as many rows as the number that it explains.
//! Reading order: `request` (what is asked), `plan` (the words read), `evaluate` (attempts, groups), `numbers` (what is
//! computed of them), `list`.

mod evaluate;
mod list;
pub(crate) mod numbers;
pub(crate) mod plan;
mod request;

use whodid_engine::{Grain, Wanted};
use whodid_model::limits;

use crate::InsightError;
use crate::insights::Insights;
use crate::meta::Meta;
use evaluate::{Evaluated, Extra};
use numbers::{Elapsed, Metric};
use plan::{Way, invalid};

pub use list::{JourneyList, JourneyRecord};
pub use numbers::ElapsedTime;
pub use request::{
    GraphFilter, JourneyCompute, JourneyExclusion, JourneyGroupBy, JourneyListing, JourneyNode,
    JourneyRequest, JourneySearch, JourneyTarget,
};

/// How many reach each step.
#[derive(Clone, Debug)]
pub struct Funnel {
    pub meta: Meta,
    pub entity: &'static str,
    pub initial_count: u64,
    /// None if nobody entered.
    pub conversion_rate: Option<f64>,
    pub elapsed: ElapsedTime,
    pub steps: Vec<FunnelStep>,
}

#[derive(Clone, Debug)]
pub struct FunnelStep {
    pub label: String,
    pub count: u64,
    pub elapsed_to_next: ElapsedTime,
    /// Empty without a group-by.
    pub groups: Vec<FunnelGroup>,
}

#[derive(Clone, Debug)]
pub struct FunnelGroup {
    pub tags: Vec<String>,
    pub count: u64,
    pub elapsed_to_next: ElapsedTime,
}

/// One number per group.
#[derive(Clone, Debug)]
pub struct JourneyNumbers {
    pub meta: Meta,
    pub facets: Vec<String>,
    pub groups: Vec<(Vec<String>, Option<f64>)>,
}

/// One number per group and step of time.
#[derive(Clone, Debug)]
pub struct JourneySeries {
    pub meta: Meta,
    pub interval_ms: i64,
    /// Epoch milliseconds at which the steps of time begin.
    pub times: Vec<i64>,
    pub series: Vec<(Vec<String>, Vec<Option<f64>>)>,
}

/// What came right after the last step.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    pub query: String,
    pub label: String,
    pub kind: String,
    pub count: u64,
    /// Of those who reached the last step.
    pub rate: f64,
}

/// Suggestions that are answered when no limit is set.
const DEFAULT_SUGGESTIONS: usize = 8;

pub(crate) fn entity_name(grain: Grain) -> &'static str {
    match grain {
        Grain::Session => "session",
        Grain::User => "user",
        Grain::Account => "account",
    }
}

impl Insights {
    pub async fn journey_funnel(&self, request: &JourneyRequest) -> Result<Funnel, InsightError> {
        let metric = match request.compute.aggregation.as_deref() {
            None | Some("cardinality") => Metric::Conversion { total: false },
            Some("count") => Metric::Conversion { total: true },
            Some(other) => return Err(numbers::unknown_aggregation(other, "cardinality or count")),
        };
        let extra = Extra { passes: metric.needs_passes(), ..Extra::default() };
        let evaluated = self.attempts(request, extra).await?;
        let total = metric.needs_passes();
        let last = evaluated.plan.last();
        let everyone: Vec<usize> = evaluated.rows().collect();
        let groups = evaluated.groups(&metric, Way { start: 0, end: 0 });
        let step = |step: usize| {
            let group = |(tags, rows): &(Vec<String>, Vec<usize>)| FunnelGroup {
                tags: tags.clone(),
                count: evaluated.reached(rows, step, total),
                elapsed_to_next: evaluated.elapsed_to_next(rows, step),
            };
            let grouped = if request.group_by.is_empty() { &[][..] } else { &groups };
            FunnelStep {
                label: evaluated.plan.aliases[step].clone(),
                count: evaluated.reached(&everyone, step, total),
                elapsed_to_next: evaluated.elapsed_to_next(&everyone, step),
                groups: grouped.iter().map(group).collect(),
            }
        };
        let steps: Vec<FunnelStep> = (0..=last).map(step).collect();
        let whole = Way { start: 0, end: last };
        Ok(Funnel {
            entity: entity_name(evaluated.plan.grain),
            initial_count: steps[0].count,
            conversion_rate: numbers::ratio(steps[last].count, steps[0].count),
            elapsed: Elapsed::of(evaluated.elapsed(&everyone, whole)),
            steps,
            meta: evaluated.meta(),
        })
    }

    pub async fn journey_scalar(&self, request: &JourneyRequest) -> Result<JourneyNumbers, InsightError> {
        let (metric, evaluated, way) = self.measured(request).await?;
        let groups = evaluated.groups(&metric, way);
        Ok(JourneyNumbers {
            facets: request.group_by.iter().map(|group| group.by.facet.clone()).collect(),
            groups: groups
                .into_iter()
                .map(|(tags, rows)| (tags, metric.of(&evaluated, &rows, way)))
                .collect(),
            meta: evaluated.meta(),
        })
    }

    /// Attempts belong to the step of time in which their first step lies.
    pub async fn journey_timeseries(&self, request: &JourneyRequest) -> Result<JourneySeries, InsightError> {
        let (from, to) = (request.from, request.to);
        let interval_ms = match request.compute.interval.or(request.interval) {
            Some(interval_ms) if interval_ms > 0 => interval_ms,
            Some(_) => {
                let message = "an interval has to be longer than 0 ms";
                return Err(invalid(
                    "/query/compute/interval",
                    message,
                    "write milliseconds, such as 3600000",
                ));
            }
            None => numbers::fitting_interval_ms(to.saturating_sub(from)),
        };
        if to.saturating_sub(from) / interval_ms >= limits::SERIES_STEPS as i64 {
            let message = format!("the range has more than {} intervals", limits::SERIES_STEPS);
            let hint = "choose a longer interval or a shorter range";
            return Err(invalid("/query/compute/interval", message, hint));
        }
        let (metric, evaluated, way) = self.measured(request).await?;
        let first = from.div_euclid(interval_ms);
        let times: Vec<i64> =
            (first..).map(|step| step * interval_ms).take_while(|time| *time < to).collect();
        let series = evaluated.groups(&metric, way).into_iter().map(|(tags, rows)| {
            let mut buckets = vec![Vec::new(); times.len()];
            for row in rows {
                let Some(ts_us) = evaluated.attempts.steps[0][row] else { continue };
                let bucket = ts_us.div_euclid(1_000).div_euclid(interval_ms) - first;
                if let Some(bucket) = buckets.get_mut(bucket as usize) {
                    bucket.push(row);
                }
            }
            (tags, buckets.iter().map(|rows| metric.of(&evaluated, rows, way)).collect())
        });
        let series = series.collect();
        Ok(JourneySeries { interval_ms, times, series, meta: evaluated.meta() })
    }

    /// What those who reached the last step did next.
    pub async fn journey_suggestions(
        &self,
        request: &JourneyRequest,
        limit: Option<u64>,
    ) -> Result<(Vec<Suggestion>, Meta), InsightError> {
        let extra = Extra { columns: vec![Wanted::Next], ..Extra::default() };
        let evaluated = self.attempts(request, extra).await?;
        let last = evaluated.plan.last();
        let rows: Vec<usize> = evaluated.rows().filter(|row| evaluated.depth(*row) > last).collect();
        let next = evaluated.extra(0);
        let mut counts = vec![0u64; next.values.len()];
        rows.iter().filter_map(|row| next.codes[*row]).for_each(|code| counts[code as usize] += 1);
        let suggestion = |(value, count): (&whodid_model::Value, u64)| {
            let whodid_model::Value::List(words) = value else { return None };
            let [kind, label] = words.as_slice() else { return None };
            let facet = match kind.as_str() {
                "view" => "view.name",
                "action" => "action.name",
                _ => "event.name",
            };
            Some(Suggestion {
                query: format!("@type:{kind} @{facet}:{}", numbers::quoted(label)),
                label: label.clone(),
                kind: kind.clone(),
                count,
                rate: numbers::ratio(count, rows.len() as u64)?,
            })
        };
        let mut suggestions: Vec<Suggestion> = next
            .values
            .iter()
            .zip(counts)
            .filter(|(_, count)| *count > 0)
            .filter_map(suggestion)
            .filter(|suggestion| !suggestion.label.is_empty())
            .collect();
        suggestions.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.query.cmp(&b.query)));
        suggestions.truncate(limit.map_or(DEFAULT_SUGGESTIONS, |limit| limit as usize));
        Ok((suggestions, evaluated.meta()))
    }

    async fn measured(&self, request: &JourneyRequest) -> Result<(Metric, Evaluated, Way), InsightError> {
        let plan = plan::Plan::read(request)?;
        let way = plan.way(request.compute.target.as_ref(), "/query/compute/target")?;
        let metric = Metric::read(&request.compute)?;
        let columns = match &metric {
            Metric::Facet { path, .. } => vec![Wanted::Value { step: way.end, path: path.clone() }],
            _ => Vec::new(),
        };
        let evaluated = self
            .attempts(request, Extra { passes: metric.needs_passes(), columns, ..Extra::default() })
            .await?;
        Ok((metric, evaluated, way))
    }
}
