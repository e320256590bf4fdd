//! From JSON to a definition, or to an error that says where, what is wrong, and what to write instead.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use serde_json::Value;
use whodid_model::{EntityKind, Instant, Span, limits};

use self::document::{At, Members};
use super::window::{Calendar, Moment, Window, WindowError};
use super::{
    Aggregation, Bound, Condition, Definition, DefinitionError, Measure, Order, Per, Performed, Step, Within,
};
use crate::op::Op;
use crate::search::Dialect;

mod document;

const CONDITIONS: [&str; 6] = ["all", "any", "not", "performed", "profile", "segment"];
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

pub(super) fn weekday_name(weekday: Weekday) -> &'static str {
    WEEKDAYS.into_iter().find(|(_, other)| *other == weekday).map_or("monday", |(name, _)| name)
}

pub(super) fn definition(json: &Value) -> Result<Definition, DefinitionError> {
    let root = At::root(json);
    let members = root.members("a definition", &["entity", "where"])?;
    let entity = members
        .need("entity", "write \"entity\": \"user\" or \"account\"")?
        .choice("an entity kind", &[("user", EntityKind::User), ("account", EntityKind::Account)])?;
    let tree = members.need(
        "where",
        "write \"where\": {\"performed\": {\"steps\": [{\"event\": \"@view.name:/cart\"}]}}",
    )?;
    let condition = Reader { conditions: 0 }.condition(&tree, 1)?;
    Ok(Definition { entity, condition })
}

struct Reader {
    conditions: usize,
}

impl Reader {
    fn condition(&mut self, at: &At, depth: usize) -> Result<Condition, DefinitionError> {
        self.conditions += 1;
        if self.conditions > limits::CONDITIONS {
            return Err(at.too_large(
                format!("the definition has more than {} conditions", limits::CONDITIONS),
                "move a part into a segment of its own and refer to it",
            ));
        }
        if depth > limits::NESTING_DEPTH {
            return Err(at.too_large(
                format!("conditions are nested deeper than {}", limits::NESTING_DEPTH),
                "move a part into a segment of its own and refer to it",
            ));
        }
        let members = at.members("a condition", &CONDITIONS)?;
        let one = members.the_only("wrap several in {\"all\": […]} or {\"any\": […]}", &CONDITIONS)?;
        Ok(match one.name() {
            "all" => Condition::All(self.list(&one, depth)?),
            "any" => Condition::Any(self.list(&one, depth)?),
            "not" => Condition::Not(Box::new(self.condition(&one, depth + 1)?)),
            "performed" => Condition::Performed(performed(&one)?),
            "profile" => Condition::Profile(one.query(Dialect::Profile)?),
            _ => Condition::Segment(one.text("a segment's id, such as \"seg-1\"")?.to_string()),
        })
    }

    fn list(&mut self, at: &At, depth: usize) -> Result<Vec<Condition>, DefinitionError> {
        at.items("a list of conditions")?.iter().map(|item| self.condition(item, depth + 1)).collect()
    }
}

fn performed(at: &At) -> Result<Performed, DefinitionError> {
    let members =
        at.members("a performed clause", &["steps", "order", "within", "during", "times", "per", "measure"])?;
    let order = match members.get("order") {
        Some(at) => at.choice("an order", &[("ordered", Order::Ordered), ("any", Order::Any)])?,
        None => Order::default(),
    };
    let steps = steps(&members, order)?;
    let within = members.get("within").map(|at| within(&at)).transpose()?;
    let during = members.get("during").map(|at| window(&at)).transpose()?.unwrap_or_default();
    let times = members.get("times").map(|at| times(&at)).transpose()?.unwrap_or(Bound::DEFAULT);
    let per = match members.get("per") {
        Some(at) => at.choice(
            "a unit to count in",
            &[("occurrence", Per::Occurrence), ("day", Per::Day), ("session", Per::Session)],
        )?,
        None => Per::default(),
    };
    let measure = members.get("measure").map(|at| measure(&at)).transpose()?;
    if measure.is_some() {
        refuse_beside_measure(&members, steps.len(), per)?;
    }
    Ok(Performed { steps, order, within, during, times, per, measure })
}

fn refuse_beside_measure(members: &Members, steps: usize, per: Per) -> Result<(), DefinitionError> {
    if let Some(times) = members.get("times") {
        return Err(times.refuse(
            "`times` stands beside `measure`, and a clause has one bound",
            "remove one, or write two clauses under {\"all\": […]}",
        ));
    }
    if let Some(at) = members.get("per").filter(|_| per != Per::Occurrence) {
        return Err(at.refuse("`per` counts occurrences, and a measure has none", "remove `per`"));
    }
    match members.get("steps").filter(|_| steps > 1) {
        Some(at) => Err(at.refuse(
            "a measure takes exactly one step",
            "leave the step whose values are measured, and write the others as a clause of their own",
        )),
        None => Ok(()),
    }
}

