//! Segments that the demo starts with.

use serde_json::{Value, json};

pub(crate) struct ReadyMade {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) definition: Value,
}

/// Ready-made segments over the shop, from simple to telling.
pub(crate) fn ready_made() -> Vec<ReadyMade> {
    vec![
        ReadyMade {
            name: "Almost bought",
            description: "Looked at the cart and did not go on to the checkout in the same session, in the past week",
            definition: json!({"entity": "user", "where": {"performed": {
                "steps": [
                    {"event": "@type:view @view.name:/cart"},
                    {"event": "@type:action @action.name:CHECKOUT", "not": true}
                ],
                "within": "session",
                "during": {"last": "7d"}
            }}}),
        },
        ReadyMade {
            name: "Premium Shopist customers",
            description: "On the premium plan, with at least one paid order",
            definition: json!({"entity": "user", "where": {"all": [
                {"profile": "@usr.plan:premium"},
                {"performed": {"steps": [{"event": "@type:server @event.name:order_paid"}]}}
            ]}}),
        },
        ReadyMade {
            name: "Started a trial and converted",
            description: "Went premium within four weeks of starting a trial",
            definition: json!({"entity": "user", "where": {"performed": {
                "steps": [
                    {"event": "@type:server @event.name:trial_started"},
                    {"event": "@type:server @event.name:subscription_started", "within": "28d"}
                ]
            }}}),
        },
        ReadyMade {
            name: "Active in Brazil",
            description: "Three events or more from Brazil in the past week",
            definition: json!({"entity": "user", "where": {"performed": {
                "steps": [{"event": "@geo.country:Brazil"}],
                "during": {"last": "7d"},
                "times": {"op": ">=", "value": 3}
            }}}),
        },
    ]
}
