use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{BASE, NOW, TestServer, almost_bought, answer, shoppers};

#[tokio::test]
async fn a_preview_says_who_how_many_and_what_was_asked() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let answer = server.preview(almost_bought()).await;
    let attributes = &answer["data"]["attributes"];
    assert_eq!((&attributes["count"], &attributes["population"]), (&json!(2), &json!(4)), "{answer}");
    assert_eq!(attributes["sample"], json!(["ada", "cid"]));
    assert_eq!(attributes["clauses"], json!([{"pointer": "/where", "count": 2}]));
    assert!(attributes["echo"].as_str().unwrap().starts_with("Users who"), "{answer}");
    assert_eq!(answer["meta"]["as_of"], NOW);
    assert!(answer["meta"]["watermark"].is_u64() && answer["meta"]["partial"] == false);

    // Before anything happened, nobody is known.
    let attributes = json!({"definition": almost_bought(), "at": "2026-11-24T10:00:00Z"});
    let (_, earlier) = server.post("/segments/preview", "segment_preview", attributes).await;
    assert_eq!(earlier["data"]["attributes"]["population"], 0);
}

#[tokio::test]
async fn what_is_wrong_is_pointed_at() {
    let server = TestServer::start().await;
    let performed =
        |step: Value| json!({"entity": "user", "where": {"all": [{"performed": {"steps": [step]}}]}});
    let check = async |attributes: Value, pointer: &str, word: &str| {
        let (status, answer) = server.post("/segments/preview", "segment_preview", attributes).await;
        let error = &answer["errors"][0];
        assert_eq!((status, &error["source"]["pointer"]), (400, &json!(pointer)), "{answer}");
        assert!(error["detail"].as_str().unwrap().contains(word), "{answer}");
    };
    let definition = "/data/attributes/definition";
    let bad_query = performed(json!({"event": "@type:view ("}));
    check(
        json!({"definition": bad_query}),
        &format!("{definition}/where/all/0/performed/steps/0/event"),
        "position 13",
    )
    .await;
    let unknown = performed(json!({"event": "*", "often": true}));
    check(
        json!({"definition": unknown}),
        &format!("{definition}/where/all/0/performed/steps/0/often"),
        "often",
    )
    .await;
    check(json!({"definition": 7}), definition, "definition").await;
    check(json!({"definition": almost_bought(), "at": "soon"}), "/data/attributes/at", "soon").await;
    let nobody = json!({"entity": "user", "where": {"segment": "none"}});
    let (status, _) =
        server.post("/segments/preview", "segment_preview", json!({"definition": nobody})).await;
    assert_eq!(status, 404);
    let (status, answer) =
        server.post("/segments/preview", "segment", json!({"definition": almost_bought()})).await;
    assert_eq!((status, &answer["errors"][0]["source"]["pointer"]), (400, &json!("/data/type")));
}

