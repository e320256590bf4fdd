//! The search syntax: one grammar for every place a query is typed.
//!
//! ```text
//! query    = [ any ]                                  an empty query matches everything
//! any      = all { "OR" all }
//! all      = unary { [ "AND" ] unary }                juxtaposition is AND, which binds tighter than OR
//! unary    = "NOT" unary | "-" unary | primary
//! primary  = "(" any ")"
//!          | "*"                                      everything
//!          | facet ":" test
//!          | facet [ "NOT" ] "IN" "(" value { "," value } ")"
//!          | "CIDR" "(" facet "," network { "," network } ")"
//!          | value                                    free text
//! facet    = [ "@" ] path | "*"                       `*` is free text
//! test     = "(" any ")"                              the same again, with values in place of primaries
//!          | "[" bound "TO" bound "]"                 inclusive; `*` leaves an end open
//!          | ( ">" | ">=" | "<" | "<=" ) bound
//!          | "*"                                      exists
//!          | value
//! value    = a run of characters up to a blank or a parenthesis; `*` any run, `?` one character; a part in double
//!            quotes and a character behind `\` stand for themselves
//! bound    = number [ "ns" | "us" | "ms" | "s" | "m" | "h" ] | date | instant
//! ```
//!
//! Keywords are upper case. A number with a unit is a duration and means nanoseconds, the unit in which durations are
//! stored. A bound that is a date (its midnight in UTC) or an RFC 3339 instant compares in time.
//!
//! Reading order: `test` (what is asked of a value), `lex` (words), `resolve` (words to facets and tests), `parse` (the
//! grammar above), `print` (an expression as text that parses back), `explain` (an expression in words), `lint`.

use std::fmt;
use std::ops::Range;

use whodid_model::{FaultKind, Value};

mod explain;
mod lex;
mod lint;
mod parse;
mod print;
mod resolve;
mod test;
#[cfg(test)]
mod tests;

pub use explain::explain;
pub use test::{Pattern, Shape, Test};

/// Where a query is typed. Both dialects are one grammar; they differ in how a facet is written back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Over events: attributes carry an `@`, reserved names (`service:`, `env:` and other tags) do not.
    Event,
    /// Over profile attributes: bare names; a leading `@` is allowed.
    Profile,
}

/// The facets that free text looks into, of events and of profiles.
pub const TEXT_FACETS: [&str; 11] = [
    "view.name",
    "view.url_path",
    "action.name",
    "event.name",
    "usr.name",
    "usr.email",
    "user_id",
    "user_name",
    "user_email",
    "account_id",
    "account_name",
];

/// Names that events carry without an `@`.
pub const RESERVED_FACETS: [&str; 4] = ["service", "env", "version", "source"];

/// A parsed query. Two queries are equal when they ask the same, however they were typed. Prints as normalised text
/// that parses back to the same expression.
#[derive(Clone, Debug)]
pub struct Query {
    pub expr: Expr,
    /// As it was typed.
    pub text: String,
    pub dialect: Dialect,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Everything,
    Term(Term),
    Not(Box<Expr>),
    /// At least two; see [`Expr::and`].
    And(Vec<Expr>),
    /// At least two; see [`Expr::or`].
    Or(Vec<Expr>),
}

