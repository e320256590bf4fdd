//! What the app asks while somebody types: facets, growing previews, members of what is not saved.

use std::time::Duration;

use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{BASE, TestServer, answer, click, shoppers, view};

#[tokio::test]
async fn facets_and_values_are_counted() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let (status, facets) = server.get("/facets?page[limit]=3").await;
    assert_eq!(status, 200, "{facets}");
    let first = &facets["data"][0];
    assert_eq!((&first["id"], &first["attributes"]["count"]), (&json!("@type"), &json!(7)), "{facets}");
    assert_eq!(facets["data"].as_array().unwrap().len(), 3);
    assert!(facets["meta"]["total"].as_u64().unwrap() > 5);
    let (_, found) = server.get("/facets?filter[q]=URL_PATH").await;
    assert_eq!(found["data"][0]["id"], "@view.url_path", "{found}");

    let (_, values) = server.get("/facets/values?facet=@view.url_path&filter[q]=p").await;
    assert_eq!(
        values["data"],
        json!([{"id": "/product/7", "type": "facet_value",
        "attributes": {"value": "/product/7", "count": 2}}]),
        "{values}"
    );
    let (_, values) = server.get("/facets/values?facet=@type&page[limit]=1").await;
    let view = json!({"value": "view", "count": 6});
    assert_eq!((&values["data"][0]["attributes"], &values["meta"]["total"]), (&view, &json!(2)), "{values}");

    let (_, facets) = server.get("/facets?filter[kind]=user&filter[q]=last_country").await;
    let country = json!({"name": "last_country", "kind": "user", "value_type": "string", "count": 4});
    assert_eq!(facets["data"][0]["attributes"], country, "{facets}");
    let (_, values) = server.get("/facets/values?filter[kind]=user&facet=last_country").await;
    assert_eq!(values["data"][0]["attributes"], json!({"value": "Brazil", "count": 4}));

    let (status, wrong) = server.get("/facets/values?facet=@view.url_pth").await;
    let detail = wrong["errors"][0]["detail"].as_str().unwrap();
    assert!(status == 400 && detail.contains("did you mean @view.url_path?"), "{wrong}");
    assert_eq!(server.get("/facets?filter[kind]=session").await.0, 400);
    assert_eq!(server.get("/facets?page[limit]=0").await.0, 400);
}

fn sequence() -> Value {
    json!({"entity": "user", "where": {"all": [
        {"performed": {"steps": [{"event": "@view.url_path:/cart"}, {"event": "@view.url_path:/product/7"}]}},
        {"not": {"performed": {"steps": [{"event": "@action.name:CHECKOUT"}]}}},
        {"any": [{"profile": "events_count:>1"}, {"profile": "id:ada"}]},
    ]}})
}

#[tokio::test]
async fn a_preview_says_what_each_part_takes_away() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let preview = server.preview(sequence()).await;
    let attributes = &preview["data"]["attributes"];
    let clauses = &attributes["clauses"];
    assert_eq!(attributes["count"], 1, "{preview}");
    assert_eq!(
        clauses[0],
        json!({"pointer": "/where/all/0", "count": 1, "kept": 1, "steps": [3, 1]}),
        "{preview}"
    );
    assert_eq!(clauses[1], json!({"pointer": "/where/all/1/not", "count": 1, "kept": 1}));
    assert_eq!(clauses[2]["kept"], Value::Null);
    assert_eq!(attributes["groups"], json!([{"pointer": "/where/all/2", "count": 3, "kept": 1}]));
}

/// The events of an answer, each with its data.
fn events(text: &str) -> Vec<(String, Value)> {
    let one = |block: &str| {
        let member = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_string);
        Some((member("event: ")?, serde_json::from_str(&member("data: ")?).unwrap()))
    };
    text.split("\n\n").filter_map(one).collect()
}

fn growing(server: &TestServer, definition: Value, editor: &str) -> reqwest::RequestBuilder {
    let attributes = json!({"definition": definition, "editor": editor});
    let body = json!({"data": {"type": "segment_preview", "attributes": attributes}});
    let request = server.request(Method::POST, &format!("{BASE}/segments/preview"));
    request.header("Accept", "text/event-stream").json(&body)
}

#[tokio::test]
async fn estimates_grow_into_the_exact_answer() {
    let server = TestServer::start().await;
    let people: Vec<Value> = (0..500)
        .map(|n| view(&format!("u{n}"), &format!("s{n}"), if n % 3 == 0 { "/cart" } else { "/home" }, 5))
        .collect();
    server.rum(&people).await;
    let viewed = json!({"entity": "user", "where":
        {"performed": {"steps": [{"event": "@view.url_path:/cart"}]}}});
    let text = growing(&server, viewed.clone(), "e").send().await.unwrap().text().await.unwrap();
    let told = events(&text);
    let (last, estimates) = told.split_last().unwrap();
    assert_eq!(estimates.len(), 6, "{text}");
    for (name, estimate) in estimates {
        let number = |name: &str| estimate[name].as_u64().unwrap();
        assert_eq!((name.as_str(), number("population")), ("estimate", 500));
        assert!(number("low") <= number("count") && number("count") <= number("high"), "{estimate}");
    }
    assert_eq!(estimates[0].1["fraction"], 1.0 / 64.0);
    assert_eq!(last.0, "result");
    let whole = server.preview(viewed).await;
    assert_eq!((&last.1["data"], &last.1["data"]["attributes"]["count"]), (&whole["data"], &json!(167)));

    let wrong = json!({"entity": "user", "where": {"segment": "none"}});
    let text = growing(&server, wrong, "e").send().await.unwrap().text().await.unwrap();
    let told = events(&text);
    assert_eq!((told[0].0.as_str(), &told[0].1["errors"][0]["status"]), ("error", &json!("404")), "{text}");
}

