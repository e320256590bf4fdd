//! Profile attributes by name: what one means, and its value for one entity.
//!
//! A profile is a view of an entity's events before the evaluation instant; nothing of it is stored by itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;
use whodid_model::event::paths;
use whodid_model::{EntityKind, IdentifierKey, Instant, Value};
use whodid_query::search::{Expr, Facet, Query, TEXT_FACETS, Term};
use whodid_store::{JoinBy, JoinedField};

use crate::stream::{Row, Streams};

/// What a profile attribute's name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Attribute {
    Id,
    IsAnonymous,
    FirstSeen,
    LastSeen,
    /// Distinct sessions.
    SessionCount,
    EventsCount,
    /// Errors counted by the views.
    ErrorCount,
    /// Mean `view.loading_time` of the events that carry one, nanoseconds.
    AverageLoadingTime,
    /// Distinct users among an account's events.
    UserCount,
    /// Every account that an event names: a user belongs to all of them.
    Accounts,
    /// The value on the earliest event that carries the path.
    First(String),
    /// The value on the latest event that carries the path.
    Latest(String),
    /// A joined column where there is one of that name, else what the name means by itself.
    JoinedOr(EntityKind, String, Box<Attribute>),
}

/// Short names of event facets that profiles show.
const SHORT_NAMES: [(&str, &str); 9] = [
    ("country_code", "geo.country_iso_code"),
    ("country", paths::GEO_COUNTRY),
    ("city", "geo.city"),
    ("region", "geo.country_subdivision"),
    ("device_type", "device.type"),
    ("os_name", "os.name"),
    ("os_version", "os.version"),
    ("browser_name", "browser.name"),
    ("browser_version", "browser.version"),
];

impl Attribute {
    /// Reads a name as a profile query writes it: `user_email`, `first_country_code`, `usr.plan`, `plan`.
    pub(crate) fn named(name: &str, kind: EntityKind) -> Attribute {
        let name = name.strip_prefix('@').unwrap_or(name);
        match Attribute::of_events(name, kind) {
            by_path @ (Attribute::First(_) | Attribute::Latest(_)) => {
                Attribute::JoinedOr(kind, name.to_string(), Box::new(by_path))
            }
            built_in => built_in,
        }
    }

    /// Whether a name means something of its own, that no joined column can take.
    pub(crate) fn is_built_in(name: &str, kind: EntityKind) -> bool {
        let by_path = matches!(Attribute::of_events(name, kind), Attribute::First(_) | Attribute::Latest(_));
        let own = ["user_", "account_", "usr.", "account."].iter().any(|prefix| name.starts_with(prefix));
        let short = name.strip_prefix("first_").or(name.strip_prefix("last_")).unwrap_or(name);
        !by_path || own || SHORT_NAMES.iter().any(|(name, _)| *name == short)
    }

    fn of_events(name: &str, kind: EntityKind) -> Attribute {
        let (id_name, own_prefix, own_path) = match kind {
            EntityKind::User => ("user_id", "user_", "usr."),
            EntityKind::Account => ("account_id", "account_", "account."),
        };
        match name {
            "id" => return Attribute::Id,
            name if name == id_name => return Attribute::Id,
            "account_id" => return Attribute::Accounts,
            "is_anonymous" if kind == EntityKind::User => return Attribute::IsAnonymous,
            "first_seen" | "user_created" | "created_at" => return Attribute::FirstSeen,
            "last_seen" => return Attribute::LastSeen,
            "session_count" => return Attribute::SessionCount,
            "events_count" => return Attribute::EventsCount,
            "error_count" => return Attribute::ErrorCount,
            "avg_loading_time" => return Attribute::AverageLoadingTime,
            "user_count" => return Attribute::UserCount,
            _ => {}
        }
        let path = |short: &str| match SHORT_NAMES.iter().find(|(name, _)| *name == short) {
            Some((_, path)) => path.to_string(),
            None if short == "seen_application" => "application.id".to_string(),
            None => short.to_string(),
        };
        if let Some(short) = name.strip_prefix("first_") {
            Attribute::First(path(short))
        } else if let Some(short) = name.strip_prefix("last_") {
            Attribute::Latest(path(short))
        } else if let Some(own) = name.strip_prefix(own_prefix) {
            Attribute::Latest(format!("{own_path}{own}"))
        } else if name.contains('.') || SHORT_NAMES.iter().any(|(short, _)| *short == name) {
            Attribute::Latest(path(name))
        } else {
            Attribute::Latest(format!("{own_path}{name}"))
        }
    }

