use serde_json::{Value, json};

use super::echo;
use crate::definition::Definition;

fn check(entity: &str, condition: Value, expected: &str) {
    let definition = Definition::from_json(&json!({"entity": entity, "where": condition}));
    let definition = definition.unwrap_or_else(|error| panic!("{condition}: {error}"));
    let name = |id: &str| (id == "s1").then(|| "Big spenders".to_string());
    assert_eq!(echo(&definition, &name), expected);
}

fn steps(steps: Value, more: Value) -> Value {
    let mut performed = json!({"steps": steps});
    performed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"performed": performed})
}

#[test]
fn sequences_read_as_stories() {
    let cart = json!({"event": "@view.name:/cart"});
    let click =
        |not: bool| json!({"event": "@type:action @action.type:click @action.name:CHECKOUT", "not": not});
    check(
        "user",
        json!({"all": [
            steps(json!([cart, click(true)]), json!({"within": "session", "during": {"last": "7d"}})),
            {"profile": "country_code:BR"},
        ]}),
        "Users who viewed /cart and then did not click CHECKOUT in the same session, in the last 7 days, and whose \
         country code is BR",
    );
    check(
        "user",
        steps(
            json!([cart, click(true), {"event": "@event.name:order", "within": "2h"}]),
            json!({"within": "1d"}),
        ),
        "Users who viewed /cart and then, without clicking CHECKOUT in between, triggered the event order within 2 hours, \
         all within 1 day",
    );
    check(
        "account",
        steps(
            json!([cart, {"event": "@type:action"}]),
            json!({"order": "any", "during": {"calendar": "last month"}}),
        ),
        "Accounts whose users viewed /cart and performed any action, in any order, last month",
    );
}

#[test]
fn counts_and_windows_are_spelled_out() {
    let one = |more: Value| steps(json!([{"event": "@view.name:/cart"}]), more);
    let zone = "Europe/Lisbon";
    let rows = [
        (json!({}), "viewed /cart"),
        (json!({"times": {"op": "=", "value": 0}}), "did not view /cart"),
        (
            json!({"times": {"op": "<", "value": 1}, "during": {"last": "1d"}}),
            "did not view /cart, in the last day",
        ),
        (json!({"times": {"op": ">=", "value": 3}}), "viewed /cart at least 3 times"),
        (json!({"times": {"op": "=", "value": 1}}), "viewed /cart exactly once"),
        (json!({"times": {"op": "<", "value": 3}}), "viewed /cart fewer than 3 times or never"),
        (json!({"times": {"op": ">", "value": 2}, "per": "day"}), "viewed /cart on more than 2 days"),
        (json!({"times": {"op": ">=", "value": 2}, "per": "session"}), "viewed /cart in at least 2 sessions"),
        (
            json!({"during": {"since_first_seen": "36h"}}),
            "viewed /cart, in the first 1 day 12 hours since first seen",
        ),
        (json!({"during": {"from": "2026-11-01"}}), "viewed /cart, since 2026-11-01"),
        (
            json!({"during": {"from": "2026-11-01", "to": "2026-11-08", "timezone": zone}}),
            "viewed /cart, from 2026-11-01 and before 2026-11-08 (Europe/Lisbon time)",
        ),
        (
            json!({"during": {"calendar": "this week", "week_start": "sunday"}}),
            "viewed /cart, this week (weeks begin on Sunday)",
        ),
        (json!({"during": {"calendar": "2026-11-08"}}), "viewed /cart, on 2026-11-08"),
    ];
    for (more, expected) in rows {
        check("user", one(more), &format!("Users who {expected}"));
    }
    check(
        "user",
        one(json!({"measure": {"aggregation": "sum", "facet": "@price", "op": ">", "value": 100}})),
        "Users whose total price, whenever they viewed /cart, is more than 100",
    );
}

#[test]
fn events_become_verbs() {
    let rows = [
        ("", "did anything"),
        ("@type:view", "viewed any page"),
        ("@view.url_path:\\/product\\/*", "viewed /product/*"),
        ("@view.name:(/a OR /b)", "viewed /a or /b"),
        ("@type:action @action.name:\"Add to cart\"", "performed the action “Add to cart”"),
        ("@type:action @action.type:tap", "tapped anything"),
        ("@event.name:order @amount:>5", "triggered the event order where amount is more than 5"),
        ("@view.name:/a OR @event.name:b", "viewed /a or triggered the event b"),
        ("@view.name:/a @view.time_spent:>3s", "viewed /a where time on page is more than 3 seconds"),
        ("-@geo.country:(BR OR PT)", "did anything where country is not BR or PT"),
        ("@a:1 (@b:x* OR -@c:*)", "did anything where a is 1 and (b starts with x or c is not set)"),
    ];
    for (event, expected) in rows {
        check("user", steps(json!([{"event": event}]), json!({})), &format!("Users who {expected}"));
    }
}

#[test]
fn conditions_join() {
    let a = json!({"profile": "plan:pro"});
    let rows = [
        (json!({"all": []}), "All users"),
        (json!({"any": []}), "No users"),
        (json!({"profile": ""}), "All users"),
        (json!({"segment": "s1"}), "Users who are in the segment “Big spenders”"),
        (json!({"not": {"segment": "s2"}}), "Users who are not in the segment “s2”"),
        (json!({"not": a}), "Users whose plan is not pro"),
        (json!({"profile": "is_anonymous:true"}), "Users who are anonymous"),
        (
            json!({"profile": "-is_anonymous:true city:\"São Paulo\""}),
            "Users who are not anonymous and whose city is “São Paulo”",
        ),
        (json!({"profile": "user_email:*@x.com"}), "Users whose user email ends with @x.com"),
        (json!({"profile": "a:1 OR b:[2 TO 3]"}), "Users whose a is 1 or whose b is between 2 and 3"),
        (json!({"profile": "first_seen:>=2026-11-01"}), "Users whose first seen is at or after 2026-11-01"),
        (
            json!({"any": [a, {"all": [a, {"segment": "s1"}]}]}),
            "Users whose plan is pro, or (whose plan is pro, and who are in the segment “Big spenders”)",
        ),
        (
            json!({"not": {"any": [a, {"segment": "s1"}]}}),
            "Users who are not among those (whose plan is pro, or who are in the segment “Big spenders”)",
        ),
        (
            json!({"not": {"performed": {"steps": [{"event": "@view.name:/cart"}]}}}),
            "Users who did not view /cart",
        ),
    ];
    for (condition, expected) in rows {
        check("user", condition, expected);
    }
}
