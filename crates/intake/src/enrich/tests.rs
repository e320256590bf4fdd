use whodid_model::Instant;

use super::*;

const CHROME: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";

/// The event's attributes below `roots` after enrichment, as `path=value`.
fn enriched(own: &[(&str, &str)], ip: Option<&str>, user_agent: Option<&str>, roots: &[&str]) -> Vec<String> {
    let enricher = Enricher::new();
    let client_ip = ip.map(|ip| ip.parse().unwrap());
    let context = Context { received_at: Instant::default(), client_ip, user_agent };
    let attributes = own.iter().map(|(path, value)| (path.to_string(), Value::text(*value))).collect();
    let mut event = Event {
        kind: EventType::View,
        id: "v".to_string(),
        ts: Instant::default(),
        revision: 0,
        attributes,
        revisions: None,
    };
    enricher.enrich(&mut event, &enricher.client(&context), false);
    let below = |path: &str| roots.iter().any(|root| path.starts_with(root));
    let kept = event.attributes.iter().filter(|(path, _)| below(path));
    kept.map(|(path, value)| format!("{path}={}", value.as_text())).collect()
}

#[test]
fn places_come_from_the_address_unless_the_event_knows() {
    let check = |own: &[(&str, &str)], ip: Option<&str>, expected: &[&str]| {
        assert_eq!(enriched(own, ip, None, &["geo."]), expected, "{own:?} {ip:?}");
    };
    let brazil = [
        "geo.continent=South America",
        "geo.continent_code=SA",
        "geo.country=Brazil",
        "geo.country_iso_code=BR",
    ];
    check(&[], Some("200.147.3.157"), &brazil);
    check(&[], Some("::ffff:200.147.3.157"), &brazil);
    check(&[], Some("2804:14c::1"), &brazil);
    check(&[], Some("127.0.0.1"), &[]);
    check(&[], Some("192.168.1.9"), &[]);
    check(&[], Some("fe80::1"), &[]);
    check(&[], None, &[]);
    check(&[("session.ip", "200.147.3.157")], Some("8.8.8.8"), &brazil);
    check(&[("session.ip", "not an address")], Some("8.8.8.8"), &[]);
    check(&[("geo.country", "Brazil")], Some("8.8.8.8"), &brazil);
    check(
        &[("geo.country", "BR")],
        Some("8.8.8.8"),
        &[
            "geo.continent=South America",
            "geo.continent_code=SA",
            "geo.country=BR",
            "geo.country_iso_code=BR",
        ],
    );
    check(&[("geo.country_iso_code", "BR")], None, &brazil);
    check(&[("geo.country", "Atlantis")], Some("8.8.8.8"), &["geo.country=Atlantis"]);
}

#[test]
fn agents_name_browser_system_and_device() {
    let check = |user_agent: &str, expected: &str| {
        let found = enriched(&[], None, Some(user_agent), &["browser.", "os.", "device."]);
        assert_eq!(found.join(" "), expected, "{user_agent}");
    };
    check(
        CHROME,
        "browser.name=Chrome browser.version=141.0.0.0 browser.version_major=141 device.type=Desktop os.name=Linux",
    );
    check(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
        "browser.name=Mobile Safari browser.version=17.5 browser.version_major=17 device.brand=Apple device.model=iPhone device.name=iPhone device.type=Mobile os.name=iOS os.version=17.5 os.version_major=17",
    );
    check(
        "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
        "browser.name=Chrome Mobile browser.version=126.0.0.0 browser.version_major=126 device.brand=Samsung device.model=SM-S918B device.name=Samsung SM-S918B device.type=Mobile os.name=Android os.version=14 os.version_major=14",
    );
    check(
        "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        "browser.name=Chrome browser.version=126.0.0.0 browser.version_major=126 device.model=SM-X700 device.name=SM-X700 device.type=Tablet os.name=Android os.version=13 os.version_major=13",
    );
    check(
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "browser.name=Googlebot browser.version=2.1 browser.version_major=2 device.type=Bot",
    );
    check("anything else", "device.type=Other");
    check("", "");
    check(&"é".repeat(5_000), "device.type=Other");
}

