//! What the web app rests on: its page, and logging in.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::server::{API_KEY, APP_KEY, BASE, TestServer, almost_bought, answer};

#[tokio::test]
async fn every_place_but_the_api_is_the_app() {
    let server = TestServer::start().await;
    for path in ["/", "/segments", "/users/ada@example.com"] {
        let response = server.bare_request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_string();
        assert!(header("content-security-policy").starts_with("default-src 'none'; script-src 'self';"));
        assert_eq!((header("cache-control"), header("x-frame-options")), ("no-cache".into(), "DENY".into()));
    }
    for path in ["/assets/none.js", "/api/none", "/api", &format!("{BASE}/none")] {
        let (status, problem) = answer(server.bare_request(Method::GET, path)).await;
        assert_eq!((status, problem["errors"][0]["status"].as_str()), (404, Some("404")), "{path}");
    }
    assert_eq!(answer(server.bare_request(Method::POST, "/segments")).await.0, 404);
}

async fn log_in(server: &TestServer, attributes: Value) -> Response {
    let body = json!({"data": {"type": "session", "attributes": attributes}});
    let path = format!("{BASE}/session");
    server.bare_request(Method::POST, &path).json(&body).send().await.unwrap()
}

/// The cookie that an answer sets, and the token that goes with it.
async fn opened(response: Response) -> (String, Value) {
    assert_eq!(response.status(), 200);
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_string();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"));
    let answer: Value = response.json().await.unwrap();
    (cookie.split(';').next().unwrap().to_string(), answer["data"]["attributes"].clone())
}

#[tokio::test]
async fn a_cookie_stands_for_the_key_and_changes_nothing_by_itself() {
    let server = TestServer::start().await;
    let (cookie, session) = opened(log_in(&server, json!({"key": APP_KEY})).await).await;
    assert_eq!((&session["role"], &session["scopes"][1]), (&json!("admin"), &json!("read")), "{session}");
    assert_eq!(session["workspace"], json!({"timezone": "UTC", "week_start": "monday"}));
    let request = |method: Method, path: &str| -> RequestBuilder {
        server.bare_request(method, &format!("{BASE}{path}")).header("Cookie", &cookie)
    };
    let again = answer(request(Method::GET, "/session")).await;
    assert_eq!((again.0, &again.1["data"]["attributes"]), (200, &session));
    assert_eq!(answer(request(Method::GET, "/segments")).await.0, 200);
    let asking = json!({"data": {"type": "segment_preview", "attributes": {"definition": almost_bought()}}});
    assert_eq!(answer(request(Method::POST, "/segments/preview").json(&asking)).await.0, 200);

    let saving = json!({"data": {"type": "segment", "attributes":
        {"name": "Almost", "definition": almost_bought()}}});
    let save = || request(Method::POST, "/segments").json(&saving);
    assert_eq!(answer(save()).await.0, 403);
    assert_eq!(answer(save().header("X-CSRF-Token", "x")).await.0, 403);
    let csrf = session["csrf_token"].as_str().unwrap();
    assert_eq!(answer(save().header("X-CSRF-Token", csrf)).await.0, 201);

    assert_eq!(answer(request(Method::DELETE, "/session")).await.0, 403);
    assert_eq!(answer(request(Method::DELETE, "/session").header("X-CSRF-Token", csrf)).await.0, 204);
    assert_eq!(answer(request(Method::GET, "/segments")).await.0, 401);
    let nobody = server.bare_request(Method::GET, &format!("{BASE}/session"));
    assert_eq!(answer(nobody).await.0, 401);
}

#[tokio::test]
async fn a_printed_link_logs_in_once_and_other_ways_are_refused() {
    let server = TestServer::start().await;
    let link = server.login_link();
    let code = link.split("#code=").nth(1).unwrap();
    let (_, session) = opened(log_in(&server, json!({"code": code})).await).await;
    assert_eq!(session["role"], "admin");
    let refused = [
        (json!({"code": code}), 403),
        (json!({"key": "none"}), 403),
        (json!({"key": API_KEY}), 403),
        (json!({}), 400),
        (json!({"key": APP_KEY, "code": code}), 400),
        (json!({"secret": APP_KEY}), 400),
    ];
    for (attributes, status) in refused {
        assert_eq!(log_in(&server, attributes.clone()).await.status(), status, "{attributes}");
    }
    let proxied = server.bare_request(Method::POST, &format!("{BASE}/session"));
    let body = json!({"data": {"type": "session", "attributes": {"key": APP_KEY}}});
    let response = proxied.header("X-Forwarded-Proto", "https").json(&body).send().await.unwrap();
    assert!(response.headers()["set-cookie"].to_str().unwrap().contains("Secure"));
}
