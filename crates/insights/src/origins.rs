//! From a number in a chart to a definition of the people behind it.
//!
//! A definition is exact when its members are the listed entities, always; otherwise a note says what it leaves out.

mod audience;
mod events;

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use whodid_engine::{Grain, Node};
use whodid_match::{FunnelOrder, Periods};
use whodid_model::{EntityKind, Instant, Span, TimeRange};
use whodid_query::definition::Definition;
use whodid_query::search::{Expr, Query, Test};

use crate::InsightError;
use crate::analytics::{AnalyticsRequest, Base, GroupBy, MISSING, path, time_range};
use crate::insights::Insights;
use crate::journeys::JourneyRequest;
use crate::journeys::numbers::quoted;
use crate::journeys::plan::{Plan, event_query, invalid};
use crate::pathways::{PathwayRequest, PathwayTarget};
use crate::retention::{RetentionRequest, grain_of, periods};
use events::{all_of, happened, occurrences, text_of};

/// Where a number comes from. Indexes count from 0.
#[derive(Clone, Debug)]
pub enum Origin {
    /// Who reached a step, or reached the one before it and not this one.
    FunnelStep {
        request: Box<JourneyRequest>,
        step: usize,
        drop_off: bool,
    },
    /// A cell, or without a period a whole cohort.
    RetentionCell {
        request: Box<RetentionRequest>,
        cohort: usize,
        period: Option<usize>,
    },
    Pathway {
        request: Box<PathwayRequest>,
        target: PathwayTarget,
    },
    /// A query over profiles; `narrowed` by something else, too.
    UsersQuery {
        entity: EntityKind,
        query: String,
        narrowed: bool,
    },
    /// The users of a group's events, or the accounts where those are counted.
    AnalyticsGroup {
        request: Box<AnalyticsRequest>,
        group: BTreeMap<String, String>,
    },
}

#[derive(Clone, Debug)]
pub struct SegmentFrom {
    pub definition: Definition,
    pub echo: String,
    /// Whether the members are exactly those that the number counts.
    pub exact: bool,
    /// Why not, and what else is worth knowing.
    pub notes: Vec<String>,
}

/// Conditions that all have to hold, and what they cannot say.
#[derive(Default)]
struct Draft {
    conditions: Vec<Json>,
    /// Differences to the number.
    differences: Vec<String>,
}

impl Draft {
    fn differs(&mut self, why: impl Into<String>) {
        self.differences.push(why.into());
    }

    fn definition(self, entity: EntityKind) -> Result<(Definition, Vec<String>), InsightError> {
        let mut conditions = self.conditions;
        let condition = if conditions.len() == 1 { conditions.remove(0) } else { json!({"all": conditions}) };
        let entity = if entity == EntityKind::User { "user" } else { "account" };
        let definition = Definition::from_json(&json!({"entity": entity, "where": condition}))?;
        Ok((definition, self.differences))
    }
}

const FIXED_RANGE: &str = "The range is fixed; write a window such as the last 30 days to keep it moving.";

impl Insights {
    /// Errors: `Invalid` with a pointer into the origin's request.
    pub async fn segment_from(&self, origin: &Origin) -> Result<SegmentFrom, InsightError> {
        let ((definition, differences), fixed) = match origin {
            Origin::FunnelStep { request, step, drop_off } => {
                (self.of_funnel(request, *step, *drop_off).await?, true)
            }
            Origin::RetentionCell { request, cohort, period } => {
                (self.of_retention(request, *cohort, *period).await?, true)
            }
            Origin::Pathway { request, target } => (self.of_pathway(request, target).await?, true),
            Origin::UsersQuery { entity, query, narrowed } => (from_users(*entity, query, *narrowed)?, false),
            Origin::AnalyticsGroup { request, group } => (self.of_group(request, group).await?, true),
        };
        let exact = differences.is_empty();
        let notes = differences.into_iter().chain(fixed.then(|| FIXED_RANGE.to_string())).collect();
        let echo = self.words(&definition).await?;
        Ok(SegmentFrom { definition, echo, exact, notes })
    }

