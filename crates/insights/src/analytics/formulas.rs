//! Several numbers in one question, and arithmetic over them.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use whodid_model::Instant;
use whodid_query::formula::{Formula, parse};

use super::request::{AnalyticsQuery, AnalyticsRequest, Compute, SortOrder};
use super::{of_nothing, read_aggregation, time_range};
use crate::InsightError;
use crate::insights::Insights;
use crate::meta::Meta;

#[derive(Clone, Debug, Deserialize)]
pub struct FormulaRequest {
    /// Epoch milliseconds, inclusive.
    pub from: i64,
    /// Epoch milliseconds, exclusive.
    pub to: i64,
    /// Milliseconds; only for series, and in place of the queries' own.
    pub interval: Option<i64>,
    pub queries: Vec<NamedQuery>,
    /// None: each query by itself.
    pub formulas: Vec<NamedFormula>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct NamedQuery {
    pub name: String,
    pub query: AnalyticsQuery,
}

/// `+ - * /`, parentheses, numbers and names of queries.
#[derive(Clone, Debug, Deserialize)]
pub struct NamedFormula {
    pub formula: String,
    pub alias: Option<String>,
    /// Keep the first groups by this formula.
    pub limit: Option<(u64, SortOrder)>,
}

/// The values that make a group; none where a value is missing.
type Tags = Vec<Option<String>>;

/// Numbers by group and formula.
#[derive(Clone, Debug)]
pub struct FormulaAnswer {
    pub meta: Meta,
    /// The facets as the request wrote them.
    pub facets: Vec<String>,
    /// What each formula is called.
    pub names: Vec<String>,
    /// The values of the facets, and one number per formula: none where it has none, such as after a division by 0.
    pub rows: Vec<(Tags, Vec<Option<f64>>)>,
}

/// Numbers by group, formula and step.
#[derive(Clone, Debug)]
pub struct FormulaSeries {
    pub meta: Meta,
    pub facets: Vec<String>,
    pub times: Vec<Instant>,
    /// The values of the facets, the formula's place, and one number per step.
    pub series: Vec<(Tags, usize, Vec<Option<f64>>)>,
}

type Values = Vec<Option<String>>;

/// Formulas whose words are read.
struct ReadFormula {
    formula: Formula,
    name: String,
}

impl Insights {
    /// Errors: `Invalid` with a pointer relative to the request's attributes.
    pub async fn formula_scalar(&self, request: &FormulaRequest) -> Result<FormulaAnswer, InsightError> {
        let (formulas, facets) = (read(request)?, facets(request)?);
        let (mut of_queries, mut groups, mut meta) = (Vec::new(), Groups::default(), None);
        let at = self.instant(None);
        for (index, query) in request.queries.iter().enumerate() {
            let answer = self.scalar(&request.of(query, at)).await.map_err(|e| within(e, index))?;
            let numbers: HashMap<Values, Option<f64>> = answer
                .rows
                .into_iter()
                .map(|row| (groups.note(row.values), row.numbers.first().copied().flatten()))
                .collect();
            of_queries.push((query, nothing_of(&query.query.compute), numbers));
            meta.get_or_insert(answer.meta);
        }
        let number = |formula: &ReadFormula, values: &Values| {
            formula.formula.value(&|name| {
                let (_, nothing, numbers) = of_queries.iter().find(|(query, _, _)| query.name == name)?;
                numbers.get(values).copied().unwrap_or(*nothing)
            })
        };
        let row = |values: Values| {
            let numbers = formulas.iter().map(|formula| number(formula, &values)).collect();
            (values, numbers)
        };
        let rows = limited(groups.ordered.into_iter().map(row).collect(), &request.formulas);
        let names = formulas.into_iter().map(|formula| formula.name).collect();
        Ok(FormulaAnswer { meta: meta.ok_or_else(no_queries)?, facets, names, rows })
    }

