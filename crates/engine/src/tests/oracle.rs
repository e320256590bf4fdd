//! The meaning of a definition, straight from the words: events one by one, no columns, no buckets, no plans.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use whodid_match::oracle;
use whodid_match::{Bounds, Days, Events, NO_SESSION, Pattern, StepRule};
use whodid_model::{EntityKind, Event, EventKey, Instant, UserKey, Value, revision};
use whodid_query::definition::{Aggregation, Condition, Definition, Order, Per, Performed, Resolved, Within};
use whodid_query::search::Query;

/// Ids of the members, sorted.
pub(super) fn members(
    arrived: &[Event],
    definition: &Definition,
    at: Instant,
    zone: &TimeZone,
) -> Vec<String> {
    let events = known(arrived, at);
    let entities = match definition.entity {
        EntityKind::User => by_user(&events),
        EntityKind::Account => by_account(&events),
    };
    let question = Question { kind: definition.entity, at, zone };
    let holds = |(id, events): &(&String, &Vec<Event>)| question.holds(&definition.condition, id, events);
    entities.iter().filter(holds).map(|(id, _)| id.clone()).collect()
}

/// Every event before `at` under its resolved user, one for all its versions.
pub(super) fn resolved_events(arrived: &[Event], at: Instant) -> Vec<Event> {
    let events = known(arrived, at);
    events.iter().map(|event| resolved(event, &events)).collect()
}

/// The events that exist at an instant, each once.
pub(super) fn known(arrived: &[Event], at: Instant) -> Vec<Event> {
    let mut known: BTreeMap<EventKey, Event> = BTreeMap::new();
    for event in arrived {
        let merged = match known.remove(&event.key()) {
            Some(known) => revision::merge(known, event.clone()),
            None => event.clone(),
        };
        known.insert(merged.key(), merged);
    }
    known.into_values().filter(|event| event.ts < at).collect()
}

/// The user of every event that has one, under the first user of its anonymous id.
fn user_of(event: &Event, all: &[Event]) -> Option<UserKey> {
    if let Some(id) = event.usr_id() {
        return Some(UserKey::Identified(id));
    }
    let anonymous = event.anonymous_id()?;
    let links = all.iter().filter(|e| e.anonymous_id().as_ref() == Some(&anonymous));
    let first = links.filter_map(|e| Some((e.ts, e.usr_id()?))).min();
    Some(first.map_or(UserKey::Anonymous(anonymous), |(_, id)| UserKey::Identified(id)))
}

fn resolved(event: &Event, all: &[Event]) -> Event {
    let mut event = event.clone();
    if let Some(UserKey::Identified(id)) = user_of(&event, all) {
        event.attributes.insert("usr.id".to_string(), Value::Text(id));
    }
    event
}

pub(super) fn by_user(events: &[Event]) -> BTreeMap<String, Vec<Event>> {
    let mut users: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for event in events {
        if let Some(user) = user_of(event, events) {
            users.entry(user.to_string()).or_default().push(resolved(event, events));
        }
    }
    sorted(users)
}

pub(super) fn by_session(events: &[Event]) -> BTreeMap<String, Vec<Event>> {
    let mut sessions: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for event in events {
        if let Some(session) = event.session_id() {
            sessions.entry(session).or_default().push(resolved(event, events));
        }
    }
    sorted(sessions)
}

pub(super) fn by_account(events: &[Event]) -> BTreeMap<String, Vec<Event>> {
    let mut accounts: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for event in events {
        if let Some(account) = event.account_id() {
            accounts.entry(account).or_default().push(resolved(event, events));
        }
    }
    sorted(accounts)
}

fn sorted(mut entities: BTreeMap<String, Vec<Event>>) -> BTreeMap<String, Vec<Event>> {
    for events in entities.values_mut() {
        events.sort_by(|a, b| (a.ts, &a.id, a.kind).cmp(&(b.ts, &b.id, b.kind)));
    }
    entities
}

struct Question<'a> {
    kind: EntityKind,
    at: Instant,
    zone: &'a TimeZone,
}

