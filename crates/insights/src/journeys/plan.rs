//! A journey question whose words are read: steps, rules, and what is asked of finished conversions.

use whodid_engine::{Attempts, Grain, Node};
use whodid_match::{Exclusion, FunnelOrder, FunnelRules};
use whodid_query::op::Op;
use whodid_query::search::{Dialect, Query, parse};

use super::request::{GraphFilter, JourneyRequest, JourneySearch, JourneyTarget};
use crate::InsightError;
use crate::analytics::Base;

const SEARCH: &str = "/query/search";

pub(crate) struct Plan {
    pub(crate) grain: Grain,
    pub(crate) aliases: Vec<String>,
    pub(crate) steps: Vec<Node>,
    pub(crate) exclusions: Vec<Node>,
    pub(crate) rules: FunnelRules,
    pub(crate) filter: Query,
    pub(crate) finished: Vec<Finished>,
}

/// Steps, numbered from 0, from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A condition on conversions that came about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    pub(crate) what: Measured,
    pub(crate) op: Op,
    pub(crate) value: i64,
    pub(crate) way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measured {
    /// In milliseconds.
    Time,
    /// Different sessions of the events on the way.
    Sessions,
    /// Percent of a group.
    DropOff,
}

pub(crate) fn invalid(pointer: impl Into<String>, message: impl Into<String>, hint: &str) -> InsightError {
    InsightError::Invalid {
        pointer: Some(pointer.into()),
        message: message.into(),
        hint: Some(hint.to_string()),
    }
}

/// The kind of entity behind a join key, written with or without its `@`.
pub(crate) fn grain(key: Option<&str>, pointer: &str) -> Result<Grain, InsightError> {
    match key.map(crate::analytics::path).unwrap_or("session.id") {
        "session.id" => Ok(Grain::Session),
        "usr.id" => Ok(Grain::User),
        "account.id" => Ok(Grain::Account),
        other => Err(invalid(
            pointer,
            format!("`{other}` is not a key that can be followed"),
            "write @session.id, @usr.id or @account.id",
        )),
    }
}

pub(crate) fn event_query(text: Option<&str>, pointer: &str) -> Result<Query, InsightError> {
    parse(text.unwrap_or_default(), Dialect::Event).map_err(|error| InsightError::search(pointer, error))
}

impl Plan {
    pub(crate) fn read(request: &JourneyRequest) -> Result<Plan, InsightError> {
        let search = &request.search;
        let aliases = aliases(search)?;
        let mut steps = Vec::new();
        let mut within_us = Vec::new();
        for alias in &aliases {
            let node = &search.nodes[alias];
            let base = Base::read(&node.base, &format!("{SEARCH}/node_objects/{alias}"))?;
            steps.push(Node { query: base.query, occurrences: base.occurrences });
            within_us.push(node.within.map(|span| span.0));
        }
        let order = match search.order.as_deref() {
            None | Some("ordered") => FunnelOrder::Ordered,
            Some("strict") => FunnelOrder::Strict,
            Some("any") => FunnelOrder::Any,
            Some(other) => {
                let message = format!("`{other}` is not an order");
                return Err(invalid(format!("{SEARCH}/order"), message, "write ordered, strict or any"));
            }
        };
        let rules = FunnelRules { steps: steps.len(), order, window_us: None, within_us, exclusions: vec![] };
        let filter =
            event_query(search.string_filter.as_deref(), &format!("{SEARCH}/filters/string_filter"))?;
        let grain = grain(search.entity.as_deref(), &format!("{SEARCH}/join_keys/primary"))?;
        let mut plan =
            Plan { grain, aliases, steps, exclusions: Vec::new(), rules, filter, finished: Vec::new() };
        plan.exclude(search)?;
        for (index, filter) in search.graph_filters.iter().enumerate() {
            plan.graph_filter(filter, &format!("{SEARCH}/filters/graph_filters/{index}"))?;
        }
        whodid_match::Funnel::new(&plan.rules).map_err(|error| {
            invalid(format!("{SEARCH}/expression"), error.to_string(), "steps are counted from 0 here")
        })?;
        Ok(plan)
    }

    fn exclude(&mut self, search: &JourneySearch) -> Result<(), InsightError> {
        for (index, exclusion) in search.exclusions.iter().enumerate() {
            let pointer = format!("{SEARCH}/exclusions/{index}");
            let query = event_query(Some(&exclusion.query), &format!("{pointer}/query"))?;
            let step = |alias: &Option<String>, absent: usize, member: &str| match alias {
                None => Ok(absent),
                Some(alias) => self.step(alias, &format!("{pointer}/{member}")),
            };
            let from_step = step(&exclusion.from, 0, "from")?;
            let to_step = step(&exclusion.to, self.steps.len().saturating_sub(1), "to")?;
            self.exclusions.push(Node { query, occurrences: None });
            self.rules.exclusions.push(Exclusion { from_step, to_step });
        }
        Ok(())
    }

