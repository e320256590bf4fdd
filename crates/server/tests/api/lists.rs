//! Lists of people from files: imports, who is in them now and later, and back out again.

mod corpus;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::server::{BASE, TestServer, answer, shoppers, view};

/// Starts an import: status and answer.
pub(super) async fn start(server: &TestServer, file: &[u8], fields: &[(&str, &str)]) -> (u16, Value) {
    let mut form = Form::new().part("file", Part::bytes(file.to_vec()).file_name("list.csv"));
    for (name, value) in fields {
        form = form.text(name.to_string(), value.to_string());
    }
    answer(server.request(Method::POST, &format!("{BASE}/segments/imports")).multipart(form)).await
}

/// The job once it is over.
pub(super) async fn over(server: &TestServer, id: &str) -> Value {
    loop {
        let (status, job) = server.get(&format!("/jobs/{id}")).await;
        assert_eq!(status, 200, "{job}");
        match job["data"]["attributes"]["state"].as_str().unwrap() {
            "queued" | "running" => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            _ => return job["data"]["attributes"].clone(),
        }
    }
}

async fn import(server: &TestServer, file: &str, fields: &[(&str, &str)]) -> Value {
    let (status, started) = start(server, file.as_bytes(), fields).await;
    assert_eq!((status, &started["data"]["type"]), (202, &json!("job")), "{started}");
    let job = over(server, started["data"]["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "done", "{job}");
    job
}

async fn members(server: &TestServer, id: &str) -> Vec<String> {
    let (status, members) = server.get(&format!("/segments/{id}/members")).await;
    assert_eq!(status, 200, "{members}");
    let ids: Vec<String> =
        members["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().into()).collect();
    assert_eq!(members["meta"]["total"], ids.len());
    ids
}

#[tokio::test]
async fn a_list_is_imported_changed_and_exported() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let file = "user_id,plan\nada,pro\nbea,free\nada,pro\nnobody,free\n,free\n";
    let fields = [("name", "Customers"), ("key", "usr.id")];

    let dry = import(&server, file, &[&fields[..], &[("dry_run", "true")]].concat()).await;
    assert_eq!((&dry["report"]["size"], &dry["segment_id"]), (&json!(3), &json!(null)));
    assert_eq!(server.get("/segments").await.1["data"], json!([]));

    let done = import(&server, file, &[&fields[..], &[("as_table", "true")]].concat()).await;
    let report = &done["report"];
    let numbers =
        ["rows", "identifiers", "duplicates", "matched", "unmatched", "rejected_count", "size", "added"];
    let numbers: Vec<u64> = numbers.iter().map(|name| report[name].as_u64().unwrap()).collect();
    assert_eq!(numbers, [5, 3, 1, 2, 1, 1, 3, 3], "{report}");
    assert_eq!(report["rejected"][0]["line"], 6);
    assert_eq!(report["extra_columns"], json!(["plan"]));
    let table =
        format!("/api/v2/reference-tables/tables/{}/rows?row_id=bea", report["table_id"].as_str().unwrap());
    let (_, row) = answer(server.request(Method::GET, &table)).await;
    assert_eq!(row["data"][0]["attributes"]["values"], json!({"user_id": "bea", "plan": "free"}), "{row}");
    let id = done["segment_id"].as_str().unwrap();
    let (_, segment) = server.get(&format!("/segments/{id}")).await;
    let attributes = &segment["data"]["attributes"];
    assert_eq!((&attributes["kind"], &attributes["key"]), (&json!("static"), &json!("usr.id")), "{segment}");
    assert_eq!((&attributes["size"], &attributes["identifiers"]), (&json!(2), &json!(3)));
    assert!(attributes.get("definition").is_none());
    assert_eq!(members(&server, id).await, ["ada", "bea"]);
    let (_, unmatched) = server.get(&format!("/segments/{id}/members?matched=false")).await;
    assert_eq!((&unmatched["data"][0]["id"], &unmatched["meta"]["total"]), (&json!("nobody"), &json!(1)));

    // Who appears later is in it from then on.
    server.rum(&[view("nobody", "s9", "/", 1)]).await;
    assert_eq!(members(&server, id).await, ["ada", "bea", "nobody"]);
    let (_, before) = server.get(&format!("/segments/{id}/members?at=2026-11-24T11:55:00Z")).await;
    assert_eq!(before["meta"]["total"], 2);

    let (status, taken) = start(&server, file.as_bytes(), &fields).await;
    assert_eq!((status, &taken["errors"][0]["meta"]["users"][0]["id"]), (409, &json!(id)), "{taken}");
    import(&server, "cid\nzoe\n", &[("segment_id", id), ("mode", "append")]).await;
    let removed = import(&server, "usr.id\nada\nxyz\n", &[("name", "customers"), ("mode", "remove")]).await;
    assert_eq!((&removed["report"]["removed"], &removed["report"]["size"]), (&json!(1), &json!(4)));
    assert_eq!(members(&server, id).await, ["bea", "cid", "nobody"]);

    let csv =
        server.request(Method::GET, &format!("{BASE}/segments/{id}/identifiers.csv")).send().await.unwrap();
    let csv = csv.text().await.unwrap();
    let again = import(&server, &csv, &[("name", "Again"), ("key", "usr.id")]).await;
    assert_eq!(
        (&again["report"]["size"], &again["report"]["rejected_count"]),
        (&json!(4), &json!(0)),
        "{csv}"
    );

    let server = server.restart().await;
    assert_eq!(members(&server, id).await, ["bea", "cid", "nobody"]);
    let (_, jobs) = server.get("/jobs").await;
    assert_eq!(jobs["data"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_list_is_a_segment_like_any_other() {
    let server = TestServer::start().await;
    let mut events = shoppers();
    for (event, email) in events.iter_mut().zip(["ADA@example.com", "ada@example.com", "x@example.com"]) {
        event["usr"]["email"] = json!(email);
    }
    events.push(view("twin", "s7", "/cart", 20));
    events.last_mut().unwrap()["usr"]["email"] = json!("ada@EXAMPLE.com");
    server.rum(&events).await;
    let done = import(
        &server,
        " Ada@Example.com \nnew@example.com\nnot an address\n",
        &[("name", "By mail"), ("key", "usr.email")],
    )
    .await;
    let report = &done["report"];
    assert_eq!(
        report["ambiguous"],
        json!([{"identifier": "ada@example.com", "users": ["ada", "twin"]}]),
        "{report}"
    );
    assert_eq!((&report["rejected_count"], &report["rows"]), (&json!(1), &json!(3)));
    let id = done["segment_id"].as_str().unwrap();
    assert_eq!(members(&server, id).await, ["ada", "twin"]);

    let cart = json!({"performed": {"steps": [{"event": "@view.url_path:/cart"}]}});
    let definition = json!({"entity": "user", "where": {"all": [{"not": {"segment": id}}, cart]}});
    let preview = server.preview(definition.clone()).await;
    assert_eq!(preview["data"]["attributes"]["sample"], json!(["bea", "cid"]));
    let (status, made) =
        server.post("/segments", "segment", json!({"name": "Others", "definition": definition})).await;
    assert_eq!(status, 201, "{made}");
    let other = made["data"]["id"].as_str().unwrap();
    let (status, _) = server.send(Method::DELETE, &format!("/segments/{id}"), "segment", json!({})).await;
    assert_eq!(status, 409);
    let edit = json!({"definition": {"entity": "user", "where": cart}});
    assert_eq!(server.send(Method::PATCH, &format!("/segments/{id}"), "segment", edit).await.0, 400);

    let (_, why) = server.get(&format!("/segments/{id}/members/ada/why")).await;
    let observed = json!({"list": true, "key": "usr.email", "identifier": "ada@example.com"});
    assert_eq!(why["data"]["attributes"]["leaves"][0]["observed"], observed, "{why}");
    let (_, compared) =
        server.post("/segments/compare", "segment_comparison", json!({"segment_ids": [id, other]})).await;
    assert_eq!(compared["data"]["attributes"]["pairs"][0]["intersection"], 0, "{compared}");
    let (_, diff) = server.get(&format!("/segments/{id}/diff?from=2026-11-24T11:30:00Z")).await;
    assert_eq!(diff["data"]["attributes"]["joined"]["ids"], json!(["twin"]), "{diff}");
    let (_, of) = server.get("/users/twin/segments").await;
    assert_eq!(of["data"][0]["id"], id, "{of}");
    let (_, versions) = server.get(&format!("/segments/{id}/versions")).await;
    assert_eq!(versions["data"][0]["attributes"].get("definition"), None, "{versions}");
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused_by_the_field() {
    let server = TestServer::start().await;
    let check = async |file: &[u8], fields: &[(&str, &str)], status: u16, field: &str, words: &str| {
        let (got, body) = start(&server, file, fields).await;
        let error = &body["errors"][0];
        assert_eq!((got, &error["source"]["parameter"]), (status, &json!(field)), "{body}");
        assert!(error["detail"].as_str().unwrap().contains(words), "{body}");
    };
    let list = [("name", "A"), ("key", "usr.id")];
    check(b"", &list, 400, "file", "empty").await;
    check(b"\xff\xfeu\0", &list, 400, "file", "UTF-16").await;
    check(b"a,b\n1,2\n", &list, 400, "column", "`a`, `b`").await;
    check(b"a\n", &[("name", "A")], 400, "key", "usr.email").await;
    check(b"a\n", &[("key", "usr.id")], 400, "name", "missing").await;
    check(b"a\n", &[("name", "A"), ("key", "usr.phone")], 400, "key", "usr.phone").await;
    check(b"a\n", &[("name", "A"), ("key", "usr.id"), ("mode", "merge")], 400, "mode", "replace").await;
    check(b"a\n", &[("name", "A"), ("key", "usr.id"), ("keey", "1")], 400, "keey", "segment_id").await;
    assert_eq!(start(&server, b"a\n", &[("name", "None"), ("mode", "append")]).await.0, 404);

    // Beyond the first lines it is the job that fails, and nothing is made.
    let file = [&b"usr.id\n"[..], &b"u1\n".repeat(1000), b"Jos\xe9\n"].concat();
    let (_, started) = start(&server, &file, &list).await;
    let job = over(&server, started["data"]["id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "failed");
    assert!(job["error"].as_str().unwrap().contains("line 1002: the byte E9 is not UTF-8"), "{job}");
    assert_eq!(server.get("/segments").await.1["data"], json!([]));
    let id = started["data"]["id"].as_str().unwrap();
    assert_eq!(server.send(Method::DELETE, &format!("/jobs/{id}"), "job", json!({})).await.0, 409);
    assert_eq!(server.get("/jobs/none").await.0, 404);
}
