//! Attempts of a journey, how deep each counts after the filters on finished conversions, and their groups.

use std::collections::BTreeMap;

use whodid_engine::{Attempts, Follow, Group, JourneySpec, ScanSpec, Values, Wanted};

use super::numbers::Metric;
use super::plan::{Measured, Plan, Way, invalid};
use super::request::{JourneyRequest, JourneyTarget};
use crate::InsightError;
use crate::analytics::{MISSING, arrange, path, time_range};
use crate::insights::Insights;
use crate::meta::{Asked, Meta};

/// What else the attempts carry.
#[derive(Default)]
pub(super) struct Extra {
    pub(super) passes: bool,
    pub(super) ids: bool,
    pub(super) columns: Vec<Wanted>,
}

pub(super) struct Evaluated {
    pub(super) plan: Plan,
    pub(super) attempts: Attempts,
    /// By row, how many steps count as reached.
    depths: Vec<usize>,
    /// By row, whether its group is shown at all.
    kept: Vec<bool>,
    request: JourneyRequest,
    /// The first of the attempts' columns that is not a group's.
    first_extra: usize,
    asked: Asked,
    watermark: u64,
}

impl Insights {
    /// Errors: `Invalid` with a pointer relative to the request's attributes.
    pub(super) async fn attempts(
        &self,
        request: &JourneyRequest,
        extra: Extra,
    ) -> Result<Evaluated, InsightError> {
        let range = time_range(request.from, request.to)?;
        let plan = Plan::read(request)?;
        let mut columns = group_columns(&plan, request)?;
        let first_extra = columns.len();
        columns.extend(extra.columns);
        let first_session = columns.len();
        let sessions = |filter: &super::plan::Finished| filter.what == Measured::Sessions;
        if plan.finished.iter().any(sessions) {
            let path = "session.id".to_string();
            columns.extend((0..plan.steps.len()).map(|step| Wanted::Value { step, path: path.clone() }));
        }
        if extra.ids {
            columns.push(Wanted::Id);
        }

        let at = self.instant(request.at);
        let asked = Asked::new(at);
        let snapshot = self.snapshot().await?.at(at);
        let filters = request.search.audience_filters.as_ref();
        let pointer = "/query/search/filters/audience_filters";
        let scan = ScanSpec {
            audience: self.audience(&snapshot, filters, at, pointer).await?,
            ..ScanSpec::new(plan.filter.clone(), range.cut_at(at))
        };
        let engine = &self.inner.engine;
        let subjects = engine.subjects(plan.grain, &snapshot).await?;
        let spec = JourneySpec {
            follow: Follow { subjects, scan, identified_only: request.exclude_anonymous_traffic },
            steps: plan.steps.clone(),
            exclusions: plan.exclusions.clone(),
            rules: plan.rules.clone(),
            passes: extra.passes,
            columns,
        };
        let attempts = engine.journey(&snapshot, spec).await?;
        let mut evaluated = Evaluated {
            depths: (0..attempts.len()).map(|row| reached_steps(&attempts, row)).collect(),
            kept: vec![true; attempts.len()],
            plan,
            attempts,
            request: request.clone(),
            first_extra,
            asked,
            watermark: snapshot.watermark(),
        };
        evaluated.apply_finished(first_session);
        Ok(evaluated)
    }
}

/// Attempts in any order may reach steps in any order of time, but always the first so many.
fn reached_steps(attempts: &Attempts, row: usize) -> usize {
    attempts.steps.iter().take_while(|step| step[row].is_some()).count()
}

fn group_columns(plan: &Plan, request: &JourneyRequest) -> Result<Vec<Wanted>, InsightError> {
    let column = |(index, group): (usize, &super::request::JourneyGroupBy)| {
        let pointer = format!("/query/group_by/{index}");
        if group.by.source.is_some() {
            let message = "journeys are not grouped by profile attributes";
            return Err(invalid(
                format!("{pointer}/source"),
                message,
                "group by an event facet, such as @usr.plan",
            ));
        }
        if group.by.limit == Some(0) {
            let message = "a limit of 0 groups shows nothing";
            return Err(invalid(format!("{pointer}/limit"), message, "write 1 or more, or leave it out"));
        }
        let step = match &group.target {
            None => 0,
            Some(JourneyTarget::Node { .. }) => {
                plan.way(group.target.as_ref(), &format!("{pointer}/target"))?.end
            }
            Some(JourneyTarget::Path { .. }) => {
                plan.way(group.target.as_ref(), &format!("{pointer}/target"))?.start
            }
        };
        Ok(Wanted::Value { step, path: path(&group.by.facet).to_string() })
    };
    request.group_by.iter().enumerate().map(column).collect()
}

