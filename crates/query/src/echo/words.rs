//! Facets, tests, durations and numbers in words.

use whodid_model::value::number_text;
use whodid_model::{Instant, Span};

use crate::op::Op;
use crate::search::{Expr, Facet, Pattern, Shape, Term, Test};

const FACETS: [(&str, &str); 18] = [
    ("type", "event type"),
    ("usr.id", "user id"),
    ("usr.email", "user email"),
    ("usr.name", "user name"),
    ("account.id", "account id"),
    ("account.name", "account name"),
    ("geo.country", "country"),
    ("geo.country_iso_code", "country code"),
    ("geo.city", "city"),
    ("device.type", "device type"),
    ("browser.name", "browser"),
    ("os.name", "operating system"),
    ("view.name", "page name"),
    ("view.url_path", "page path"),
    ("view.time_spent", "time on page"),
    ("view.loading_time", "loading time"),
    ("action.name", "action name"),
    ("event.name", "event name"),
];

/// Facets that hold nanoseconds.
const DURATION_ENDINGS: [&str; 3] = ["time_spent", "loading_time", "duration"];

pub(super) fn path(path: &str) -> String {
    match FACETS.iter().find(|(facet, _)| *facet == path) {
        Some((_, words)) => words.to_string(),
        None => path.replace('_', " "),
    }
}

fn facet(facet_: &Facet) -> String {
    match facet_ {
        Facet::Path(it) => path(it),
        Facet::AnyText => "name".to_string(),
    }
}

pub(super) fn op(op: Op) -> &'static str {
    match op {
        Op::Greater => "more than",
        Op::GreaterOrEqual => "at least",
        Op::Equal => "exactly",
        Op::LessOrEqual => "at most",
        Op::Less => "less than",
    }
}

/// A number, as a duration where the facet holds one.
pub(super) fn amount(path: &str, number: f64) -> String {
    let is_duration = DURATION_ENDINGS.iter().any(|ending| path.ends_with(ending));
    if is_duration && (1e3..9e18).contains(&number) {
        span(Span((number / 1e3) as i64))
    } else {
        number_text(number)
    }
}

/// `7 days`, `1 hour 30 minutes`.
pub(super) fn span(span: Span) -> String {
    const UNITS: [(&str, i64); 6] = [
        ("day", 86_400_000_000),
        ("hour", 3_600_000_000),
        ("minute", 60_000_000),
        ("second", 1_000_000),
        ("millisecond", 1_000),
        ("microsecond", 1),
    ];
    let mut rest = span.0;
    let mut parts = Vec::new();
    for (unit, micros) in UNITS {
        let count = rest / micros;
        rest -= count * micros;
        if count != 0 {
            parts.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
        }
    }
    if parts.is_empty() { "0 seconds".to_string() } else { parts.join(" ") }
}

/// In quotation marks where a bare text would run into the sentence.
pub(super) fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && !text.contains(|ch: char| ch.is_whitespace() || matches!(ch, ',' | ';' | '“' | '”'));
    if plain { text.to_string() } else { format!("“{text}”") }
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn or_list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Whether the test asks for true or for false; `None` for any other.
pub(super) fn yes_or_no(test: &Test) -> Option<bool> {
    match test {
        Test::Text(pattern) => pattern.literal()?.parse().ok(),
        _ => None,
    }
}

/// The terms of an expression that tests a single facet: a term, or terms of one facet joined by OR.
pub(super) fn one_facet(expr: &Expr) -> Option<Vec<&Term>> {
    let terms: Vec<&Term> = match expr {
        Expr::Term(term) => vec![term],
        Expr::Or(parts) => {
            let terms = parts.iter().map(|part| match part {
                Expr::Term(term) => Some(term),
                _ => None,
            });
            terms.collect::<Option<_>>()?
        }
        _ => return None,
    };
    terms.iter().all(|term| term.facet == terms[0].facet).then_some(terms)
}

/// `country is BR`, `country is not BR`.
pub(super) fn term(term: &Term, negated: bool) -> String {
    format!("{} {}", facet(&term.facet), test(term, negated))
}

