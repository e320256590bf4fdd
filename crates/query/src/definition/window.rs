//! When: windows of time and what they come to at an evaluation instant.
//!
//! Everything here is half-open and cut at the evaluation instant T: what is at or after T does not exist.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use whodid_model::{FaultKind, Instant, Span, TimeRange};

#[derive(Clone, Debug, Default, PartialEq)]
pub enum Window {
    #[default]
    AllTime,
    /// `[T − span, T)`.
    Last(Span),
    /// `[from, to)`; a missing end is open.
    Between { from: Option<Moment>, to: Option<Moment>, timezone: Option<TimeZone> },
    /// `[first_seen, first_seen + span)`, of each entity by itself.
    SinceFirstSeen(Span),
    /// A calendar period around T in the window's time zone. `week_start` matters to weeks alone.
    Calendar { calendar: Calendar, week_start: Weekday, timezone: Option<TimeZone> },
}

/// One end of a window as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Instant(Instant),
    /// Its midnight in the window's time zone.
    Date(Date),
    /// A clock's reading in the window's time zone.
    Local(DateTime),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calendar {
    Today,
    Yesterday,
    This(CalendarUnit),
    Last(CalendarUnit),
    Date(Date),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarUnit {
    Week,
    Month,
    Quarter,
    Year,
}

/// A window at an evaluation instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// Never past the evaluation instant. Empty as `[from, from)`.
    Fixed(TimeRange),
    /// Depends on the entity; still to be cut at the evaluation instant.
    SinceFirstSeen(Span),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error("the window ends at {to}, before it begins at {from}; write the earlier instant as `from`")]
    EndsBeforeItBegins { from: Instant, to: Instant },
    #[error(
        "the window lies outside of the years that a calendar can count; write an instant between 0001 and 9998"
    )]
    OutOfCalendar,
}

impl WindowError {
    pub fn kind(&self) -> FaultKind {
        FaultKind::Invalid
    }
}

impl Calendar {
    pub(super) const WORDS: [(&str, Calendar); 10] = [
        ("today", Calendar::Today),
        ("yesterday", Calendar::Yesterday),
        ("this week", Calendar::This(CalendarUnit::Week)),
        ("last week", Calendar::Last(CalendarUnit::Week)),
        ("this month", Calendar::This(CalendarUnit::Month)),
        ("last month", Calendar::Last(CalendarUnit::Month)),
        ("this quarter", Calendar::This(CalendarUnit::Quarter)),
        ("last quarter", Calendar::Last(CalendarUnit::Quarter)),
        ("this year", Calendar::This(CalendarUnit::Year)),
        ("last year", Calendar::Last(CalendarUnit::Year)),
    ];

    /// As written in a definition.
    pub fn name(self) -> String {
        match (self, Calendar::WORDS.iter().find(|(_, calendar)| *calendar == self)) {
            (_, Some((word, _))) => word.to_string(),
            (Calendar::Date(date), None) => date.to_string(),
            // Every other calendar has a word.
            (_, None) => String::new(),
        }
    }

    /// First day and the day after the last.
    fn days(self, today: Date, week_start: Weekday) -> Result<(Date, Date), jiff::Error> {
        let (from, period) = match self {
            Calendar::Today => (today, 1.day()),
            Calendar::Yesterday => (today.checked_sub(1.day())?, 1.day()),
            Calendar::Date(date) => (date, 1.day()),
            Calendar::This(unit) => (unit.start(today, week_start)?, unit.period()),
            Calendar::Last(unit) => {
                (unit.start(today, week_start)?.checked_sub(unit.period())?, unit.period())
            }
        };
        Ok((from, from.checked_add(period)?))
    }
}

impl CalendarUnit {
    fn period(self) -> jiff::Span {
        match self {
            CalendarUnit::Week => 1.week(),
            CalendarUnit::Month => 1.month(),
            CalendarUnit::Quarter => 3.months(),
            CalendarUnit::Year => 1.year(),
        }
    }

    /// The first day of the period that holds `day`.
    fn start(self, day: Date, week_start: Weekday) -> Result<Date, jiff::Error> {
        match self {
            CalendarUnit::Week => {
                let since_start = week_start.until(day.weekday());
                day.checked_sub(i64::from(since_start).days())
            }
            CalendarUnit::Month => Ok(day.first_of_month()),
            CalendarUnit::Quarter => Date::new(day.year(), (day.month() - 1) / 3 * 3 + 1, 1),
            CalendarUnit::Year => Ok(day.first_of_year()),
        }
    }
}

impl Moment {
    /// The instant in a time zone. A clock reading that a change of the clocks skips stands for the same distance after
    /// the change; one that happens twice for the first.
    pub fn instant(self, timezone: &TimeZone) -> Result<Instant, WindowError> {
        let reading = match self {
            Moment::Instant(instant) => return Ok(instant),
            Moment::Date(date) => DateTime::from_parts(date, Time::midnight()),
            Moment::Local(datetime) => datetime,
        };
        let timestamp = timezone.to_timestamp(reading).map_err(|_| WindowError::OutOfCalendar)?;
        Ok(Instant(timestamp.as_microsecond()))
    }

    /// As written in a definition.
    pub fn name(self) -> String {
        match self {
            Moment::Instant(instant) => instant.to_string(),
            Moment::Date(date) => date.to_string(),
            Moment::Local(datetime) => datetime.to_string(),
        }
    }
}

impl Window {
    /// The window's own time zone, else the given one; days are counted in it.
    pub fn timezone(&self, default_timezone: &TimeZone) -> TimeZone {
        match self {
            Window::Between { timezone: Some(timezone), .. }
            | Window::Calendar { timezone: Some(timezone), .. } => timezone.clone(),
            _ => default_timezone.clone(),
        }
    }

    /// What the window comes to at the evaluation instant.
    pub fn resolve(&self, at: Instant, default_timezone: &TimeZone) -> Result<Resolved, WindowError> {
        let timezone = self.timezone(default_timezone);
        let range = match self {
            Window::AllTime => TimeRange::ALL,
            Window::SinceFirstSeen(span) => return Ok(Resolved::SinceFirstSeen(*span)),
            Window::Last(span) => TimeRange { from: at.minus(*span), to: at },
            Window::Between { from, to, .. } => {
                let end = |moment: &Option<Moment>, open: Instant| match moment {
                    Some(moment) => moment.instant(&timezone),
                    None => Ok(open),
                };
                let (from, to) = (end(from, Instant::MIN)?, end(to, Instant::MAX)?);
                if to < from {
                    return Err(WindowError::EndsBeforeItBegins { from, to });
                }
                TimeRange { from, to }
            }
            Window::Calendar { calendar, week_start, .. } => {
                let now = Timestamp::from_microsecond(at.0).map_err(|_| WindowError::OutOfCalendar)?;
                let today = timezone.to_datetime(now).date();
                let (from, to) = calendar.days(today, *week_start).map_err(|_| WindowError::OutOfCalendar)?;
                let [from, to] = [from, to].map(|day| Moment::Date(day).instant(&timezone));
                TimeRange { from: from?, to: to? }
            }
        };
        let cut = range.cut_at(at);
        Ok(Resolved::Fixed(TimeRange { from: cut.from.min(cut.to), to: cut.to }))
    }
}
