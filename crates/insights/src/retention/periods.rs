//! Intervals of cohorts and returns as instants.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use whodid_match::Periods;
use whodid_model::{Instant, TimeRange, limits};

use crate::InsightError;
use crate::calendar::{CalendarInterval, CalendarUnit};
use crate::journeys::plan::invalid;

#[derive(Clone, Debug, PartialEq)]
pub enum Interval {
    Calendar(CalendarInterval),
    /// So many units, counted from the beginning of the range or of the cohort. Whole numbers count by the calendar.
    Fixed {
        unit: FixedUnit,
        value: f64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixedUnit {
    Day,
    Week,
    Month,
}

const DAY_US: f64 = 86_400_000_000.0;

impl FixedUnit {
    fn calendar(self) -> CalendarUnit {
        match self {
            FixedUnit::Day => CalendarUnit::Day,
            FixedUnit::Week => CalendarUnit::Week,
            FixedUnit::Month => CalendarUnit::Month,
        }
    }

    fn days(self) -> f64 {
        match self {
            FixedUnit::Day => 1.0,
            FixedUnit::Week => 7.0,
            FixedUnit::Month => 30.0,
        }
    }
}

impl Interval {
    pub(crate) fn unit_name(&self) -> &'static str {
        match self {
            Interval::Calendar(calendar) => calendar.unit.name(),
            Interval::Fixed { unit, .. } => unit.calendar().name(),
        }
    }

    /// Unit and number of units, where that says it all.
    fn units(&self) -> Option<(CalendarUnit, u32)> {
        match self {
            Interval::Calendar(calendar) => Some((calendar.unit, calendar.quantity.unwrap_or(1))),
            Interval::Fixed { unit, value } => (value.fract() == 0.0 && (1.0..=10_000.0).contains(value))
                .then(|| (unit.calendar(), *value as u32)),
        }
    }

    fn zone(&self, default_timezone: &TimeZone) -> TimeZone {
        match self {
            Interval::Calendar(CalendarInterval { timezone: Some(name), .. }) => {
                TimeZone::get(name).unwrap_or_else(|_| default_timezone.clone())
            }
            _ => default_timezone.clone(),
        }
    }
}

const COHORT: &str = "/query/search/cohort_criteria/time_interval";
const RETURN: &str = "/query/search/return_criteria/time_interval";

/// The periods of cohorts that touch the range, and for each cohort those in which it may return: they begin where the
/// cohort's period does, and before the range's end.
pub(crate) fn boundaries(
    cohort: &Interval,
    returning: Option<&Interval>,
    range: TimeRange,
    default_timezone: &TimeZone,
) -> Result<(Periods, Vec<Periods>), InsightError> {
    let cohorts = match cohort {
        Interval::Calendar(calendar) => {
            let pointer = format!("{COHORT}/value");
            calendar.read(default_timezone, &pointer)?.boundaries(range, &pointer)?
        }
        Interval::Fixed { .. } => stepped(cohort, range, default_timezone, COHORT)?,
    };
    if cohorts.len() - 1 > limits::RETENTION_PERIODS {
        let message = format!("the range has more than {} periods", limits::RETENTION_PERIODS);
        return Err(invalid(COHORT, message, "choose a longer interval or a shorter range"));
    }
    let periods = |boundaries: &[Instant]| {
        Periods::new(boundaries.iter().map(|instant| instant.0).collect())
            .map_err(|error| invalid(COHORT, error.to_string(), "choose a longer interval"))
    };
    let aligned =
        returning.is_none_or(|returning| cohort.units().is_some() && returning.units() == cohort.units());
    let zone = cohort.zone(default_timezone);
    let returns_of = |number: usize| -> Result<Periods, InsightError> {
        let rest = TimeRange { from: cohorts[number], to: range.to };
        match returning {
            Some(Interval::Calendar(calendar)) if !aligned => {
                let pointer = format!("{RETURN}/value");
                let mut own = calendar.read(default_timezone, &pointer)?.boundaries(rest, &pointer)?;
                own[0] = rest.from;
                limited(&own)?;
                periods(&own)
            }
            Some(returning) if !aligned => {
                let own = stepped(returning, rest, &zone, RETURN)?;
                limited(&own)?;
                periods(&own)
            }
            _ => periods(&cohorts[number..]),
        }
    };
    let returns = (0..cohorts.len() - 1).map(returns_of).collect::<Result<_, _>>()?;
    Ok((periods(&cohorts)?, returns))
}

fn limited(boundaries: &[Instant]) -> Result<(), InsightError> {
    if boundaries.len() - 1 <= limits::RETENTION_PERIODS {
        return Ok(());
    }
    let message = format!("a cohort has more than {} periods", limits::RETENTION_PERIODS);
    Err(invalid(RETURN, message, "choose a longer interval or a shorter range"))
}

/// From the beginning of a range on, until its end is reached.
fn stepped(
    interval: &Interval,
    range: TimeRange,
    zone: &TimeZone,
    pointer: &str,
) -> Result<Vec<Instant>, InsightError> {
    let Interval::Fixed { unit, value } = interval else { return Ok(vec![range.from, range.to]) };
    let length_us = value * unit.days() * DAY_US;
    if !(value.is_finite() && length_us >= 1_000_000.0) {
        let message = format!("{value} is not a length of time");
        return Err(invalid(format!("{pointer}/value"), message, "write a number above 0"));
    }
    let outside = |_: jiff::Error| {
        let message = "the range lies outside of the years that a calendar can count";
        invalid(pointer, message, "write instants between the years 1 and 9998")
    };
    let begin = Timestamp::from_microsecond(range.from.0).map_err(outside)?.to_zoned_datetime(zone.clone());
    let mut boundaries = vec![range.from];
    for number in 1i64.. {
        if boundaries.last().is_some_and(|last| *last >= range.to) || boundaries.len() > limits::SERIES_STEPS
        {
            break;
        }
        let next = match interval.units() {
            Some((_, count)) => {
                let count = i64::from(count) * number;
                let span = match unit {
                    FixedUnit::Day => count.days(),
                    FixedUnit::Week => count.weeks(),
                    FixedUnit::Month => count.months(),
                };
                Instant(begin.checked_add(span).map_err(outside)?.timestamp().as_microsecond())
            }
            None => Instant(range.from.0.saturating_add((length_us * number as f64) as i64)),
        };
        boundaries.push(next);
    }
    Ok(boundaries)
}