/// A definition that takes a while: many different sequences.
fn long() -> Value {
    let clause = |n: usize| {
        let steps = json!([{"event": "@view.url_path:/p*"}, {"event": format!("@view.url_path:/*{}", n % 10)},
            {"event": "@view.url_path:/p*", "not": true}]);
        json!({"performed": {"steps": steps, "times": {"op": ">=", "value": n + 1}}})
    };
    json!({"entity": "user", "where": {"any": (0..60).map(clause).collect::<Vec<_>>()}})
}

async fn worked(server: &TestServer) -> u64 {
    let (_, status) = server.get("/status").await;
    status["data"]["attributes"]["since_start"]["buckets_worked"].as_u64().unwrap()
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_stops() {
    let server = TestServer::start().await;
    let people: Vec<Value> = (0..6_000)
        .map(|n| view(&format!("u{}", n % 600), &format!("s{n}"), &format!("/p{n}"), n / 20))
        .collect();
    for batch in people.chunks(3_000) {
        server.rum(batch).await;
    }
    // A reader who goes away after the first estimate.
    let mut stream = growing(&server, long(), "a").send().await.unwrap().bytes_stream();
    assert!(stream.next().await.unwrap().is_ok());
    let before = worked(&server).await;
    drop(stream);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let stopped = worked(&server).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(worked(&server).await, stopped);
    assert!(stopped < before + 62, "{before} {stopped}");

    // One who hangs up on the ordinary answer.
    let body = json!({"data": {"type": "segment_preview", "attributes": {"definition": long()}}});
    let asking = server.request(Method::POST, &format!("{BASE}/segments/preview")).json(&body);
    let gone = tokio::time::timeout(Duration::from_millis(100), asking.send()).await;
    assert!(gone.is_err(), "the question was answered too fast to be given up");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let stopped = worked(&server).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(worked(&server).await, stopped);

    // An editor that asks something newer.
    let older = tokio::spawn(growing(&server, long(), "b").send());
    tokio::time::sleep(Duration::from_millis(60)).await;
    let everybody = json!({"entity": "user", "where": {"all": []}});
    let newer = growing(&server, everybody, "b").send().await.unwrap().text().await.unwrap();
    assert_eq!(events(&newer).last().unwrap().0, "result");
    let older = older.await.unwrap().unwrap().text().await.unwrap();
    assert_eq!(events(&older).last().unwrap().0, "cancelled");
}

#[tokio::test]
async fn members_of_a_definition_are_sorted_and_exported_without_saving_it() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    server.rum(&[click("ada", "s1", "X", 1)]).await;
    let everybody = json!({"entity": "user", "where": {"all": []}});
    let ids = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_string()).collect()
    };
    let ask = async |more: Value| {
        let mut attributes = json!({"definition": everybody, "sort": "-events_count", "limit": 3});
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.post("/segments/members", "segment_members_request", attributes).await
    };
    let (status, page) = ask(json!({"include": ["profile"]})).await;
    assert_eq!((status, ids(&page)), (200, vec!["ada".into(), "bea".into(), "cid".into()]), "{page}");
    assert_eq!(page["data"][0]["attributes"]["events_count"], 3);
    let (_, rest) = ask(json!({"cursor": page["meta"]["page"]["next"]})).await;
    assert_eq!((ids(&rest), &rest["meta"]["page"]), (vec!["dan".to_string()], &json!({})), "{rest}");
    assert_eq!(ids(&ask(json!({"sort": "last_seen"})).await.1), ["bea", "cid", "dan"]);
    assert_eq!(ids(&ask(json!({"sort": "-id", "q": "A"})).await.1), ["dan", "bea", "ada"]);
    assert_eq!(ask(json!({"cursor": "x"})).await.0, 400);
    assert_eq!(ask(json!({"include": ["all"]})).await.0, 400);

    let (_, made) =
        server.post("/segments", "segment", json!({"name": "All", "definition": everybody})).await;
    let id = made["data"]["id"].as_str().unwrap();
    let (_, page) = server.get(&format!("/segments/{id}/members?sort=-events_count&page[limit]=1")).await;
    assert_eq!((ids(&page), &page["meta"]["total"]), (vec!["ada".to_string()], &json!(4)));

    let body = json!({"data": {"type": "segment_members_request", "attributes": {"definition": everybody}}});
    let csv = server.request(Method::POST, &format!("{BASE}/segments/members.csv")).json(&body);
    assert_eq!(csv.send().await.unwrap().text().await.unwrap(), "usr.id\r\nada\r\nbea\r\ncid\r\ndan\r\n");
    let lines = server.request(Method::POST, &format!("{BASE}/segments/members.ndjson")).json(&body);
    assert_eq!(lines.send().await.unwrap().text().await.unwrap().lines().count(), 4);
    let wrong = server.request(Method::POST, &format!("{BASE}/segments/members.parquet"));
    let body = json!({"data": {"type": "segment_members_request", "attributes": {"definition": 7}}});
    assert_eq!(answer(wrong.json(&body)).await.0, 400);
}