    async fn of_funnel(
        &self,
        request: &JourneyRequest,
        step: usize,
        drop_off: bool,
    ) -> Result<(Definition, Vec<String>), InsightError> {
        let plan = Plan::read(request)?;
        let range = time_range(request.from, request.to)?;
        if step > plan.last() {
            let message = format!("there is no step {}; there are {}", step + 1, plan.steps.len());
            return Err(invalid("/target/step", message, "steps count from 1"));
        }
        if drop_off && step == 0 {
            let message = "nobody drops off before the first step";
            return Err(invalid("/target/step", message, "name a later step"));
        }
        let entity = entity_of(plan.grain);
        let mut draft = Draft::default();
        if plan.grain == Grain::Session {
            draft.differs("The number counts sessions, the segment the users who have such a session.");
        }
        if !plan.finished.is_empty() {
            draft.differs("A filter on finished conversions is left out.");
        }
        if plan.grain == Grain::Session && plan.rules.window_us.is_some() {
            draft.differs("The time to convert is not bounded within a session.");
        }
        let reached = |steps: usize, draft: &mut Draft| {
            let mut conditions = vec![journey(&plan, steps, range)];
            for node in plan.steps[..steps].iter() {
                occurrences(node, plan.grain, range, &mut conditions, &mut draft.differences);
            }
            conditions
        };
        let followed = reached(step + 1, &mut draft);
        if drop_off {
            draft.conditions.extend(reached(step, &mut Draft::default()));
            draft.conditions.push(json!({"not": all_of(followed)}));
        } else {
            draft.conditions.extend(followed);
        }
        identified(request.exclude_anonymous_traffic, plan.grain, &mut draft);
        self.audience_conditions(request.search.audience_filters.as_ref(), entity, &mut draft).await?;
        draft.definition(entity)
    }

    async fn of_retention(
        &self,
        request: &RetentionRequest,
        cohort: usize,
        period: Option<usize>,
    ) -> Result<(Definition, Vec<String>), InsightError> {
        let search = &request.search;
        let range = time_range(request.from, request.to)?;
        let grain = grain_of(&search.entity)?;
        let entity = entity_of(grain);
        let zone = &self.inner.timezone;
        let (cohorts, returns) =
            periods::boundaries(&search.cohort_interval, search.return_interval.as_ref(), range, zone)?;
        let returns = returns.get(cohort).ok_or_else(|| {
            let message = format!("there is no cohort {cohort}; there are {}", cohorts.count());
            invalid("/target/cohort", message, "cohorts count from 0")
        })?;
        let filter = event_query(search.string_filter.as_deref(), "/query/search/filters/string_filter")?;
        let joining = Base::read(&search.cohort, "/query/search/cohort_criteria/base_query")?;
        let joining = Node { query: joining.query, occurrences: joining.occurrences };
        let mut draft = Draft::default();
        let window = within(range_of(&cohorts, cohort), range);
        let join_text = text_of(&[&joining.query, &filter], &[]);
        draft.conditions.push(happened(&[&join_text], window));
        if window.from > range.from {
            let before = TimeRange { from: range.from, to: window.from };
            draft.conditions.push(json!({"not": happened(&[&join_text], before)}));
        }
        occurrences(&joining, grain, range, &mut draft.conditions, &mut draft.differences);
        if let Some(period) = period {
            if period >= returns.count() {
                let message = format!("there is no period {period}; cohort {cohort} has {}", returns.count());
                return Err(invalid("/target/period", message, "periods count from 0"));
            }
            let returning = match &search.returning {
                Some(base) => Base::read(base, "/query/search/return_criteria/base_query")?,
                None => Base { query: joining.query.clone(), occurrences: joining.occurrences },
            };
            let returning = Node { query: returning.query, occurrences: returning.occurrences };
            let same = returning.query == joining.query && returning.occurrences == joining.occurrences;
            let mut window = within(range_of(returns, period), range);
            if search.or_after {
                window.to = range.to;
            }
            let return_text = text_of(&[&returning.query, &filter], &[]);
            if period > 0 {
                if returns.range(0) != cohorts.range(cohort) {
                    draft.differs(
                        "A return may come before the first event where periods are not the cohort's.",
                    );
                }
                draft.conditions.push(happened(&[&return_text], window));
                occurrences(&returning, grain, range, &mut draft.conditions, &mut draft.differences);
            } else if !same {
                draft.conditions.push(happened(&[&join_text, &return_text], window));
                occurrences(&returning, grain, range, &mut draft.conditions, &mut draft.differences);
            }
        }
        if !request.group_by.is_empty() {
            draft.differs("The group is left out: it is the value of the first event.");
        }
        identified(request.exclude_anonymous_traffic, grain, &mut draft);
        self.audience_conditions(search.audience_filters.as_ref(), entity, &mut draft).await?;
        draft.definition(entity)
    }

