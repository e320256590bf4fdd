//! Retention: who comes back, period by period after they first came.
//!
//! Reading order: `periods` (intervals as instants), then the grid, the numbers and lists made of it.

pub(crate) mod periods;

use std::collections::BTreeMap;

use whodid_engine::{Follow, Grain, Group, Joined, Node, RetentionSpec, ScanSpec, Wanted};
use whodid_match::retention::average;
use whodid_match::{Grid, Retention, RetentionCell, RetentionCohort, Returning};
use whodid_model::{Instant, Value};
use whodid_store::Snapshot;

use crate::InsightError;
use crate::analytics::{AudienceFilters, Base, BaseQuery, GroupBy, MISSING, arrange, path, time_range};
use crate::insights::Insights;
use crate::journeys::plan::{event_query, invalid};
use crate::meta::{Asked, Meta};

pub use periods::{FixedUnit, Interval};

#[derive(Clone, Debug)]
pub struct RetentionRequest {
    /// Epoch milliseconds, inclusive.
    pub from: i64,
    /// Epoch milliseconds, exclusive.
    pub to: i64,
    /// The evaluation instant; absent: now.
    pub at: Option<Instant>,
    pub exclude_anonymous_traffic: bool,
    pub search: RetentionSearch,
    /// Values are those of the event that makes an entity join its cohort.
    pub group_by: Vec<GroupBy>,
}

#[derive(Clone, Debug)]
pub struct RetentionSearch {
    pub cohort: BaseQuery,
    pub cohort_interval: Interval,
    /// `@usr.id` or `@account.id`.
    pub entity: String,
    pub or_after: bool,
    /// Absent: the same event as the cohort's.
    pub returning: Option<BaseQuery>,
    /// Absent: the cohort's.
    pub return_interval: Option<Interval>,
    pub string_filter: Option<String>,
    pub audience_filters: Option<AudienceFilters>,
}

/// A part of the grid. Indexes count from 0; no cohort means the row of averages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionScope {
    Whole,
    Cohort(Option<usize>),
    Period(usize),
    Cell { cohort: Option<usize>, period: usize },
}

#[derive(Clone, Debug)]
pub struct RetentionGrid {
    pub meta: Meta,
    pub entity: String,
    pub unit: &'static str,
    /// The most periods of any cohort.
    pub periods: usize,
    /// Rows of one group after another: its cohorts, then its averages.
    pub groups: Vec<RetentionGroup>,
}

#[derive(Clone, Debug)]
pub struct RetentionGroup {
    pub tags: Vec<String>,
    /// With the number of each cohort. In groups without those that nobody joined.
    pub cohorts: Vec<(usize, RetentionCohort)>,
    /// By period.
    pub averages: Vec<RetentionAverage>,
}

#[derive(Clone, Copy, Debug)]
pub struct RetentionAverage {
    /// Σ(rate × size) / Σ size over the cohorts whose cell is complete, or where there is none over the others.
    pub rate: Option<f64>,
    /// Σ(count × size) / Σ size over the same.
    pub count: Option<f64>,
    pub partial: bool,
}

/// Numbers for which a part of the grid stands: by group, by period or cohort.
#[derive(Clone, Debug)]
pub struct RetentionNumber {
    pub tags: Vec<String>,
    /// Absent where the scope names one.
    pub period: Option<usize>,
    /// Where the number stands in a series.
    pub start_us: i64,
    pub end_us: i64,
    pub rate: Option<f64>,
    pub count: Option<f64>,
}

#[derive(Clone, Debug)]
pub struct RetentionList {
    pub meta: Meta,
    pub entity: String,
    pub total: u64,
    pub records: Vec<BTreeMap<String, Value>>,
}

struct Evaluated {
    joined: Joined,
    rules: Retention,
    unit: &'static str,
    /// Where data end: the range's end or the evaluation instant.
    end: Instant,
    asked: Asked,
    watermark: u64,
}

pub(crate) fn grain_of(entity: &str) -> Result<Grain, InsightError> {
    match path(entity) {
        "usr.id" => Ok(Grain::User),
        "account.id" => Ok(Grain::Account),
        other => Err(invalid(
            "/query/search/retention_entity",
            format!("`{other}` is not an entity that can return"),
            "write @usr.id or @account.id",
        )),
    }
}

