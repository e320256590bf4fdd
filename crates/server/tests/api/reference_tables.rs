//! Reference tables from files and row by row, and what profiles get from them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{TestServer, answer, shoppers};

const TABLES: &str = "/api/v2/reference-tables";

async fn ask(server: &TestServer, method: Method, path: &str, body: Value) -> (u16, Value) {
    let request = server.request(method, &format!("{TABLES}{path}"));
    answer(if body.is_null() { request } else { request.json(&body) }).await
}

async fn upload(server: &TestServer, headers: &[&str], parts: &[&str]) -> String {
    let attributes =
        json!({"table_name": "t", "headers": headers, "part_count": parts.len(), "part_size": 5_000_000});
    let body = json!({"data": {"type": "upload", "attributes": attributes}});
    let (status, made) = ask(server, Method::POST, "/uploads", body).await;
    assert_eq!(status, 201, "{made}");
    let urls = made["data"]["attributes"]["part_urls"].as_array().unwrap();
    for (url, part) in urls.iter().zip(parts) {
        let put = reqwest::Client::new().put(url.as_str().unwrap()).body(part.to_string());
        assert_eq!(put.send().await.unwrap().status(), 200);
    }
    made["data"]["id"].as_str().unwrap().to_string()
}

fn draft(name: &str, upload: Option<&str>) -> Value {
    let schema = json!({
        "fields": [{"name": "email", "type": "STRING"}, {"name": "tier", "type": "STRING"},
                   {"name": "seats", "type": "INT32"}],
        "primary_keys": ["email"],
    });
    let mut attributes = json!({"table_name": name, "source": "LOCAL_FILE", "schema": schema});
    if let Some(upload) = upload {
        attributes["file_metadata"] = json!({"upload_id": upload});
    }
    json!({"data": {"type": "reference_table", "attributes": attributes}})
}

async fn table(server: &TestServer, name: &str) -> String {
    let file = "email,Tier,seats\nada@example.com,gold,5\nbea@example.com,silver,two\ncid@example.com,,7\n";
    let upload =
        upload(server, &["Email", "Tier", "Seats"], &[&file.replace("email,Tier,seats\n", "")]).await;
    let (status, made) = ask(server, Method::POST, "/tables", draft(name, Some(&upload))).await;
    assert_eq!(status, 201, "{made}");
    let attributes = &made["data"]["attributes"];
    assert_eq!((&attributes["status"], &attributes["row_count"]), (&json!("DONE"), &json!(2)), "{made}");
    assert_eq!(attributes["file_metadata"]["error_row_count"], 1);
    made["data"]["id"].as_str().unwrap().to_string()
}

fn row(id: &str, values: Value) -> Value {
    json!({"data": [{"type": "row", "id": id, "attributes": {"values": values}}]})
}

