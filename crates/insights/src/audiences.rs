//! Users and accounts by their profiles: lists, values of an attribute, names of all attributes.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use whodid_engine::{
    Aggregate, Audience, EntitySet, GroupKey, Grouping, Membership, ProfileValues, ScanSpec,
};
use whodid_model::{EntityKind, Instant, Span, TimeRange, Value, limits};
use whodid_query::definition::{Condition, Definition};
use whodid_query::search::{Dialect, Expr, Facet, Query, Term, parse};

use crate::InsightError;
use crate::analytics::{know_attribute, path};
use crate::connections::ConnectionField;
use crate::insights::{Insights, off_thread};
use crate::meta::{Asked, Meta};

/// Profiles of a query that sets no limit.
const DEFAULT_PROFILES: u64 = 100;
/// Values of an attribute that are shown at most.
const MOST_VALUES: u64 = limits::QUERIED_PROFILES as u64;

#[derive(Clone, Debug, Default)]
pub struct ProfilesRequest {
    /// Over profile attributes; empty: everyone.
    pub query: String,
    pub limit: Option<u64>,
    /// Names of profile attributes; none: all that a profile has.
    pub columns: Vec<String>,
    /// Attribute, and whether ascending; absent: by id.
    pub sort: Option<(String, bool)>,
    /// Text in the id, the name or the email, whatever its case; `*` and `?` stand for others.
    pub term: Option<String>,
    /// Only those with such an event in a range.
    pub events: Option<EventFilter>,
    /// Say for each how many of those events there are, as `row_count`.
    pub row_count: bool,
}

#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    pub query: String,
    /// Seconds since 1970, inclusive and exclusive; absent: open.
    pub from_s: Option<i64>,
    pub to_s: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Profiles {
    pub meta: Meta,
    pub hits: Vec<Map<String, Json>>,
    /// How many there are, whatever the limit.
    pub total: u64,
}

#[derive(Clone, Debug, Default)]
pub struct AttributeValuesRequest {
    pub attribute: String,
    pub limit: u64,
    /// Over profile attributes; empty: everyone.
    pub query: String,
    /// Part of the value, whatever its case.
    pub term: Option<String>,
}

/// Values of one attribute with how many have each, the most frequent first.
#[derive(Clone, Debug)]
pub struct AttributeValues {
    pub meta: Meta,
    pub values: Vec<(String, u64)>,
}

/// A profile attribute as it is offered to build queries with.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedAttribute {
    pub name: String,
    /// `string`, `number`, `boolean` or `date`
    pub value_type: &'static str,
    pub display_name: String,
    pub description: String,
    pub groups: Vec<String>,
    /// Not built in: its name is written with a leading `@`.
    pub is_custom: bool,
}

impl Insights {
    /// Identified users, unless the query asks for `is_anonymous`; all accounts.
    ///
    /// Errors: `Invalid` with a pointer relative to the request's attributes.
    pub async fn query_profiles(
        &self,
        kind: EntityKind,
        request: &ProfilesRequest,
    ) -> Result<Profiles, InsightError> {
        let at = self.instant(None);
        let asked = Asked::new(at);
        let limit =
            checked_limit(request.limit.unwrap_or(DEFAULT_PROFILES), limits::QUERIED_PROFILES as u64)?;
        let definition = definition(kind, request)?;
        let membership = Arc::new(self.membership(&definition, at).await?);
        self.know_columns(kind, request, &membership, at).await?;
        let (inner, request_, members) = (self.inner.clone(), request.clone(), membership.clone());
        let mut hits = off_thread(move || {
            let first = first_members(&inner.engine, &members, &request_, limit, at);
            hits(&inner.engine, &members, &first, &request_.columns, at)
        })
        .await?;
        if let Some(events) = request.events.as_ref().filter(|_| request.row_count) {
            self.add_row_counts(&mut hits, &membership, events, at).await?;
        }
        Ok(Profiles {
            meta: asked.answered(membership.snapshot.watermark(), None),
            total: membership.members.len(),
            hits: hits.into_iter().map(|(_, hit)| hit).collect(),
        })
    }