fn steps(members: &Members, order: Order) -> Result<Vec<Step>, DefinitionError> {
    let list = members.need("steps", "write \"steps\": [{\"event\": \"@view.name:/cart\"}]")?;
    let items = list.items("a list of steps")?;
    if items.is_empty() {
        return Err(list
            .refuse("there are no steps", "write at least one, such as {\"event\": \"@view.name:/cart\"}"));
    }
    if items.len() > limits::STEPS {
        return Err(list.too_large(
            format!("there are {} steps, and {} are the most", items.len(), limits::STEPS),
            "split the clause into several under {\"all\": […]}",
        ));
    }
    items.iter().enumerate().map(|(i, item)| step(item, i == 0, order)).collect()
}

fn step(at: &At, first: bool, order: Order) -> Result<Step, DefinitionError> {
    let members = at.members("a step", &["event", "not", "within"])?;
    let event = members.need("event", "write \"event\": \"@view.name:/cart\"")?.query(Dialect::Event)?;
    let not = members.get("not");
    let negative = not.as_ref().map(At::boolean).transpose()?.unwrap_or(false);
    if let Some(not) = not.filter(|_| negative) {
        if order == Order::Any {
            return Err(not.refuse(
                "without an order a step cannot be negative: there is no before and after",
                "write the step as a clause of its own under {\"not\": …}, or set \"order\": \"ordered\"",
            ));
        }
        if first {
            return Err(not.refuse(
                "the first step cannot be negative: there is nothing it could follow",
                "begin with a positive step, or write {\"not\": {\"performed\": …}}",
            ));
        }
    }
    let within_at = members.get("within");
    let within = within_at.as_ref().map(At::span).transpose()?;
    if let Some(at) = within_at {
        if order == Order::Any {
            return Err(at.refuse(
                "without an order a step has no step before it to count from",
                "set `within` on the whole clause",
            ));
        }
        if first {
            return Err(at.refuse(
                "the first step has no step before it to count from",
                "set `within` on a later step, or on the whole clause",
            ));
        }
    }
    Ok(Step { event, negative, within })
}

fn within(at: &At) -> Result<Within, DefinitionError> {
    match at.text("\"session\" or a duration, such as \"24h\"")? {
        "session" => Ok(Within::Session),
        text => text.parse().map(Within::Span).map_err(|_| {
            at.refuse(
                format!("`{text}` is neither \"session\" nor a duration"),
                "write \"session\", or a duration such as 7d, 24h, 30m, 90s or 250ms",
            )
        }),
    }
}

fn times(at: &At) -> Result<Bound, DefinitionError> {
    const FORM: &str = "write {\"op\": \">=\", \"value\": 1}";
    let members = at.members("a bound", &["op", "value"])?;
    let op = members.need("op", FORM)?.choice("a comparison", &Op::ALL.map(|op| (op.symbol(), op)))?;
    let value = members.need("value", FORM)?.count()?;
    Ok(Bound { op, value })
}

fn measure(at: &At) -> Result<Measure, DefinitionError> {
    const FORM: &str =
        "write {\"aggregation\": \"sum\", \"facet\": \"@price\", \"op\": \">\", \"value\": 100}";
    let aggregations = Aggregation::ALL.map(|aggregation| (aggregation.name(), aggregation));
    let members = at.members("a measure", &["aggregation", "facet", "op", "value"])?;
    let aggregation = members.need("aggregation", FORM)?.choice("an aggregation", &aggregations)?;
    let facet_at = members.need("facet", FORM)?;
    let written = facet_at.text("a facet, such as \"@price\"")?;
    let facet = written.strip_prefix('@').unwrap_or(written);
    if facet.is_empty() || facet.len() > limits::PATH_BYTES {
        return Err(facet_at.refuse(
            format!("a facet has 1 to {} bytes", limits::PATH_BYTES),
            "write the path of an attribute, such as \"@price\"",
        ));
    }
    let op = members.need("op", FORM)?.choice("a comparison", &Op::ALL.map(|op| (op.symbol(), op)))?;
    let value = members.need("value", FORM)?.number()?;
    Ok(Measure { aggregation, facet: facet.to_string(), op, value })
}

