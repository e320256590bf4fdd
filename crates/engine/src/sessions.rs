//! Session rows: derived, when a question asks for `@type:session`, from the views and actions of one `session.id`.
//!
//! A session begins with its first event and lasts until the end of its last view. Everything that its events say of the
//! user, the account, the place, the device and the like is the session's too, in the latest value. It belongs to its
//! last identified user, else to its last anonymous one. Server events neither make a session nor prolong one.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;
use whodid_model::event::paths;
use whodid_model::{Attributes, Event, EventType, Instant, Span, Value};
use whodid_query::search::{Dialect, Expr, Facet, Query, Term, Test, parse};
use whodid_store::{BUCKETS, Owner, Snapshot};

use crate::audience::Audience;
use crate::entities::{EntitySet, account_name};
use crate::error::EngineError;
use crate::ops::scan::ScanSpec;
use crate::stream::{Row, Streams};

/// Without events for so long, a session is over.
const IDLE: Span = Span::from_seconds(15 * 60);
/// No session is longer.
const LONGEST: Span = Span::from_seconds(4 * 3600);

/// What only session rows have, by path; beside these the parts of `session.initial_view` and `session.last_view`.
pub const SESSION_FACETS: [&str; 13] = [
    "session.view.count",
    "session.action.count",
    "session.error.count",
    "session.frustration.count",
    "session.time_spent",
    "session.is_active",
    "session.referrer",
    "session.initial_view.id",
    "session.initial_view.name",
    "session.initial_view.url",
    "session.last_view.id",
    "session.last_view.name",
    "session.last_view.url",
];

/// Attributes of events that say something of the whole session begin with these, or have no dot (`service`, `env`).
const SHARED_PREFIXES: [&str; 8] =
    ["usr.", "account.", "geo.", "device.", "browser.", "os.", "application.", "session."];

impl ScanSpec {
    /// The snapshot to scan and the scan itself, once session rows are there if the query asks for them. `snapshot` is
    /// the one seen at `at`, and the audience is bound to it. `wanted` are the paths that the question looks at; none
    /// for all.
    pub fn with_sessions(
        self,
        snapshot: &Arc<Snapshot>,
        wanted: Option<&[String]>,
        at: Instant,
    ) -> Result<(Arc<Snapshot>, ScanSpec), EngineError> {
        let Some(sessions) = session_part(&self.query.expr).filter(|_| self.query.names_sessions()) else {
            return Ok((snapshot.clone(), self));
        };
        let mut asked: Vec<&str> = self.query.facets();
        asked.extend([paths::USR_ID, paths::ACCOUNT_ID, paths::SESSION_ID, paths::ANONYMOUS_ID]);
        asked.extend(wanted.unwrap_or_default().iter().map(String::as_str));
        let wanted = wanted.map(|_| asked.as_slice());
        let mut rows = derive(snapshot, wanted, at);
        let expr = if events_can_match(&self.query.expr) {
            rows.extend(events(snapshot, wanted, at));
            let no_session =
                Expr::Not(Box::new(parse("@type:session", Dialect::Event).map_err(EngineError::codec)?.expr));
            Expr::or(vec![Expr::and(vec![no_session, self.query.expr.clone()]), sessions])
        } else {
            sessions
        };
        let mut query = Query { expr, ..Query::everything(Dialect::Event) };
        query.text = query.to_string();
        let derived = Snapshot::of_owned(rows, snapshot.watermark());
        let audience = self.audience.as_ref().map(|audience| rebound(audience, snapshot, &derived));
        Ok((derived, ScanSpec { query, audience, ..self }))
    }
}

/// What a query asks of session rows, which match only where `@type:session` is said; none if nothing is.
fn session_part(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Term(term) if names_session(term) => Some(expr.clone()),
        Expr::Everything | Expr::Term(_) | Expr::Not(_) => None,
        Expr::And(parts) => {
            let read: Vec<Option<Expr>> = parts.iter().map(session_part).collect();
            read.iter().any(Option::is_some).then(|| {
                let both = parts.iter().zip(read);
                Expr::and(both.map(|(part, read)| read.unwrap_or_else(|| part.clone())).collect())
            })
        }
        Expr::Or(parts) => {
            let read: Vec<Expr> = parts.iter().filter_map(session_part).collect();
            (!read.is_empty()).then(|| Expr::or(read))
        }
    }
}

fn is_type(term: &Term) -> bool {
    matches!(&term.facet, Facet::Path(path) if path == "type")
}

fn names_session(term: &Term) -> bool {
    is_type(term) && matches!(&term.test, Test::Text(pattern) if pattern.literal() == Some("session"))
}