impl Question<'_> {
    fn holds(&self, condition: &Condition, id: &str, events: &[Event]) -> bool {
        match condition {
            Condition::All(parts) => parts.iter().all(|part| self.holds(part, id, events)),
            Condition::Any(parts) => parts.iter().any(|part| self.holds(part, id, events)),
            Condition::Not(inner) => !self.holds(inner, id, events),
            Condition::Segment(_) => unreachable!("no segments here"),
            Condition::Profile(query) => {
                query.expr.matches(&|name| profile_value(self.kind, name, id, events))
            }
            Condition::Performed(performed) => self.performed(performed, events),
        }
    }

    fn performed(&self, performed: &Performed, events: &[Event]) -> bool {
        let (from, to) = match performed.during.resolve(self.at, self.zone).unwrap() {
            Resolved::Fixed(range) => (range.from, range.to),
            Resolved::SinceFirstSeen(span) => (events[0].ts, events[0].ts.plus(span).min(self.at)),
        };
        if let Some(measure) = &performed.measure {
            let inside = events.iter().filter(|event| from <= event.ts && event.ts < to);
            let matching = inside.filter(|event| matches(&performed.steps[0].event, event));
            let values: Vec<&Value> =
                matching.filter_map(|event| event.attributes.get(&measure.facet)).collect();
            return measured(measure.aggregation, &values).is_some_and(|observed| measure.holds(observed));
        }
        let ts: Vec<i64> = events.iter().map(|event| event.ts.0).collect();
        let bits = |event: &Event| {
            let steps = performed.steps.iter().enumerate();
            steps.fold(0u16, |bits, (i, step)| bits | (u16::from(matches(&step.event, event)) << i))
        };
        let matches: Vec<u16> = events.iter().map(bits).collect();
        let ids: BTreeSet<String> = events.iter().filter_map(Event::session_id).collect();
        let code = |event: &Event| match event.session_id() {
            Some(id) => ids.iter().position(|known| *known == id).unwrap() as u32,
            None => NO_SESSION,
        };
        let session: Vec<u32> = events.iter().map(code).collect();
        let days = Days::new(self.days(events));
        let per = match performed.per {
            Per::Occurrence => whodid_match::Per::Occurrence,
            Per::Day => whodid_match::Per::Day(&days),
            Per::Session => whodid_match::Per::Session,
        };
        let events = Events { ts: &ts, session: &session, matches: &matches };
        let bounds = Bounds { from: from.0, to: to.0, at: self.at.0 };
        performed.times.holds(oracle::count(&pattern(performed), events, bounds, per))
    }

    /// Midnights around every event.
    fn days(&self, events: &[Event]) -> Vec<i64> {
        let midnight = |event: &Event| {
            let instant = jiff::Timestamp::from_microsecond(event.ts.0).unwrap();
            instant.to_zoned_datetime(self.zone.clone()).start_of_day().unwrap().timestamp().as_microsecond()
        };
        events.iter().map(midnight).collect()
    }
}

fn pattern(performed: &Performed) -> Pattern {
    let rule = |step: &whodid_query::definition::Step| StepRule {
        negative: step.negative,
        within_us: step.within.map(|span| span.0),
    };
    let order = match performed.order {
        Order::Ordered => whodid_match::Order::Ordered,
        Order::Any => whodid_match::Order::Any,
    };
    let scope = match performed.within {
        None => whodid_match::Scope::Entity,
        Some(Within::Session) => whodid_match::Scope::Session,
        Some(Within::Span(span)) => whodid_match::Scope::Within(span.0),
    };
    Pattern::new(performed.steps.iter().map(rule).collect(), order, scope).unwrap()
}

pub(super) fn matches(query: &Query, event: &Event) -> bool {
    query.expr.matches(&|path| match path {
        "type" => Some(Value::text(event.kind.name())),
        "id" => Some(Value::text(event.id.clone())),
        path => event.attributes.get(path).cloned(),
    })
}

fn measured(aggregation: Aggregation, values: &[&Value]) -> Option<f64> {
    let numbers: Vec<f64> = values.iter().filter_map(|value| value.as_number()).collect();
    match aggregation {
        Aggregation::Sum => Some(numbers.iter().sum()),
        Aggregation::Avg => (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64),
        Aggregation::Min => numbers.iter().copied().reduce(f64::min),
        Aggregation::Max => numbers.iter().copied().reduce(f64::max),
        Aggregation::Cardinality => {
            let texts: BTreeSet<String> = values.iter().map(|value| value.as_text().into_owned()).collect();
            Some(texts.len() as f64)
        }
    }
}

fn profile_value(kind: EntityKind, name: &str, id: &str, events: &[Event]) -> Option<Value> {
    let first = |path: &str| events.iter().find_map(|event| event.attributes.get(path).cloned());
    let last = |path: &str| events.iter().rev().find_map(|event| event.attributes.get(path).cloned());
    let distinct =
        |values: Vec<String>| Some(Value::Number(values.into_iter().collect::<BTreeSet<_>>().len() as f64));
    match (name, kind) {
        ("user_id", EntityKind::User) | ("account_id", EntityKind::Account) => Some(Value::text(id)),
        ("user_id", EntityKind::Account) => last("account.user_id"),
        ("account_id", EntityKind::User) => {
            let accounts: BTreeSet<String> = events.iter().filter_map(Event::account_id).collect();
            (!accounts.is_empty()).then(|| Value::List(accounts.into_iter().collect()))
        }
        ("is_anonymous", EntityKind::User) => Some(Value::Bool(id.starts_with("anonymous:"))),
        ("is_anonymous", EntityKind::Account) => last("account.is_anonymous"),
        ("first_country", _) => first("geo.country"),
        ("last_country", _) => last("geo.country"),
        ("last_context.n", _) => last("context.n"),
        ("session_count", _) => distinct(events.iter().filter_map(Event::session_id).collect()),
        ("events_count", _) => Some(Value::Number(events.len() as f64)),
        ("user_count", _) => {
            let user = |event: &Event| {
                let anonymous = || event.anonymous_id().map(|id| format!("anonymous:{id}"));
                event.usr_id().or_else(anonymous)
            };
            distinct(events.iter().filter_map(user).collect())
        }
        other => unreachable!("{other:?}"),
    }
}