impl Evaluated {
    pub(super) fn meta(&self) -> Meta {
        self.asked.answered(self.watermark, None)
    }

    pub(super) fn depth(&self, row: usize) -> usize {
        self.depths[row]
    }

    /// The rows that are shown.
    pub(super) fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.attempts.len()).filter(|row| self.kept[*row] && self.depths[*row] > 0)
    }

    /// A column that was asked for beside the groups.
    pub(super) fn extra(&self, number: usize) -> &Values {
        &self.attempts.values[self.first_extra + number]
    }

    /// An attempt whose way does not hold counts up to the step before the end of that way.
    fn apply_finished(&mut self, first_session: usize) {
        for filter in self.plan.finished.clone() {
            let Way { start, end } = filter.way;
            for row in 0..self.attempts.len() {
                if self.depths[row] <= end {
                    continue;
                }
                let holds = match filter.what {
                    Measured::Time => self
                        .plan
                        .elapsed_us(&self.attempts, row, filter.way)
                        .is_some_and(|elapsed_us| filter.holds_time(elapsed_us)),
                    Measured::Sessions => {
                        let session = |step: usize| self.attempts.values[first_session + step].get(row);
                        let mut names: Vec<String> = (start..=end)
                            .filter_map(session)
                            .map(|session| session.as_text().into_owned())
                            .collect();
                        names.sort_unstable();
                        names.dedup();
                        filter.op.holds(names.len() as i64, filter.value)
                    }
                    Measured::DropOff => true,
                };
                if !holds {
                    self.depths[row] = end;
                }
            }
        }
        for filter in self.plan.finished.clone().iter().filter(|filter| filter.what == Measured::DropOff) {
            let mut kept = vec![false; self.attempts.len()];
            for rows in self.by_tags().values() {
                let reached =
                    |step: usize| rows.iter().filter(|row| self.depths[**row] > step).count() as f64;
                let dropped = 100.0 * (1.0 - reached(filter.way.end) / reached(filter.way.start));
                if filter.op.holds(dropped, filter.value as f64) {
                    rows.iter().for_each(|row| kept[*row] = true);
                }
            }
            self.kept.iter_mut().zip(kept).for_each(|(shown, kept)| *shown &= kept);
        }
    }

    /// Rows by the values of the group-by; of several values an entity is in each one's group.
    fn by_tags(&self) -> BTreeMap<Vec<Option<String>>, Vec<usize>> {
        let columns = &self.attempts.values[..self.first_extra];
        // By codes first: most rows share theirs with many others.
        let mut coded: BTreeMap<Vec<Option<u32>>, Vec<usize>> = BTreeMap::new();
        for row in self.rows() {
            coded.entry(columns.iter().map(|column| column.codes[row]).collect()).or_default().push(row);
        }
        let mut groups: BTreeMap<Vec<Option<String>>, Vec<usize>> = BTreeMap::new();
        for (codes, rows) in coded {
            let mut tags: Vec<Vec<Option<String>>> = vec![Vec::new()];
            for (column, code) in columns.iter().zip(codes) {
                let values = match code.map(|code| &column.values[code as usize]) {
                    None => vec![None],
                    Some(whodid_model::Value::List(items)) => items.iter().cloned().map(Some).collect(),
                    Some(value) => vec![Some(value.as_text().into_owned())],
                };
                let extended = |tags: &Vec<Option<String>>| {
                    let with =
                        |value: &Option<String>| [tags.as_slice(), std::slice::from_ref(value)].concat();
                    values.iter().map(with).collect::<Vec<_>>()
                };
                tags = tags.iter().flat_map(extended).collect();
            }
            for tags in tags {
                groups.entry(tags).or_default().extend(&rows);
            }
        }
        groups
    }

    /// The groups that are shown, with their rows, ordered by the metric; exactly one without a group-by.
    pub(super) fn groups(&self, metric: &Metric, way: Way) -> Vec<(Vec<String>, Vec<usize>)> {
        if self.request.group_by.is_empty() {
            return vec![(Vec::new(), self.rows().collect())];
        }
        let mut groups = self.by_tags();
        let numbered = groups.iter().map(|(values, rows)| Group {
            values: values.clone(),
            step: 0,
            numbers: vec![metric.of(self, rows, way)],
        });
        let by: Vec<_> = self.request.group_by.iter().map(|group| group.by.clone()).collect();
        let shown = arrange(numbered.collect(), &by);
        let tag = |value: Option<String>| value.unwrap_or_else(|| MISSING.to_string());
        let rows_of = |group: Group| {
            let rows = groups.remove(&group.values).unwrap_or_default();
            (group.values.into_iter().map(tag).collect(), rows)
        };
        shown.into_iter().map(rows_of).collect()
    }
}
