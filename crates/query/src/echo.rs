//! A definition in plain words, for the people who decide by it: "Users who viewed /cart and then did not click CHECKOUT
//! in the same session, in the last 7 days, and whose country code is BR".
//!
//! Reading order: this file joins conditions, `clause` says what was performed, `event` turns an event query into a
//! verb and its object, `words` says facets, tests, durations and numbers.

use whodid_model::EntityKind;

use crate::definition::{Condition, Definition};
use crate::search::{Expr, Facet, Query, Term};

mod clause;
mod event;
#[cfg(test)]
mod tests;
mod words;

/// One sentence without a full stop. `segment_name` gives the name of a segment by its id; an unknown one is shown by id.
pub fn echo(definition: &Definition, segment_name: &dyn Fn(&str) -> Option<String>) -> String {
    let speaker = Speaker { entity: definition.entity, segment_name };
    let many = speaker.choose("users", "accounts");
    match flattened(&definition.condition) {
        Condition::All(parts) if parts.is_empty() => format!("All {many}"),
        Condition::Any(parts) if parts.is_empty() => format!("No {many}"),
        Condition::Profile(query) if query.expr == Expr::Everything => format!("All {many}"),
        condition => format!("{} {}", speaker.choose("Users", "Accounts"), speaker.condition(condition)),
    }
}

struct Speaker<'a> {
    entity: EntityKind,
    segment_name: &'a dyn Fn(&str) -> Option<String>,
}

/// A list of one is its only member.
fn flattened(condition: &Condition) -> &Condition {
    match condition {
        Condition::All(parts) | Condition::Any(parts) if parts.len() == 1 => flattened(&parts[0]),
        condition => condition,
    }
}

impl Speaker<'_> {
    fn choose(&self, user: &'static str, account: &'static str) -> &'static str {
        match self.entity {
            EntityKind::User => user,
            EntityKind::Account => account,
        }
    }

    /// A relative clause: "who …", "whose …", or several.
    fn condition(&self, condition: &Condition) -> String {
        let who = self.choose("who", "that");
        match flattened(condition) {
            Condition::All(parts) if parts.is_empty() => format!("{who} exist"),
            Condition::Any(parts) if parts.is_empty() => format!("{who} do not exist"),
            Condition::All(parts) => self.joined(parts, ", and "),
            Condition::Any(parts) => self.joined(parts, ", or "),
            Condition::Not(inner) => self.negation(inner),
            Condition::Performed(performed) => clause::performed(performed, self.entity),
            Condition::Profile(query) => self.profile(query),
            Condition::Segment(id) => format!("{who} are in the segment {}", self.segment(id)),
        }
    }

    fn joined(&self, parts: &[Condition], between: &str) -> String {
        parts.iter().map(|part| self.grouped(part)).collect::<Vec<_>>().join(between)
    }

    /// In parentheses where a bare text would be read wrongly.
    fn grouped(&self, condition: &Condition) -> String {
        let text = self.condition(condition);
        let compound = match flattened(condition) {
            Condition::All(parts) | Condition::Any(parts) => !parts.is_empty(),
            Condition::Profile(query) => matches!(query.expr, Expr::Or(_)) && text.contains(" or whose "),
            _ => false,
        };
        if compound { format!("({text})") } else { text }
    }

    fn negation(&self, inner: &Condition) -> String {
        let who = self.choose("who", "that");
        match flattened(inner) {
            Condition::Not(twice) => self.condition(twice),
            Condition::Segment(id) => format!("{who} are not in the segment {}", self.segment(id)),
            Condition::Performed(performed) if clause::is_at_least_once(performed) => {
                clause::never_performed(performed, self.entity)
            }
            Condition::Profile(query) if matches!(query.expr, Expr::Term(_)) => {
                self.profile_expr(&query.expr, true)
            }
            inner => format!("{who} are not among those {}", self.grouped(inner)),
        }
    }

    fn segment(&self, id: &str) -> String {
        format!("“{}”", (self.segment_name)(id).unwrap_or_else(|| id.to_string()))
    }

    fn profile(&self, query: &Query) -> String {
        self.profile_expr(&query.expr, false)
    }

    fn profile_expr(&self, expr: &Expr, negated: bool) -> String {
        let who = self.choose("who", "that");
        let list = |parts: &[Expr], between: &str| {
            let group = |part: &Expr| {
                let text = self.profile_expr(part, false);
                let compound = text.contains(" or whose ") || matches!(part, Expr::And(_));
                if compound { format!("({text})") } else { text }
            };
            parts.iter().map(group).collect::<Vec<_>>().join(between)
        };
        match expr {
            Expr::Everything => format!("{who} exist"),
            Expr::Term(term) => self.profile_term(term, negated),
            Expr::Not(inner) => match &**inner {
                Expr::Term(term) => self.profile_term(term, !negated),
                Expr::Not(twice) => self.profile_expr(twice, negated),
                inner => match words::one_facet(inner) {
                    Some(terms) => format!("whose {}", words::alternatives(&terms, true)),
                    None => format!("{who} are not among those ({})", self.profile_expr(inner, false)),
                },
            },
            Expr::And(parts) => list(parts, " and "),
            Expr::Or(parts) => match words::one_facet(expr) {
                Some(terms) => format!("whose {}", words::alternatives(&terms, false)),
                None => list(parts, " or "),
            },
        }
    }

    /// "who are anonymous" for a yes-or-no attribute, else "whose country code is BR".
    fn profile_term(&self, term: &Term, negated: bool) -> String {
        if let Facet::Path(path) = &term.facet
            && let Some(quality) = path.strip_prefix("is_")
            && let Some(holds) = words::yes_or_no(&term.test)
        {
            let verb = if holds == negated { "are not" } else { "are" };
            return format!("{} {verb} {}", self.choose("who", "that"), quality.replace('_', " "));
        }
        format!("whose {}", words::term(term, negated))
    }
}
