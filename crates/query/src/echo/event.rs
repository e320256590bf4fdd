//! An event query as something that somebody did.

use super::words;
use crate::search::{Expr, Facet, Query, Test};

#[derive(Clone, Copy, Debug)]
struct Verb {
    past: &'static str,
    base: &'static str,
    gerund: &'static str,
}

const VIEW: Verb = Verb { past: "viewed", base: "view", gerund: "viewing" };
const CLICK: Verb = Verb { past: "clicked", base: "click", gerund: "clicking" };
const TAP: Verb = Verb { past: "tapped", base: "tap", gerund: "tapping" };
const PERFORM: Verb = Verb { past: "performed", base: "perform", gerund: "performing" };
const TRIGGER: Verb = Verb { past: "triggered", base: "trigger", gerund: "triggering" };
const DO: Verb = Verb { past: "did", base: "do", gerund: "doing" };

/// A verb and its object, or several to choose from.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    alternatives: Vec<(Verb, String)>,
}

/// A type of event, the facets that name one, and how it is spoken of.
struct Kind {
    event_type: &'static str,
    name_facets: &'static [&'static str],
    verb: Verb,
    /// Before a name, such as "the event ".
    before_name: &'static str,
    /// Without a name.
    any: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        event_type: "view",
        name_facets: &["view.name", "view.url_path", "view.url_path_group", "view.url"],
        verb: VIEW,
        before_name: "",
        any: "any page",
    },
    Kind {
        event_type: "action",
        name_facets: &["action.name", "action.target.name"],
        verb: PERFORM,
        before_name: "the action ",
        any: "any action",
    },
    Kind {
        event_type: "server",
        name_facets: &["event.name"],
        verb: TRIGGER,
        before_name: "the event ",
        any: "any server event",
    },
];

impl Deed {
    pub(super) fn of(query: &Query) -> Deed {
        let alternatives = match &query.expr {
            Expr::Or(parts) if words::one_facet(&query.expr).is_none() => parts.iter().map(deed).collect(),
            expr => vec![deed(expr)],
        };
        Deed { alternatives }
    }

    pub(super) fn past(&self) -> String {
        self.spoken(|verb| verb.past)
    }

    pub(super) fn base(&self) -> String {
        self.spoken(|verb| verb.base)
    }

    pub(super) fn gerund(&self) -> String {
        self.spoken(|verb| verb.gerund)
    }

    fn spoken(&self, form: impl Fn(&Verb) -> &'static str) -> String {
        let deeds: Vec<String> =
            self.alternatives.iter().map(|(verb, object)| format!("{} {object}", form(verb))).collect();
        deeds.join(" or ")
    }
}

fn deed(expr: &Expr) -> (Verb, String) {
    let parts = match expr {
        Expr::And(parts) => parts.as_slice(),
        expr => std::slice::from_ref(expr),
    };
    let mut rest: Vec<&Expr> = parts.iter().filter(|part| **part != Expr::Everything).collect();
    let Some(kind) = kind(&rest) else {
        return (DO, format!("anything{}", conditions(&rest)));
    };
    take(&mut rest, |part| literal_on(part, &["type"]));
    let name = take(&mut rest, |part| name_of(part, kind.name_facets));
    let gesture = match kind.event_type {
        "action" => take(&mut rest, gesture),
        _ => None,
    };
    let object = match (name, gesture) {
        (Some(name), Some(_)) => name,
        (Some(name), None) => format!("{}{name}", kind.before_name),
        (None, Some(_)) => "anything".to_string(),
        (None, None) => kind.any.to_string(),
    };
    (gesture.unwrap_or(kind.verb), object + &conditions(&rest))
}

/// The kind that the query asks for, or else the one whose name it asks for. A type that has no verb is a condition like
/// any other.
fn kind(parts: &[&Expr]) -> Option<&'static Kind> {
    match parts.iter().find_map(|part| literal_on(part, &["type"])) {
        Some(event_type) => KINDS.iter().find(|kind| kind.event_type == event_type),
        None => KINDS.iter().find(|kind| parts.iter().any(|part| name_of(part, kind.name_facets).is_some())),
    }
}

/// The first part in which something is found is taken out of the list.
fn take<'e, T>(parts: &mut Vec<&'e Expr>, find: impl Fn(&'e Expr) -> Option<T>) -> Option<T> {
    let (index, found) = parts.iter().enumerate().find_map(|(i, part)| Some((i, find(part)?)))?;
    parts.remove(index);
    Some(found)
}

fn conditions(parts: &[&Expr]) -> String {
    if parts.is_empty() { String::new() } else { format!(" where {}", words::all_of(parts)) }
}

/// Kinds of action that have a verb of their own.
fn gesture(expr: &Expr) -> Option<Verb> {
    match literal_on(expr, &["action.type"])? {
        "click" => Some(CLICK),
        "tap" => Some(TAP),
        _ => None,
    }
}

/// The text that one of these facets must equal.
fn literal_on<'e>(expr: &'e Expr, facets: &[&str]) -> Option<&'e str> {
    let Expr::Term(term) = expr else { return None };
    match (&term.facet, &term.test) {
        (Facet::Path(path), Test::Text(pattern)) if facets.contains(&path.as_str()) => pattern.literal(),
        _ => None,
    }
}

/// The names that one of these facets may have: `/cart`, or `/cart or /basket`.
fn name_of(expr: &Expr, facets: &[&str]) -> Option<String> {
    let terms = words::one_facet(expr)?;
    let mut names = Vec::new();
    for term in terms {
        match (&term.facet, &term.test) {
            (Facet::Path(path), Test::Text(pattern)) if facets.contains(&path.as_str()) => {
                names.push(words::quoted(&pattern.spelled()));
            }
            _ => return None,
        }
    }
    Some(words::or_list(&names))
}