/// Whether rows that are no sessions can match.
fn events_can_match(expr: &Expr) -> bool {
    match expr {
        Expr::Everything | Expr::Not(_) => true,
        Expr::Term(term) if is_type(term) => {
            EventType::STORED.iter().any(|kind| term.test.matches_text(kind.name()))
        }
        Expr::Term(_) => true,
        Expr::And(parts) => parts.iter().all(events_can_match),
        Expr::Or(parts) => parts.iter().any(events_can_match),
    }
}

/// The same audience over other rows of the same owners.
fn rebound(audience: &Audience, from: &Snapshot, to: &Snapshot) -> Audience {
    let list = |parts: &[Audience]| parts.iter().map(|part| rebound(part, from, to)).collect();
    match audience {
        Audience::All(parts) => Audience::All(list(parts)),
        Audience::Any(parts) => Audience::Any(list(parts)),
        Audience::Accounts(names) => Audience::Accounts(names.clone()),
        Audience::Users(users) => {
            let members = |bucket: usize| -> RoaringBitmap {
                let halves = to.buckets()[bucket].halves();
                let runs = halves.into_iter().flat_map(|half| half.runs());
                let is_member = |owner: &Owner| {
                    let known = from.buckets()[bucket].find(owner);
                    known.is_some_and(|(ordinal, _, _)| users.bucket(bucket).contains(ordinal))
                };
                runs.filter(|(_, run)| is_member(&run.owner)).map(|(ordinal, _)| ordinal).collect()
            };
            Audience::Users(EntitySet { buckets: (0..BUCKETS).map(members).collect() })
        }
    }
}

/// Every session known before `at`, under its owner.
fn derive(snapshot: &Snapshot, wanted: Option<&[&str]>, at: Instant) -> Vec<(Owner, Event)> {
    let streams = Streams::of_everything(snapshot, at);
    let mut numbers: FxHashMap<String, u32> = FxHashMap::default();
    let mut rows: Vec<(u32, Row)> = Vec::new();
    for (number, half) in streams.halves.iter().enumerate() {
        let Some(column) = half.columns.attribute(paths::SESSION_ID) else { continue };
        let known = column.dictionary().iter().map(|value| {
            let next = numbers.len() as u32;
            account_name(&value).map(|id| *numbers.entry(id).or_insert(next))
        });
        let sessions: Vec<Option<u32>> = std::iter::once(None).chain(known).collect();
        let (ts_us, kinds) = (half.columns.ts_us(), half.columns.kinds());
        for (_, run) in half.runs() {
            for row in run.rows().filter(|row| ts_us.get(*row) < at.0 && kinds[*row] != EventType::Server) {
                if let Some(session) = sessions[column.codes().get(row) as usize] {
                    rows.push((session, Row { half: number as u32, row: row as u32, ts_us: ts_us.get(row) }));
                }
            }
        }
    }
    rows.sort_unstable_by(|(a_session, a), (b_session, b)| {
        let key = |row: &Row| {
            let columns = streams.columns(row);
            (columns.ids().get(row.row as usize), columns.kinds()[row.row as usize])
        };
        (a_session, a.ts_us).cmp(&(b_session, b.ts_us)).then_with(|| key(a).cmp(&key(b)))
    });
    let mut ids: Vec<&str> = vec![""; numbers.len()];
    numbers.iter().for_each(|(id, number)| ids[*number as usize] = id);
    let shared = shared_paths(&streams, wanted);
    rows.chunk_by(|a, b| a.0 == b.0)
        .map(|group| {
            let rows: Vec<Row> = group.iter().map(|(_, row)| *row).collect();
            Session { streams: &streams, id: ids[group[0].0 as usize], rows: &rows, at }.row(&shared)
        })
        .collect()
}

/// The paths that a session takes over from its events.
fn shared_paths<'a>(streams: &Streams<'a>, wanted: Option<&[&str]>) -> Vec<&'a str> {
    let of_session =
        |path: &str| !path.contains('.') || SHARED_PREFIXES.iter().any(|prefix| path.starts_with(prefix));
    let mut paths = streams.paths_under("");
    paths.retain(|path| of_session(path) && wanted.is_none_or(|wanted| wanted.contains(path)));
    paths
}

/// The rows of one session, in order.
struct Session<'a, 's> {
    streams: &'a Streams<'s>,
    id: &'a str,
    rows: &'a [Row],
    at: Instant,
}