    /// The attribute's value for the entity with these rows, in order; none if it has none.
    pub(crate) fn value(&self, streams: &Streams<'_>, id: &str, rows: &[Row]) -> Option<Value> {
        let value = |row: &Row, path: &str| {
            streams.columns(row).attribute(path)?.value(row.row as usize).map(Cow::into_owned)
        };
        let instant = |row: &Row| Value::Text(Instant(row.ts_us).to_string());
        let number = |n: usize| Value::Number(n as f64);
        let distinct = |path: &str| {
            let texts = rows.iter().filter_map(|row| value(row, path));
            texts.map(|value| value.as_text().into_owned()).collect::<FxHashSet<String>>().len()
        };
        match self {
            Attribute::Id => Some(Value::text(id)),
            Attribute::IsAnonymous => {
                let first = rows.first()?;
                let identified = streams.columns(first).attribute(paths::USR_ID).is_some_and(|ids| {
                    rows.iter().any(|row| row.half == first.half && ids.value(row.row as usize).is_some())
                });
                Some(Value::Bool(!identified))
            }
            Attribute::FirstSeen => rows.first().map(instant),
            Attribute::LastSeen => rows.last().map(instant),
            Attribute::SessionCount => Some(number(distinct(paths::SESSION_ID))),
            Attribute::EventsCount => Some(number(rows.len())),
            Attribute::ErrorCount => {
                let counts = rows.iter().filter_map(|row| value(row, "view.error.count")?.as_number());
                Some(Value::Number(counts.sum()))
            }
            Attribute::AverageLoadingTime => {
                let times: Vec<f64> =
                    rows.iter().filter_map(|row| value(row, "view.loading_time")?.as_number()).collect();
                (!times.is_empty()).then(|| Value::Number(times.iter().sum::<f64>() / times.len() as f64))
            }
            Attribute::UserCount => Some(number(streams.distinct_users(rows))),
            Attribute::Accounts => {
                let texts = rows.iter().filter_map(|row| value(row, paths::ACCOUNT_ID));
                let names: BTreeSet<String> = texts.map(|value| value.as_text().into_owned()).collect();
                (!names.is_empty()).then(|| Value::List(names.into_iter().collect()))
            }
            Attribute::First(path) => rows.iter().find_map(|row| value(row, path)),
            Attribute::Latest(path) => rows.iter().rev().find_map(|row| value(row, path)),
            Attribute::JoinedOr(kind, name, otherwise) => match streams.joined.fields(*kind).get(name) {
                Some(field) => joined(field, streams, id, rows),
                None => otherwise.value(streams, id, rows),
            },
        }
    }
}

fn joined(field: &JoinedField, streams: &Streams<'_>, id: &str, rows: &[Row]) -> Option<Value> {
    let latest = |path: &str| Attribute::Latest(path.to_string()).value(streams, id, rows);
    let found = match &field.by {
        JoinBy::Id => field.values.get(id),
        JoinBy::Email => {
            let address = latest(paths::USR_EMAIL)?;
            field.values.get(IdentifierKey::UsrEmail.normalized(&address.as_text()).as_ref())
        }
        JoinBy::Attribute(path) => field.values.get(latest(path)?.as_text().as_ref()),
    };
    found.cloned()
}

/// A profile query with its names read once.
pub(crate) struct ProfileTest<'a> {
    expr: &'a Expr,
    attributes: Vec<(String, Attribute)>,
}