impl Insights {
    /// The grid by group.
    pub async fn retention_grid(&self, request: &RetentionRequest) -> Result<RetentionGrid, InsightError> {
        let mut columns = Vec::new();
        for (index, group) in request.group_by.iter().enumerate() {
            let pointer = format!("/query/group_by/{index}");
            if group.source.is_some() {
                let message = "retention is not grouped by profile attributes";
                let hint = "group by an event facet, such as @usr.plan";
                return Err(invalid(format!("{pointer}/source"), message, hint));
            }
            if group.limit == Some(0) {
                let message = "a limit of 0 groups shows nothing";
                return Err(invalid(format!("{pointer}/limit"), message, "write 1 or more, or leave it out"));
            }
            columns.push(Wanted::Value { step: 0, path: path(&group.facet).to_string() });
        }
        let evaluated = self.joined(request, columns).await?;
        let groups = evaluated.groups(&request.group_by);
        let periods = evaluated.rules.returns.iter().map(|returns| returns.count()).max().unwrap_or(0);
        Ok(RetentionGrid {
            meta: evaluated.asked.answered(evaluated.watermark, None),
            entity: request.search.entity.clone(),
            unit: evaluated.unit,
            periods,
            groups,
        })
    }

    /// The numbers of a part of the grid.
    pub async fn retention_numbers(
        &self,
        request: &RetentionRequest,
        scope: RetentionScope,
    ) -> Result<(Vec<RetentionNumber>, Meta), InsightError> {
        let grid = self.retention_grid(request).await?;
        let mut numbers = Vec::new();
        for group in &grid.groups {
            group.numbers(scope, &mut numbers)?;
        }
        Ok((numbers, grid.meta))
    }

    /// One point per cohort for a period, one per period for a cohort, by group; of the whole a series per period.
    pub async fn retention_points(
        &self,
        request: &RetentionRequest,
        scope: RetentionScope,
    ) -> Result<(Vec<RetentionNumber>, Meta), InsightError> {
        let grid = self.retention_grid(request).await?;
        let mut points = Vec::new();
        for group in &grid.groups {
            group.points(scope, &mut points)?;
        }
        Ok((points, grid.meta))
    }

    /// Who is counted in a cell. `columns` are facets of the event that made them join; the entity's own key is its id.
    pub async fn retention_list(
        &self,
        request: &RetentionRequest,
        scope: RetentionScope,
        columns: &[String],
        limit: Option<u64>,
    ) -> Result<RetentionList, InsightError> {
        let (cohort, period) = match scope {
            RetentionScope::Cell { cohort, period } => (cohort, Some(period)),
            RetentionScope::Cohort(cohort) => (cohort, None),
            RetentionScope::Whole | RetentionScope::Period(_) => {
                let message = "a list is that of one cell";
                return Err(invalid("/query/computation_scope", message, "write a scope of type cell"));
            }
        };
        let key = request.search.entity.clone();
        let others: Vec<&String> = columns.iter().filter(|column| path(column) != path(&key)).collect();
        let mut wanted: Vec<Wanted> =
            others.iter().map(|column| Wanted::Value { step: 0, path: path(column).to_string() }).collect();
        wanted.push(Wanted::Id);
        let evaluated = self.joined(request, wanted).await?;
        let joined = &evaluated.joined;
        if let Some(cohort) = cohort {
            known_index(cohort, evaluated.rules.returns.len(), "cohort_target")?;
        }
        let is_in = |row: &usize| {
            let of_cohort = cohort.is_none_or(|cohort| joined.cohorts[*row] as usize == cohort);
            of_cohort && period.is_none_or(|period| joined.has_returned(*row, period))
        };
        let mut rows: Vec<usize> = (0..joined.cohorts.len()).filter(is_in).collect();
        rows.sort_by(|a, b| joined.ids[*a].cmp(&joined.ids[*b]));
        let total = rows.len() as u64;
        if let Some(limit) = limit.filter(|limit| *limit > 0) {
            rows.truncate(limit as usize);
        }
        let record = |row: usize| {
            let value = |(number, column): (usize, &&String)| {
                let value = joined.values[number].get(row).cloned().unwrap_or(Value::Null);
                ((*column).clone(), value)
            };
            let mut record: BTreeMap<String, Value> = others.iter().enumerate().map(value).collect();
            let as_written = columns.iter().find(|column| path(column) == path(&key)).unwrap_or(&key);
            record.insert(as_written.clone(), Value::text(&joined.ids[row]));
            record
        };
        Ok(RetentionList {
            entity: key.clone(),
            total,
            records: rows.into_iter().map(record).collect(),
            meta: evaluated.asked.answered(evaluated.watermark, None),
        })
    }

