//! What the web app rests on: its page, and logging in.

use futures::StreamExt;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::server::{API_KEY, APP_KEY, BASE, TestServer, almost_bought, answer, view};

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

#[tokio::test]
async fn charts_are_saved_and_hold_the_segments_that_they_rest_on() {
    let server = TestServer::start().await;
    let made = json!({"name": "Almost", "definition": almost_bought()});
    let (_, segment) = server.post("/segments", "segment", made).await;
    let segment = segment["data"]["id"].as_str().unwrap();
    let filter = json!({"audience_filters": {"segments": [{"name": "s", "segment_id": segment}]}});
    let chart = json!({"name": "Views", "kind": "explorer", "state": {"look": "line"},
        "query": {"path": "/analytics/timeseries", "body": {"query": filter}}});
    let (status, made) = server.post("/charts", "chart", chart.clone()).await;
    assert_eq!(status, 201, "{made}");
    let id = made["data"]["id"].as_str().unwrap();
    assert_eq!(made["data"]["attributes"]["segment_ids"], json!([segment]), "{made}");
    assert_eq!(server.get(&format!("/charts/{id}")).await.1["data"], made["data"]);
    let (_, used) = server.get(&format!("/segments/{segment}")).await;
    let user = json!({"type": "chart", "id": id, "name": "Views"});
    assert_eq!(used["data"]["attributes"]["used_in"], json!([user]), "{used}");
    let (status, kept) = server.send(Method::DELETE, &format!("/segments/{segment}"), "", json!({})).await;
    assert_eq!((status, &kept["errors"][0]["meta"]["users"][0]["id"]), (409, &json!(id)), "{kept}");

    assert_eq!(server.post("/charts", "chart", chart).await.0, 409);
    let wrong = [
        (json!({"name": "X", "kind": "pie"}), "/data/attributes/kind"),
        (json!({"name": "X", "kind": "funnel", "segment_ids": ["none"]}), "/data/attributes/segment_ids"),
        (json!({"name": " ", "kind": "funnel"}), "/data/attributes/name"),
    ];
    for (attributes, pointer) in wrong {
        let (status, refused) = server.post("/charts", "chart", attributes).await;
        assert_eq!((status, &refused["errors"][0]["source"]["pointer"]), (400, &json!(pointer)), "{refused}");
    }
    let (_, found) = server.get("/charts?filter[q]=VIEW&filter[kind]=explorer").await;
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/charts?filter[kind]=funnel").await.1["data"], json!([]));

    let path = format!("/charts/{id}");
    let (status, changed) = server.send(Method::PATCH, &path, "chart", json!({"query": null})).await;
    let attributes = &changed["data"]["attributes"];
    assert_eq!(
        (status, &attributes["version"], &attributes["segment_ids"], &attributes["query"]),
        (200, &json!(2), &json!([]), &Value::Null),
        "{changed}"
    );
    let delete = |path: String| answer(server.request(Method::DELETE, &format!("{BASE}{path}")));
    assert_eq!(delete(format!("/segments/{segment}")).await.0, 204);
    assert_eq!((delete(path.clone()).await.0, delete(path).await.0), (204, 404));
}

#[tokio::test]
async fn whoever_watches_sees_events_come_in() {
    let server = TestServer::start().await;
    let watch = server.request(Method::GET, &format!("{BASE}/events/tail"));
    let mut stream = watch.send().await.unwrap().bytes_stream();
    let rum = |lines: Vec<String>| {
        let request = server.bare_request(Method::POST, &format!("/api/v2/rum?dd-api-key={API_KEY}"));
        answer(request.body(lines.join("\n")))
    };
    let (_, taken) = rum(vec![view("ada", "s1", "/cart", 5).to_string(), "{\"type\":".to_string()]).await;
    assert_eq!(taken["rejected_count"], 1, "{taken}");
    let mut text = String::new();
    while text.matches("data: ").count() < 2 {
        text += std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap();
    }
    let data = |name: &str| -> Value {
        let block = text.split("\n\n").find(|block| block.contains(&format!("event: {name}\n"))).unwrap();
        serde_json::from_str(block.split("data: ").nth(1).unwrap()).unwrap()
    };
    let event = data("event");
    assert_eq!(
        (&event["user"], &event["type"], &event["source"]),
        (&json!("ada"), &json!("view"), &json!("rum"))
    );
    let rejected = data("rejected");
    assert_eq!((&rejected["line"], &rejected["excerpt"]), (&json!(2), &json!("{\"type\":")), "{rejected}");

    let many = (0..120).map(|n| view("bea", &format!("s{n}"), "/", n).to_string()).collect();
    rum(many).await;
    let mut text = String::new();
    while !text.contains("event: skipped") {
        text += std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap();
    }
    assert!(text.matches("event: event").count() <= 50, "{text}");
}
