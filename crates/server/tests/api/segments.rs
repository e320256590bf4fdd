//! What teams live with: why, history, differences, overlaps, exports.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{BASE, TestServer, almost_bought, answer, click, shoppers, view};

async fn saved(server: &TestServer, name: &str, definition: Value) -> String {
    let (status, made) =
        server.post("/segments", "segment", json!({"name": name, "definition": definition})).await;
    assert_eq!(status, 201, "{made}");
    made["data"]["id"].as_str().unwrap().to_string()
}

fn viewed(path: &str) -> Value {
    let event = format!("@view.url_path:{path}");
    json!({"entity": "user", "where": {"performed": {"steps": [{"event": event}]}}})
}

#[tokio::test]
async fn why_shows_the_events_and_the_nearest_miss() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let id = saved(&server, "Almost bought", almost_bought()).await;

    let (status, ada) = server.get(&format!("/segments/{id}/members/ada/why")).await;
    let attributes = &ada["data"]["attributes"];
    assert_eq!((status, &attributes["member"]), (200, &json!(true)), "{ada}");
    assert_eq!(attributes["leaves_at"], "2026-12-01T11:01:00.000001Z");
    let leaf = &attributes["leaves"][0];
    assert_eq!((&leaf["observed"], &leaf["bound"]), (&json!(1), &json!({"op": ">=", "value": 1})));
    assert_eq!(leaf["witnesses"][0]["event_id"], "view-s1-59");
    assert_eq!(leaf["window"]["from"], "2026-11-17T12:00:00Z");
    assert_eq!(ada["meta"]["definition_version"], 1);

    let question = json!({"definition": almost_bought(), "entity": "bea"});
    let (_, bea) = server.post("/segments/why", "segment_why", question).await;
    let attributes = &bea["data"]["attributes"];
    assert_eq!((&attributes["member"], &attributes["leaves_at"]), (&json!(false), &json!(null)), "{bea}");
    let miss = &attributes["leaves"][0]["nearest_miss"];
    assert_eq!(
        (&miss["reason"], &miss["step"], &miss["steps_done"]),
        (&json!("broken"), &json!(1), &json!(1))
    );
    assert_eq!(miss["event"]["event_id"], "action-s2-49");

    assert_eq!(server.get(&format!("/segments/{id}/members/zoe/why")).await.0, 404);
    let question = json!({"definition": 7, "entity": "bea"});
    let (status, wrong) = server.post("/segments/why", "segment_why", question).await;
    let pointer = &wrong["errors"][0]["source"]["pointer"];
    assert_eq!((status, pointer), (400, &json!("/data/attributes/definition")));
}

#[tokio::test]
async fn history_and_differences_are_told_in_numbers_and_names() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let id = saved(&server, "Almost bought", almost_bought()).await;
    let range = "from=2026-11-24T11:00:30Z&to=2026-11-24T11:30:30Z&step=10m";
    let (status, history) = server.get(&format!("/segments/{id}/history?{range}")).await;
    assert_eq!(status, 200, "{history}");
    let points = &history["data"]["attributes"]["points"];
    let sizes: Vec<(u64, Option<u64>, Option<u64>)> = points
        .as_array()
        .unwrap()
        .iter()
        .map(|point| (point["size"].as_u64().unwrap(), point["joined"].as_u64(), point["left"].as_u64()))
        .collect();
    // Bea had been to the cart and had not checked out yet; then she had, and Cid came.
    let expected = [(0, None, None), (2, Some(2), Some(0)), (2, Some(1), Some(1)), (2, Some(0), Some(0))];
    assert_eq!(sizes, expected);
    let (status, wrong) = server.get(&format!("/segments/{id}/history?step=1m")).await;
    assert_eq!((status, &wrong["errors"][0]["source"]["parameter"]), (400, &json!("step")), "{wrong}");
    assert_eq!(server.get(&format!("/segments/{id}/history?step=often")).await.0, 400);

    let (_, diff) = server.get(&format!("/segments/{id}/diff?from=2026-11-24T11:10:00Z")).await;
    let attributes = &diff["data"]["attributes"];
    assert_eq!(attributes["joined"], json!({"count": 1, "ids": ["cid"]}), "{diff}");
    assert_eq!(attributes["stayed"], json!({"count": 1, "ids": ["ada"]}));
    let edit = json!({"definition": viewed("/product/7"), "members": true});
    let (_, diff) = server.post(&format!("/segments/{id}/diff"), "segment_diff", edit).await;
    let attributes = &diff["data"]["attributes"];
    assert_eq!(attributes["joined"]["ids"], json!(["dan"]), "{diff}");
    assert_eq!(
        (&attributes["left"]["ids"], &attributes["stayed"]["ids"]),
        (&json!(["ada"]), &json!(["cid"]))
    );
    assert_eq!(server.get(&format!("/segments/{id}/diff")).await.0, 400);
}

