//! What is asked of a value. Tests are pure: the engine evaluates each once per distinct value.

use std::net::IpAddr;

use ipnet::IpNet;
use whodid_model::{Instant, Value, value::number_text};

use crate::op::Op;

#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Any value at all. An empty list holds none.
    Exists,
    /// Equality (case-sensitive), or a match with wildcards. `5` is the number 5 and the text `5`; `true` the boolean
    /// and the text.
    Text(Pattern),
    /// Free text: the pattern occurs somewhere, whatever the case.
    Contains(Pattern),
    /// The value is a number (or a text that is wholly a number) and `value op number` holds.
    Compare { op: Op, number: f64 },
    /// Inclusive on both ends; an infinite end is open.
    Range { from: f64, to: f64 },
    /// The value is an instant (RFC 3339, a date, or an epoch number) and `value op instant` holds.
    When { op: Op, instant: Instant },
    /// The value is an IP address within any of the networks.
    Cidr(Vec<IpNet>),
}

impl Test {
    pub fn matches_text(&self, text: &str) -> bool {
        match self {
            Test::Exists => true,
            Test::Text(pattern) => pattern.matches(text),
            Test::Contains(pattern) => pattern.matches(&fold_case(text)),
            Test::Compare { .. } | Test::Range { .. } => {
                whole_number(text).is_some_and(|number| self.matches_number(number))
            }
            Test::When { op, instant } => Instant::parse(text).is_some_and(|t| op.holds(t, *instant)),
            Test::Cidr(networks) => text.parse::<IpAddr>().is_ok_and(|address| {
                let address = address.to_canonical();
                networks.iter().any(|network| network.contains(&address))
            }),
        }
    }

    pub fn matches_number(&self, number: f64) -> bool {
        match self {
            Test::Exists => true,
            Test::Text(pattern) => pattern.number == Some(number) || pattern.matches(&number_text(number)),
            Test::Contains(pattern) => pattern.matches(&number_text(number)),
            Test::Compare { op, number: bound } => op.holds(number, *bound),
            Test::Range { from, to } => *from <= number && number <= *to,
            Test::When { op, instant } => {
                Instant::from_epoch_number(number).is_some_and(|t| op.holds(t, *instant))
            }
            Test::Cidr(_) => false,
        }
    }

    pub fn matches_bool(&self, value: bool) -> bool {
        match self {
            Test::Exists => true,
            Test::Text(pattern) | Test::Contains(pattern) => {
                pattern.matches(if value { "true" } else { "false" })
            }
            _ => false,
        }
    }

    /// A list matches when any of its elements does; null never does.
    pub fn matches(&self, value: &Value) -> bool {
        match value {
            Value::Null => false,
            Value::Bool(value) => self.matches_bool(*value),
            Value::Number(number) => self.matches_number(*number),
            Value::Text(text) => self.matches_text(text),
            Value::List(items) => items.iter().any(|item| self.matches_text(item)),
        }
    }
}

/// A finite number, and nothing else around it.
pub(super) fn whole_number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Lower case, one character at a time, so that folding twice changes nothing.
pub(super) fn fold_case(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Text with wildcards. Never two `*` side by side, nor two texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    pieces: Vec<Piece>,
    /// The number the pattern spells, if it does.
    number: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// `?`
    One,
    /// `*`
    Many,
}

/// What a pattern asks, for those who have a faster way than matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape<'a> {
    Exactly(&'a str),
    StartsWith(&'a str),
    EndsWith(&'a str),
    Contains(&'a str),
    Mixed,
}

impl Pattern {
    /// A pattern without wildcards.
    pub fn exactly(text: impl Into<String>) -> Pattern {
        Pattern::new([Piece::Text(text.into())])
    }

    pub(super) fn new(pieces: impl IntoIterator<Item = Piece>) -> Pattern {
        let mut joined: Vec<Piece> = Vec::new();
        for piece in pieces {
            match (joined.last_mut(), piece) {
                (Some(Piece::Many), Piece::Many) => {}
                (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
                (_, Piece::Text(text)) if text.is_empty() => {}
                (_, piece) => joined.push(piece),
            }
        }
        let number = match joined.as_slice() {
            [Piece::Text(text)] => whole_number(text),
            _ => None,
        };
        Pattern { pieces: joined, number }
    }

    /// The same pattern, found anywhere in a text and whatever its case; see [`fold_case`].
    pub(super) fn anywhere(self) -> Pattern {
        let inner = self.pieces.into_iter().map(|piece| match piece {
            Piece::Text(text) => Piece::Text(fold_case(&text)),
            wildcard => wildcard,
        });
        Pattern::new([Piece::Many].into_iter().chain(inner).chain([Piece::Many]))
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub fn shape(&self) -> Shape<'_> {
        match self.pieces.as_slice() {
            [] => Shape::Exactly(""),
            [Piece::Text(text)] => Shape::Exactly(text),
            [Piece::Text(text), Piece::Many] => Shape::StartsWith(text),
            [Piece::Many, Piece::Text(text)] => Shape::EndsWith(text),
            [Piece::Many, Piece::Text(text), Piece::Many] => Shape::Contains(text),
            _ => Shape::Mixed,
        }
    }

    /// As it was typed, without quotes and backslashes: for people to read, not to parse.
    pub fn spelled(&self) -> String {
        let spell = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::One => "?".to_string(),
            Piece::Many => "*".to_string(),
        };
        self.pieces.iter().map(spell).collect()
    }

    /// The one text that matches, if there are no wildcards.
    pub fn literal(&self) -> Option<&str> {
        match self.shape() {
            Shape::Exactly(text) => Some(text),
            _ => None,
        }
    }

    /// What every matching text begins with; may be empty.
    pub fn prefix(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether the whole text matches. Time is at most the text's length times the pattern's.
    pub fn matches(&self, text: &str) -> bool {
        match self.shape() {
            Shape::Exactly(literal) => text == literal,
            Shape::StartsWith(start) => text.starts_with(start),
            Shape::EndsWith(end) => text.ends_with(end),
            Shape::Contains(part) => text.contains(part),
            Shape::Mixed => matches_pieces(&self.pieces, text),
        }
    }
}

/// Takes pieces from the left. When one does not fit, only the latest `*` is asked to swallow one more character: what
/// an earlier one could swallow instead, the latest can as well.
fn matches_pieces(pieces: &[Piece], text: &str) -> bool {
    let (mut next, mut rest) = (0, text);
    let mut latest_many: Option<(usize, &str)> = None;
    loop {
        let fitted = match pieces.get(next) {
            None if rest.is_empty() => return true,
            None => None,
            Some(Piece::Many) if next + 1 == pieces.len() => return true,
            Some(Piece::Many) => {
                latest_many = Some((next + 1, rest));
                Some(rest)
            }
            Some(Piece::One) => without_first(rest),
            Some(Piece::Text(text)) => rest.strip_prefix(text.as_str()),
        };
        if let Some(fitted) = fitted {
            (next, rest) = (next + 1, fitted);
            continue;
        }
        let Some((after, from)) = latest_many else { return false };
        let Some(shorter) = without_first(from) else { return false };
        latest_many = Some((after, shorter));
        (next, rest) = (after, shorter);
    }
}

fn without_first(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    chars.next().map(|_| chars.as_str())
}
