//! Audience filters as conditions on the entity itself.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use whodid_model::EntityKind;
use whodid_query::search::{Dialect, Expr, Query, parse};

use super::Draft;
use super::events::all_of;
use crate::InsightError;
use crate::analytics::{AudienceFilters, name_of};
use crate::insights::Insights;

const LEFT_OUT: &str = "Audience filters on another kind of entity are left out.";

impl Insights {
    /// Adds the filters that are about `entity`; that others are left out is a difference.
    pub(super) async fn audience_conditions(
        &self,
        filters: Option<&AudienceFilters>,
        entity: EntityKind,
        draft: &mut Draft,
    ) -> Result<(), InsightError> {
        let Some(filters) = filters else { return Ok(()) };
        let mut named: BTreeMap<&str, (EntityKind, Json)> = BTreeMap::new();
        for (list, kind) in [(&filters.users, EntityKind::User), (&filters.accounts, EntityKind::Account)] {
            for filter in list {
                let query = filter.query.as_deref().map(str::trim).filter(|query| !query.is_empty());
                let condition = match query {
                    Some(query) => json!({"profile": query}),
                    None => json!({"all": []}),
                };
                named.insert(&filter.name, (kind, condition));
            }
        }
        for filter in &filters.segments {
            let segment = self.catalogue().segment(&filter.segment_id).await?;
            named.insert(&filter.name, (segment.entity, json!({"segment": filter.segment_id})));
        }
        let formula = filters.formula.as_deref().map(str::trim).filter(|formula| !formula.is_empty());
        let Some(formula) = formula else {
            for (kind, condition) in named.into_values() {
                if kind == entity { draft.conditions.push(condition) } else { draft.differs(LEFT_OUT) }
            }
            return Ok(());
        };
        let formula = parse(formula, Dialect::Profile)
            .map_err(|error| InsightError::search("/query/audience_filters/formula", error))?;
        match condition(&formula, &formula.expr, &named, entity) {
            Some(condition) => draft.conditions.push(condition),
            None => draft.differs(LEFT_OUT),
        }
        Ok(())
    }
}

/// None where the formula speaks of another kind of entity.
fn condition(
    formula: &Query,
    expr: &Expr,
    named: &BTreeMap<&str, (EntityKind, Json)>,
    entity: EntityKind,
) -> Option<Json> {
    let list = |parts: &[Expr]| -> Option<Vec<Json>> {
        parts.iter().map(|part| condition(formula, part, named, entity)).collect()
    };
    Some(match expr {
        Expr::Everything => json!({"all": []}),
        Expr::Not(inner) => json!({"not": condition(formula, inner, named, entity)?}),
        Expr::And(parts) => all_of(list(parts)?),
        Expr::Or(parts) => json!({"any": list(parts)?}),
        Expr::Term(term) => {
            let (kind, condition) = named.get(name_of(formula, term)?.as_str())?;
            (*kind == entity).then(|| condition.clone())?
        }
    })
}
