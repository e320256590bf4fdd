//! An expression as text that parses back to it.

use std::fmt::{self, Formatter, Write};

use whodid_model::value::number_text;

use super::test::Piece;
use super::{Dialect, Expr, Facet, Pattern, RESERVED_FACETS, Term, Test};

pub(super) fn expression(f: &mut Formatter<'_>, expr: &Expr, dialect: Dialect) -> fmt::Result {
    match expr {
        Expr::Everything => f.write_char('*'),
        Expr::Term(term) => write_term(f, term, dialect),
        Expr::Not(inner) => {
            f.write_char('-')?;
            operand(f, inner, dialect, matches!(**inner, Expr::And(_) | Expr::Or(_)))
        }
        Expr::And(parts) => joined(f, parts, " AND ", dialect),
        Expr::Or(parts) => joined(f, parts, " OR ", dialect),
    }
}

fn joined(f: &mut Formatter<'_>, parts: &[Expr], keyword: &str, dialect: Dialect) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(keyword)?;
        }
        operand(f, part, dialect, matches!(part, Expr::And(_) | Expr::Or(_)))?;
    }
    Ok(())
}

fn operand(f: &mut Formatter<'_>, expr: &Expr, dialect: Dialect, grouped: bool) -> fmt::Result {
    if !grouped {
        return expression(f, expr, dialect);
    }
    f.write_char('(')?;
    expression(f, expr, dialect)?;
    f.write_char(')')
}

fn write_term(f: &mut Formatter<'_>, term: &Term, dialect: Dialect) -> fmt::Result {
    if let Test::Cidr(networks) = &term.test {
        f.write_str("CIDR(")?;
        write_facet(f, &term.facet, dialect)?;
        for network in networks {
            write!(f, ", {network}")?;
        }
        return f.write_char(')');
    }
    write_facet(f, &term.facet, dialect)?;
    f.write_char(':')?;
    match &term.test {
        Test::Exists => f.write_char('*'),
        Test::Text(pattern) => write_pattern(f, pattern.pieces()),
        Test::Contains(pattern) => write_pattern(f, without_outer_stars(pattern)),
        Test::Compare { op, number } => write!(f, "{op}{}", number_text(*number)),
        Test::When { op, instant } => write!(f, "{op}{instant}"),
        Test::Range { from, to } => write!(f, "[{} TO {}]", range_end(*from), range_end(*to)),
        Test::Cidr(_) => Ok(()),
    }
}

fn range_end(bound: f64) -> String {
    if bound.is_infinite() { "*".to_string() } else { number_text(bound) }
}

fn write_facet(f: &mut Formatter<'_>, facet: &Facet, dialect: Dialect) -> fmt::Result {
    let Facet::Path(path) = facet else { return f.write_char('*') };
    let bare = dialect == Dialect::Profile || RESERVED_FACETS.contains(&path.as_str());
    if !bare {
        f.write_char('@')?;
    } else if path.starts_with(['@', '-']) {
        f.write_char('\\')?;
    }
    escaped(f, path, |ch| matches!(ch, ':' | ',' | '(' | ')' | '*' | '?'))
}

/// Free text is stored with a `*` on either side; it is typed without.
pub(super) fn without_outer_stars(pattern: &Pattern) -> &[Piece] {
    let mut pieces = pattern.pieces();
    if let [Piece::Many, rest @ ..] = pieces {
        pieces = rest;
    }
    if let [rest @ .., Piece::Many] = pieces {
        pieces = rest;
    }
    pieces
}

fn write_pattern(f: &mut Formatter<'_>, pieces: &[Piece]) -> fmt::Result {
    match pieces {
        [] => return f.write_str("\"\""),
        [Piece::Text(text)] if text.contains(char::is_whitespace) => {
            f.write_char('"')?;
            for ch in text.chars() {
                if matches!(ch, '"' | '\\') {
                    f.write_char('\\')?;
                }
                f.write_char(ch)?;
            }
            return f.write_char('"');
        }
        _ => {}
    }
    for piece in pieces {
        match piece {
            Piece::Many => f.write_char('*')?,
            Piece::One => f.write_char('?')?,
            Piece::Text(text) => {
                escaped(f, text, |ch| {
                    matches!(ch, '(' | ')' | '[' | ']' | '{' | '}' | '*' | '?' | '<' | '>' | '=' | ',')
                })?;
            }
        }
    }
    Ok(())
}

fn escaped(f: &mut Formatter<'_>, text: &str, special: impl Fn(char) -> bool) -> fmt::Result {
    for ch in text.chars() {
        if ch.is_whitespace() || matches!(ch, '\\' | '"') || special(ch) {
            f.write_char('\\')?;
        }
        f.write_char(ch)?;
    }
    Ok(())
}
