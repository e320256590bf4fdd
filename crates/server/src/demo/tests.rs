use std::collections::BTreeSet;

use super::*;

fn shop(visitors: u32) -> Shop {
    Shop {
        seed: Shop::DEFAULT_SEED,
        visitors,
        days: 28,
        end: Instant::parse("2026-11-24T12:00:00Z").unwrap(),
    }
}

#[test]
fn the_shop_is_a_pure_function_and_more_visitors_change_nothing_about_the_first() {
    let few: Vec<Visit> = shop(20).visits().collect();
    let again: Vec<Visit> = shop(20).visits().collect();
    let more: Vec<Visit> = shop(40).visits().collect();
    assert_eq!(few, again);
    assert_eq!(few[..], more[..few.len()]);
}

#[test]
fn visits_lie_within_the_days_before_the_end_and_tell_the_stories_that_the_segments_ask_for() {
    let shop = shop(2_000);
    let from = shop.end.minus(Span::from_days(28));
    let (mut events, mut countries, mut actions, mut server) =
        (0, BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut logged_in, mut anonymous) = (0, 0);
    for visit in shop.visits() {
        for line in visit.rum.lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let date = Instant::from_millis(event["date"].as_i64().unwrap());
            assert!(from <= date && date < shop.end, "{date}");
            events += 1;
            countries.insert(event["geo"]["country_iso_code"].to_string());
            if let Some(name) = event["action"]["target"]["name"].as_str() {
                actions.insert(name.to_string());
            }
            if event["usr"]["id"].is_string() { logged_in += 1 } else { anonymous += 1 }
        }
        for (ts, body) in visit.server_events {
            assert!(ts < shop.end);
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            server.insert(body["event"]["name"].as_str().unwrap().to_string());
        }
    }
    // 20,000 visitors make about 300,000 events.
    assert!((25_000..50_000).contains(&events), "{events}");
    assert!(countries.len() >= 10 && logged_in > 5_000 && anonymous > 5_000);
    for name in ["ADD TO CART", "CHECKOUT", "PAY", "SEARCH", "START TRIAL", "GO PREMIUM"] {
        assert!(actions.contains(name), "{name}");
    }
    assert_eq!(
        server.into_iter().collect::<Vec<_>>(),
        ["order_paid", "subscription_started", "trial_started"]
    );
}