fn window(at: &At) -> Result<Window, DefinitionError> {
    const FORM: &str = "write {\"last\": \"7d\"}, {\"from\": …, \"to\": …}, {\"since_first_seen\": \"7d\"} or \
                        {\"calendar\": \"this week\"}";
    let members = at.members(
        "a window",
        &["last", "from", "to", "timezone", "since_first_seen", "calendar", "week_start"],
    )?;
    if let Some(last) = members.get("last") {
        members.allow_only(&["last"])?;
        return last.span().map(Window::Last);
    }
    if let Some(span) = members.get("since_first_seen") {
        members.allow_only(&["since_first_seen"])?;
        return span.span().map(Window::SinceFirstSeen);
    }
    let timezone = members.get("timezone").map(|at| timezone(&at)).transpose()?;
    if let Some(at) = members.get("calendar") {
        members.allow_only(&["calendar", "week_start", "timezone"])?;
        let week_start = match members.get("week_start") {
            Some(at) => at.choice("a day of the week", &WEEKDAYS)?,
            None => Weekday::Monday,
        };
        return Ok(Window::Calendar { calendar: calendar(&at)?, week_start, timezone });
    }
    members.allow_only(&["from", "to", "timezone"])?;
    let from = members.get("from").map(|at| moment(&at)).transpose()?;
    let to_at = members.get("to");
    let to = to_at.as_ref().map(moment).transpose()?;
    if from.is_none() && to.is_none() && timezone.is_none() {
        return Err(at.refuse("the window is empty", FORM));
    }
    if let (Some(from), Some(to), Some(at)) = (from, to, to_at) {
        refuse_backwards(from, to, timezone.as_ref(), &at)?;
    }
    Ok(Window::Between { from, to, timezone })
}

/// An instant beside a clock's reading can be compared only once the time zone is known; then `Window::resolve` does.
fn refuse_backwards(
    from: Moment,
    to: Moment,
    timezone: Option<&TimeZone>,
    at: &At,
) -> Result<(), DefinitionError> {
    let absolute = |moment| matches!(moment, Moment::Instant(_));
    let timezone = match timezone {
        Some(timezone) => timezone,
        None if absolute(from) == absolute(to) => &TimeZone::UTC,
        None => return Ok(()),
    };
    let ends = from.instant(timezone).and_then(|from| Ok((from, to.instant(timezone)?)));
    match ends {
        Ok((from_instant, to_instant)) if to_instant < from_instant => Err(at.refuse(
            format!("the window ends at {}, before it begins at {}", to.name(), from.name()),
            "write the earlier instant as `from`",
        )),
        Ok(_) => Ok(()),
        Err(error @ (WindowError::OutOfCalendar | WindowError::EndsBeforeItBegins { .. })) => {
            Err(at.refuse(error.to_string(), "write an instant within the calendar"))
        }
    }
}

fn timezone(at: &At) -> Result<TimeZone, DefinitionError> {
    let name = at.text("a time zone, such as \"Europe/Lisbon\"")?;
    TimeZone::get(name).map_err(|_| {
        at.refuse(
            format!("`{name}` is not a known time zone"),
            "write a name of the IANA time zone database, such as Europe/Lisbon, America/New_York or UTC",
        )
    })
}

fn calendar(at: &At) -> Result<Calendar, DefinitionError> {
    let text = at.text("a calendar period, such as \"this week\"")?;
    let word = Calendar::WORDS.into_iter().find(|(word, _)| *word == text).map(|(_, calendar)| calendar);
    word.or_else(|| date(text).map(Calendar::Date)).ok_or_else(|| {
        at.refuse(
            format!("`{text}` is not a calendar period"),
            "write today, yesterday, this week, last week, the same with month, quarter or year, or a date such as \
             2026-11-08",
        )
    })
}

/// A date and nothing else: `2026-11-08`.
fn date(text: &str) -> Option<Date> {
    let date: Date = text.parse().ok()?;
    (date.to_string() == text).then_some(date)
}

fn moment(at: &At) -> Result<Moment, DefinitionError> {
    if let Some(ms) = at.json().as_i64() {
        return Ok(Moment::Instant(Instant::from_millis(ms)));
    }
    let text = at.text("an instant or a date")?.trim();
    if let Some(date) = date(text) {
        return Ok(Moment::Date(date));
    }
    if text.parse::<jiff::Timestamp>().is_err()
        && text.parse::<f64>().is_err()
        && let Ok(datetime) = text.parse::<DateTime>()
    {
        return Ok(Moment::Local(datetime));
    }
    Instant::parse(text).map(Moment::Instant).ok_or_else(|| {
        at.refuse(
            format!("`{text}` is neither an instant nor a date"),
            "write a date (2026-11-08), a date and time (2026-11-08T09:00), RFC 3339 (2026-11-08T09:00:00Z) or epoch \
             milliseconds",
        )
    })
}

impl At<'_> {
    fn span(&self) -> Result<Span, DefinitionError> {
        let text = self.text("a duration, such as \"7d\"")?;
        text.parse().map_err(|_| {
            self.refuse(
                format!("`{text}` is not a duration"),
                "write a whole number and a unit, such as 7d, 24h, 30m, 90s or 250ms",
            )
        })
    }
}
