//! One visit to the shop, page by page.

use serde_json::json;
use whodid_model::Instant;

use super::Visit;
use super::people::{Plan, Visitor};
use super::random::Random;
use super::rum;

const ORIGIN: &str = "https://shop.example";
const DEPARTMENTS: [&str; 6] = ["chairs", "tables", "lamps", "rugs", "plants", "kitchen"];
const PRODUCTS: u32 = 240;

fn department_of(product: u32) -> &'static str {
    DEPARTMENTS[product as usize % DEPARTMENTS.len()]
}

/// In whole euros.
fn price_of(product: u32) -> u32 {
    9 + product * 37 % 190
}

/// Lets the visitor walk through the shop from `start` on; nothing is reported at or after `end`.
pub(super) fn walk(visitor: &mut Visitor, start: Instant, end: Instant, random: &mut Random) -> Visit {
    let session = random.uuid();
    let mut walk = Walk {
        visitor,
        random,
        session,
        now_ms: start.millis(),
        end_ms: end.millis(),
        view: None,
        rum: String::new(),
        server_events: Vec::new(),
    };
    walk.land();
    walk.log_in();
    walk.browse();
    walk.look_after_account();
    walk.buy();
    walk.leave_view();
    Visit { user_agent: walk.visitor.user_agent, rum: walk.rum, server_events: walk.server_events }
}

struct Walk<'a> {
    visitor: &'a mut Visitor,
    random: &'a mut Random,
    session: String,
    now_ms: i64,
    end_ms: i64,
    view: Option<OpenView>,
    rum: String,
    server_events: Vec<(Instant, String)>,
}

struct OpenView {
    id: String,
    url: String,
    referrer: String,
    start_ms: i64,
    loading_time_ms: i64,
    actions: u32,
    frustrations: u32,
}