#[tokio::test]
async fn a_table_from_a_file_is_read_changed_and_deleted() {
    let server = TestServer::start().await;
    let id = table(&server, "Customer Tiers").await;
    let rows = format!("/tables/{id}/rows");
    let (_, found) =
        ask(&server, Method::GET, &format!("{rows}?row_id=ada@example.com&row_id=x"), json!(null)).await;
    let values = json!({"email": "ada@example.com", "tier": "gold", "seats": 5});
    assert_eq!(found["data"][0]["attributes"]["values"], values, "{found}");
    assert_eq!(found["meta"], json!({"requested_count": 2, "found_count": 1, "not_found": ["x"]}));

    let (status, _) =
        ask(&server, Method::POST, &rows, row("dan@example.com", json!({"tier": "gold"}))).await;
    assert_eq!(status, 200);
    let (status, _) = ask(&server, Method::POST, &rows, row("ada@example.com", json!({"seats": 6}))).await;
    assert_eq!(status, 200);
    let (_, page) = ask(&server, Method::GET, &format!("{rows}/list?page[limit]=2"), json!(null)).await;
    let seats = &page["data"][0]["attributes"]["values"];
    assert_eq!((&seats["tier"], &seats["seats"]), (&json!("gold"), &json!(6)), "{page}");
    let next = page["links"]["next"].as_str().unwrap().strip_prefix(TABLES).unwrap();
    let (_, page) = ask(&server, Method::GET, next, json!(null)).await;
    assert_eq!(page["data"][0]["id"], "dan@example.com", "{page}");
    assert_eq!(page["links"].get("next"), None);
    let batch = json!({"data": {"type": "reference-tables-batch-rows-query",
        "attributes": {"table_id": id, "row_ids": ["dan@example.com", "x"]}}});
    let (_, batch) = ask(&server, Method::POST, "/queries/batch-rows", batch).await;
    assert_eq!(batch["included"].as_array().unwrap().len(), 1, "{batch}");
    let deleted = json!({"data": [{"type": "row", "id": "dan@example.com"}]});
    assert_eq!(ask(&server, Method::DELETE, &rows, deleted).await.0, 200);

    // A new file takes the place of all rows.
    let file =
        upload(&server, &["email", "tier", "seats"], &["email,tier,seats\neve@example.com,gold,1\n"]).await;
    let patch = json!({"data": {"type": "reference_table", "attributes": {"file_metadata": {"upload_id": file}, "tags": ["a"]}}});
    let path = format!("/tables/{id}");
    assert_eq!(ask(&server, Method::PATCH, &path, patch).await.0, 200);
    let server = server.restart().await;
    let (_, shown) = ask(&server, Method::GET, &path, json!(null)).await;
    let attributes = &shown["data"]["attributes"];
    assert_eq!((&attributes["row_count"], &attributes["tags"]), (&json!(1), &json!(["a"])), "{shown}");
    let (_, list) =
        ask(&server, Method::GET, "/tables?filter[table_name][contains]=tier&sort=table_name", json!(null))
            .await;
    assert_eq!(list["data"][0]["attributes"]["table_name"], "customer_tiers", "{list}");
    assert_eq!(ask(&server, Method::DELETE, &path, json!(null)).await.0, 200);
    assert_eq!(ask(&server, Method::GET, &path, json!(null)).await.0, 404);
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_in_the_words_of_the_api() {
    let server = TestServer::start().await;
    let (status, wrong) = ask(&server, Method::POST, "/tables", draft("t", None)).await;
    let error = &wrong["errors"][0];
    assert_eq!(
        (status, &error["title"], error.get("status")),
        (400, &json!("Generic Error"), None),
        "{wrong}"
    );
    assert_eq!(ask(&server, Method::GET, "/tables/none/rows/list", json!(null)).await.0, 400);
    let unknown = "/tables/5d7d5b90-5d1a-4f0a-8d0d-6d7c8f0a1b2c";
    let (status, wrong) = ask(&server, Method::GET, unknown, json!(null)).await;
    let error = &wrong["errors"][0];
    assert_eq!(
        (status, &error["title"], &error["status"]),
        (404, &json!("Not Found"), &json!("404")),
        "{wrong}"
    );

    let id = table(&server, "Tiers").await;
    let rows = format!("/tables/{id}/rows");
    let check = async |body: Value, words: &str| {
        let (status, wrong) = ask(&server, Method::POST, &rows, body).await;
        assert_eq!(status, 400);
        assert!(wrong["errors"][0]["detail"].as_str().unwrap().contains(words), "{wrong}");
    };
    check(row("x", json!({"tiers": "gold"})), "no column `tiers`").await;
    check(row("x", json!({"seats": 1.5})), "32 bits").await;
    check(row("x", json!({"email": "y"})), "the primary key is the id").await;
    check(row("", json!({})), "empty").await;
    let twice = upload(&server, &["email", "tier", "seats"], &["a,b,1\n"]).await;
    assert_eq!(ask(&server, Method::POST, "/tables", draft("tiers", Some(&twice))).await.0, 400);
    let few = upload(&server, &["email"], &["a\n"]).await;
    assert_eq!(ask(&server, Method::POST, "/tables", draft("few", Some(&few))).await.0, 400);
    let put =
        reqwest::Client::new().put(format!("{}{TABLES}/uploads/{few}/parts/1?token=guess", server.url()));
    assert_eq!(put.body("a\n").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn joined_columns_are_profile_attributes_at_once() {
    let server = TestServer::start().await;
    let mut events = shoppers();
    for event in &mut events {
        let user = event["usr"]["id"].as_str().unwrap().to_uppercase();
        event["usr"]["email"] = json!(format!("{user}@example.com"));
    }
    server.rum(&events).await;
    let id = table(&server, "Tiers").await;
    let fields = json!([{"id": "customer_tier", "source_name": "tier", "type": "string"},
                        {"id": "seats", "source_name": "seats", "type": "number"}]);
    let attributes = json!({"type": "ref_table", "join_attribute": "email", "join_type": "email",
                            "fields": fields, "metadata": {"table_name": "tiers"}});
    let connect = |id: &str, attributes: Value| json!({"data": {"id": id, "type": "connection_id", "attributes": attributes}});
    let base = "/api/v2/product-analytics/users/mapping";
    let post =
        server.request(Method::POST, &format!("{base}/connection")).json(&connect("c1", attributes.clone()));
    assert_eq!(answer(post).await.0, 201);

    let gold = json!({"entity": "user", "where": {"profile": "@customer_tier:gold @seats:>4"}});
    let members = async || {
        let preview = server.preview(gold.clone()).await;
        preview["data"]["attributes"]["sample"].clone()
    };
    assert_eq!(members().await, json!(["ada"]));
    let (_, made) = server.post("/segments", "segment", json!({"name": "Gold", "definition": gold})).await;
    let segment = made["data"]["id"].as_str().unwrap();
    assert_eq!(made["data"]["attributes"]["size"], 1);
    let rows = format!("/tables/{id}/rows");
    let change = json!({"data": [
        {"type": "row", "id": "bea@example.com", "attributes": {"values": {"tier": "gold", "seats": 9}}},
        {"type": "row", "id": "ada@example.com", "attributes": {"values": {"tier": "bronze"}}}]});
    assert_eq!(ask(&server, Method::POST, &rows, change).await.0, 200);
    assert_eq!(members().await, json!(["bea"]));
    assert_eq!(server.get(&format!("/segments/{segment}")).await.1["data"]["attributes"]["size"], 1);
    let (_, why) = server.get(&format!("/segments/{segment}/members/bea/why")).await;
    let leaf = &why["data"]["attributes"]["leaves"][0];
    assert_eq!((&leaf["holds"], &leaf["observed"]["customer_tier"]), (&json!(true), &json!("gold")), "{why}");
    let (_, profile) = server.get("/users/bea").await;
    assert_eq!(profile["data"]["attributes"]["@customer_tier"], "gold", "{profile}");
    let filter = json!([{"name": "g", "query": "customer_tier:gold"}]);
    let request = json!({"from": 0, "to": crate::server::now().millis(), "query": {
        "query": {"data_source": "product_analytics", "search": {"query": "*"}},
        "compute": {"aggregation": "count"}, "audience_filters": {"users": filter, "formula": "g"}}});
    let (_, scalar) = server.post("/analytics/scalar", "formula_analytics_extended_request", request).await;
    assert_eq!(scalar["data"]["attributes"]["columns"][0]["values"][0], 2, "{scalar}");

    let (_, mapping) = answer(server.request(Method::GET, base)).await;
    let custom: Vec<&Value> = mapping["data"]["attributes"]["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["is_custom"] == true)
        .map(|one| &one["attribute"])
        .collect();
    assert_eq!(custom, ["@customer_tier", "@seats"]);
    let (_, list) = answer(server.request(Method::GET, &format!("{base}/connections"))).await;
    let join = &list["data"]["attributes"]["connections"][0]["join"];
    assert_eq!(join, &json!({"attribute": "email", "type": "email"}), "{list}");
    assert_eq!(ask(&server, Method::DELETE, &format!("/tables/{id}"), json!(null)).await.0, 409);

    let update = json!({"fields_to_delete": ["seats"],
        "fields_to_update": [{"field_id": "customer_tier", "updated_field_id": "tier"}]});
    let put = server.request(Method::PUT, &format!("{base}/connection")).json(&connect("c1", update));
    assert_eq!(answer(put).await.0, 200);
    let renamed = json!({"entity": "user", "where": {"profile": "tier:gold"}});
    assert_eq!(server.preview(renamed.clone()).await["data"]["attributes"]["count"], 1);
    let mut wrong = attributes;
    wrong["fields"] = json!([{"id": "session_count", "source_name": "tier", "type": "string"}]);
    let post = server.request(Method::POST, &format!("{base}/connection")).json(&connect("c2", wrong));
    assert_eq!(answer(post).await.0, 400);
    let gone = server.request(Method::DELETE, &format!("{base}/connection/c1"));
    assert_eq!(answer(gone).await.0, 204);
    assert_eq!(server.preview(renamed).await["data"]["attributes"]["count"], 0);
}
