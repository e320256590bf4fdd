//! Erasing a person: nothing of them is left, in whatever they were.

use std::path::Path;

use reqwest::Method;
use serde_json::json;

use crate::lists::{over, start};
use crate::server::{BASE, TestServer, answer, view};

/// Everything that lies in the folder's files, names included.
fn on_disk(folder: &Path) -> String {
    let mut said = String::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        said += &entry.display().to_string();
        match entry.is_dir() {
            true => said += &on_disk(&entry),
            false => said += &String::from_utf8_lossy(&std::fs::read(&entry).unwrap()),
        }
    }
    said
}

#[tokio::test]
async fn nothing_of_an_erased_person_is_left() {
    let server = TestServer::start().await;
    let mut of_zebra = view("zebra-77", "s1", "/cart", 50);
    of_zebra["usr"] = json!({"id": "zebra-77", "email": "Zoe.Zebra@shop.example"});
    let mut of_heron = view("heron-1", "s2", "/cart", 50);
    of_heron["usr"] = json!({"id": "heron-1", "email": "heron@shop.example"});
    server.rum(&[of_zebra, of_heron]).await;
    for (name, key, file) in [
        ("By id", "usr.id", "usr.id\nzebra-77\nheron-1\n"),
        (
            "By address",
            "usr.email",
            "email\nzoe.zebra@shop.example\nheron@shop.example\nnot an address of zebra-77\n",
        ),
    ] {
        let (status, job) =
            start(&server, file.as_bytes(), &[("name", name), ("key", key), ("as_table", "true")]).await;
        assert_eq!(status, 202, "{job}");
        over(&server, job["data"]["id"].as_str().unwrap()).await;
    }
    let named = json!({"entity": "user", "where": {"profile": "user_id:zebra-77"}});
    let (_, made) = server.post("/segments", "segment", json!({"name": "Her", "definition": named})).await;
    assert!(on_disk(server.folder.path()).to_lowercase().contains("zebra"));

    let (status, job) = answer(server.request(Method::DELETE, &format!("{BASE}/users/zebra-77"))).await;
    assert_eq!(status, 202, "{job}");
    let job = over(&server, job["data"]["id"].as_str().unwrap()).await;
    let report = &job["report"];
    assert_eq!((&report["events"], &report["list_entries"]), (&json!(1), &json!(2)), "{job}");
    assert_eq!(report["named_in"], json!([made["data"]["id"]]), "{job}");
    assert_eq!(server.get("/users/zebra-77").await.0, 404);
    assert_eq!(server.get("/users/heron-1").await.0, 200);
    // The report says who has to change their definition.
    let segment = format!("/segments/{}", made["data"]["id"].as_str().unwrap());
    assert_eq!(answer(server.request(Method::DELETE, &format!("{BASE}{segment}"))).await.0, 204);

    let server = server.restart().await;
    let (_, audit) = server.get("/audit").await;
    assert!(!audit.to_string().contains("zebra") && audit.to_string().contains("/users/{id}"), "{audit}");
    let said = on_disk(server.folder.path()).to_lowercase();
    assert!(!said.contains("zoe.zebra"), "an address is left");
    // A deleted segment can be restored for a while, with the definition that its owner gave it.
    let elsewhere = said.match_indices("zebra-77").find(|(at, _)| !said[..*at].ends_with("user_id:"));
    if let Some((at, _)) = elsewhere {
        let around: String =
            said[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
        panic!("an id is left behind {around}");
    }
    assert!(said.contains("heron"), "the search finds what is there");
}
