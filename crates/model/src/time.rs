//! Instants, durations and half-open ranges, in microseconds. Calendar arithmetic lives with whoever needs a time zone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MICROS_PER_MILLI: i64 = 1_000;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// An instant: microseconds since 1970-01-01T00:00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub i64);

impl Instant {
    pub const MIN: Instant = Instant(i64::MIN);
    pub const MAX: Instant = Instant(i64::MAX);

    pub fn from_millis(ms: i64) -> Instant {
        Instant(ms.saturating_mul(MICROS_PER_MILLI))
    }

    /// Milliseconds since 1970, rounded down.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(MICROS_PER_MILLI)
    }

    /// A bare epoch number in seconds, milliseconds, microseconds or nanoseconds, told apart by magnitude: each unit
    /// covers the years 1973 to 5138 in seconds and correspondingly in the finer ones. The one exception is a small
    /// number (under 10⁸ in absolute value), which is taken as seconds.
    pub fn from_epoch_number(n: f64) -> Option<Instant> {
        if !n.is_finite() {
            return None;
        }
        let magnitude = n.abs();
        let micros = if magnitude < 1e11 {
            n * 1e6
        } else if magnitude < 1e14 {
            n * 1e3
        } else if magnitude < 1e17 {
            n
        } else {
            n / 1e3
        };
        (micros.abs() < 9.2e18).then_some(Instant(micros.round() as i64))
    }

    /// The same for a whole number, exact to the microsecond.
    pub fn from_epoch_integer(n: i64) -> Instant {
        match n.unsigned_abs() {
            0..=99_999_999_999 => Instant(n * MICROS_PER_SECOND),
            100_000_000_000..=99_999_999_999_999 => Instant(n * MICROS_PER_MILLI),
            100_000_000_000_000..=99_999_999_999_999_999 => Instant(n),
            _ => Instant(n.div_euclid(1_000)),
        }
    }

    /// RFC 3339 (with `Z` or an offset), a date-time without offset (taken as UTC), a date (its midnight in UTC), a
    /// bare epoch number, or microseconds since 1970 followed by `us`.
    pub fn parse(text: &str) -> Option<Instant> {
        let text = text.trim();
        if let Ok(n) = text.parse::<i64>() {
            return Some(Instant::from_epoch_integer(n));
        }
        // What `Display` writes for instants beyond the calendar.
        if let Some(micros) = text.strip_suffix("us").and_then(|digits| digits.parse().ok()) {
            return Some(Instant(micros));
        }
        if let Ok(t) = text.parse::<jiff::Timestamp>() {
            return Some(Instant(t.as_microsecond()));
        }
        if let Ok(t) = text.parse::<jiff::civil::DateTime>() {
            let instant = jiff::tz::TimeZone::UTC.to_timestamp(t).ok()?;
            return Some(Instant(instant.as_microsecond()));
        }
        Instant::from_epoch_number(text.parse::<f64>().ok()?)
    }

    pub fn plus(self, span: Span) -> Instant {
        Instant(self.0.saturating_add(span.0))
    }

    pub fn minus(self, span: Span) -> Instant {
        Instant(self.0.saturating_sub(span.0))
    }
}

/// RFC 3339 in UTC, with as many fractional digits as the instant needs.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => write!(f, "{t}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Accepts RFC 3339 text and epoch milliseconds.
impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Millis(i64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Millis(ms) => Ok(Instant::from_millis(ms)),
            Form::Text(text) => Instant::parse(&text).ok_or_else(|| {
                serde::de::Error::custom(format!(
                    "`{text}` is not an instant; write RFC 3339, such as 2026-11-01T00:00:00Z, or epoch milliseconds"
                ))
            }),
        }
    }
}

/// A length of time in microseconds, written `7d`, `24h`, `30m`, `90s`, `250ms`, `2w` or a run of those (`1d12h`).
/// A day is always 24 hours here; calendar days belong to windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

