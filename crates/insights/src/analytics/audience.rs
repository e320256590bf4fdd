//! From named filters and a formula to the sets that an event's user or account has to be in.

use std::collections::HashMap;
use std::sync::Arc;

use whodid_engine::{Audience, EntitySet, Population};
use whodid_model::{EntityKind, Instant};
use whodid_query::definition::{Condition, Definition};
use whodid_query::search::{Dialect, Expr, Facet, Query, Term, parse};
use whodid_store::Snapshot;

use super::request::{AudienceFilters, ProfileFilter};
use crate::InsightError;
use crate::catalogue::Segment;
use crate::insights::Insights;

/// A named set and everyone else of its kind, for when the formula negates it.
struct Named {
    population: Population,
    set: EntitySet,
}

impl Named {
    fn audience(&self, negated: bool) -> Audience {
        let mut set = self.set.clone();
        if negated {
            set = self.population.everyone.clone();
            set.minus(&self.set);
        }
        Audience::of(&self.population, set)
    }
}

impl Insights {
    /// The audience that filters mean at an instant; none without filters. `snapshot` is the one seen at that instant,
    /// `at_pointer` is where the filters stand in the request.
    pub(crate) async fn audience(
        &self,
        snapshot: &Arc<Snapshot>,
        filters: Option<&AudienceFilters>,
        at: Instant,
        at_pointer: &str,
    ) -> Result<Option<Audience>, InsightError> {
        let Some(filters) = filters else { return Ok(None) };
        let formula = filters.formula.as_deref().map(str::trim).filter(|formula| !formula.is_empty());
        let formula = formula.map(|formula| read_formula(formula, at_pointer)).transpose()?;
        let wanted = formula.as_ref().map(names).unwrap_or_default();
        // An entry without a name cannot be in a formula, so it is left out where there is one.
        let used = |name: &str| formula.is_none() || wanted.iter().any(|wanted| wanted == name);

        let mut named = HashMap::new();
        let kinds = [
            (&filters.users, EntityKind::User, "users"),
            (&filters.accounts, EntityKind::Account, "accounts"),
        ];
        for (entries, kind, member) in kinds {
            for (index, filter) in entries.iter().enumerate().filter(|(_, filter)| used(&filter.name)) {
                let pointer = format!("{at_pointer}/{member}/{index}");
                let definition = profile_definition(filter, kind, &pointer)?;
                self.name(&mut named, snapshot, &filter.name, &definition, at, &pointer).await?;
            }
        }
        for (index, filter) in filters.segments.iter().enumerate().filter(|(_, filter)| used(&filter.name)) {
            let pointer = format!("{at_pointer}/segments/{index}");
            let segment = self.filtering_segment(&filter.segment_id, &pointer).await?;
            let condition = Condition::Segment(filter.segment_id.clone());
            let definition = Definition { entity: segment.entity, condition };
            self.name(&mut named, snapshot, &filter.name, &definition, at, &pointer).await?;
        }
        match formula {
            None => Ok(Some(Audience::All(named.values().map(|named| named.audience(false)).collect()))),
            Some(formula) => build(&formula, &formula.expr, &named, false, at_pointer).map(Some),
        }
    }

    /// A segment that does not exist is a fault of the request, not of its address.
    async fn filtering_segment(&self, id: &str, pointer: &str) -> Result<Segment, InsightError> {
        self.catalogue().segment(id).await.map_err(|error| match error {
            InsightError::NotFound { .. } => InsightError::Invalid {
                pointer: Some(format!("{pointer}/segment_id")),
                message: error.to_string(),
                hint: Some("write the id of a saved segment".to_string()),
            },
            other => other,
        })
    }

    async fn name(
        &self,
        named: &mut HashMap<String, Named>,
        snapshot: &Arc<Snapshot>,
        name: &str,
        definition: &Definition,
        at: Instant,
        pointer: &str,
    ) -> Result<(), InsightError> {
        let membership = self.membership_in(snapshot, definition, at).await?;
        let entry = Named { population: membership.population, set: membership.members };
        match named.insert(name.to_string(), entry) {
            None => Ok(()),
            Some(_) => Err(InsightError::Invalid {
                pointer: Some(format!("{pointer}/name")),
                message: format!("two filters are called `{name}`"),
                hint: Some("names are unique across users, accounts and segments".to_string()),
            }),
        }
    }
}

fn profile_definition(
    filter: &ProfileFilter,
    kind: EntityKind,
    pointer: &str,
) -> Result<Definition, InsightError> {
    let query = parse(filter.query.as_deref().unwrap_or_default(), Dialect::Profile)
        .map_err(|error| InsightError::search(&format!("{pointer}/query"), error))?;
    Ok(Definition { entity: kind, condition: Condition::Profile(query) })
}

/// A formula is a search query of free words: the same AND, OR, NOT and groups.
fn read_formula(formula: &str, at_pointer: &str) -> Result<Query, InsightError> {
    parse(formula, Dialect::Profile)
        .map_err(|error| InsightError::search(&format!("{at_pointer}/formula"), error))
}

fn names(formula: &Query) -> Vec<String> {
    let mut names = Vec::new();
    formula.expr.each_term(&mut |term, _| names.extend(name_of(formula, term)));
    names
}

/// A word of the formula as it was typed, less its quotes.
pub(crate) fn name_of(formula: &Query, term: &Term) -> Option<String> {
    let typed = formula.text.get(term.span.clone())?;
    (term.facet == Facet::AnyText).then(|| typed.trim_matches('"').to_string())
}

/// `negated` carries NOT down to the names, so that a complement is always one of known users or accounts.
fn build(
    formula: &Query,
    expr: &Expr,
    named: &HashMap<String, Named>,
    negated: bool,
    at_pointer: &str,
) -> Result<Audience, InsightError> {
    let list = |parts: &[Expr]| {
        parts.iter().map(|part| build(formula, part, named, negated, at_pointer)).collect::<Result<_, _>>()
    };
    let refuse = |message: String| InsightError::Invalid {
        pointer: Some(format!("{at_pointer}/formula")),
        message,
        hint: Some("write names of filters with AND, OR, NOT and parentheses".to_string()),
    };
    match expr {
        Expr::Everything => Ok(Audience::All(Vec::new())),
        Expr::Not(inner) => build(formula, inner, named, !negated, at_pointer),
        Expr::And(parts) if negated => Ok(Audience::Any(list(parts)?)),
        Expr::And(parts) => Ok(Audience::All(list(parts)?)),
        Expr::Or(parts) if negated => Ok(Audience::All(list(parts)?)),
        Expr::Or(parts) => Ok(Audience::Any(list(parts)?)),
        Expr::Term(term) => {
            let name =
                name_of(formula, term).ok_or_else(|| refuse("the formula tests a facet".to_string()))?;
            let named = named.get(&name).ok_or_else(|| refuse(format!("no filter is called `{name}`")))?;
            Ok(named.audience(negated))
        }
    }
}
