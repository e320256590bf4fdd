//! Calendar intervals: days, weeks, months … of a time zone, one after another without a gap.
//!
//! A change of the clocks makes days of 23 and 25 hours, so every boundary is a date and an hour in the zone and becomes
//! an instant by itself.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use whodid_model::{Instant, TimeRange, limits};

use crate::InsightError;

/// An interval as a request writes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CalendarInterval {
    #[serde(rename = "type")]
    pub unit: CalendarUnit,
    /// How many units make one interval, counted from the unit that holds the beginning; absent: one.
    #[serde(default)]
    pub quantity: Option<u32>,
    /// Where a unit begins: an hour of the day (`1am`, `14`), a day of the week (`sunday`), of the month (`15th`), or a
    /// month of the year (`april`). Absent: midnight, the workspace's first day of the week, the first, January.
    #[serde(default)]
    pub alignment: Option<String>,
    /// IANA name; absent: the workspace's.
    #[serde(default)]
    pub timezone: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CalendarUnit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// A calendar interval whose words are read.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    unit: CalendarUnit,
    quantity: i64,
    alignment: Alignment,
    timezone: TimeZone,
}

/// The part of a unit's beginning that can be chosen. Hours and minutes have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alignment {
    None,
    Hour(i8),
    Weekday(Weekday),
    Day(i8),
    Month(i8),
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl CalendarInterval {
    /// Reads the words. `pointer` is where the interval stands in the request.
    pub(crate) fn read(&self, default_timezone: &TimeZone, pointer: &str) -> Result<Calendar, InsightError> {
        let refuse = |member: &str, message: String, hint: &str| InsightError::Invalid {
            pointer: Some(format!("{pointer}/{member}")),
            message,
            hint: Some(hint.to_string()),
        };
        let timezone = match &self.timezone {
            None => default_timezone.clone(),
            Some(name) => TimeZone::get(name).map_err(|_| {
                refuse(
                    "timezone",
                    format!("`{name}` is not a time zone"),
                    "write an IANA name, such as Europe/Paris",
                )
            })?,
        };
        let quantity = i64::from(self.quantity.unwrap_or(1));
        if quantity == 0 {
            return Err(refuse(
                "quantity",
                "an interval of 0 units has no length".to_string(),
                "write 1 or more",
            ));
        }
        let alignment = match &self.alignment {
            None => Alignment::default_of(self.unit),
            Some(text) => Alignment::read(self.unit, text).ok_or_else(|| {
                let message = format!("`{text}` is not where a {} can begin", self.unit.name());
                refuse("alignment", message, Alignment::hint(self.unit))
            })?,
        };
        Ok(Calendar { unit: self.unit, quantity, alignment, timezone })
    }
}

impl CalendarUnit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            CalendarUnit::Minute => "minute",
            CalendarUnit::Hour => "hour",
            CalendarUnit::Day => "day",
            CalendarUnit::Week => "week",
            CalendarUnit::Month => "month",
            CalendarUnit::Quarter => "quarter",
            CalendarUnit::Year => "year",
        }
    }
}

impl Alignment {
    fn default_of(unit: CalendarUnit) -> Alignment {
        match unit {
            CalendarUnit::Minute | CalendarUnit::Hour => Alignment::None,
            CalendarUnit::Day => Alignment::Hour(0),
            CalendarUnit::Week => Alignment::Weekday(Weekday::Monday),
            CalendarUnit::Month => Alignment::Day(1),
            CalendarUnit::Quarter | CalendarUnit::Year => Alignment::Month(1),
        }
    }

    fn read(unit: CalendarUnit, text: &str) -> Option<Alignment> {
        let text = text.trim().to_lowercase();
        match unit {
            CalendarUnit::Minute | CalendarUnit::Hour => None,
            CalendarUnit::Day => hour(&text).map(Alignment::Hour),
            CalendarUnit::Week => {
                WEEKDAYS.iter().find(|(name, _)| *name == text).map(|(_, day)| Alignment::Weekday(*day))
            }
            CalendarUnit::Month => {
                let day: i8 = text.trim_end_matches(char::is_alphabetic).parse().ok()?;
                (1..=31).contains(&day).then_some(Alignment::Day(day))
            }
            CalendarUnit::Quarter | CalendarUnit::Year => {
                let month = MONTHS.iter().position(|name| *name == text)?;
                Some(Alignment::Month(month as i8 + 1))
            }
        }
    }

    fn hint(unit: CalendarUnit) -> &'static str {
        match unit {
            CalendarUnit::Minute | CalendarUnit::Hour => "leave the alignment out",
            CalendarUnit::Day => "write an hour, such as 1am, 2pm or 14",
            CalendarUnit::Week => "write a day, such as sunday",
            CalendarUnit::Month => "write a day of the month, such as 15th",
            CalendarUnit::Quarter | CalendarUnit::Year => "write a month, such as april",
        }
    }
}

/// `1am`, `12pm`, `14`.
fn hour(text: &str) -> Option<i8> {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let number: i8 = digits.parse().ok()?;
    match text[digits.len()..].trim() {
        "" => (0..24).contains(&number).then_some(number),
        "am" => (1..=12).contains(&number).then_some(number % 12),
        "pm" => (1..=12).contains(&number).then_some(number % 12 + 12),
        _ => None,
    }
}