/// Terms of one facet: `country is BR or PT`, `page path is /cart or starts with /checkout`.
pub(super) fn alternatives(terms: &[&Term], negated: bool) -> String {
    let literal = |term: &&Term| match &term.test {
        Test::Text(pattern) => pattern.literal().map(quoted),
        _ => None,
    };
    let name = terms.first().map(|term| facet(&term.facet)).unwrap_or_default();
    if let Some(literals) = terms.iter().map(literal).collect::<Option<Vec<_>>>() {
        let is = if negated { "is not" } else { "is" };
        return format!("{name} {is} {}", or_list(&literals));
    }
    let tests: Vec<String> = terms.iter().map(|term| test(term, negated)).collect();
    format!("{name} {}", tests.join(if negated { " and " } else { " or " }))
}

/// Conditions on one event: `country is BR and time on page is more than 3 seconds`.
pub(super) fn all_of(parts: &[&Expr]) -> String {
    parts.iter().map(|part| grouped(part)).collect::<Vec<_>>().join(" and ")
}

fn grouped(expr: &Expr) -> String {
    let text = condition(expr);
    let compound = matches!(expr, Expr::And(_) | Expr::Or(_)) && one_facet(expr).is_none();
    if compound { format!("({text})") } else { text }
}

fn condition(expr: &Expr) -> String {
    if let Some(terms) = one_facet(expr) {
        return alternatives(&terms, false);
    }
    match expr {
        Expr::Everything => "anything holds".to_string(),
        Expr::Term(it) => term(it, false),
        Expr::Not(inner) => match one_facet(inner) {
            Some(terms) => alternatives(&terms, true),
            None => format!("not ({})", condition(inner)),
        },
        Expr::And(parts) => parts.iter().map(grouped).collect::<Vec<_>>().join(" and "),
        Expr::Or(parts) => parts.iter().map(grouped).collect::<Vec<_>>().join(" or "),
    }
}

fn test(term: &Term, negated: bool) -> String {
    let path = match &term.facet {
        Facet::Path(path) => path,
        Facet::AnyText => "",
    };
    let is = |what: String| format!("{} {what}", if negated { "is not" } else { "is" });
    match &term.test {
        Test::Exists => is("set".to_string()),
        Test::Text(pattern) | Test::Contains(pattern) => text_test(pattern, negated),
        Test::Compare { op: compared, number } => is(format!("{} {}", op(*compared), amount(path, *number))),
        Test::When { op, instant: at } => {
            let word = match op {
                Op::Greater => "after",
                Op::GreaterOrEqual => "at or after",
                Op::Equal => "at",
                Op::LessOrEqual => "at or before",
                Op::Less => "before",
            };
            is(format!("{word} {}", instant(*at)))
        }
        Test::Range { from, to } => match (from.is_infinite(), to.is_infinite()) {
            (true, true) => is("a number".to_string()),
            (true, false) => is(format!("at most {}", amount(path, *to))),
            (false, true) => is(format!("at least {}", amount(path, *from))),
            (false, false) => is(format!("between {} and {}", amount(path, *from), amount(path, *to))),
        },
        Test::Cidr(networks) => {
            let networks: Vec<String> = networks.iter().map(|network| network.to_string()).collect();
            is(format!("an address in {}", or_list(&networks)))
        }
    }
}

fn text_test(pattern: &Pattern, negated: bool) -> String {
    let (holds, holds_not, text) = match pattern.shape() {
        Shape::Exactly(text) => ("is", "is not", text.to_string()),
        Shape::StartsWith(text) => ("starts with", "does not start with", text.to_string()),
        Shape::EndsWith(text) => ("ends with", "does not end with", text.to_string()),
        Shape::Contains(text) => ("contains", "does not contain", text.to_string()),
        Shape::Mixed => ("matches", "does not match", pattern.spelled()),
    };
    format!("{} {}", if negated { holds_not } else { holds }, quoted(&text))
}

/// A date where the instant is its midnight in UTC.
fn instant(instant: Instant) -> String {
    let text = instant.to_string();
    text.strip_suffix("T00:00:00Z").map(str::to_string).unwrap_or(text)
}