#[test]
fn what_the_event_says_itself_is_kept_as_a_whole() {
    let roots = ["browser.", "os.", "device.", "session."];
    let own = [("os.name", "HarmonyOS"), ("device.type", "tablet"), ("device.locale", "pt-BR")];
    let found = enriched(&own, Some("10.0.0.1"), Some(CHROME), &roots);
    let expected = [
        "browser.name=Chrome",
        "browser.version=141.0.0.0",
        "browser.version_major=141",
        "device.locale=pt-BR",
        "device.type=tablet",
        "os.name=HarmonyOS",
        "session.ip=10.0.0.1",
        &format!("session.useragent={CHROME}"),
    ];
    assert_eq!(found, expected);
    let own = [("session.useragent", "curl/8.5.0"), ("session.ip", "10.0.0.2")];
    let found = enriched(&own, Some("10.0.0.1"), Some(CHROME), &["browser.name", "session."]);
    assert_eq!(found, ["browser.name=curl", "session.ip=10.0.0.2", "session.useragent=curl/8.5.0"]);
}

/// Just enough of the MMDB format to write a database that gives one record for every IPv4 address.
mod mmdb {
    pub(super) fn text(s: &str) -> Vec<u8> {
        [&[2 << 5 | s.len() as u8], s.as_bytes()].concat()
    }

    pub(super) fn map(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![7 << 5 | members.len() as u8];
        members.iter().for_each(|(name, value)| bytes.extend([text(name), value.clone()].concat()));
        bytes
    }

    pub(super) fn list(items: &[Vec<u8>]) -> Vec<u8> {
        [&[items.len() as u8, 4], &items.concat()[..]].concat()
    }

    fn number(kind: u8, n: u8) -> Vec<u8> {
        vec![kind << 5 | 1, n]
    }

    pub(super) fn database(record: Vec<u8>) -> Vec<u8> {
        let (one_node, both_to_the_record) = (1, [0, 0, 17, 0, 0, 17]);
        let about = map(&[
            ("binary_format_major_version", number(5, 2)),
            ("binary_format_minor_version", number(5, 0)),
            ("build_epoch", vec![1, 2, 1]),
            ("database_type", text("test")),
            ("description", map(&[])),
            ("ip_version", number(5, 4)),
            ("languages", list(&[])),
            ("node_count", number(6, one_node)),
            ("record_size", number(5, 24)),
        ]);
        [&both_to_the_record[..], &[0; 16], &record, b"\xab\xcd\xefMaxMind.com", &about].concat()
    }
}

#[test]
fn a_city_database_fills_in_more() {
    let named = |name: &str| mmdb::map(&[("names", mmdb::map(&[("en", mmdb::text(name))]))]);
    let record = mmdb::map(&[
        ("city", named("Campinas")),
        ("country", mmdb::map(&[("iso_code", mmdb::text("BR"))])),
        ("subdivisions", mmdb::list(&[named("Sao Paulo")])),
    ]);
    let enricher = Enricher::with_geo_database(mmdb::database(record)).unwrap();
    let context = Context { client_ip: "8.8.8.8".parse().ok(), ..Context::default() };
    let facts = enricher.client(&context).ip.unwrap().1;
    let shown: Vec<String> =
        facts.iter().map(|(path, value)| format!("{path}={}", value.as_text())).collect();
    let expected = [
        "geo.country=Brazil",
        "geo.country_iso_code=BR",
        "geo.continent=South America",
        "geo.continent_code=SA",
        "geo.country_subdivision=Sao Paulo",
        "geo.city=Campinas",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn another_database_must_be_one() {
    let error = Enricher::with_geo_database(b"nothing of the kind".to_vec()).err().unwrap();
    assert_eq!(error.kind(), whodid_model::FaultKind::Invalid);
}