const UNITS: [(&str, i64); 7] = [
    ("w", 7 * 86_400 * MICROS_PER_SECOND),
    ("d", 86_400 * MICROS_PER_SECOND),
    ("h", 3_600 * MICROS_PER_SECOND),
    ("m", 60 * MICROS_PER_SECOND),
    ("s", MICROS_PER_SECOND),
    ("ms", MICROS_PER_MILLI),
    ("us", 1),
];

impl Span {
    pub const fn from_seconds(s: i64) -> Span {
        Span(s * MICROS_PER_SECOND)
    }

    pub const fn from_days(days: i64) -> Span {
        Span(days * 86_400 * MICROS_PER_SECOND)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a duration; write a whole number and a unit, such as 7d, 24h, 30m, 90s or 250ms")]
pub struct SpanError {
    pub text: String,
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Span, SpanError> {
        let error = || SpanError { text: text.to_string() };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(error());
        }
        let mut total: i64 = 0;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, tail) = rest.split_at(digits);
            let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
            let (unit, tail) = tail.split_at(letters);
            let scale = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?.1;
            let number: i64 = number.parse().map_err(|_| error())?;
            total = number.checked_mul(scale).and_then(|part| total.checked_add(part)).ok_or_else(error)?;
            rest = tail.trim_start();
        }
        Ok(Span(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return write!(f, "0s");
        }
        let mut rest = self.0;
        for (name, scale) in UNITS.iter().skip(1) {
            let count = rest / scale;
            if count != 0 {
                write!(f, "{count}{name}")?;
                rest -= count * scale;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A half-open range `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeRange {
    pub from: Instant,
    pub to: Instant,
}

impl TimeRange {
    pub const ALL: TimeRange = TimeRange { from: Instant::MIN, to: Instant::MAX };

    pub fn contains(self, t: Instant) -> bool {
        self.from <= t && t < self.to
    }

    /// The part of the range before `t`: what is at or after the evaluation instant does not exist.
    pub fn cut_at(self, t: Instant) -> TimeRange {
        TimeRange { from: self.from, to: self.to.min(t) }
    }
}

/// Where "now" comes from. Everything that needs the time is handed a clock, so that tests decide what time it is.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Instant;
}

#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant(jiff::Timestamp::now().as_microsecond())
    }
}

/// A clock that stands still, for tests and for re-evaluation at a given instant.
impl Clock for Instant {
    fn now(&self) -> Instant {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        let check = |text: &str, micros: i64, printed: &str| {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.0, span.to_string().as_str()), (micros, printed), "{text}");
        };
        check("7d", 604_800_000_000, "7d");
        check("2w", 1_209_600_000_000, "14d");
        check("1d12h", 129_600_000_000, "1d12h");
        check("90s", 90_000_000, "1m30s");
        check("250ms", 250_000, "250ms");
        check("0s", 0, "0s");
        for bad in ["", "7", "d", "7 days", "-1d", "1.5h", "99999999999999d"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn epoch_numbers_are_told_apart_by_magnitude() {
        let t = Instant(1_790_000_000_123_456);
        assert_eq!(Instant::from_epoch_integer(1_790_000_000), Instant(1_790_000_000_000_000));
        assert_eq!(Instant::from_epoch_integer(1_790_000_000_123), Instant(1_790_000_000_123_000));
        assert_eq!(Instant::from_epoch_integer(1_790_000_000_123_456), t);
        assert_eq!(Instant::from_epoch_integer(1_790_000_000_123_456_789), t);
        assert_eq!(Instant::parse("1790000000.5"), Some(Instant(1_790_000_000_500_000)));
    }

    #[test]
    fn instants_read_and_print() {
        let t = Instant::parse("2026-11-08T00:00:00Z").unwrap();
        assert_eq!(t.to_string(), "2026-11-08T00:00:00Z");
        assert_eq!(Instant::parse("2026-11-08"), Some(t));
        assert_eq!(Instant::parse("2026-11-08T01:00:00+01:00"), Some(t));
        assert_eq!(Instant::parse("2026-11-08 00:00:00"), Some(t));
        assert_eq!(Instant::parse("tomorrow"), None);
        for extreme in [Instant::MIN, Instant::MAX] {
            assert_eq!(Instant::parse(&extreme.to_string()), Some(extreme));
        }
    }
}
