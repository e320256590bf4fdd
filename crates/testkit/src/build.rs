//! Events in one line, with the facets that a search in a test is likely to name.
//!
//! ```text
//! view("/cart").user("u1").session("s1").at("2026-11-01T10:00:00Z").attr("geo.country", "Brazil").build()
//! ```

use std::cell::Cell;

use whodid_model::event::paths;
use whodid_model::revision::name_view;
use whodid_model::{Attributes, Event, EventType, Instant, Value};

/// 2026-11-01T10:00:00Z, the instant of an event that is given none.
const DEFAULT_TS: Instant = Instant(1_793_527_200_000_000);

thread_local! {
    static BUILT: Cell<u64> = const { Cell::new(0) };
}

/// An event in the making. Nothing about it is random: the same test builds the same events on every run.
#[derive(Clone, Debug)]
pub struct EventBuilder {
    event: Event,
}

/// A view of the page at `path` on `https://shop.example`, as enrichment leaves it: URL parts, the path group, and a
/// name, which is the path group. Revision 1.
pub fn view(path: &str) -> EventBuilder {
    let builder = EventBuilder::new(EventType::View).revision(1);
    let id = builder.event.id.clone();
    let builder = builder
        .attr(paths::VIEW_ID, id)
        .attr(paths::VIEW_URL, format!("https://shop.example{path}"))
        .attr(paths::VIEW_URL_PATH, path)
        .attr(paths::VIEW_URL_PATH_GROUP, path_group(path));
    EventBuilder { event: named(builder.event) }
}

/// A click on what is called `name`.
pub fn action(name: &str) -> EventBuilder {
    EventBuilder::new(EventType::Action).attr("action.type", "click").attr(paths::ACTION_NAME, name)
}

/// An event that a server sent.
pub fn server(name: &str) -> EventBuilder {
    EventBuilder::new(EventType::Server).attr(paths::EVENT_NAME, name)
}

impl EventBuilder {
    /// Ids count up within a test (`view-0001`, `action-0002`, …), so that their order is that of building.
    fn new(kind: EventType) -> EventBuilder {
        let number = BUILT.with(|built| {
            built.set(built.get() + 1);
            built.get()
        });
        let event = Event {
            kind,
            id: format!("{kind}-{number:04}"),
            ts: DEFAULT_TS,
            revision: 0,
            attributes: Attributes::new(),
            revisions: None,
        };
        EventBuilder { event }
    }

    /// The event's id; of a view, its `view.id` too.
    pub fn id(mut self, id: &str) -> EventBuilder {
        self.event.id = id.to_string();
        if self.event.kind == EventType::View { self.attr(paths::VIEW_ID, id) } else { self }
    }

    /// RFC 3339, a date, or an epoch number. Panics on anything else: the test is wrong.
    pub fn at(self, text: &str) -> EventBuilder {
        let ts = Instant::parse(text).unwrap_or_else(|| panic!("`{text}` is not an instant"));
        self.ts(ts)
    }

    pub fn ts(mut self, ts: Instant) -> EventBuilder {
        self.event.ts = ts;
        self
    }

    pub fn revision(mut self, revision: u64) -> EventBuilder {
        self.event.revision = revision;
        self
    }

    /// Sets `usr.id`.
    pub fn user(self, id: &str) -> EventBuilder {
        self.attr(paths::USR_ID, id)
    }

    /// Sets `usr.anonymous_id`.
    pub fn anonymous(self, id: &str) -> EventBuilder {
        self.attr(paths::ANONYMOUS_ID, id)
    }

    /// Sets `account.id`.
    pub fn account(self, id: &str) -> EventBuilder {
        self.attr(paths::ACCOUNT_ID, id)
    }

    /// Sets `session.id`.
    pub fn session(self, id: &str) -> EventBuilder {
        self.attr(paths::SESSION_ID, id)
    }

    /// Sets the attribute at `path`, a facet path without its `@`.
    pub fn attr(mut self, path: &str, value: impl Into<Value>) -> EventBuilder {
        self.event.attributes.insert(path.to_string(), value.into());
        self
    }

    pub fn build(self) -> Event {
        self.event
    }
}

impl From<EventBuilder> for Event {
    fn from(builder: EventBuilder) -> Event {
        builder.build()
    }
}

fn named(mut event: Event) -> Event {
    name_view(&mut event.attributes);
    event
}

/// The path with every segment that holds a digit replaced by `?`.
fn path_group(path: &str) -> String {
    let group = |segment| if str::contains(segment, |c: char| c.is_ascii_digit()) { "?" } else { segment };
    path.split('/').map(group).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_as_enrichment_leaves_it() {
        let event = view("/product/42").user("u1").session("s1").at("2026-11-02T09:00:00Z").build();
        assert_eq!(event.kind, EventType::View);
        assert_eq!(event.ts.to_string(), "2026-11-02T09:00:00Z");
        assert_eq!(event.revision, 1);
        assert_eq!(event.text(paths::VIEW_ID), Some(event.id.as_str()));
        assert_eq!(event.text(paths::VIEW_URL_PATH), Some("/product/42"));
        assert_eq!(event.text(paths::VIEW_NAME), Some("/product/?"));
        assert_eq!((event.usr_id(), event.session_id()), (Some("u1".into()), Some("s1".into())));
    }

    #[test]
    fn ids_are_different_and_the_same_on_every_run() {
        let ids = [view("/").build().id, action("BUY").build().id, server("paid").build().id];
        assert_eq!(ids, ["view-0001", "action-0002", "server-0003"]);
        let chosen = view("/").id("v").build();
        assert_eq!((chosen.id.as_str(), chosen.text(paths::VIEW_ID)), ("v", Some("v")));
        assert_eq!(action("BUY").build().ts.to_string(), "2026-11-01T10:00:00Z");
    }
}