impl<'a> ProfileTest<'a> {
    pub(crate) fn new(query: &'a Query, kind: EntityKind) -> ProfileTest<'a> {
        let attributes =
            query.facets().into_iter().map(|name| (name.to_string(), Attribute::named(name, kind))).collect();
        ProfileTest { expr: &query.expr, attributes }
    }

    pub(crate) fn holds(&self, streams: &Streams<'_>, id: &str, rows: &[Row]) -> bool {
        self.evaluate(self.expr, streams, id, rows)
    }

    /// What the query looks at, and what is there.
    pub(crate) fn values(
        &self,
        streams: &Streams<'_>,
        id: &str,
        rows: &[Row],
    ) -> BTreeMap<String, Option<Value>> {
        let value =
            |(name, attribute): &(String, Attribute)| (name.clone(), attribute.value(streams, id, rows));
        self.attributes.iter().map(value).collect()
    }

    fn evaluate(&self, expr: &Expr, streams: &Streams<'_>, id: &str, rows: &[Row]) -> bool {
        match expr {
            Expr::Everything => true,
            Expr::Term(term) => self.test(term, streams, id, rows),
            Expr::Not(inner) => !self.evaluate(inner, streams, id, rows),
            Expr::And(parts) => parts.iter().all(|part| self.evaluate(part, streams, id, rows)),
            Expr::Or(parts) => parts.iter().any(|part| self.evaluate(part, streams, id, rows)),
        }
    }

    fn test(&self, term: &Term, streams: &Streams<'_>, id: &str, rows: &[Row]) -> bool {
        let matches = |attribute: &Attribute| {
            attribute.value(streams, id, rows).is_some_and(|value| term.test.matches(&value))
        };
        match &term.facet {
            Facet::AnyText => self
                .attributes
                .iter()
                .any(|(name, attribute)| TEXT_FACETS.contains(&name.as_str()) && matches(attribute)),
            Facet::Path(path) => {
                self.attributes.iter().any(|(name, attribute)| name == path && matches(attribute))
            }
        }
    }
}

/// One entity's profile: the written id and every attribute that it has, by the names that profile queries use.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub id: String,
    pub attributes: BTreeMap<String, Value>,
}

/// Attributes that are shown whenever they have a value. Every `usr.*` (or `account.*`) comes beside these.
const SHOWN: [&str; 11] = [
    "account_id",
    "first_seen",
    "last_seen",
    "session_count",
    "events_count",
    "error_count",
    "avg_loading_time",
    "is_anonymous",
    "user_count",
    "first_seen_application",
    "last_seen_application",
];

impl Profile {
    pub(crate) fn of(streams: &Streams<'_>, kind: EntityKind, id: &str, rows: &[Row]) -> Profile {
        let mut attributes = BTreeMap::new();
        for name in Profile::names(streams, kind) {
            if let Some(value) = Attribute::named(&name, kind).value(streams, id, rows) {
                attributes.insert(name, value);
            }
        }
        Profile { id: id.to_string(), attributes }
    }

    /// Every attribute that a profile over these streams can have.
    pub(crate) fn names(streams: &Streams<'_>, kind: EntityKind) -> BTreeSet<String> {
        let (prefix, path) = match kind {
            EntityKind::User => ("user_", "usr."),
            EntityKind::Account => ("account_", "account."),
        };
        let for_users_only = |name: &str| ["is_anonymous", "error_count", "avg_loading_time"].contains(&name);
        let shown = SHOWN.iter().map(ToString::to_string);
        let shown = shown.filter(|name| match kind {
            EntityKind::User => name != "user_count",
            EntityKind::Account => !for_users_only(name),
        });
        let twins =
            SHORT_NAMES.iter().flat_map(|(name, _)| [format!("first_{name}"), format!("last_{name}")]);
        let own = streams.paths_under(path).into_iter().map(|own| format!("{prefix}{own}"));
        let twins = twins.filter(|_| kind == EntityKind::User);
        let joined = streams.joined.fields(kind).keys().map(|field| format!("@{field}"));
        shown.chain(twins).chain(own).chain(joined).chain([format!("{prefix}id")]).collect()
    }
}