#[tokio::test]
async fn a_segment_lives_from_its_making_to_its_return() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let draft = json!({"name": "Almost bought", "tags": ["cart"], "definition": almost_bought()});
    let (status, made) = server.post("/segments", "segment", draft.clone()).await;
    assert_eq!(status, 201, "{made}");
    let id = made["data"]["id"].as_str().unwrap().to_string();
    let attributes = &made["data"]["attributes"];
    assert_eq!(
        (&attributes["size"], &attributes["version"], &attributes["kind"]),
        (&json!(2), &json!(1), &json!("dynamic"))
    );

    let (status, taken) = server.post("/segments", "segment", draft).await;
    assert_eq!((status, &taken["errors"][0]["meta"]["users"][0]["id"]), (409, &json!(id)), "{taken}");

    let (_, list) = server.get("/segments?filter[q]=CART").await;
    assert_eq!(list["data"][0]["id"], json!(id));
    assert_eq!(list["data"].as_array().unwrap().len(), 1);

    // A segment of those who are in another one.
    let everyone_else = json!({"entity": "user", "where": {"not": {"segment": id}}});
    let (_, other) =
        server.post("/segments", "segment", json!({"name": "The others", "definition": everyone_else})).await;
    let other = other["data"]["id"].as_str().unwrap().to_string();
    let (_, page) = server.get(&format!("/segments/{other}/members?page[limit]=1")).await;
    assert_eq!((&page["data"][0]["id"], &page["meta"]["total"]), (&json!("bea"), &json!(2)), "{page}");
    let next = page["meta"]["page"]["next"].as_str().unwrap();
    let (_, page) = server.get(&format!("/segments/{other}/members?page[limit]=1&page[cursor]={next}")).await;
    assert_eq!((&page["data"][0]["id"], &page["meta"]["page"]), (&json!("dan"), &json!({})), "{page}");

    let path = format!("{BASE}/segments/{id}");
    let (status, used) = answer(server.request(Method::DELETE, &path)).await;
    assert_eq!((status, &used["errors"][0]["meta"]["users"][0]["name"]), (409, &json!("The others")));

    let patch = json!({"data": {"type": "segment", "attributes": {"description": "Left the cart"}}});
    let patched = |version: &str| {
        server.request(Method::PATCH, &path).header("If-Match", format!("\"{version}\"")).json(&patch)
    };
    let (status, changed) = answer(patched("1")).await;
    assert_eq!((status, &changed["data"]["attributes"]["version"]), (200, &json!(2)), "{changed}");
    assert_eq!(answer(patched("1")).await.0, 412);
    let (_, versions) = server.get(&format!("/segments/{id}/versions")).await;
    assert_eq!(versions["data"].as_array().unwrap().len(), 2);

    assert_eq!(answer(server.request(Method::DELETE, &format!("{path}?force=true"))).await.0, 204);
    assert_eq!(server.get(&format!("/segments/{id}")).await.0, 404);
    assert_eq!(server.get(&format!("/segments/{other}/members")).await.0, 404);
    assert_eq!(answer(server.request(Method::POST, &format!("{path}/restore"))).await.0, 200);
    assert_eq!(server.get(&format!("/segments/{other}/members")).await.0, 200);
}

#[tokio::test]
async fn numbers_come_in_the_compatible_shape() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let answer = server
        .scalar("@type:view", json!({"aggregation": "count"}), json!([{"facet": "@view.url_path"}]))
        .await;
    assert_eq!(answer["data"]["type"], "scalar_response");
    assert_eq!(
        answer["data"]["attributes"]["columns"],
        json!([
            {"name": "@view.url_path", "type": "group", "values": ["/cart", "/product/7", "/"]},
            {"name": "query", "type": "number", "values": [3, 2, 1], "meta": {"unit": null}},
        ])
    );
    assert_eq!(answer["meta"]["status"], "done");
    let users =
        server.scalar("", json!({"aggregation": "cardinality", "metric": "@usr.id"}), json!([])).await;
    assert_eq!(users["data"]["attributes"]["columns"][0]["values"], json!([4]));

    let (_, made) = server
        .post("/segments", "segment", json!({"name": "Almost bought", "definition": almost_bought()}))
        .await;
    let attributes = json!({
        "from": 0, "to": 4_000_000_000_000_i64,
        "query": {
            "query": {"data_source": "product_analytics", "search": {}},
            "compute": {"aggregation": "count"},
            "audience_filters": {"segments": [{"name": "s", "segment_id": made["data"]["id"]}], "formula": "NOT s"},
        },
    });
    let (_, others) =
        server.post("/analytics/scalar", "formula_analytics_extended_request", attributes).await;
    assert_eq!(others["data"]["attributes"]["columns"][0]["values"], json!([3]), "{others}");
}

#[tokio::test]
async fn a_query_is_explained_and_a_profile_shown() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let ask = async |query: &str| {
        server.post("/queries/explain", "query_explanation", json!({"query": query})).await
    };
    let (_, answer) = ask("@type:view -@usr.plan:*").await;
    let explanation = answer["data"]["attributes"]["explanation"].as_str().unwrap();
    assert!(explanation.contains("usr.plan is present"), "{answer}");
    let (status, answer) = ask("@type:view OR").await;
    assert_eq!((status, &answer["errors"][0]["source"]["pointer"]), (400, &json!("/data/attributes/query")));
    assert!(answer["errors"][0]["meta"]["offset"].is_u64(), "{answer}");
    let (status, profile) = server.get("/users/ada").await;
    assert_eq!((status, &profile["data"]["type"]), (200, &json!("user")), "{profile}");
    assert_eq!(server.get("/users/zoe").await.0, 404);
    let (status, health) = server.get("/status").await;
    assert_eq!(
        (status, &health["data"]["attributes"]["since_start"]["accepted"]),
        (200, &json!(7)),
        "{health}"
    );
}