/// One test on one facet. The span (in bytes of the query's text) says where it was typed and takes no part in equality.
#[derive(Clone, Debug)]
pub struct Term {
    pub facet: Facet,
    pub test: Test,
    pub span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Facet {
    /// An attribute's path, without the `@`: `@usr.id` is `usr.id`, `@type` is `type`, `service` is `service`.
    Path(String),
    /// Free text: any of [`TEXT_FACETS`].
    AnyText,
}

/// A query that cannot be meant. `offset` and `length` are bytes of the query's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at position {position} of the query; {hint}")]
pub struct SearchError {
    pub offset: usize,
    pub length: usize,
    /// For people: characters from 1.
    pub position: usize,
    pub message: String,
    pub hint: String,
    kind: FaultKind,
}

impl SearchError {
    /// [`FaultKind::TooLarge`] when a named limit is passed, else [`FaultKind::Invalid`].
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    fn new(span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> SearchError {
        SearchError {
            offset: span.start,
            length: span.end - span.start,
            position: span.start + 1,
            message: message.into(),
            hint: hint.into(),
            kind: FaultKind::Invalid,
        }
    }

    fn located(self, text: &str) -> SearchError {
        SearchError { position: position(text, self.offset), ..self }
    }

    fn too_large(span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> SearchError {
        SearchError { kind: FaultKind::TooLarge, ..SearchError::new(span, message, hint) }
    }
}

/// Reads a query. Errors say where in the text, what is wrong, and what to write instead.
pub fn parse(text: &str, dialect: Dialect) -> Result<Query, SearchError> {
    let expr = parse::expression(text).map_err(|error| error.located(text))?;
    Ok(Query { expr, text: text.to_string(), dialect })
}

impl Query {
    /// The query that asks nothing.
    pub fn everything(dialect: Dialect) -> Query {
        Query { expr: Expr::Everything, text: String::new(), dialect }
    }

    /// The paths the query looks at, sorted, each once. Free text looks at every one of [`TEXT_FACETS`].
    pub fn facets(&self) -> Vec<&str> {
        let mut paths = Vec::new();
        self.expr.each_term(&mut |term, _| match &term.facet {
            Facet::Path(path) => paths.push(path.as_str()),
            Facet::AnyText => paths.extend(TEXT_FACETS),
        });
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// Whether derived session rows can match: only a query that asks for `@type:session` means them.
    pub fn names_sessions(&self) -> bool {
        let mut named = false;
        self.expr.each_term(&mut |term, positive| {
            named |= positive
                && matches!(&term.facet, Facet::Path(path) if path == "type")
                && matches!(&term.test, Test::Text(pattern) if pattern.literal() == Some("session"));
        });
        named
    }

    /// For people: where a byte of the query's text stands, in characters from 1.
    pub fn position(&self, offset: usize) -> usize {
        position(&self.text, offset)
    }

    /// What looks like a slip although it can be meant, each with where it stands: lower-case keywords, conditions that
    /// contradict each other.
    pub fn warnings(&self) -> Vec<(Range<usize>, String)> {
        lint::warnings(self)
    }
}

/// Of a byte offset in a text: characters from 1.
fn position(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(offset, |before| before.chars().count()) + 1
}

impl PartialEq for Query {
    fn eq(&self, other: &Query) -> bool {
        self.expr == other.expr && self.dialect == other.dialect
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print::expression(f, &self.expr, self.dialect)
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Term) -> bool {
        self.facet == other.facet && self.test == other.test
    }
}

impl Expr {
    /// Every part. One part is itself, none is everything, and parts that are themselves ANDs become parts of this one.
    pub fn and(parts: Vec<Expr>) -> Expr {
        let flat = parts.into_iter().flat_map(|part| match part {
            Expr::And(inner) => inner,
            other => vec![other],
        });
        let mut flat: Vec<Expr> = flat.collect();
        match flat.len() {
            0 => Expr::Everything,
            1 => flat.remove(0),
            _ => Expr::And(flat),
        }
    }

    /// Any part. One part is itself, none is nothing, and parts that are themselves ORs become parts of this one.
    pub fn or(parts: Vec<Expr>) -> Expr {
        let flat = parts.into_iter().flat_map(|part| match part {
            Expr::Or(inner) => inner,
            other => vec![other],
        });
        let mut flat: Vec<Expr> = flat.collect();
        match flat.len() {
            0 => Expr::Not(Box::new(Expr::Everything)),
            1 => flat.remove(0),
            _ => Expr::Or(flat),
        }
    }

    /// The reference meaning of a query over one event or profile. `lookup` gives the value at a path. A test on a
    /// missing value fails, so its negation holds.
    pub fn matches(&self, lookup: &dyn Fn(&str) -> Option<Value>) -> bool {
        match self {
            Expr::Everything => true,
            Expr::Term(term) => term.matches(lookup),
            Expr::Not(inner) => !inner.matches(lookup),
            Expr::And(parts) => parts.iter().all(|part| part.matches(lookup)),
            Expr::Or(parts) => parts.iter().any(|part| part.matches(lookup)),
        }
    }

    /// Visits every term in the order typed, with whether it stands under an even number of negations.
    pub fn each_term<'a>(&'a self, visit: &mut dyn FnMut(&'a Term, bool)) {
        self.each_term_under(true, visit);
    }

    fn each_term_under<'a>(&'a self, positive: bool, visit: &mut dyn FnMut(&'a Term, bool)) {
        match self {
            Expr::Everything => {}
            Expr::Term(term) => visit(term, positive),
            Expr::Not(inner) => inner.each_term_under(!positive, visit),
            Expr::And(parts) | Expr::Or(parts) => {
                parts.iter().for_each(|part| part.each_term_under(positive, visit));
            }
        }
    }
}

impl Term {
    pub fn matches(&self, lookup: &dyn Fn(&str) -> Option<Value>) -> bool {
        let holds = |path: &str| lookup(path).is_some_and(|value| self.test.matches(&value));
        match &self.facet {
            Facet::Path(path) => holds(path),
            Facet::AnyText => TEXT_FACETS.into_iter().any(holds),
        }
    }
}