impl Session<'_, '_> {
    fn row(&self, shared: &[&str]) -> (Owner, Event) {
        let mut attributes = Attributes::new();
        for path in shared {
            if let Some(value) = self.rows.iter().rev().find_map(|row| self.value(row, path)) {
                attributes.insert(path.to_string(), value);
            }
        }
        attributes.extend(self.counts());
        attributes.insert(paths::SESSION_ID.to_string(), Value::text(self.id));
        let views: Vec<&Row> = self.rows.iter().filter(|row| self.kind(row) == EventType::View).collect();
        if let (Some(first), Some(last)) = (views.first(), views.last()) {
            attributes.extend(self.view_parts("initial_view", first));
            attributes.extend(self.view_parts("last_view", last));
            if let Some(referrer) = self.value(first, "view.referrer") {
                attributes.insert("session.referrer".to_string(), referrer);
            }
        }
        attributes.extend(self.times(views.last().copied()));
        let start = self.rows.first().map_or(self.at, |row| Instant(row.ts_us));
        let event = Event {
            kind: EventType::Session,
            id: self.id.to_string(),
            ts: start,
            revision: 0,
            attributes,
            revisions: None,
        };
        (self.owner(), event)
    }

    fn value(&self, row: &Row, path: &str) -> Option<Value> {
        self.streams.columns(row).attribute(path)?.value(row.row as usize).map(std::borrow::Cow::into_owned)
    }

    fn number(&self, row: &Row, path: &str) -> f64 {
        self.value(row, path).and_then(|value| value.as_number()).unwrap_or_default()
    }

    fn kind(&self, row: &Row) -> EventType {
        self.streams.columns(row).kinds()[row.row as usize]
    }

    fn counts(&self) -> BTreeMap<String, Value> {
        let of_kind = |kind: EventType| self.rows.iter().filter(|row| self.kind(row) == kind).count() as f64;
        let sum = |path: &str| -> f64 {
            let views = self.rows.iter().filter(|row| self.kind(row) == EventType::View);
            views.map(|row| self.number(row, path)).sum()
        };
        [
            ("session.view.count", of_kind(EventType::View)),
            ("session.action.count", of_kind(EventType::Action)),
            ("session.error.count", sum("view.error.count")),
            ("session.frustration.count", sum("view.frustration.count")),
        ]
        .map(|(path, count)| (path.to_string(), Value::Number(count)))
        .into()
    }

    /// Nanoseconds spent, and whether it goes on.
    fn times(&self, last_view: Option<&Row>) -> BTreeMap<String, Value> {
        let (first, last) = (self.rows.first(), self.rows.last());
        let (first_us, last_us) = first.zip(last).map_or((0, 0), |(first, last)| (first.ts_us, last.ts_us));
        let end_of_view = last_view.and_then(|view| {
            let spent_ns = self.value(view, "view.time_spent")?.as_number()?;
            Some(view.ts_us as f64 + spent_ns / 1e3)
        });
        let spent_ns = (end_of_view.unwrap_or(last_us as f64) - first_us as f64).max(0.0) * 1e3;
        let active_until = Instant(last_us.max(end_of_view.unwrap_or_default() as i64));
        let ended = |row: &Row| self.value(row, "session.is_active") == Some(Value::Bool(false));
        let is_active = !self.rows.iter().any(ended)
            && self.at < active_until.plus(IDLE)
            && self.at < Instant(first_us).plus(LONGEST);
        [
            ("session.time_spent".to_string(), Value::Number(spent_ns.round())),
            ("session.is_active".to_string(), Value::Bool(is_active)),
        ]
        .into()
    }

    /// The id, the name and everything of the URL.
    fn view_parts(&self, part: &str, view: &Row) -> BTreeMap<String, Value> {
        let columns = self.streams.columns(view);
        let own = |path: &str| path == "id" || path == "name" || path.starts_with("url");
        let names = columns.paths().filter_map(|path| path.strip_prefix("view.")).filter(|path| own(path));
        let value =
            |name: &str| Some((format!("session.{part}.{name}"), self.value(view, &format!("view.{name}"))?));
        names.filter_map(value).collect()
    }

    fn owner(&self) -> Owner {
        let owner = |row: &Row| {
            let runs = self.streams.columns(row).runs();
            let index = runs.partition_point(|run| run.end <= row.row);
            runs.get(index).map(|run| run.owner.clone())
        };
        let identified = |row: &&Row| self.value(row, paths::USR_ID).is_some();
        let row = self.rows.iter().rev().find(identified).or(self.rows.last());
        row.and_then(owner).unwrap_or_else(|| Owner::Session(self.id.to_string()))
    }
}

/// The events before `at` themselves, with what is wanted of them: for the few questions that are about sessions and
/// events at once.
fn events(snapshot: &Snapshot, wanted: Option<&[&str]>, at: Instant) -> Vec<(Owner, Event)> {
    let mut events = Vec::new();
    for half in snapshot.buckets().iter().flat_map(|bucket| bucket.halves()) {
        for (_, run) in half.runs() {
            for row in run.rows().filter(|row| half.columns.ts_us().get(*row) < at.0) {
                let mut event = half.columns.event(row);
                if let Some(wanted) = wanted {
                    event.attributes.retain(|path, _| wanted.contains(&path.as_str()));
                }
                events.push((run.owner.clone(), event));
            }
        }
    }
    events
}