    /// Errors: `Invalid` with a pointer relative to the request's attributes.
    pub async fn attribute_values(
        &self,
        kind: EntityKind,
        request: &AttributeValuesRequest,
    ) -> Result<AttributeValues, InsightError> {
        let at = self.instant(None);
        let asked = Asked::new(at);
        let limit = checked_limit(request.limit, MOST_VALUES)?;
        let all = ProfilesRequest { query: request.query.clone(), ..ProfilesRequest::default() };
        let definition = definition(kind, &all).map_err(|error| match error {
            InsightError::Invalid { message, hint, .. } => {
                InsightError::Invalid { pointer: Some("/search/query".to_string()), message, hint }
            }
            other => other,
        })?;
        let membership = self.membership(&definition, at).await?;
        let (inner, attribute) = (self.inner.clone(), request.attribute.clone());
        let watermark = membership.snapshot.watermark();
        let columns = off_thread(move || {
            let known = inner.engine.profile_names(&membership, at);
            know_attribute(&membership.snapshot, kind, &known, &attribute, "/facet_id")?;
            let name = path(&attribute);
            Ok::<_, InsightError>(inner.engine.profile_columns(&membership, &membership.members, &[name], at))
        })
        .await??;
        let term = request.term.as_deref().unwrap_or_default().to_lowercase();
        let mut counts: HashMap<String, u64> = HashMap::new();
        for value in columns.into_iter().filter_map(|(_, values)| values.into_iter().next().flatten()) {
            let texts = match value {
                Value::List(items) => items,
                value => vec![value.as_text().into_owned()],
            };
            for text in texts.into_iter().filter(|text| text.to_lowercase().contains(&term)) {
                *counts.entry(text).or_default() += 1;
            }
        }
        let mut values: Vec<(String, u64)> = counts.into_iter().collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        values.truncate(limit);
        Ok(AttributeValues { meta: asked.answered(watermark, None), values })
    }

    /// The built-in attributes, and every other one that a profile has.
    pub async fn mapping(&self, kind: EntityKind) -> Result<Vec<MappedAttribute>, InsightError> {
        let at = self.instant(None);
        let everyone = Definition { entity: kind, condition: Condition::All(Vec::new()) };
        let membership = self.membership(&everyone, at).await?;
        let inner = self.inner.clone();
        let names = off_thread(move || inner.engine.profile_names(&membership, at)).await?;
        let built_in = names.into_iter().filter(|name| !name.starts_with('@'));
        let mut mapped: Vec<MappedAttribute> =
            built_in.map(|name| MappedAttribute::built_in(kind, name)).collect();
        for connection in self.list_connections(kind).await? {
            mapped.extend(connection.definition.fields.into_iter().map(MappedAttribute::joined));
        }
        Ok(mapped)
    }

    async fn know_columns(
        &self,
        kind: EntityKind,
        request: &ProfilesRequest,
        membership: &Arc<Membership>,
        at: Instant,
    ) -> Result<(), InsightError> {
        let (inner, membership, request) = (self.inner.clone(), membership.clone(), request.clone());
        off_thread(move || {
            let known = inner.engine.profile_names(&membership, at);
            let know =
                |name: &str, pointer: &str| know_attribute(&membership.snapshot, kind, &known, name, pointer);
            for (index, column) in request.columns.iter().enumerate() {
                know(column, &format!("/select_columns/{index}"))?;
            }
            request.sort.as_ref().map_or(Ok(()), |(field, _)| know(field, "/sort/field"))
        })
        .await?
    }

    async fn add_row_counts(
        &self,
        hits: &mut [(String, Map<String, Json>)],
        membership: &Membership,
        events: &EventFilter,
        at: Instant,
    ) -> Result<(), InsightError> {
        let query = event_query(events)?;
        let range = events.range(at);
        let mut shown = EntitySet::empty();
        for (id, _) in hits.iter() {
            shown.or(&membership.population.find(&membership.snapshot, id));
        }
        let ids = hits.iter().map(|(id, _)| (id.clone(), vec![id.clone()])).collect();
        let ids = ProfileValues { kind: membership.population.kind, by_id: ids };
        let keys = vec![GroupKey::Profile(Arc::new(ids))];
        let scan = ScanSpec {
            audience: Some(Audience::of(&membership.population, shown)),
            grouping: Grouping { keys, steps: None },
            ..ScanSpec::new(query, range)
        };
        let groups = self.inner.engine.aggregate(&membership.snapshot, scan, &[Aggregate::Count]).await?;
        let counts: HashMap<String, f64> = groups
            .into_iter()
            .filter_map(|group| Some((group.values.first()?.clone()?, group.numbers.first().copied()??)))
            .collect();
        for (id, hit) in hits {
            let count = counts.get(id.as_str()).copied().unwrap_or_default();
            hit.insert("row_count".to_string(), Value::Number(count).to_json());
        }
        Ok(())
    }
}