#[tokio::test]
async fn segments_are_laid_over_each_other() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let cart = saved(&server, "Cart", viewed("/cart")).await;
    let product = saved(&server, "Product", viewed("/product/7")).await;
    let question = json!({"segment_ids": [cart, product]});
    let (status, answer) = server.post("/segments/compare", "segment_comparison", question).await;
    let attributes = &answer["data"]["attributes"];
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        (&attributes["segments"][0]["size"], &attributes["segments"][1]["size"]),
        (&json!(3), &json!(2))
    );
    let pair = &attributes["pairs"][0];
    assert_eq!(
        (&pair["intersection"], &pair["union"], &pair["jaccard"]),
        (&json!(1), &json!(4), &json!(0.25))
    );
    let counts: Vec<&Value> =
        attributes["regions"].as_array().unwrap().iter().map(|region| &region["count"]).collect();
    assert_eq!(counts, [2, 1, 1]);
    let alone = json!({"segment_ids": [cart]});
    let (status, wrong) = server.post("/segments/compare", "segment_comparison", alone).await;
    let pointer = &wrong["errors"][0]["source"]["pointer"];
    assert_eq!((status, pointer), (400, &json!("/data/attributes/segment_ids")));
}

#[tokio::test]
async fn an_export_is_whole_and_harmless() {
    let server = TestServer::start().await;
    server.rum(&[view("=cmd|calc", "s1", "/cart", 5), view("a,\"b\"", "s2", "/cart", 4)]).await;
    let everyone: Vec<Value> = (0..20_500).map(|n| click(&format!("u{n:05}"), "s", "CHECKOUT", 3)).collect();
    let everyone: Vec<Value> = everyone
        .into_iter()
        .enumerate()
        .map(|(n, mut event)| {
            event["action"]["id"] = json!(format!("a{n}"));
            event
        })
        .collect();
    server.rum(&everyone).await;
    let everybody = json!({"entity": "user", "where": {"all": []}});
    let id = saved(&server, "Everybody", everybody).await;
    let get = async |path: &str| {
        let request = server.request(Method::GET, &format!("{BASE}/segments/{id}/{path}"));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let total = response.headers()["whodid-total"].to_str().unwrap().to_string();
        assert_eq!(total, "20502");
        response.bytes().await.unwrap()
    };
    let text = String::from_utf8(get("members.csv").await.to_vec()).unwrap();
    assert!(text.starts_with("usr.id\r\n'=cmd|calc\r\n\"a,\"\"b\"\"\"\r\nu00000\r\n"), "{}", &text[..80]);
    assert_eq!(text.lines().count(), 20_503);
    let lines = String::from_utf8(get("members.ndjson?include=profile").await.to_vec()).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((&first["usr.id"], &first["events_count"]), (&json!("=cmd|calc"), &json!(1)));
    assert_eq!(lines.lines().count(), 20_502);
    let profiles = String::from_utf8(get("members.csv?include=profile").await.to_vec()).unwrap();
    assert!(profiles.lines().next().unwrap().contains(",last_country,"), "{}", &profiles[..400]);
    let parquet = get("members.parquet?include=profile").await;
    let rows = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap();
    assert_eq!(rows.metadata().file_metadata().num_rows(), 20_502);
    let (status, _) = answer(server.request(Method::GET, &format!("{BASE}/segments/none/members.csv"))).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn segments_are_applied_as_code() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let apply = async |parameters: &str, body: &str| {
        let path = format!("{BASE}/segments/apply{parameters}");
        answer(server.request(Method::POST, &path).body(body.to_string())).await
    };
    let yaml = "- name: Not at the cart
  definition: {entity: user, where: {not: {segment: Cart}}}
- name: Cart
  tags: [shop]
  definition:
    entity: user
    where: {performed: {steps: [{event: '@view.url_path:/cart'}], times: {op: '>=', value: 1}}}
";
    let changes = |answer: &Value| {
        let changes = answer["data"]["attributes"]["changes"].as_array().unwrap().clone();
        let told = |change: &Value| {
            let text = |name: &str| change[name].as_str().unwrap().to_string();
            (text("action"), text("name"), change["members"]["after"].as_u64().unwrap())
        };
        changes.iter().map(told).collect::<Vec<_>>()
    };
    let expect = |action: &str| {
        let one = |name: &str, size: u64| (action.to_string(), name.to_string(), size);
        vec![one("Not at the cart", 1), one("Cart", 3)]
    };
    let (status, plan) = apply("?dry_run=true", yaml).await;
    assert_eq!((status, changes(&plan)), (200, expect("create")), "{plan}");
    assert_eq!(plan["data"]["attributes"]["changes"][0]["segment_id"], Value::Null);
    assert_eq!(server.get("/segments").await.1["data"], json!([]));
    let (status, done) = apply("", yaml).await;
    assert_eq!((status, changes(&done)), (200, expect("create")), "{done}");

    let request = server.request(Method::GET, &format!("{BASE}/segments.yaml"));
    let written = request.send().await.unwrap().text().await.unwrap();
    assert!(written.contains("segment: Cart") && written.contains("@view.url_path:/cart"), "{written}");
    let (_, again) = apply("?prune=true", &written).await;
    assert_eq!(changes(&again), expect("unchanged"), "{written}");

    let awkward = ["yes", "1e3", "null", "- a: b", "#x", "'\"", "~", "a  b", "@x:*"].map(|name| {
        json!({"name": name, "description": "two  blanks\n\nand lines \n", "tags": ["no", "0x1F"],
               "definition": viewed("/a: b")})
    });
    let (status, plan) = apply("", &Value::from(awkward.to_vec()).to_string()).await;
    assert_eq!(status, 200, "{plan}");
    let request = server.request(Method::GET, &format!("{BASE}/segments.yaml"));
    let written = request.send().await.unwrap().text().await.unwrap();
    let (status, again) = apply("?prune=true&dry_run=true", &written).await;
    let changes = again["data"]["attributes"]["changes"].as_array().unwrap();
    assert_eq!((status, changes.len()), (200, 11));
    assert!(changes.iter().all(|change| change["action"] == "unchanged"), "{again}\n{written}");

    let (status, wrong) = apply("", "[{name: X, definition: {entity: user, where: {profile: '('}}}]").await;
    let error = &wrong["errors"][0];
    assert_eq!(
        (status, &error["source"]["pointer"]),
        (400, &json!("/0/definition/where/profile")),
        "{wrong}"
    );
    let (status, wrong) = apply("", "- name: X\n  query: y\n").await;
    assert_eq!((status, &wrong["errors"][0]["source"]["pointer"]), (400, &json!("/0")), "{wrong}");
    assert_eq!(apply("", "{: : :").await.0, 400);
    let (status, gone) = apply("?prune=true", "[]").await;
    assert_eq!((status, gone["data"]["attributes"]["changes"][10]["action"].as_str()), (200, Some("delete")));
    assert_eq!(server.get("/segments").await.1["data"], json!([]));

    let (status, schema) =
        answer(server.bare_request(Method::GET, &format!("{BASE}/segments/schema.json"))).await;
    assert_eq!((status, &schema["$ref"]), (200, &json!("#/$defs/definition")));
}

