//! Which browser, system and device a user agent names.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use ua_parser::{Extractor, Regexes};
use whodid_model::Value;

use super::Facts;

/// Longest user agent that is looked at, in bytes; longer ones are cut.
const USER_AGENT_BYTES: usize = 1_024;
/// How many user agents are remembered before the memory starts anew.
const REMEMBERED: usize = 10_000;

/// The patterns that ship with the binary, compiled when first asked: about 0.15 s. It is `None` only if the file in the
/// source tree is damaged, which a test excludes.
static PATTERNS: LazyLock<Option<Extractor<'static>>> = LazyLock::new(|| {
    let regexes: Regexes<'static> =
        serde_saphyr::from_str(include_str!("../../../../assets/agents/regexes.yaml")).ok()?;
    Extractor::try_from(regexes).ok()
});

/// User agents seen so far with what they say: the same few come with every batch.
#[derive(Default)]
pub(super) struct Agents {
    seen: Mutex<HashMap<String, Facts>>,
}

impl Agents {
    pub(super) fn look_up(&self, user_agent: &str) -> Facts {
        let user_agent = cut(user_agent);
        if user_agent.is_empty() {
            return Arc::from([]);
        }
        // A poisoned lock guards a map that is whole all the same.
        if let Some(facts) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(user_agent) {
            return Arc::clone(facts);
        }
        let facts: Facts = parse(user_agent).into();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        seen.insert(user_agent.to_string(), Arc::clone(&facts));
        facts
    }
}

fn cut(user_agent: &str) -> &str {
    &user_agent[..user_agent.floor_char_boundary(USER_AGENT_BYTES)]
}

fn parse(user_agent: &str) -> Vec<(&'static str, Value)> {
    let Some(patterns) = PATTERNS.as_ref() else { return Vec::new() };
    let (browser, system, device) = patterns.extract(user_agent);
    let mut facts = Vec::with_capacity(10);
    let mut note = |path, value: Option<&str>| {
        if let Some(value) = value {
            facts.push((path, Value::text(value)));
        }
    };
    if let Some(browser) = &browser {
        let parts = [browser.major, browser.minor, browser.patch, browser.patch_minor];
        note("browser.name", Some(&browser.family));
        note("browser.version", version(&parts).as_deref());
        note("browser.version_major", browser.major);
    }
    if let Some(system) = &system {
        let parts = [system.major.as_deref(), system.minor.as_deref(), system.patch.as_deref()];
        note("os.name", Some(&system.os));
        note("os.version", version(&parts).as_deref());
        note("os.version_major", system.major.as_deref());
    }
    let is_bot = device.as_ref().is_some_and(|device| device.device == "Spider");
    note("device.type", Some(device_type(user_agent, system.as_ref().map(|s| s.os.as_ref()), is_bot)));
    if let Some(device) = device.as_ref().filter(|_| !is_bot) {
        note("device.name", Some(&device.device));
        // The patterns' word for "some maker" is no brand.
        note("device.brand", device.brand.as_deref().filter(|brand| !brand.starts_with("Generic")));
        note("device.model", device.model.as_deref());
    }
    facts
}

/// The numbers that are there, with dots between: `141.0.0.0`.
fn version(parts: &[Option<&str>]) -> Option<String> {
    let numbers: Vec<&str> = parts.iter().copied().take_while(Option::is_some).flatten().collect();
    (!numbers.is_empty()).then(|| numbers.join("."))
}

/// Android tablets differ from telephones only in that their browser does not say `Mobile`.
fn device_type(user_agent: &str, system: Option<&str>, is_bot: bool) -> &'static str {
    let says = |word: &str| user_agent.contains(word);
    if is_bot {
        return "Bot";
    }
    if says("SmartTV") || says("SMART-TV") || says("AppleTV") || says("GoogleTV") || says("Android TV") {
        return "TV";
    }
    if says("PlayStation") || says("Xbox") || says("Nintendo") {
        return "Gaming Console";
    }
    match system {
        _ if says("iPad") => "Tablet",
        Some("Android") if says("Mobile") => "Mobile",
        Some("Android") => "Tablet",
        Some("iOS" | "Windows Phone" | "BlackBerry OS" | "KaiOS" | "Firefox OS") => "Mobile",
        Some("tvOS" | "Tizen" | "WebOS" | "webOS") => "TV",
        Some(_) => "Desktop",
        None => "Other",
    }
}
