//! A server to test, and events to send to it.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use whodid_model::{Clock, Instant};
use whodid_server::{ServeFlags, Server};

pub(crate) const API_KEY: &str = "test-ingest-key-0123456789";
pub(crate) const APP_KEY: &str = "test-admin-key-0123456789";
pub(crate) const BASE: &str = "/api/v2/product-analytics";
/// What time it is in every test.
pub(crate) const NOW: &str = "2026-11-24T12:00:00Z";

pub(crate) struct TestServer {
    pub(crate) folder: TempDir,
    server: Server,
    http: Client,
}

pub(crate) fn now() -> Instant {
    Instant::parse(NOW).unwrap()
}

fn flags(folder: &TempDir) -> ServeFlags {
    ServeFlags {
        data: Some(folder.path().join("data")),
        listen: Some("127.0.0.1:0".to_string()),
        bootstrap_api_key: Some(API_KEY.to_string()),
        bootstrap_app_key: Some(APP_KEY.to_string()),
        // Some tests ask a great deal.
        requests_per_minute: Some(1_000_000),
        ..ServeFlags::default()
    }
}

impl TestServer {
    pub(crate) async fn start() -> TestServer {
        TestServer::on(tempfile::tempdir().unwrap()).await
    }

    async fn on(folder: TempDir) -> TestServer {
        TestServer::with(folder, |flags| flags, Arc::new(now())).await
    }

    /// With other flags, or another clock.
    pub(crate) async fn with(
        folder: TempDir,
        change: impl FnOnce(ServeFlags) -> ServeFlags,
        clock: Arc<dyn Clock>,
    ) -> TestServer {
        let config = change(flags(&folder)).settle().unwrap();
        let server = Server::start(&config, clock).await.unwrap();
        TestServer { folder, server, http: Client::new() }
    }

    /// Stops, and starts again on the same folder.
    pub(crate) async fn restart(self) -> TestServer {
        self.server.stop().await.unwrap();
        TestServer::on(self.folder).await
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) fn login_link(&self) -> String {
        self.server.login_link()
    }

    /// With keys that may do everything.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut headers = HeaderMap::new();
        headers.insert("DD-API-KEY", HeaderValue::from_static(APP_KEY));
        headers.insert("DD-APPLICATION-KEY", HeaderValue::from_static(APP_KEY));
        self.bare_request(method, path).headers(headers)
    }

    pub(crate) fn bare_request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.server.url()))
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, &format!("{BASE}{path}"))).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        attributes: Value,
    ) -> (u16, Value) {
        let body = json!({"data": {"type": kind, "attributes": attributes}});
        answer(self.request(method, &format!("{BASE}{path}")).json(&body)).await
    }

    pub(crate) async fn post(&self, path: &str, kind: &str, attributes: Value) -> (u16, Value) {
        self.send(Method::POST, path, kind, attributes).await
    }

    /// A batch of RUM events, which has to be taken.
    pub(crate) async fn rum(&self, events: &[Value]) -> Value {
        let lines: Vec<String> = events.iter().map(Value::to_string).collect();
        let request = self.bare_request(Method::POST, &format!("/api/v2/rum?dd-api-key={API_KEY}"));
        let (status, taken) = answer(request.body(lines.join("\n"))).await;
        assert_eq!(status, 202, "{taken}");
        taken
    }

    /// How many events of how many users a query finds.
    pub(crate) async fn count(&self, query: &str) -> u64 {
        let answer = self.scalar(query, json!({"aggregation": "count"}), json!([])).await;
        answer["data"]["attributes"]["columns"][0]["values"][0].as_u64().unwrap()
    }

    pub(crate) async fn scalar(&self, query: &str, compute: Value, group_by: Value) -> Value {
        let attributes = json!({
            "from": 0,
            "to": now().millis(),
            "query": {
                "query": {"data_source": "product_analytics", "search": {"query": query}},
                "compute": compute,
                "group_by": group_by,
            },
        });
        let (status, answer) =
            self.post("/analytics/scalar", "formula_analytics_extended_request", attributes).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub(crate) async fn preview(&self, definition: Value) -> Value {
        let attributes = json!({"definition": definition});
        let (status, answer) = self.post("/segments/preview", "segment_preview", attributes).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

/// Status and JSON; an empty body is null.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.bytes().await.unwrap();
    let json = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
    (status, json.unwrap_or_else(|error| panic!("{status}, {error}: {:?}", String::from_utf8_lossy(&bytes))))
}

/// A page view, so many minutes before now.
pub(crate) fn view(user: &str, session: &str, path: &str, minutes_ago: i64) -> Value {
    let mut event = event("view", user, session, minutes_ago);
    event["view"] =
        json!({"id": format!("view-{session}-{minutes_ago}"), "url": format!("https://shop.example{path}")});
    event["_dd"] = json!({"format_version": 2, "document_version": 1});
    event
}

/// A click, so many minutes before now.
pub(crate) fn click(user: &str, session: &str, name: &str, minutes_ago: i64) -> Value {
    let mut event = event("action", user, session, minutes_ago);
    event["view"] = json!({"id": format!("view-{session}"), "url": "https://shop.example/"});
    event["action"] =
        json!({"id": format!("action-{session}-{minutes_ago}"), "type": "click", "target": {"name": name}});
    event
}

fn event(kind: &str, user: &str, session: &str, minutes_ago: i64) -> Value {
    json!({
        "type": kind,
        "date": now().millis() - minutes_ago * 60_000,
        "application": {"id": "6a0c3f52-3c1e-4f7e-9d63-2f1c7a0b9d11"},
        "session": {"id": session, "type": "user"},
        "usr": {"id": user},
        "geo": {"country": "Brazil", "country_iso_code": "BR"},
    })
}

/// Viewed the cart, then did not go on to the checkout in the same session, in the past week.
pub(crate) fn almost_bought() -> Value {
    json!({"entity": "user", "where": {"performed": {
        "steps": [
            {"event": "@type:view @view.url_path:/cart @geo.country:Brazil"},
            {"event": "@type:action @action.name:CHECKOUT", "not": true}
        ],
        "within": "session",
        "during": {"last": "7d"}
    }}})
}

/// One who bought, two who almost did.
pub(crate) fn shoppers() -> Vec<Value> {
    vec![
        view("ada", "s1", "/", 60),
        view("ada", "s1", "/cart", 59),
        view("bea", "s2", "/cart", 50),
        click("bea", "s2", "CHECKOUT", 49),
        view("cid", "s3", "/cart", 40),
        view("cid", "s3", "/product/7", 39),
        view("dan", "s4", "/product/7", 30),
    ]
}