impl Calendar {
    /// The beginnings of the intervals that touch `range`, and the end of the last one: `n + 1` instants for `n`
    /// intervals. The first may begin before the range.
    ///
    /// Errors: `Invalid` for more than [`limits::SERIES_STEPS`] intervals, or instants that no calendar can count.
    pub(crate) fn boundaries(&self, range: TimeRange, pointer: &str) -> Result<Vec<Instant>, InsightError> {
        let refuse = |message: String, hint: &str| InsightError::Invalid {
            pointer: Some(pointer.to_string()),
            message,
            hint: Some(hint.to_string()),
        };
        let outside = |_| {
            refuse(
                "the range lies outside of the years that a calendar can count".to_string(),
                "write instants between the years 1 and 9998",
            )
        };
        let first = self.first(range.from).map_err(outside)?;
        let mut boundaries: Vec<Instant> = Vec::new();
        for number in 0.. {
            let boundary = self.boundary(&first, number).map_err(outside)?;
            // Two readings of a clock that was put forward can be one instant.
            if boundaries.last().is_none_or(|last| *last < boundary) {
                boundaries.push(boundary);
            }
            if boundary >= range.to {
                break;
            }
            if boundaries.len() > limits::SERIES_STEPS {
                return Err(refuse(
                    format!("the range has more than {} intervals", limits::SERIES_STEPS),
                    "choose a longer interval or a shorter range",
                ));
            }
        }
        Ok(boundaries)
    }

    /// The clock's reading at the beginning of the unit that holds `from`, in the month it is counted from.
    fn first(&self, from: Instant) -> Result<Anchor, jiff::Error> {
        let timestamp = Timestamp::from_microsecond(from.0)?;
        let reading = self.timezone.to_datetime(timestamp);
        let midnight = DateTime::from_parts(reading.date(), jiff::civil::Time::midnight());
        Ok(match (self.unit, self.alignment) {
            (CalendarUnit::Minute, _) => {
                let seconds = timestamp.as_second().rem_euclid(60);
                let whole = Timestamp::from_second(timestamp.as_second() - seconds)?;
                Anchor::Instant { at: whole, seconds: 60 }
            }
            (CalendarUnit::Hour, _) => {
                let into = i64::from(reading.minute()) * 60 + i64::from(reading.second());
                let whole = Timestamp::from_second(timestamp.as_second() - into)?;
                Anchor::Instant { at: whole, seconds: 3600 }
            }
            (CalendarUnit::Day, Alignment::Hour(hour)) => {
                let begins = midnight.checked_add(i64::from(hour).hours())?;
                let begins = if begins > reading { begins.checked_sub(1.day())? } else { begins };
                Anchor::Reading { at: begins, days: 1 }
            }
            (CalendarUnit::Week, Alignment::Weekday(day)) => {
                let since = day.until(reading.weekday());
                Anchor::Reading { at: midnight.checked_sub(i64::from(since).days())?, days: 7 }
            }
            (unit, alignment) => {
                let (months, first_month, day) = match (unit, alignment) {
                    (CalendarUnit::Quarter, Alignment::Month(month)) => (3, month, 1),
                    (CalendarUnit::Year, Alignment::Month(month)) => (12, month, 1),
                    (_, Alignment::Day(day)) => (1, 1, day),
                    _ => (1, 1, 1),
                };
                let mut month = months_of(reading.date());
                month -= (month - i64::from(first_month - 1)).rem_euclid(months);
                if date_in(month, day)? > reading.date() {
                    month -= months;
                }
                Anchor::Month { month, months, day }
            }
        })
    }

    fn boundary(&self, first: &Anchor, number: i64) -> Result<Instant, jiff::Error> {
        let units = self.quantity.saturating_mul(number);
        let reading = match first {
            Anchor::Instant { at, seconds } => {
                let at =
                    Timestamp::from_second(at.as_second().saturating_add(units.saturating_mul(*seconds)))?;
                return Ok(Instant(at.as_microsecond()));
            }
            Anchor::Reading { at, days } => {
                at.checked_add(jiff::Span::new().try_days(units.saturating_mul(*days))?)?
            }
            Anchor::Month { month, months, day } => {
                let date = date_in(month.saturating_add(units.saturating_mul(*months)), *day)?;
                DateTime::from_parts(date, jiff::civil::Time::midnight())
            }
        };
        Ok(Instant(self.timezone.to_timestamp(reading)?.as_microsecond()))
    }
}

/// What intervals are counted from, and the length of one unit.
enum Anchor {
    Instant {
        at: Timestamp,
        seconds: i64,
    },
    Reading {
        at: DateTime,
        days: i64,
    },
    /// Months since year 0, and the day of the month, which is the last where a month is shorter.
    Month {
        month: i64,
        months: i64,
        day: i8,
    },
}

fn months_of(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

fn date_in(month: i64, day: i8) -> Result<Date, jiff::Error> {
    let year = i16::try_from(month.div_euclid(12)).unwrap_or(i16::MAX);
    let first = Date::new(year, month.rem_euclid(12) as i8 + 1, 1)?;
    Date::new(year, first.month(), day.min(first.days_in_month()))
}

#[cfg(test)]
mod tests;
