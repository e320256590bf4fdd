//! From words to facets, patterns, numbers and networks.

use std::net::IpAddr;

use ipnet::IpNet;
use whodid_model::{Instant, limits};

use super::lex::{Glyph, Word};
use super::test::{Piece, whole_number};
use super::{Facet, Pattern, SearchError};

/// Duration units in nanoseconds, the unit in which durations are stored.
const UNITS_NS: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

/// The facet a word names: an `@` in front is taken away.
pub(super) fn facet(word: &Word) -> Result<Facet, SearchError> {
    if word.is_star() {
        return Ok(Facet::AnyText);
    }
    let glyphs = match word.lead() {
        Some('@') => &word.glyphs[1..],
        _ => &word.glyphs[..],
    };
    if glyphs.is_empty() {
        return Err(SearchError::new(
            word.span.clone(),
            "the facet has no name",
            "write a path before the colon, such as @view.name:/cart",
        ));
    }
    if let Some(wildcard) = glyphs.iter().find(|glyph| !glyph.literal && matches!(glyph.ch, '*' | '?')) {
        return Err(SearchError::new(
            wildcard.at..wildcard.at + 1,
            "a facet's name has no wildcards",
            format!("write the whole path, or \\{} for the character itself", wildcard.ch),
        ));
    }
    let path: String = glyphs.iter().map(|glyph| glyph.ch).collect();
    if path.len() > limits::PATH_BYTES {
        return Err(SearchError::too_large(
            word.span.clone(),
            format!("the facet's name is longer than {} bytes", limits::PATH_BYTES),
            "no attribute has so long a path",
        ));
    }
    Ok(Facet::Path(path))
}

/// The pattern a value spells.
pub(super) fn pattern(word: &Word) -> Result<Pattern, SearchError> {
    let pattern = Pattern::new(word.glyphs.iter().map(|glyph| match glyph {
        Glyph { ch: '*', literal: false, .. } => Piece::Many,
        Glyph { ch: '?', literal: false, .. } => Piece::One,
        Glyph { ch, .. } => Piece::Text(ch.to_string()),
    }));
    let wildcards = pattern.pieces().iter().filter(|piece| !matches!(piece, Piece::Text(_))).count();
    if wildcards > limits::PATTERN_WILDCARDS {
        return Err(SearchError::too_large(
            word.span.clone(),
            format!("the value has more than {} wildcards", limits::PATTERN_WILDCARDS),
            "use fewer, or escape those that stand for themselves with a backslash",
        ));
    }
    Ok(pattern)
}

/// What a comparison or a range compares with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    Number(f64),
    Instant(Instant),
}

pub(super) fn bound(word: &Word) -> Result<Bound, SearchError> {
    let text = word.text();
    if let Some(number) = number(&text) {
        return Ok(Bound::Number(number));
    }
    if let Some(instant) = Instant::parse(&text) {
        return Ok(Bound::Instant(instant));
    }
    Err(SearchError::new(
        word.span.clone(),
        format!("`{text}` is neither a number nor an instant"),
        "write a number (5, -0.25), a duration (90s, 250ms; units ns us ms s m h), a date (2026-11-01) or an instant \
         (2026-11-01T12:00:00Z)",
    ))
}

/// A number, or a duration in nanoseconds.
fn number(text: &str) -> Option<f64> {
    if let Some(number) = whole_number(text) {
        return Some(number);
    }
    let digits = text.trim_end_matches(char::is_alphabetic);
    let (_, scale_ns) = UNITS_NS.into_iter().find(|(unit, _)| *unit == &text[digits.len()..])?;
    whole_number(digits).map(|number| number * scale_ns).filter(|number| number.is_finite())
}

/// A network, or a single address.
pub(super) fn network(word: &Word) -> Result<IpNet, SearchError> {
    let text = word.text();
    let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    network.map(|network| network.trunc()).ok_or_else(|| {
        SearchError::new(
            word.span.clone(),
            format!("`{text}` is not an IP network"),
            "write one as 10.0.0.0/8 or 2001:db8::/32",
        )
    })
}
