//! Clauses about events, as definitions write them.

use serde_json::{Value as Json, json};
use whodid_engine::{Grain, Node};
use whodid_model::{Instant, TimeRange};
use whodid_query::search::{Dialect, Expr, Query};

/// One query that asks for all of these and none of those.
pub(super) fn text_of(all: &[&Query], none: &[&Query]) -> String {
    let asked = all.iter().map(|query| query.expr.clone()).filter(|expr| *expr != Expr::Everything);
    let refused = none.iter().map(|query| Expr::Not(Box::new(query.expr.clone())));
    let expr = Expr::and(asked.chain(refused).collect());
    Query { expr, text: String::new(), dialect: Dialect::Event }.to_string()
}

pub(super) fn during(range: TimeRange) -> Json {
    let mut window = json!({"to": range.to.to_string()});
    if range.from > Instant::MIN {
        window["from"] = json!(range.from.to_string());
    }
    window
}

/// The events in this order, within a range.
pub(super) fn happened(steps: &[&String], range: TimeRange) -> Json {
    let steps: Vec<Json> = steps.iter().map(|step| json!({"event": step})).collect();
    json!({"performed": {"steps": steps, "during": during(range)}})
}

pub(super) fn all_of(mut conditions: Vec<Json>) -> Json {
    if conditions.len() == 1 { conditions.remove(0) } else { json!({"all": conditions}) }
}

/// Adds that a user does what a node asks for as often as it asks.
pub(super) fn occurrences(
    node: &Node,
    grain: Grain,
    range: TimeRange,
    conditions: &mut Vec<Json>,
    differences: &mut Vec<String>,
) {
    let Some(occurrences) = node.occurrences else { return };
    if grain != Grain::User {
        differences.push("How often a user does it is left out.".to_string());
        return;
    }
    let mut clause = happened(&[&text_of(&[&node.query], &[])], range);
    clause["performed"]["times"] = json!({"op": occurrences.op.symbol(), "value": occurrences.count});
    conditions.push(clause);
    conditions.push(json!({"profile": "is_anonymous:false"}));
}