#[tokio::test]
async fn one_person_has_events_and_segments() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let id = saved(&server, "Almost bought", almost_bought()).await;
    let (status, segments) = server.get("/users/ada/segments").await;
    assert_eq!((status, &segments["data"][0]["id"]), (200, &json!(id)), "{segments}");
    assert_eq!(server.get("/users/bea/segments").await.1["data"], json!([]));
    assert_eq!(server.get("/accounts/none/segments").await.0, 404);

    let (status, page) = server.get("/users/ada/timeline?page[limit]=1").await;
    assert_eq!((status, &page["data"][0]["id"]), (200, &json!("view-s1-59")), "{page}");
    assert_eq!(page["data"][0]["attributes"]["attributes"]["view.url_path"], "/cart");
    let next = page["meta"]["page"]["next"].as_str().unwrap();
    let (_, page) = server.get(&format!("/users/ada/timeline?page[limit]=1&page[cursor]={next}")).await;
    assert_eq!((&page["data"][0]["id"], &page["meta"]["page"]), (&json!("view-s1-60"), &json!({})), "{page}");
    let (status, wrong) = server.get("/users/ada/timeline?page[cursor]=x").await;
    assert_eq!((status, &wrong["errors"][0]["source"]["parameter"]), (400, &json!("page[cursor]")));
    assert_eq!(server.get("/users/ada/timeline?page[limit]=0").await.0, 400);
}