    /// `<` and `<=` of a time bound attempts where the kernel can bound them; the rest is asked of what is finished.
    fn graph_filter(&mut self, filter: &GraphFilter, pointer: &str) -> Result<(), InsightError> {
        let op = Op::parse(&filter.operator).ok_or_else(|| {
            let message = format!("`{}` is not a comparison", filter.operator);
            invalid(format!("{pointer}/operator"), message, "write one of = < > <= >=")
        })?;
        let way = self.way(filter.target.as_ref(), &format!("{pointer}/target"))?;
        let what = match filter.name.as_str() {
            "__dd.time_to_convert" => Measured::Time,
            "__dd.session" => Measured::Sessions,
            "__dd.dropoff_rate" => Measured::DropOff,
            other => {
                let message = format!("`{other}` is not a graph filter");
                let hint = "write __dd.time_to_convert, __dd.session or __dd.dropoff_rate";
                return Err(invalid(format!("{pointer}/name"), message, hint));
            }
        };
        let bound_us = match (what, op) {
            (Measured::Time, Op::LessOrEqual) => Some(filter.value.saturating_mul(1_000)),
            (Measured::Time, Op::Less) => Some(filter.value.saturating_mul(1_000) - 1),
            _ => None,
        };
        if let Some(bound_us) = bound_us.filter(|bound_us| *bound_us < 0) {
            let message = format!("no conversion takes {bound_us} µs or less");
            return Err(invalid(format!("{pointer}/value"), message, "write milliseconds, 1 or more"));
        }
        let whole = way == Way { start: 0, end: self.steps.len() - 1 };
        let shorter =
            |known: Option<i64>, bound_us: i64| Some(known.map_or(bound_us, |known| known.min(bound_us)));
        match bound_us {
            Some(bound_us) if whole => self.rules.window_us = shorter(self.rules.window_us, bound_us),
            Some(bound_us) if way.end == way.start + 1 && self.rules.order != FunnelOrder::Any => {
                self.rules.within_us[way.end] = shorter(self.rules.within_us[way.end], bound_us);
            }
            _ => self.finished.push(Finished { what, op, value: filter.value, way }),
        }
        Ok(())
    }

    pub(crate) fn last(&self) -> usize {
        self.steps.len() - 1
    }

    pub(crate) fn step(&self, alias: &str, pointer: &str) -> Result<usize, InsightError> {
        self.aliases.iter().position(|known| known == alias).ok_or_else(|| {
            let message = format!("`{alias}` is not a step of the expression");
            invalid(pointer, message, &format!("write one of {}", self.aliases.join(", ")))
        })
    }

    /// From the first step to a node, or along a path; absent: the whole journey.
    pub(crate) fn way(&self, target: Option<&JourneyTarget>, pointer: &str) -> Result<Way, InsightError> {
        match target {
            None => Ok(Way { start: 0, end: self.last() }),
            Some(JourneyTarget::Node { value }) => {
                Ok(Way { start: 0, end: self.step(value, &format!("{pointer}/value"))? })
            }
            Some(JourneyTarget::Path { start, end }) => {
                let way = Way {
                    start: self.step(start, &format!("{pointer}/start"))?,
                    end: self.step(end, &format!("{pointer}/end"))?,
                };
                if way.start >= way.end {
                    let message = format!("`{end}` does not come after `{start}`");
                    return Err(invalid(
                        format!("{pointer}/end"),
                        message,
                        "name an earlier and a later step",
                    ));
                }
                Ok(way)
            }
        }
    }

    /// How long an entity took, in microseconds. Of steps in any order: from the first of all to the last.
    pub(crate) fn elapsed_us(&self, attempts: &Attempts, row: usize, way: Way) -> Option<i64> {
        let ts = |step: usize| attempts.steps[step][row];
        if self.rules.order == FunnelOrder::Any {
            let instants = || (way.start..=way.end).map(ts);
            return Some(instants().max()?? - instants().min()??);
        }
        Some(ts(way.end)? - ts(way.start)?)
    }
}

impl Finished {
    pub(crate) fn holds_time(self, elapsed_us: i64) -> bool {
        match self.op {
            Op::Equal => elapsed_us.div_euclid(1_000) == self.value,
            op => op.holds(elapsed_us, self.value.saturating_mul(1_000)),
        }
    }
}

fn aliases(search: &JourneySearch) -> Result<Vec<String>, InsightError> {
    let pointer = format!("{SEARCH}/expression");
    let aliases: Vec<String> = search.expression.split("->").map(|alias| alias.trim().to_string()).collect();
    for alias in &aliases {
        let is_name = !alias.is_empty() && alias.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
        if !is_name {
            let message = format!("`{}` is not steps with arrows between them", search.expression);
            return Err(invalid(pointer, message, "write aliases of node_objects, such as A -> B -> C"));
        }
        if !search.nodes.contains_key(alias) {
            let known: Vec<&str> = search.nodes.keys().map(String::as_str).collect();
            let message = format!("no entry of node_objects is called `{alias}`");
            return Err(invalid(pointer, message, &format!("the entries are {}", known.join(", "))));
        }
    }
    Ok(aliases)
}