    async fn joined(
        &self,
        request: &RetentionRequest,
        columns: Vec<Wanted>,
    ) -> Result<Evaluated, InsightError> {
        let search = &request.search;
        let range = time_range(request.from, request.to)?;
        let at = self.instant(request.at);
        let asked = Asked::new(at);
        let node = |base: &BaseQuery, pointer: &str| -> Result<Node, InsightError> {
            let base = Base::read(base, pointer)?;
            Ok(Node { query: base.query, occurrences: base.occurrences })
        };
        let cohort = node(&search.cohort, "/query/search/cohort_criteria/base_query")?;
        let returning = match &search.returning {
            Some(base) => node(base, "/query/search/return_criteria/base_query")?,
            None => cohort.clone(),
        };
        let grain = grain_of(&search.entity)?;
        let zone = &self.inner.timezone;
        let (cohorts, returns) =
            periods::boundaries(&search.cohort_interval, search.return_interval.as_ref(), range, zone)?;
        let rules = Retention {
            cohorts,
            returns,
            returning: if search.or_after { Returning::OnOrAfter } else { Returning::On },
            same_criteria: cohort.query == returning.query && cohort.occurrences == returning.occurrences,
        };
        let snapshot: std::sync::Arc<Snapshot> = self.snapshot().await?.at(at);
        let filters = search.audience_filters.as_ref();
        let range = range.cut_at(at);
        let scan = ScanSpec {
            audience: self.audience(&snapshot, filters, at, "/query/search/filters/audience_filters").await?,
            ..ScanSpec::new(
                event_query(search.string_filter.as_deref(), "/query/search/filters/string_filter")?,
                range,
            )
        };
        let engine = &self.inner.engine;
        let subjects = engine.subjects(grain, &snapshot).await?;
        let follow = Follow { subjects, scan, identified_only: request.exclude_anonymous_traffic };
        let unit = search.return_interval.as_ref().unwrap_or(&search.cohort_interval).unit_name();
        let spec = RetentionSpec { follow, cohort, returning, rules: rules.clone(), columns };
        let joined = engine.retention(&snapshot, spec).await?;
        Ok(Evaluated { joined, rules, unit, end: range.to, asked, watermark: snapshot.watermark() })
    }
}

fn known_index(index: usize, count: usize, member: &str) -> Result<(), InsightError> {
    if index < count {
        return Ok(());
    }
    let message = format!("there is no index {index}; there are {count}");
    let pointer = format!("/query/computation_scope/{member}/value");
    Err(invalid(pointer, message, "indexes count from 0"))
}

impl Evaluated {
    fn groups(&self, group_by: &[GroupBy]) -> Vec<RetentionGroup> {
        let rows = 0..self.joined.cohorts.len();
        if group_by.is_empty() {
            return vec![self.group(Vec::new(), rows, false)];
        }
        let mut by_tags: BTreeMap<Vec<Option<String>>, Vec<usize>> = BTreeMap::new();
        for row in rows {
            let tag =
                |values: &whodid_engine::Values| values.get(row).map(|value| value.as_text().into_owned());
            by_tags.entry(self.joined.values.iter().map(tag).collect()).or_default().push(row);
        }
        let sized = by_tags.iter().map(|(values, rows)| Group {
            values: values.clone(),
            step: 0,
            numbers: vec![Some(rows.len() as f64)],
        });
        let shown = arrange(sized.collect(), group_by);
        let group = |group: Group| {
            let rows = by_tags.remove(&group.values).unwrap_or_default();
            let tags = group.values.into_iter().map(|value| value.unwrap_or_else(|| MISSING.to_string()));
            self.group(tags.collect(), rows.into_iter(), true)
        };
        shown.into_iter().map(group).collect()
    }

