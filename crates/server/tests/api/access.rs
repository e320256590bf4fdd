use reqwest::Method;
use serde_json::json;

use crate::server::{API_KEY, APP_KEY, BASE, TestServer, answer};

#[tokio::test]
async fn each_key_opens_what_its_scope_says() {
    let server = TestServer::start().await;
    let mut keys = vec![("none", String::new()), ("unknown", "nonsense".to_string())];
    for scope in ["ingest", "read", "write", "admin"] {
        let (status, made) = server.post("/keys", "key", json!({"name": scope, "scope": scope})).await;
        assert_eq!(status, 201, "{made}");
        keys.push((scope, made["data"]["attributes"]["secret"].as_str().unwrap().to_string()));
    }
    let segment = json!({"data": {"type": "segment", "attributes": {}}});
    for (name, secret) in &keys {
        let ask = |method: Method, path: &str| {
            let request = server.bare_request(method, path).body(segment.to_string());
            let request = if secret.is_empty() { request } else { request.bearer_auth(secret) };
            async { answer(request).await.0 }
        };
        let got = [
            ask(Method::POST, "/api/v2/prodlytics").await,
            ask(Method::GET, &format!("{BASE}/segments")).await,
            ask(Method::POST, &format!("{BASE}/segments")).await,
            ask(Method::GET, &format!("{BASE}/keys")).await,
        ];
        let expected = match *name {
            "none" => [401, 403, 403, 403],
            "ingest" => [400, 403, 403, 403],
            "read" => [403, 200, 403, 403],
            "write" => [403, 200, 400, 403],
            "admin" => [400, 200, 400, 200],
            _ => [403, 403, 403, 403],
        };
        assert_eq!(got, expected, "{name}");
    }
}

#[tokio::test]
async fn an_application_key_needs_an_api_key_beside_it_and_a_revoked_key_opens_nothing() {
    let server = TestServer::start().await;
    let list = || server.bare_request(Method::GET, &format!("{BASE}/segments"));
    let status = |request| async { answer(request).await.0 };
    assert_eq!(status(list().header("DD-APPLICATION-KEY", APP_KEY)).await, 403);
    assert_eq!(status(list().header("DD-APPLICATION-KEY", APP_KEY).header("DD-API-KEY", API_KEY)).await, 200);
    assert_eq!(status(list().header("DD-APPLICATION-KEY", API_KEY).header("DD-API-KEY", API_KEY)).await, 403);

    let (_, made) = server.post("/keys", "key", json!({"name": "short-lived", "scope": "read"})).await;
    let (id, secret) = (&made["data"]["id"], made["data"]["attributes"]["secret"].as_str().unwrap());
    assert_eq!(status(list().bearer_auth(secret)).await, 200);
    let revoke = server.request(Method::DELETE, &format!("{BASE}/keys/{}", id.as_str().unwrap()));
    assert_eq!(status(revoke).await, 204);
    assert_eq!(status(list().bearer_auth(secret)).await, 403);
    let (_, keys) = server.get("/keys").await;
    assert!(!keys.to_string().contains(secret));
}

#[tokio::test]
async fn errors_have_the_shape_of_their_family() {
    let server = TestServer::start().await;
    let (_, own) = answer(server.bare_request(Method::GET, &format!("{BASE}/segments"))).await;
    assert!(own["errors"][0]["detail"].is_string() && own["errors"][0]["status"] == "403", "{own}");
    let (_, compatible) =
        answer(server.bare_request(Method::POST, &format!("{BASE}/analytics/scalar"))).await;
    assert!(compatible["errors"][0].is_string(), "{compatible}");
    let (status, unknown) = server.get("/nowhere").await;
    assert_eq!((status, &unknown["errors"][0]["title"]), (404, &json!("Not Found")));
    let response = server.request(Method::PUT, &format!("{BASE}/segments")).send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert!(response.headers()["allow"].to_str().unwrap().contains("GET"));
    let method: serde_json::Value = response.json().await.unwrap();
    assert_eq!(method["errors"][0]["title"], "Method Not Allowed");
    for probe in ["/healthz", "/readyz"] {
        assert_eq!(answer(server.bare_request(Method::GET, probe)).await.0, 200);
    }
}

#[tokio::test]
async fn a_public_key_takes_one_applications_events_from_its_own_pages() {
    let server = TestServer::start().await;
    let key = json!({
        "name": "shop", "scope": "ingest", "application_id": "6a0c3f52-3c1e-4f7e-9d63-2f1c7a0b9d11",
        "origins": ["https://shop.example"],
    });
    let (_, made) = server.post("/keys", "key", key).await;
    let secret = made["data"]["attributes"]["secret"].as_str().unwrap().to_string();
    let send = |origin: Option<&'static str>, event: serde_json::Value| {
        let request = server.bare_request(Method::POST, &format!("/api/v2/rum?dd-api-key={secret}"));
        let request = match origin {
            Some(origin) => request.header("Origin", origin),
            None => request,
        };
        async move { answer(request.body(event.to_string())).await.0 }
    };
    let own = crate::server::view("ada", "s1", "/cart", 5);
    let mut other = own.clone();
    other["application"]["id"] = json!("another");
    assert_eq!(send(Some("https://shop.example"), own.clone()).await, 202);
    assert_eq!(send(Some("https://evil.example"), own.clone()).await, 403);
    assert_eq!(send(None, own.clone()).await, 403);
    assert_eq!(send(Some("https://shop.example"), other).await, 403);
    let import = server.bare_request(Method::POST, &format!("{BASE}/events/import")).bearer_auth(&secret);
    assert_eq!(answer(import.header("Origin", "https://shop.example").body("{}")).await.0, 403);
}

#[tokio::test]
async fn people_are_kept_without_their_passwords() {
    let server = TestServer::start().await;
    let ada = json!({"email": "ada@example.com", "name": "Ada", "role": "editor", "password": "long enough, surely"});
    let (status, made) = server.post("/people", "person", ada.clone()).await;
    assert_eq!(status, 201, "{made}");
    assert!(!made.to_string().contains("long enough"));
    assert_eq!(server.post("/people", "person", ada).await.0, 409);
    let path = format!("/people/{}", made["data"]["id"].as_str().unwrap());
    let (_, changed) = server.send(Method::PATCH, &path, "person", json!({"role": "viewer"})).await;
    assert_eq!(changed["data"]["attributes"]["role"], "viewer");
    let weak = json!({"email": "bea@example.com", "name": "Bea", "role": "viewer", "password": "short"});
    let (status, refused) = server.post("/people", "person", weak).await;
    assert_eq!(
        (status, &refused["errors"][0]["source"]["pointer"]),
        (400, &json!("/data/attributes/password"))
    );
    assert_eq!(server.send(Method::DELETE, &path, "person", json!({})).await.0, 204);
    assert_eq!(server.get(&path).await.0, 404);
}