    /// Errors: `Invalid` with a pointer relative to the request's attributes.
    pub async fn formula_series(&self, request: &FormulaRequest) -> Result<FormulaSeries, InsightError> {
        let (formulas, facets) = (read(request)?, facets(request)?);
        let (mut of_queries, mut groups, mut meta) = (Vec::new(), Groups::default(), None);
        let mut times: Vec<Instant> = Vec::new();
        let at = self.instant(None);
        for (index, query) in request.queries.iter().enumerate() {
            let answer = self.timeseries(&request.of(query, at)).await.map_err(|e| within(e, index))?;
            if !times.is_empty() && !answer.times.is_empty() && times != answer.times {
                return Err(invalid(
                    format!("/queries/{index}/compute/interval"),
                    "the queries have different intervals".to_string(),
                    "write one interval for all of them",
                ));
            }
            if times.is_empty() {
                times = answer.times;
            }
            let numbers: HashMap<Values, Vec<Option<f64>>> =
                answer.series.into_iter().map(|one| (groups.note(one.values), one.numbers)).collect();
            of_queries.push((query, nothing_of(&query.query.compute), numbers));
            meta.get_or_insert(answer.meta);
        }
        let number = |formula: &ReadFormula, values: &Values, step: usize| {
            formula.formula.value(&|name| {
                let (_, nothing, numbers) = of_queries.iter().find(|(query, _, _)| query.name == name)?;
                numbers.get(values).and_then(|numbers| numbers.get(step).copied()).unwrap_or(*nothing)
            })
        };
        let mut series = Vec::new();
        for (place, formula) in formulas.iter().enumerate() {
            for values in &groups.ordered {
                let numbers = (0..times.len()).map(|step| number(formula, values, step)).collect();
                series.push((values.clone(), place, numbers));
            }
        }
        Ok(FormulaSeries { meta: meta.ok_or_else(no_queries)?, facets, times, series })
    }
}

/// Groups in the order in which they turned up, each once.
#[derive(Default)]
struct Groups {
    ordered: Vec<Values>,
    known: HashSet<Values>,
}

impl Groups {
    fn note(&mut self, values: Values) -> Values {
        if self.known.insert(values.clone()) {
            self.ordered.push(values.clone());
        }
        values
    }
}

impl FormulaRequest {
    fn of(&self, query: &NamedQuery, at: Instant) -> AnalyticsRequest {
        let mut query = query.query.clone();
        query.compute.interval = query.compute.interval.or(self.interval);
        AnalyticsRequest { from: self.from, to: self.to, at: Some(at), query }
    }
}

fn invalid(pointer: String, message: String, hint: &str) -> InsightError {
    InsightError::Invalid { pointer: Some(pointer), message, hint: Some(hint.to_string()) }
}

fn no_queries() -> InsightError {
    invalid("/queries".to_string(), "there is no query".to_string(), "write at least one")
}

/// Makes a pointer into one query's attributes one into the request.
fn within(error: InsightError, query: usize) -> InsightError {
    match error {
        InsightError::Invalid { pointer: Some(pointer), message, hint } => {
            let pointer = match pointer.strip_prefix("/query") {
                Some(rest) => format!("/queries/{query}{}", rest.strip_prefix("/query").unwrap_or(rest)),
                None => pointer,
            };
            InsightError::Invalid { pointer: Some(pointer), message, hint }
        }
        other => other,
    }
}

fn read(request: &FormulaRequest) -> Result<Vec<ReadFormula>, InsightError> {
    time_range(request.from, request.to)?;
    let mut names: HashSet<&str> = HashSet::new();
    for (index, query) in request.queries.iter().enumerate() {
        if !names.insert(&query.name) {
            let message = format!("two queries are called `{}`", query.name);
            return Err(invalid(format!("/queries/{index}/name"), message, "give each a name of its own"));
        }
    }
    if request.formulas.is_empty() {
        let alone = |query: &NamedQuery| ReadFormula {
            formula: Formula::Name(query.name.clone()),
            name: query.name.clone(),
        };
        return Ok(request.queries.iter().map(alone).collect());
    }
    let one = |(index, named): (usize, &NamedFormula)| {
        let pointer = || format!("/formulas/{index}/formula");
        let formula = parse(&named.formula).map_err(|error| {
            invalid(pointer(), error.to_string(), "write names of queries with + - * / and parentheses")
        })?;
        if let Some(unknown) = formula.names().into_iter().find(|name| !names.contains(name)) {
            let known: Vec<&str> = request.queries.iter().map(|query| query.name.as_str()).collect();
            let message = format!("no query is called `{unknown}`");
            return Err(invalid(pointer(), message, &format!("the queries are {}", known.join(", "))));
        }
        let name = named.alias.clone().unwrap_or_else(|| named.formula.clone());
        Ok(ReadFormula { formula, name })
    };
    request.formulas.iter().enumerate().map(one).collect()
}

/// The facets of all queries, which have to be the same.
fn facets(request: &FormulaRequest) -> Result<Vec<String>, InsightError> {
    let facets = |query: &NamedQuery| -> Vec<String> {
        query.query.group_by.iter().map(|by| by.facet.clone()).collect()
    };
    let first = request.queries.first().map(facets).unwrap_or_default();
    match request.queries.iter().position(|query| facets(query) != first) {
        None => Ok(first),
        Some(index) => Err(invalid(
            format!("/queries/{index}/group_by"),
            "the queries of one question group by different facets".to_string(),
            "group all of them by the same",
        )),
    }
}

fn nothing_of(compute: &Compute) -> Option<f64> {
    let read = read_aggregation(&compute.aggregation, compute.metric.as_deref(), "");
    read.ok().as_ref().and_then(of_nothing)
}

type Row = (Values, Vec<Option<f64>>);

/// The first rows by the first formula that has a limit; rows without a number come last.
fn limited(mut rows: Vec<Row>, formulas: &[NamedFormula]) -> Vec<Row> {
    let limits = formulas.iter().enumerate().filter_map(|(place, formula)| Some((place, formula.limit?)));
    if let Some((place, (count, order))) = limits.into_iter().next() {
        rows.sort_by(|(_, a), (_, b)| match (a[place], b[place]) {
            (Some(a), Some(b)) if order == SortOrder::Asc => a.total_cmp(&b),
            (Some(a), Some(b)) => b.total_cmp(&a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
        rows.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    }
    rows
}