    fn group(
        &self,
        tags: Vec<String>,
        rows: impl Iterator<Item = usize>,
        only_joined: bool,
    ) -> RetentionGroup {
        let mut grid = Grid::new(&self.rules);
        for row in rows {
            grid.add_returns(self.joined.cohorts[row] as usize, self.joined.returns(row));
        }
        let table = grid.table(&self.rules, self.end.0);
        let averages = (0..table.average.len()).map(|period| average_of(&table.cohorts, period)).collect();
        let numbered = table.cohorts.into_iter().enumerate();
        let cohorts = numbered.filter(|(_, cohort)| !only_joined || cohort.size > 0).collect();
        RetentionGroup { tags, cohorts, averages }
    }
}

fn average_of(cohorts: &[RetentionCohort], period: usize) -> RetentionAverage {
    let rate = average(cohorts, period, false);
    let partial = rate.is_none();
    let cells = || {
        let cells = cohorts.iter().filter_map(|cohort| Some((cohort.size as f64, cohort.cells.get(period)?)));
        cells.filter(|(_, cell)| cell.partial == partial)
    };
    let size: f64 = cells().map(|(size, _)| size).sum();
    let count: f64 = cells().map(|(size, cell)| size * cell.returned as f64).sum();
    RetentionAverage {
        rate: rate.or_else(|| average(cohorts, period, true)),
        count: (size > 0.0).then(|| count / size),
        partial,
    }
}

impl RetentionGroup {
    fn cohort(&self, index: usize) -> Option<&RetentionCohort> {
        self.cohorts.iter().find(|(number, _)| *number == index).map(|(_, cohort)| cohort)
    }

    fn of_cell(&self, cell: &RetentionCell, period: Option<usize>) -> RetentionNumber {
        RetentionNumber {
            tags: self.tags.clone(),
            period,
            start_us: cell.start_us,
            end_us: cell.end_us,
            rate: cell.rate,
            count: Some(cell.returned as f64),
        }
    }

    fn of_average(&self, average: &RetentionAverage, period: Option<usize>) -> RetentionNumber {
        let first = self.cohorts.first().and_then(|(_, cohort)| cohort.cells.get(period.unwrap_or(0)));
        RetentionNumber {
            tags: self.tags.clone(),
            period,
            start_us: first.map_or(0, |cell| cell.start_us),
            end_us: first.map_or(0, |cell| cell.end_us),
            rate: average.rate,
            count: average.count,
        }
    }

    fn numbers(&self, scope: RetentionScope, numbers: &mut Vec<RetentionNumber>) -> Result<(), InsightError> {
        match scope {
            RetentionScope::Whole | RetentionScope::Cohort(None) => {
                let averages = self.averages.iter().enumerate();
                numbers.extend(averages.map(|(period, average)| self.of_average(average, Some(period))));
            }
            RetentionScope::Cohort(Some(index)) => {
                let cells = self.cohort(index).map(|cohort| cohort.cells.as_slice()).unwrap_or_default();
                let cells = cells.iter().enumerate();
                numbers.extend(cells.map(|(period, cell)| self.of_cell(cell, Some(period))));
            }
            RetentionScope::Period(period) | RetentionScope::Cell { cohort: None, period } => {
                known_index(period, self.averages.len(), "return_period_target")?;
                numbers.push(self.of_average(&self.averages[period], None));
            }
            RetentionScope::Cell { cohort: Some(index), period } => {
                let cell = self.cohort(index).and_then(|cohort| cohort.cells.get(period));
                numbers.extend(cell.map(|cell| self.of_cell(cell, None)));
            }
        }
        Ok(())
    }

    fn points(&self, scope: RetentionScope, points: &mut Vec<RetentionNumber>) -> Result<(), InsightError> {
        let of_period = |period: usize, named: Option<usize>| {
            let at_start = move |(_, cohort): &(usize, RetentionCohort)| {
                let cell = cohort.cells.get(period)?;
                let point = self.of_cell(cell, named);
                Some(RetentionNumber { start_us: cohort.start_us, end_us: cohort.end_us, ..point })
            };
            self.cohorts.iter().filter_map(at_start)
        };
        match scope {
            RetentionScope::Whole => {
                for period in 0..self.averages.len() {
                    points.extend(of_period(period, Some(period)));
                }
            }
            RetentionScope::Period(period) => {
                known_index(period, self.averages.len(), "target")?;
                points.extend(of_period(period, None));
            }
            RetentionScope::Cohort(_) | RetentionScope::Cell { .. } => {
                let begin = points.len();
                self.numbers(scope, points)?;
                points[begin..].iter_mut().for_each(|point| point.period = None);
            }
        }
        Ok(())
    }
}
