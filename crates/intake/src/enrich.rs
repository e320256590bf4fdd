//! What is derived from an event and from who sent it: URL parts, names, place, browser, system, device.
//!
//! Values that are already there are kept. Place and agent come from the event's own `session.ip` and
//! `session.useragent`, or else from the request.

use std::net::IpAddr;
use std::sync::Arc;

use whodid_model::event::paths::{ACTION_NAME, VIEW_URL};
use whodid_model::{Attributes, Event, EventType, Value, revision};

use crate::{Context, IntakeError};

mod agent;
mod country;
mod geo;
mod url;

const SESSION_IP: &str = "session.ip";
const SESSION_USER_AGENT: &str = "session.useragent";

/// Derived attributes by path, shared by all events of one client.
type Facts = Arc<[(&'static str, Value)]>;

/// Holds the geo database and the user agents seen so far. One per process; cheap to make, since built-in data is
/// loaded when first needed and shared.
#[derive(Default)]
pub struct Enricher {
    geo: geo::Places,
    agents: agent::Agents,
}

/// What is known of the sender of a batch, found out once for all its events.
pub(crate) struct Client<'a> {
    ip: Option<(IpAddr, Facts)>,
    user_agent: Option<(&'a str, Facts)>,
}

impl Client<'_> {
    /// For files and back ends: who sends them is not who the events are about.
    pub(crate) const UNKNOWN: Client<'static> = Client { ip: None, user_agent: None };
}

impl Enricher {
    /// With the country database and the user-agent patterns that ship with the binary.
    pub fn new() -> Enricher {
        Enricher::default()
    }

    /// With another geo database: the bytes of an MMDB file that holds countries or cities.
    pub fn with_geo_database(bytes: Vec<u8>) -> Result<Enricher, IntakeError> {
        Ok(Enricher { geo: geo::Places::from_database(bytes)?, agents: agent::Agents::default() })
    }

    pub(crate) fn client<'a>(&self, context: &Context<'a>) -> Client<'a> {
        Client {
            ip: context.client_ip.map(|ip| (ip, self.geo.look_up(ip))),
            user_agent: context.user_agent.map(|text| (text, self.agents.look_up(text))),
        }
    }

    /// Adds what can be derived. With `partial` the event is a difference to an earlier version: members derived from
    /// its URL replace those of before, and it is not named, since the name may lie in another version.
    pub(crate) fn enrich(&self, event: &mut Event, client: &Client<'_>, partial: bool) {
        let attributes = &mut event.attributes;
        self.add_place(attributes, client);
        self.add_agent(attributes, client);
        if let Some(Value::Text(view_url)) = attributes.get(VIEW_URL) {
            let view_url = view_url.clone();
            url::add_view_parts(attributes, &view_url, partial);
        }
        if let Some(Value::Text(referrer)) = attributes.get("view.referrer")
            && let Some(host) = url::host(referrer).map(Value::text)
        {
            add(attributes, "view.referrer_host", host);
        }
        if event.kind == EventType::Action
            && !attributes.contains_key(ACTION_NAME)
            && let Some(target @ Value::Text(_)) = attributes.get("action.target.name").cloned()
        {
            attributes.insert(ACTION_NAME.to_string(), target);
        }
        if !partial {
            revision::name_view(attributes);
        }
    }

    fn add_place(&self, attributes: &mut Attributes, client: &Client<'_>) {
        if geo::complete(attributes) {
            self.note_ip(attributes, client);
            return;
        }
        let facts = match attributes.get(SESSION_IP) {
            Some(Value::Text(own)) => own.parse().ok().map(|ip| self.geo.look_up(ip)),
            _ => client.ip.as_ref().map(|(_, facts)| Arc::clone(facts)),
        };
        self.note_ip(attributes, client);
        for (path, value) in facts.iter().flat_map(|facts| facts.iter()) {
            add(attributes, path, value.clone());
        }
    }

    fn note_ip(&self, attributes: &mut Attributes, client: &Client<'_>) {
        if let Some((ip, _)) = &client.ip
            && !attributes.contains_key(SESSION_IP)
        {
            attributes.insert(SESSION_IP.to_string(), Value::Text(ip.to_string()));
        }
    }

    fn add_agent(&self, attributes: &mut Attributes, client: &Client<'_>) {
        let facts = match (attributes.get(SESSION_USER_AGENT), &client.user_agent) {
            (Some(Value::Text(own)), _) => self.agents.look_up(own),
            (_, Some((text, facts))) => {
                let facts = Arc::clone(facts);
                attributes.entry(SESSION_USER_AGENT.to_string()).or_insert_with(|| Value::text(*text));
                facts
            }
            _ => return,
        };
        // A client that names its browser, system or device knows better, and the parts must fit together.
        let known = |members: &[&str]| members.iter().any(|path| attributes.contains_key(*path));
        let browser = known(&["browser.name"]);
        let system = known(&["os.name"]);
        let device = known(&["device.type", "device.name", "device.model", "device.brand"]);
        for (path, value) in facts.iter() {
            let is_known = match path.split('.').next() {
                Some("browser") => browser,
                Some("os") => system,
                _ => device,
            };
            if !is_known {
                add(attributes, path, value.clone());
            }
        }
    }
}

fn add(attributes: &mut Attributes, path: &str, value: Value) {
    if !attributes.contains_key(path) {
        attributes.insert(path.to_string(), value);
    }
}

#[cfg(test)]
mod tests;