    async fn of_pathway(
        &self,
        request: &PathwayRequest,
        target: &PathwayTarget,
    ) -> Result<(Definition, Vec<String>), InsightError> {
        let range = time_range(request.from, request.to)?;
        let shape = request.shape()?;
        let (grain, entity) = (shape.grain, entity_of(shape.grain));
        let mut draft = Draft::default();
        let place = |name: &str| {
            let labels = shape.labels.iter().zip(whodid_model::EventType::STORED);
            let tests: Vec<String> = labels
                .filter_map(|(label, kind)| {
                    Some(format!("(@type:{kind} @{}:{})", label.as_ref()?, quoted(name)))
                })
                .collect();
            let places = event_query(Some(&tests.join(" OR ")), "/target/name")?;
            Ok::<String, InsightError>(text_of(&[&places, &shape.filter], &[]))
        };
        let mut steps = vec![place(&target.name)?];
        if let Some(next) = &target.next {
            steps.push(place(next)?);
        }
        if request.backwards {
            steps.reverse();
        }
        let steps: Vec<&String> = steps.iter().collect();
        let mut condition = happened(&steps, range);
        if grain == Grain::Session {
            if steps.len() > 1 {
                condition["performed"]["within"] = json!("session");
            }
            draft.differs("The number counts sessions, the segment the users who have such a session.");
        }
        let anchored = shape.anchor_is(&target.name);
        if target.column > 0 || target.next.is_some() || !anchored {
            draft.differs("Where on the path a place stands is left out.");
        }
        draft.conditions.push(condition);
        self.audience_conditions(request.audience_filters.as_ref(), entity, &mut draft).await?;
        draft.definition(entity)
    }

    async fn of_group(
        &self,
        request: &AnalyticsRequest,
        group: &BTreeMap<String, String>,
    ) -> Result<(Definition, Vec<String>), InsightError> {
        let range = time_range(request.from, request.to)?;
        let query = &request.query;
        let counts_accounts = query.compute.metric.as_deref().map(path) == Some("account.id");
        let grain = if counts_accounts { Grain::Account } else { Grain::User };
        let entity = entity_of(grain);
        let mut draft = Draft::default();
        let base = Base::read(&query.query, "/query/query")?;
        let mut tests = Vec::new();
        for (facet, value) in group {
            let by = query.group_by.iter().find(|by| path(&by.facet) == path(facet));
            match by.and_then(source_kind) {
                Some(kind) if kind == entity => draft
                    .conditions
                    .push(json!({"profile": facet_test(facet.trim_start_matches('@'), value)})),
                Some(_) => {
                    draft.differs(format!("`{facet}` is about another kind of profile and is left out."))
                }
                None => tests.push(facet_test(&format!("@{}", path(facet)), value)),
            }
        }
        let tests = event_query(Some(&tests.join(" ")), "/target/group")?;
        let node = Node { query: base.query.clone(), occurrences: base.occurrences };
        draft.conditions.push(happened(&[&text_of(&[&base.query, &tests], &[])], range));
        if query.compute.metric.as_deref().map(path) == Some("usr.id") {
            draft.conditions.push(json!({"profile": "is_anonymous:false"}));
        }
        occurrences(&node, grain, range, &mut draft.conditions, &mut draft.differences);
        self.audience_conditions(query.audience_filters.as_ref(), entity, &mut draft).await?;
        draft.definition(entity)
    }
}

