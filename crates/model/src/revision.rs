//! How the versions of one view become one event.
//!
//! A client sends a view many times with a growing document version. A full version replaces all below it; a partial
//! one (`view_update`) carries the difference to the version before. Versions arrive in any order, more than once, and
//! with gaps. [`merge`] is commutative, associative and idempotent, so the result depends on the set of versions that
//! have arrived and on nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{Attributes, Event, paths};
use crate::{Instant, Value};

/// One version as it arrived, before it is put together with others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    pub ts: Instant,
    pub attributes: Attributes,
}

/// The highest full version, if one has arrived, and the partial ones above it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Revisions {
    pub full: Option<(u64, Contribution)>,
    pub partial: BTreeMap<u64, Contribution>,
}

/// Members that a partial update replaces as a whole: when one is there, nothing below its old value stays.
pub const REPLACED_WHOLE: [&str; 6] =
    ["view.custom_timings", "context", "connectivity", "usr", "device", "privacy"];

/// Makes the event of a partial update: it stands for itself until other versions of the view arrive.
/// In `attributes` a [`Value::Null`] at a path removes that member and all below it; for a member of
/// [`REPLACED_WHOLE`] the caller puts one at the member's own path beside its new leaves.
pub fn partial(mut event: Event) -> Event {
    let contribution = Contribution { ts: event.ts, attributes: std::mem::take(&mut event.attributes) };
    let mut revisions = Revisions::default();
    revisions.partial.insert(event.revision, contribution);
    event.revisions = Some(Box::new(revisions));
    resolve(&mut event);
    event
}

/// Puts two states of one event together. Both must have the same key.
pub fn merge(a: Event, b: Event) -> Event {
    if a.revisions.is_none() && b.revisions.is_none() {
        return if wins(&a, &b) { a } else { b };
    }
    let (kind, id) = (a.kind, a.id.clone());
    let mut joined = into_revisions(a);
    let other = into_revisions(b);
    joined.full = match (joined.full.take(), other.full) {
        (Some(x), Some(y)) => Some(if (x.0, tie_break(&x.1)) >= (y.0, tie_break(&y.1)) { x } else { y }),
        (x, y) => x.or(y),
    };
    for (version, contribution) in other.partial {
        match joined.partial.entry(version) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(contribution);
            }
            std::collections::btree_map::Entry::Occupied(mut slot) => {
                if tie_break(&contribution) > tie_break(slot.get()) {
                    slot.insert(contribution);
                }
            }
        }
    }
    if let Some((version, _)) = &joined.full {
        joined.partial = joined.partial.split_off(&version.saturating_add(1));
    }
    let mut event = Event {
        kind,
        id,
        ts: Instant::default(),
        revision: 0,
        attributes: Attributes::new(),
        revisions: Some(Box::new(joined)),
    };
    resolve(&mut event);
    event
}

/// Whether `a` stays when two whole events share a key. Equal revisions are equal by the client's promise; should they
/// differ all the same, a fixed order of their content decides, so that arrival order never does.
fn wins(a: &Event, b: &Event) -> bool {
    let rank = |e: &Event| (e.revision, content_rank(e.ts, &e.attributes));
    a.revision > b.revision || (a.revision == b.revision && (a == b || rank(a) >= rank(b)))
}

fn tie_break(c: &Contribution) -> (Instant, String) {
    content_rank(c.ts, &c.attributes)
}

/// The earlier instant first, then the attributes' text; the larger rank wins, so the instant is turned around.
fn content_rank(ts: Instant, attributes: &Attributes) -> (Instant, String) {
    (Instant(ts.0.checked_neg().unwrap_or(i64::MAX)), serde_json::to_string(attributes).unwrap_or_default())
}

fn into_revisions(event: Event) -> Revisions {
    match event.revisions {
        Some(revisions) => *revisions,
        None => Revisions {
            full: Some((event.revision, Contribution { ts: event.ts, attributes: event.attributes })),
            partial: BTreeMap::new(),
        },
    }
}

/// Recomputes what the event shows from what it was put together from. A full version with nothing above it needs no
/// history any more.
fn resolve(event: &mut Event) {
    let Some(revisions) = event.revisions.take() else { return };
    let Revisions { full, partial } = *revisions;
    if partial.is_empty() {
        if let Some((version, whole)) = full {
            event.revision = version;
            event.ts = whole.ts;
            event.attributes = whole.attributes;
        }
        return;
    }
    let mut attributes = full.as_ref().map(|(_, whole)| whole.attributes.clone()).unwrap_or_default();
    let derived_name = attributes.get(paths::VIEW_NAME) == attributes.get(paths::VIEW_URL_PATH_GROUP);
    for contribution in partial.values() {
        apply(&mut attributes, &contribution.attributes);
        event.ts = contribution.ts;
    }
    if derived_name && !partial.values().any(|c| c.attributes.contains_key(paths::VIEW_NAME)) {
        attributes.remove(paths::VIEW_NAME);
    }
    name_view(&mut attributes);
    event.revision = partial.keys().next_back().copied().unwrap_or_default();
    event.attributes = attributes;
    event.revisions = Some(Box::new(Revisions { full, partial }));
}

fn apply(attributes: &mut Attributes, difference: &Attributes) {
    for (path, _) in difference.iter().filter(|(_, value)| **value == Value::Null) {
        let below = format!("{path}.");
        attributes.retain(|known, _| known != path && !known.starts_with(&below));
    }
    for (path, value) in difference.iter().filter(|(_, value)| **value != Value::Null) {
        attributes.insert(path.clone(), value.clone());
    }
}

/// A view without a name is named by its path group; applications seldom name views themselves.
pub fn name_view(attributes: &mut Attributes) {
    if !attributes.contains_key(paths::VIEW_NAME)
        && let Some(group) = attributes.get(paths::VIEW_URL_PATH_GROUP).cloned()
    {
        attributes.insert(paths::VIEW_NAME.to_string(), group);
    }
}

#[cfg(test)]
mod tests;
