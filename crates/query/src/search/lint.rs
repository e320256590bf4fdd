//! What can be meant and most likely is not.

use std::ops::Range;

use super::print::without_outer_stars;
use super::test::Piece;
use super::{Expr, Facet, Query, Test};

pub(super) fn warnings(query: &Query) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    query.expr.each_term(&mut |term, _| {
        if let (Facet::AnyText, Test::Contains(pattern)) = (&term.facet, &term.test)
            && let [Piece::Text(word)] = without_outer_stars(pattern)
            && let Some(keyword) = ["AND", "OR", "NOT"].into_iter().find(|k| k.eq_ignore_ascii_case(word))
            && query.text.get(term.span.clone()) == Some(word.as_str())
        {
            found.push((
                term.span.clone(),
                format!("`{word}` is searched as a word; write {keyword} to join terms"),
            ));
        }
    });
    contradictions(&query.expr, &mut found);
    found
}

/// Only what certainly contradicts: an attribute may hold a list, so two equalities on one facet can both hold, except
/// on the event's type.
fn contradictions(expr: &Expr, found: &mut Vec<(Range<usize>, String)>) {
    let (parts, is_and) = match expr {
        Expr::Everything | Expr::Term(_) => return,
        Expr::Not(inner) => return contradictions(inner, found),
        Expr::And(parts) => (parts, true),
        Expr::Or(parts) => (parts, false),
    };
    for part in parts {
        contradictions(part, found);
        if let Expr::Not(inner) = part
            && let Some(opposite) = parts.iter().find(|other| **other == **inner)
        {
            let effect = if is_and { "nothing can match" } else { "everything matches" };
            found.push((span(opposite), format!("a term stands beside its own negation: {effect}")));
        }
    }
    let mut types = parts.iter().filter_map(event_type);
    if is_and
        && let Some(first) = types.next()
        && let Some(other) = types.find(|other| other.0 != first.0)
    {
        found.push((other.1, format!("an event cannot be both `{}` and `{}`", first.0, other.0)));
    }
}

fn event_type(expr: &Expr) -> Option<(&str, Range<usize>)> {
    match expr {
        Expr::Term(term) if matches!(&term.facet, Facet::Path(path) if path == "type") => match &term.test {
            Test::Text(pattern) => Some((pattern.literal()?, term.span.clone())),
            _ => None,
        },
        _ => None,
    }
}

fn span(expr: &Expr) -> Range<usize> {
    let mut span: Option<Range<usize>> = None;
    expr.each_term(&mut |term, _| {
        span = Some(match &span {
            Some(before) => before.start.min(term.span.start)..before.end.max(term.span.end),
            None => term.span.clone(),
        });
    });
    span.unwrap_or(0..0)
}