impl EventFilter {
    fn range(&self, at: Instant) -> TimeRange {
        let instant = |seconds: Option<i64>, open: Instant| {
            seconds.map_or(open, |s| Instant(0).plus(Span(s.saturating_mul(1_000_000))))
        };
        TimeRange { from: instant(self.from_s, Instant::MIN), to: instant(self.to_s, Instant::MAX) }
            .cut_at(at)
    }
}

fn event_query(events: &EventFilter) -> Result<Query, InsightError> {
    parse(&events.query, Dialect::Event).map_err(|error| InsightError::search("/event_query/query", error))
}

fn checked_limit(limit: u64, most: u64) -> Result<usize, InsightError> {
    if (1..=most).contains(&limit) {
        return Ok(limit as usize);
    }
    Err(InsightError::Invalid {
        pointer: Some("/limit".to_string()),
        message: format!("a limit of {limit} is not possible"),
        hint: Some(format!("write 1 to {most}")),
    })
}

/// Who is meant, as a definition like any other.
fn definition(kind: EntityKind, request: &ProfilesRequest) -> Result<Definition, InsightError> {
    let profile =
        |text: &str| parse(text, Dialect::Profile).map_err(|error| InsightError::search("/query", error));
    let query = profile(&request.query)?;
    let mut parts = Vec::new();
    if kind == EntityKind::User && !query.facets().contains(&"is_anonymous") {
        parts.push(Condition::Profile(profile("is_anonymous:false")?));
    }
    parts.push(Condition::Profile(query));
    if let Some(term) = request.term.as_deref().map(str::trim).filter(|term| !term.is_empty()) {
        parts.push(Condition::Profile(term_query(kind, term)?));
    }
    if let Some(events) = &request.events {
        parts.push(performed(kind, events)?);
    }
    Ok(Definition { entity: kind, condition: Condition::All(parts) })
}

/// A word found in what people are called.
fn term_query(kind: EntityKind, term: &str) -> Result<Query, InsightError> {
    let literal = |c: char| c.is_alphanumeric() || matches!(c, '*' | '?');
    let escaped: String =
        term.chars().flat_map(|c| (!literal(c)).then_some('\\').into_iter().chain([c])).collect();
    let free = parse(&format!("*:{escaped}"), Dialect::Profile)
        .map_err(|error| InsightError::search("/wildcard_search_term", error))?;
    let Expr::Term(Term { test, .. }) = free.expr else { return Ok(free) };
    let names = match kind {
        EntityKind::User => ["user_id", "user_name", "user_email"].as_slice(),
        EntityKind::Account => &["account_id", "account_name"],
    };
    let term = |name: &&str| {
        Expr::Term(Term { facet: Facet::Path(name.to_string()), test: test.clone(), span: 0..0 })
    };
    let mut query =
        Query { expr: Expr::or(names.iter().map(term).collect()), ..Query::everything(Dialect::Profile) };
    query.text = query.to_string();
    Ok(query)
}

fn performed(kind: EntityKind, events: &EventFilter) -> Result<Condition, InsightError> {
    event_query(events)?;
    let mut during = Map::new();
    for (member, seconds) in [("from", events.from_s), ("to", events.to_s)] {
        if let Some(seconds) = seconds {
            let instant = Instant(0).plus(Span(seconds.saturating_mul(1_000_000)));
            during.insert(member.to_string(), instant.to_string().into());
        }
    }
    if let (Some(from), Some(to)) = (events.from_s, events.to_s)
        && from >= to
    {
        return Err(InsightError::Invalid {
            pointer: Some("/event_query/time_frame/start".to_string()),
            message: format!("`start` ({from}) is not before `end` ({to})"),
            hint: Some("both are seconds since 1970".to_string()),
        });
    }
    let mut performed = json!({"steps": [{"event": events.query}]});
    if !during.is_empty() {
        performed["during"] = during.into();
    }
    let definition = json!({"entity": kind.name(), "where": {"performed": performed}});
    let definition = Definition::from_json(&definition).map_err(|error| InsightError::Invalid {
        pointer: Some("/event_query".to_string()),
        message: error.message,
        hint: Some(error.hint),
    })?;
    Ok(definition.condition)
}

