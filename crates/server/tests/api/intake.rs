use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{API_KEY, BASE, TestServer, almost_bought, answer, click, shoppers, view};

fn zlib(text: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn what_is_acknowledged_survives_a_restart_by_every_way_in() {
    let server = TestServer::start().await;
    let taken = server.rum(&shoppers()).await;
    assert_eq!((&taken["accepted"], &taken["rejected"]), (&json!(7), &json!([])));

    // Through a proxy path, compressed.
    let forward = format!("/api/v2/rum?ddsource=browser&dd-api-key={API_KEY}&dd-evp-encoding=deflate");
    let request = server.bare_request(Method::POST, "/metrics-proxy").query(&[("ddforward", forward)]);
    let (status, taken) = answer(request.body(zlib(&view("eve", "s5", "/cart", 20).to_string()))).await;
    assert_eq!((status, &taken["accepted"]), (202, &json!(1)), "{taken}");

    let paid = json!({"type": "server", "application": {"id": "shop"}, "event": {"name": "order_paid"}, "usr": {"id": "bea"}});
    let request =
        server.bare_request(Method::POST, "/api/v2/prodlytics").header("DD-API-KEY", API_KEY).json(&paid);
    assert_eq!(answer(request).await, (202, json!({})));

    let file = "when,who,event.name,type\n2026-11-23T10:00:00Z,fay,signed_up,server\n2026-11-23T11:00:00Z,gil,signed_up,server\n";
    let imported = import(&server, "?map=when=timestamp,who=usr.id", "text/csv", None, file.into()).await;
    assert_eq!((&imported["accepted"], &imported["rejected_count"]), (&json!(2), &json!(0)), "{imported}");

    let (status, segment) = server
        .post("/segments", "segment", json!({"name": "Almost bought", "definition": almost_bought()}))
        .await;
    assert_eq!(status, 201, "{segment}");
    let before = everything(&server, &segment).await;
    assert_eq!(before["size"], json!(3));

    let server = server.restart().await;
    assert_eq!(everything(&server, &segment).await, before);
    let server = server.restart().await;
    assert_eq!(everything(&server, &segment).await, before);
}

async fn everything(server: &TestServer, segment: &Value) -> Value {
    let id = segment["data"]["id"].as_str().unwrap();
    let (_, segment) = server.get(&format!("/segments/{id}")).await;
    let (_, members) = server.get(&format!("/segments/{id}/members?include=profile")).await;
    json!({
        "all": server.count("").await,
        "paid": server.count("@type:server @event.name:order_paid @usr.id:bea").await,
        "signed up": server.count("@event.name:signed_up").await,
        "size": segment["data"]["attributes"]["size"],
        "members": members["data"],
    })
}

async fn import(
    server: &TestServer,
    query: &str,
    kind: &str,
    encoding: Option<&str>,
    body: Vec<u8>,
) -> Value {
    let mut request = server
        .bare_request(Method::POST, &format!("{BASE}/events/import{query}"))
        .bearer_auth(API_KEY)
        .header("Content-Type", kind);
    if let Some(encoding) = encoding {
        request = request.header("Content-Encoding", encoding);
    }
    let (status, imported) = answer(request.body(body)).await;
    assert_eq!(status, 200, "{imported}");
    imported
}

#[tokio::test]
async fn sending_again_changes_nothing() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let before = server.preview(almost_bought()).await;
    let taken = server.rum(&shoppers()).await;
    assert_eq!((&taken["accepted"], &taken["duplicates"]), (&json!(0), &json!(7)));
    assert_eq!(server.count("").await, 7);
    assert_eq!(server.preview(almost_bought()).await["data"], before["data"]);
}

#[tokio::test]
async fn a_bad_line_is_told_and_the_rest_is_kept() {
    let server = TestServer::start().await;
    let lines = [
        view("ada", "s1", "/cart", 9).to_string(),
        "{\"type\":\"view\"".to_string(),
        "[1,2]".to_string(),
        json!({"type": "telemetry"}).to_string(),
        click("ada", "s1", "CHECKOUT", 8).to_string(),
    ];
    let request = server.bare_request(Method::POST, &format!("/api/v2/rum?dd-api-key={API_KEY}"));
    let (status, taken) = answer(request.body(lines.join("\n"))).await;
    assert_eq!(status, 202);
    assert_eq!((&taken["accepted"], &taken["rejected_count"]), (&json!(2), &json!(2)), "{taken}");
    let rejected: Vec<&Value> =
        taken["rejected"].as_array().unwrap().iter().map(|line| &line["line"]).collect();
    assert_eq!(rejected, [&json!(2), &json!(3)]);

    let file = "{\"timestamp\":\"2026-11-01\",\"usr.id\":\"a\",\"view.name\":\"/x\"}\nnonsense\n{\"usr.id\":\"b\"}\n";
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(file.as_bytes()).unwrap();
    let imported = import(&server, "", "application/x-ndjson", Some("gzip"), gzip.finish().unwrap()).await;
    assert_eq!((&imported["accepted"], &imported["rejected_count"]), (&json!(1), &json!(2)), "{imported}");
    let zstd = zstd::encode_all(file.as_bytes(), 1).unwrap();
    let imported = import(&server, "", "application/octet-stream", Some("zstd1"), zstd).await;
    assert_eq!((&imported["accepted"], &imported["duplicates"]), (&json!(0), &json!(1)), "{imported}");
}

#[tokio::test]
async fn browsers_of_any_origin_may_send_and_other_tracks_are_taken_and_dropped() {
    let server = TestServer::start().await;
    let request = server
        .bare_request(Method::POST, &format!("/?ddforward=%2Fapi%2Fv2%2Frum%3Fdd-api-key%3D{API_KEY}"))
        .header("Origin", "https://shop.example")
        .body(view("ada", "s1", "/", 5).to_string());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    let preflight = server
        .bare_request(Method::OPTIONS, "/api/v2/rum")
        .header("Origin", "https://shop.example")
        .header("Access-Control-Request-Method", "POST");
    assert_eq!(preflight.send().await.unwrap().headers()["access-control-allow-origin"], "*");
    let (status, _) =
        answer(server.bare_request(Method::POST, "/api/v2/replay?dd-api-key=any").body("bytes")).await;
    assert_eq!(status, 202);
    assert_eq!(server.count("").await, 1);
}