fn from_users(
    entity: EntityKind,
    query: &str,
    narrowed: bool,
) -> Result<(Definition, Vec<String>), InsightError> {
    let mut draft = Draft::default();
    if !query.trim().is_empty() {
        draft.conditions.push(json!({"profile": query}));
    }
    if entity == EntityKind::User && !query.contains("is_anonymous") {
        draft.conditions.push(json!({"profile": "is_anonymous:false"}));
    }
    if narrowed {
        draft.differs("What else the list was narrowed by is left out.");
    }
    draft.definition(entity)
}

fn facet_test(facet: &str, value: &str) -> String {
    if value == MISSING { format!("-{facet}:*") } else { format!("{facet}:{}", quoted(value)) }
}

fn source_kind(by: &GroupBy) -> Option<EntityKind> {
    let source = by.source.as_deref()?;
    Some(if source.ends_with("accounts") { EntityKind::Account } else { EntityKind::User })
}

fn entity_of(grain: Grain) -> EntityKind {
    if grain == Grain::Account { EntityKind::Account } else { EntityKind::User }
}

fn identified(only: bool, grain: Grain, draft: &mut Draft) {
    match grain {
        _ if !only => {}
        Grain::Account => draft.differs("Events without a user count for the segment."),
        Grain::Session | Grain::User => draft.conditions.push(json!({"profile": "is_anonymous:false"})),
    }
}

fn range_of(periods: &Periods, period: usize) -> TimeRange {
    let (from, to) = periods.range(period);
    TimeRange { from: Instant(from), to: Instant(to) }
}

fn within(period: TimeRange, range: TimeRange) -> TimeRange {
    TimeRange { from: period.from.max(range.from), to: period.to.min(range.to) }
}

/// The first so many steps of a journey as a clause.
fn journey(plan: &Plan, steps: usize, range: TimeRange) -> Json {
    let rules = &plan.rules;
    let mut written: Vec<Json> = Vec::new();
    for step in 0..steps {
        let inside = rules.exclusions.iter().zip(&plan.exclusions);
        let forbidden: Vec<&Query> = inside
            .filter(|(exclusion, _)| exclusion.from_step < step && step < exclusion.to_step)
            .map(|(_, node)| &node.query)
            .collect();
        let mut one = json!({"event": text_of(&[&plan.steps[step].query, &plan.filter], &forbidden)});
        if let Some(within_us) = rules.within_us.get(step).copied().flatten() {
            one["within"] = json!(Span(within_us).to_string());
        }
        written.push(one);
        if step + 1 == steps {
            break;
        }
        if rules.order == FunnelOrder::Strict {
            written.push(json!({"event": text_of(&[&plan.filter], &[]), "not": true}));
        }
        for (exclusion, node) in rules.exclusions.iter().zip(&plan.exclusions) {
            if (exclusion.from_step..exclusion.to_step).contains(&step) {
                written.push(json!({"event": text_of(&[&node.query, &plan.filter], &[]), "not": true}));
            }
        }
    }
    let mut performed = json!({"steps": written, "during": events::during(range)});
    if rules.order == FunnelOrder::Any {
        performed["order"] = json!("any");
    }
    match (plan.grain, rules.window_us) {
        (Grain::Session, _) => performed["within"] = json!("session"),
        (_, Some(window_us)) if steps > 1 => performed["within"] = json!(Span(window_us).to_string()),
        _ => {}
    }
    json!({"performed": performed})
}

/// Whether a query accepts this value and no other.
pub(crate) fn accepts_only(query: &Query, name: &str) -> bool {
    matches!(&query.expr, Expr::Term(term) if matches!(&term.test, Test::Text(pattern) if pattern.literal() == Some(name)))
}
