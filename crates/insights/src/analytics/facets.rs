//! Which facets exist: those that some event or profile carries, and those that the public API speaks of anyway.

use std::collections::BTreeSet;

use whodid_engine::SESSION_FACETS;
use whodid_model::EntityKind;
use whodid_query::nearest::nearest;
use whodid_store::Snapshot;

use super::base::path;
use crate::InsightError;

/// Known whether or not an event carries them yet.
const WELL_KNOWN: [&str; 44] = [
    "type",
    "id",
    "timestamp",
    "ts",
    "date",
    "service",
    "env",
    "version",
    "source",
    "application.id",
    "session.id",
    "session.type",
    "session.ip",
    "session.useragent",
    "session.has_replay",
    "usr.id",
    "usr.name",
    "usr.email",
    "usr.anonymous_id",
    "account.id",
    "account.name",
    "view.id",
    "view.name",
    "view.url",
    "view.url_path",
    "view.url_path_group",
    "view.url_host",
    "view.url_scheme",
    "view.referrer",
    "view.time_spent",
    "view.loading_time",
    "action.id",
    "action.name",
    "action.type",
    "event.name",
    "geo.country",
    "geo.country_iso_code",
    "geo.country_subdivision",
    "geo.city",
    "device.type",
    "browser.name",
    "browser.version",
    "os.name",
    "os.version",
];

/// Families of which any member is known.
const WELL_KNOWN_FAMILIES: [&str; 3] = ["session.initial_view.", "session.last_view.", "view.url_query."];

/// Profile attributes that the public API shows, whether or not a profile has them yet.
const WELL_KNOWN_OF_PROFILES: [&str; 15] = [
    "user_id",
    "user_email",
    "user_name",
    "user_org_id",
    "account_id",
    "account_name",
    "first_seen",
    "last_seen",
    "session_count",
    "user_count",
    "user_created",
    "created_at",
    "events_count",
    "error_count",
    "avg_loading_time",
];

/// Refuses a facet of events that nothing carries. A store without events knows every facet.
pub(crate) fn know_facet(snapshot: &Snapshot, facet: &str, pointer: &str) -> Result<(), InsightError> {
    let name = path(facet);
    let known = WELL_KNOWN.contains(&name)
        || SESSION_FACETS.contains(&name)
        || WELL_KNOWN_FAMILIES.iter().any(|family| name.starts_with(family));
    if known || carried(snapshot, name) {
        return Ok(());
    }
    let paths = paths(snapshot);
    let names: Vec<&str> = paths.iter().map(String::as_str).chain(WELL_KNOWN).chain(SESSION_FACETS).collect();
    Err(unknown("no event carries", facet, nearest(name, &names).map(|name| format!("@{name}")), pointer))
}

/// Refuses a name that no profile has. `names` are those that profiles have.
pub(crate) fn know_attribute(
    snapshot: &Snapshot,
    kind: EntityKind,
    names: &[String],
    name: &str,
    pointer: &str,
) -> Result<(), InsightError> {
    let bare = path(name);
    let own_path = match kind {
        EntityKind::User => format!("usr.{bare}"),
        EntityKind::Account => format!("account.{bare}"),
    };
    let unprefixed =
        ["first_", "last_"].into_iter().find_map(|prefix| bare.strip_prefix(prefix)).unwrap_or(bare);
    let known = WELL_KNOWN_OF_PROFILES.contains(&bare)
        || names.iter().any(|known| path(known) == bare || known.strip_prefix("last_") == Some(bare))
        || [unprefixed, &own_path].into_iter().any(|path| carried(snapshot, path));
    if known {
        return Ok(());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).chain(WELL_KNOWN_OF_PROFILES).collect();
    let nearest = nearest(bare, &names).map(ToString::to_string);
    Err(unknown(&format!("no {kind}'s profile has"), name, nearest, pointer))
}

fn unknown(nobody: &str, name: &str, nearest: Option<String>, pointer: &str) -> InsightError {
    InsightError::Invalid {
        pointer: Some(pointer.to_string()),
        message: format!("{nobody} `{name}`"),
        hint: Some(match nearest {
            Some(nearest) => format!("the nearest known name is `{nearest}`"),
            None => "write the name of a facet that is in use".to_string(),
        }),
    }
}

fn carried(snapshot: &Snapshot, path: &str) -> bool {
    let mut halves = snapshot.buckets().iter().flat_map(|bucket| bucket.halves());
    let mut empty = true;
    halves.any(|half| {
        empty &= half.columns.rows() == 0;
        half.columns.attribute(path).is_some()
    }) || empty
}

fn paths(snapshot: &Snapshot) -> BTreeSet<String> {
    let halves = snapshot.buckets().iter().flat_map(|bucket| bucket.halves());
    halves.flat_map(|half| half.columns.paths().map(ToString::to_string)).collect()
}