/// The first members in the request's order.
fn first_members(
    engine: &whodid_engine::Engine,
    membership: &Membership,
    request: &ProfilesRequest,
    limit: usize,
    at: Instant,
) -> Vec<String> {
    let Some((field, ascending)) = &request.sort else {
        let mut ids = membership.population.ids(&membership.snapshot, &membership.members);
        ids.truncate(limit);
        return ids;
    };
    let columns = engine.profile_columns(membership, &membership.members, &[path(field)], at);
    let mut placed: Vec<(Option<Value>, String)> =
        columns.into_iter().map(|(id, values)| (values.into_iter().next().flatten(), id)).collect();
    placed.sort_by(|(a_value, a), (b_value, b)| {
        let by_value = match (a_value, b_value) {
            (Some(a), Some(b)) if *ascending => compare(a, b),
            (Some(a), Some(b)) => compare(b, a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        by_value.then_with(|| a.cmp(b))
    });
    placed.into_iter().take(limit).map(|(_, id)| id).collect()
}

/// Instants compare in time, everything else as columns do.
fn compare(a: &Value, b: &Value) -> Ordering {
    let instant = |value: &Value| match value {
        Value::Text(text) if text.ends_with('Z') => Instant::parse(text),
        _ => None,
    };
    match (instant(a), instant(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => whodid_store::value_order(a, b),
    }
}

/// The columns of some members, in the order of `ids`, beside each id. Without columns, all that a profile has.
fn hits(
    engine: &whodid_engine::Engine,
    membership: &Membership,
    ids: &[String],
    columns: &[String],
    at: Instant,
) -> Vec<(String, Map<String, Json>)> {
    let mut shown = EntitySet::empty();
    for id in ids {
        shown.or(&membership.population.find(&membership.snapshot, id));
    }
    shown.and(&membership.members);
    let mut by_id: HashMap<String, Map<String, Json>> = if columns.is_empty() {
        let profiles = engine.profiles(membership, &shown, at).into_iter();
        let hit = |(name, value): (String, Value)| (name, value.to_json());
        profiles.map(|profile| (profile.id, profile.attributes.into_iter().map(hit).collect())).collect()
    } else {
        let names: Vec<&str> = columns.iter().map(|column| path(column)).collect();
        let profiles = engine.profile_columns(membership, &shown, &names, at).into_iter();
        let cell = |value: Option<Value>| value.map(|value| value.to_json()).unwrap_or_default();
        let hit =
            |values: Vec<Option<Value>>| columns.iter().cloned().zip(values.into_iter().map(cell)).collect();
        profiles.map(|(id, values)| (id, hit(values))).collect()
    };
    ids.iter().filter_map(|id| Some((id.clone(), by_id.remove(id)?))).collect()
}

impl MappedAttribute {
    fn joined(field: ConnectionField) -> MappedAttribute {
        let value_type = match field.kind.as_str() {
            "number" | "integer" | "int" | "float" => "number",
            _ => "string",
        };
        MappedAttribute {
            name: field.id.clone(),
            value_type,
            display_name: field.display_name.unwrap_or(field.id),
            description: field.description.unwrap_or_default(),
            groups: field.groups.unwrap_or_default(),
            is_custom: true,
        }
    }

    fn built_in(kind: EntityKind, name: String) -> MappedAttribute {
        let value_type = match name.as_str() {
            "first_seen" | "last_seen" => "date",
            "session_count" | "events_count" | "error_count" | "avg_loading_time" | "user_count" => "number",
            "is_anonymous" => "boolean",
            _ => "string",
        };
        let group = match name.as_str() {
            name if name.starts_with("user_") && name != "user_count" => "User",
            name if name.starts_with("account_") => "Account",
            name if name.starts_with("first_") => "First session",
            name if name.starts_with("last_") => "Last session",
            _ => "Activity",
        };
        let words = name.replace(['_', '.'], " ");
        let mut letters = words.chars();
        let display_name =
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect());
        MappedAttribute {
            description: format!("{display_name} of the {kind}"),
            display_name,
            value_type,
            groups: vec![group.to_string()],
            is_custom: false,
            name,
        }
    }
}
