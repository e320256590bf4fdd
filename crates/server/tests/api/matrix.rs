//! What each credential opens, of every route that the description names.

use std::fmt::Write;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::server::{BASE, TestServer, answer};

const SCOPES: [&str; 4] = ["ingest", "read", "write", "admin"];

/// Bodies are those of nothing in particular: what counts is whether the door opens, not what happens behind it.
#[tokio::test]
async fn every_route_opens_to_whom_it_should() {
    let server = TestServer::start().await;
    let credentials = credentials(&server).await;
    let mut matrix = String::new();
    // Ending the session would end the walk.
    for (method, path) in routes().into_iter().filter(|(_, path)| !path.ends_with("/session")) {
        let mut opens = Vec::new();
        for (name, headers) in &credentials {
            let request = server.bare_request(method.clone(), &path.replace("{id}", "nowhere"));
            if open(with(request, headers)).await {
                opens.push(*name);
            }
        }
        let as_pairs = opens.iter().filter(|name| name.ends_with(" pair")).count();
        opens.retain(|name| !name.ends_with(" pair"));
        let scopes = opens.iter().filter(|name| SCOPES.contains(name)).count();
        assert_eq!(as_pairs, scopes, "{method} {path}: a pair of keys opens what a bearer token does");
        let whom = match opens.len() {
            0 => "nobody".to_string(),
            n if n == credentials.len() - SCOPES.len() => "anybody".to_string(),
            _ => opens.join(", "),
        };
        let path = path.replace(BASE, "…");
        writeln!(matrix, "{:6} {path}: {whom}", method.as_str()).unwrap();
    }
    insta::assert_snapshot!(matrix);
}

type Headers = Vec<(&'static str, String)>;

async fn credentials(server: &TestServer) -> Vec<(&'static str, Headers)> {
    let bearer = |secret: &str| vec![("Authorization", format!("Bearer {secret}"))];
    let mut credentials =
        vec![("none", Vec::new()), ("unknown", bearer("wdr_00000000000000000000000000000000"))];
    for scope in SCOPES {
        let secret = made(server, json!({"name": scope, "scope": scope})).await;
        let pair = vec![("DD-API-KEY", secret.clone()), ("DD-APPLICATION-KEY", secret.clone())];
        let (as_bearer, as_pair) = match scope {
            "ingest" => ("ingest", "ingest pair"),
            "read" => ("read", "read pair"),
            "write" => ("write", "write pair"),
            _ => ("admin", "admin pair"),
        };
        credentials.push((as_bearer, bearer(&secret)));
        credentials.push((as_pair, pair));
    }
    let lapsed = json!({"name": "lapsed", "scope": "admin", "expires_at": "2026-11-24T11:00:00Z"});
    credentials.push(("expired", bearer(&made(server, lapsed).await)));
    let elsewhere = json!({"name": "elsewhere", "scope": "admin", "origins": ["https://shop.example"]});
    let cookie = log_in(server).await;
    credentials.push(("editor's cookie", cookie.clone()));
    credentials.push(("cookie without token", vec![cookie[0].clone()]));
    credentials.push(("other origin", bearer(&made(server, elsewhere).await)));
    credentials
}

/// The cookie and the token of an editor's session.
async fn log_in(server: &TestServer) -> Headers {
    let (email, password) = ("ada@example.com", "long enough, surely");
    let ada = json!({"email": email, "name": "Ada", "role": "editor", "password": password});
    assert_eq!(server.post("/people", "person", ada).await.0, 201);
    let login = |password: &str| {
        let body = json!({"data": {"type": "session", "attributes": {"email": email, "password": password}}});
        server.bare_request(Method::POST, &format!("{BASE}/session")).json(&body)
    };
    assert_eq!(answer(login("long enough, but wrong")).await.0, 403);
    let response = login(password).send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_string();
    let session: Value = response.json().await.unwrap();
    let token = session["data"]["attributes"]["csrf_token"].as_str().unwrap().to_string();
    vec![("Cookie", cookie), ("X-CSRF-Token", token)]
}

async fn made(server: &TestServer, key: Value) -> String {
    let (status, made) = server.post("/keys", "key", key).await;
    assert_eq!(status, 201, "{made}");
    made["data"]["attributes"]["secret"].as_str().unwrap().to_string()
}

/// Method and path of every operation, parameters in braces named `id`.
fn routes() -> Vec<(Method, String)> {
    let document = serde_json::to_value(whodid_server::openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let parts =
            path.split('/').map(|part| if part.starts_with('{') { part_named_id(part) } else { part.into() });
        let path = parts.collect::<Vec<String>>().join("/");
        for method in operations.as_object().unwrap().keys() {
            if let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) {
                routes.push((method, path.clone()));
            }
        }
    }
    routes
}

/// `{id}.csv` keeps what follows the parameter.
fn part_named_id(part: &str) -> String {
    format!("{{id}}{}", part.split_once('}').map_or("", |(_, rest)| rest))
}

fn with(request: RequestBuilder, headers: &Headers) -> RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
}

/// Whether the answer is anything but a refusal of the caller. Only its head is looked at: some answers never end.
async fn open(request: RequestBuilder) -> bool {
    let sent = request.body("{}").timeout(Duration::from_secs(20)).send().await.unwrap();
    !matches!(sent.status().as_u16(), 401 | 403)
}

#[tokio::test]
async fn changes_are_in_the_audit_log_and_rates_are_kept() {
    let server = TestServer::start().await;
    let slow = json!({"name": "slow", "scope": "write", "requests_per_minute": 3});
    let secret = made(&server, slow).await;
    let ask = |method: Method, path: &str| {
        server.bare_request(method, &format!("{BASE}{path}")).bearer_auth(&secret)
    };
    let everybody = json!({"entity": "user", "where": {"all": []}});
    let segment =
        json!({"data": {"type": "segment", "attributes": {"name": "All", "definition": everybody}}});
    let (status, made) = answer(ask(Method::POST, "/segments").json(&segment)).await;
    assert_eq!(status, 201, "{made}");
    let response = ask(Method::GET, "/segments").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-ratelimit-remaining"]),
        (200, &"1".parse().unwrap())
    );
    // Refused: nothing was changed.
    assert_eq!(answer(ask(Method::POST, "/segments").body("{}")).await.0, 400);
    let refused = ask(Method::GET, "/segments").send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["x-ratelimit-reset"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");

    let (_, audit) = server.get("/audit").await;
    let lines: Vec<String> = audit["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["attributes"].clone())
        .map(|entry| {
            format!("{} {}", entry["actor"]["name"].as_str().unwrap(), entry["action"].as_str().unwrap())
        })
        .collect();
    assert_eq!(lines, [format!("slow POST {BASE}/segments"), format!("First admin key POST {BASE}/keys")]);
    assert_eq!(audit["data"][0]["attributes"]["target"], made["data"]["id"]);
}
