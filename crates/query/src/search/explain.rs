//! An expression as an indented tree in words.

use std::fmt::Write;

use ipnet::IpNet;
use whodid_model::value::number_text;

use super::{Expr, Facet, Query, Shape, Test};
use crate::op::Op;

/// One line per term, groups indented by two blanks:
///
/// ```text
/// all of
///   view.name is "/cart"
///   not: usr.plan is present
/// ```
pub fn explain(query: &Query) -> String {
    let mut out = String::new();
    tree(&mut out, &query.expr, 0, "");
    out
}

fn tree(out: &mut String, expr: &Expr, depth: usize, before: &str) {
    let (line, parts): (String, &[Expr]) = match expr {
        Expr::Everything => ("everything".to_string(), &[]),
        Expr::Term(term) => {
            let facet = match &term.facet {
                Facet::Path(path) => path,
                Facet::AnyText => "any display text",
            };
            (format!("{facet} {}", test(&term.test)), &[])
        }
        Expr::Not(inner) => return tree(out, inner, depth, &format!("{before}not: ")),
        Expr::And(parts) => ("all of".to_string(), parts),
        Expr::Or(parts) => ("any of".to_string(), parts),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{:indent$}{before}{line}", "", indent = depth * 2);
    for part in parts {
        tree(out, part, depth + 1, "");
    }
}

fn test(test: &Test) -> String {
    match test {
        Test::Exists => "is present".to_string(),
        Test::Text(pattern) => match pattern.literal() {
            Some(text) => format!("is {text:?}"),
            None => format!("matches {:?}", pattern.spelled()),
        },
        Test::Contains(pattern) => match pattern.shape() {
            Shape::Contains(text) => format!("contains {text:?} in any case"),
            _ => format!("matches {:?} in any case", pattern.spelled()),
        },
        Test::Compare { op, number } => format!("{op} {}", number_text(*number)),
        Test::When { op, instant } => {
            let word = match op {
                Op::Greater => "is after",
                Op::GreaterOrEqual => "is at or after",
                Op::Equal => "is at",
                Op::LessOrEqual => "is at or before",
                Op::Less => "is before",
            };
            format!("{word} {instant}")
        }
        Test::Range { from, to } => {
            let end =
                |bound: f64| if bound.is_infinite() { "any number".to_string() } else { number_text(bound) };
            format!("is from {} to {}, both included", end(*from), end(*to))
        }
        Test::Cidr(networks) => {
            let networks: Vec<String> = networks.iter().map(IpNet::to_string).collect();
            format!("is an address in {}", networks.join(" or "))
        }
    }
}