impl Walk<'_> {
    fn land(&mut self) {
        match self.random.below(10) {
            0..=4 => self.view("/"),
            5 => self.view("/?utm_source=newsletter&utm_medium=email&utm_campaign=autumn"),
            6 | 7 => {
                let product = self.random.below(u64::from(PRODUCTS));
                self.view(&format!(
                    "/product/{product}?utm_source=ads&utm_medium=cpc&utm_campaign=living-room"
                ));
            }
            _ => {
                let department = *self.random.pick(&DEPARTMENTS);
                self.view(&format!("/department/{department}"));
            }
        }
    }

    fn log_in(&mut self) {
        if self.visitor.shy || self.visitor.logged_in || !self.random.chance(0.6) {
            return;
        }
        self.view("/account/login");
        self.click("LOG IN");
        self.visitor.logged_in = true;
    }

    fn browse(&mut self) {
        while self.random.chance(0.72) {
            match self.random.below(10) {
                0..=2 => {
                    let department = *self.random.pick(&DEPARTMENTS);
                    self.view(&format!("/department/{department}"));
                }
                3 => {
                    self.custom("SEARCH");
                    self.view("/search");
                }
                _ => self.look_at_product(),
            }
        }
    }

    fn look_at_product(&mut self) {
        // The smaller the number, the better known the product.
        let product =
            self.random.below(u64::from(PRODUCTS)).min(self.random.below(u64::from(PRODUCTS))) as u32;
        self.view(&format!("/product/{product}"));
        if self.random.chance(0.12 + 0.5 * self.visitor.keenness) {
            self.visitor.cart.push(product);
            self.act("click", "ADD TO CART", Some(product));
        }
    }

    fn look_after_account(&mut self) {
        if !self.visitor.logged_in || !self.random.chance(0.25) {
            return;
        }
        self.view("/account");
        match self.visitor.plan {
            Plan::Free if self.random.chance(0.35) => {
                self.click("START TRIAL");
                self.visitor.plan = Plan::Trial;
                self.report("trial_started", json!({}));
            }
            Plan::Trial if self.random.chance(0.5) => {
                self.click("GO PREMIUM");
                self.visitor.plan = Plan::Premium;
                self.report(
                    "subscription_started",
                    json!({"subscription": {"plan": "premium", "price": 12}}),
                );
            }
            _ => {}
        }
    }

    fn buy(&mut self) {
        if self.visitor.cart.is_empty() || !self.random.chance(0.75) {
            return;
        }
        self.view("/cart");
        if self.random.chance(0.08) {
            self.click("REMOVE ITEM");
            self.visitor.cart.pop();
        }
        if self.visitor.cart.is_empty() || !self.random.chance(0.35 + 0.5 * self.visitor.keenness) {
            return;
        }
        self.click("CHECKOUT");
        self.view("/checkout");
        if !self.random.chance(0.55 + 0.4 * self.visitor.keenness) {
            return;
        }
        self.click("PAY");
        let (items, total) = self.cart();
        let id = self.random.uuid();
        self.report(
            "order_paid",
            json!({"order": {"id": id, "items": items, "total": total, "currency": "EUR"}}),
        );
        self.visitor.cart.clear();
        self.view("/order/confirmed");
    }

    fn cart(&self) -> (u32, u32) {
        (self.visitor.cart.len() as u32, self.visitor.cart.iter().map(|product| price_of(*product)).sum())
    }

    /// Leaves the page that is open and opens another; every third page is also reported while it is open.
    fn view(&mut self, path_and_query: &str) {
        let referrer = self.view.as_ref().map_or(String::new(), |view| view.url.clone());
        self.leave_view();
        self.view = Some(OpenView {
            id: self.random.uuid(),
            url: format!("{ORIGIN}{path_and_query}"),
            referrer,
            start_ms: self.now_ms,
            loading_time_ms: self.random.between(180, 2_400),
            actions: 0,
            frustrations: 0,
        });
        if self.random.chance(0.33) {
            self.report_view(true);
        }
        self.now_ms += self.random.between(1_500, 25_000);
    }

    fn leave_view(&mut self) {
        self.now_ms += self.random.between(500, 40_000);
        if self.view.is_some() {
            self.report_view(false);
        }
        self.view = None;
    }

    fn click(&mut self, name: &str) {
        self.act("click", name, None);
    }

    fn custom(&mut self, name: &str) {
        self.act("custom", name, None);
    }

    fn act(&mut self, kind: &'static str, name: &str, product: Option<u32>) {
        self.now_ms += self.random.between(300, 9_000);
        let id = self.random.uuid();
        let raging = kind == "click" && self.random.chance(0.02);
        let Some(view) = &mut self.view else { return };
        view.actions += 1;
        view.frustrations += u32::from(raging);
        let action = rum::Action {
            id: &id,
            kind,
            target: rum::Target { name },
            frustration: rum::Frustration { kinds: if raging { &["rage_click"] } else { &[] } },
        };
        self.line("action", self.now_ms, Some(action), None, product);
    }

    fn report_view(&mut self, is_active: bool) {
        let Some(view) = &self.view else { return };
        let state = rum::ViewState {
            loading_type: if view.referrer.is_empty() { "initial_load" } else { "route_change" },
            loading_time: view.loading_time_ms * 1_000_000,
            time_spent: (self.now_ms - view.start_ms) * 1_000_000,
            is_active,
            action: rum::Count { count: view.actions },
            error: rum::Count { count: u32::from(view.loading_time_ms > 2_350) },
            frustration: rum::Count { count: view.frustrations },
        };
        self.line("view", view.start_ms, None, Some(state), None);
    }

    fn line(
        &mut self,
        kind: &'static str,
        date_ms: i64,
        action: Option<rum::Action<'_>>,
        state: Option<rum::ViewState>,
        product: Option<u32>,
    ) {
        let Some(view) = &self.view else { return };
        if date_ms >= self.end_ms {
            return;
        }
        let version = match &state {
            Some(state) if state.is_active => 1,
            _ => 2 + view.actions,
        };
        let (items, total) = self.cart();
        let visitor = &*self.visitor;
        let event = rum::RumEvent {
            kind,
            date: date_ms,
            application: rum::Id { id: rum::APPLICATION_ID },
            session: rum::Session { id: &self.session, kind: "user" },
            view: rum::View { id: &view.id, url: &view.url, referrer: &view.referrer, state },
            action,
            usr: rum::Usr {
                anonymous_id: &visitor.anonymous_id,
                known: visitor.logged_in.then(|| rum::KnownUsr {
                    id: &visitor.user_id,
                    name: &visitor.name,
                    email: &visitor.email,
                    plan: visitor.plan.name(),
                }),
            },
            account: visitor
                .company
                .filter(|_| visitor.logged_in)
                .map(|(id, name)| rum::Account { id, name }),
            context: (items > 0).then(|| rum::Context {
                product: product.map(|id| rum::Product {
                    id,
                    department: department_of(id),
                    price: price_of(id),
                }),
                cart: rum::Cart { items, total },
            }),
            geo: rum::Geo {
                country: visitor.place.country,
                country_iso_code: visitor.place.code,
                city: visitor.place.city,
                continent: visitor.place.continent,
                continent_code: visitor.place.continent_code,
            },
            service: rum::SERVICE,
            version: "2.4.0",
            source: "browser",
            ddtags: "env:demo,team:storefront",
            dd: rum::Dd { format_version: 2, document_version: version },
        };
        if let Ok(line) = serde_json::to_string(&event) {
            self.rum.push_str(&line);
            self.rum.push('\n');
        }
    }

    /// What the shop's own server says: it knows the customer once they have logged in, and the session in any case.
    fn report(&mut self, name: &str, more: serde_json::Value) {
        let ts_ms = self.now_ms + self.random.between(50, 400);
        if ts_ms >= self.end_ms {
            return;
        }
        let mut body = json!({
            "type": "server",
            "application": {"id": rum::APPLICATION_ID},
            "event": {"name": name},
            "session": {"id": self.session},
            "service": "shop-backend",
        });
        if self.visitor.logged_in {
            body["usr"] = json!({"id": self.visitor.user_id});
        }
        if let (Some((id, _)), true) = (self.visitor.company, self.visitor.logged_in) {
            body["account"] = json!({"id": id});
        }
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        self.server_events.push((Instant::from_millis(ts_ms), body.to_string()));
    }
}
