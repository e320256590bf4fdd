//! Files as people have them: each is imported dry, and its report is kept beside it.

use serde_json::{Value, json};

use super::{over, start};
use crate::server::{TestServer, view};

/// `<name>.<key>.csv…`, where the key is `id` or `email`.
fn key(file: &str) -> &'static str {
    if file.split('.').nth(1) == Some("email") { "usr.email" } else { "usr.id" }
}

/// The file's name says the column where one has to be given: `name+column.key.csv`.
fn column(file: &str) -> Option<&str> {
    file.split('.').next()?.split_once('+').map(|(_, column)| column)
}

async fn outcome(server: &TestServer, file: &str, bytes: &[u8]) -> Value {
    let mut fields = vec![("name", file), ("key", key(file)), ("dry_run", "true")];
    fields.extend(column(file).map(|column| ("column", column)));
    let (status, started) = start(server, bytes, &fields).await;
    if status != 202 {
        return json!({"status": status, "errors": started["errors"]});
    }
    let job = over(server, started["data"]["id"].as_str().unwrap()).await;
    match job["state"].as_str() {
        Some("done") => job["report"].clone(),
        _ => json!({"state": job["state"], "error": job["error"]}),
    }
}

#[tokio::test]
async fn every_file_of_the_corpus_has_its_report() {
    let server = TestServer::start().await;
    let mut events = Vec::new();
    for (place, user) in ["u1", "u2", "josé", "=sum", "'=sum", "u;1", "twin"].into_iter().enumerate() {
        let mut event = view(user, &format!("s{place}"), "/", 5);
        let email =
            if user == "twin" { "u1@example.com".to_string() } else { format!("u{}@example.com", place + 1) };
        event["usr"]["email"] = json!(email);
        events.push(event);
    }
    server.rum(&events).await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lists");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|path| path.to_string_lossy().contains(".csv"));
    assert!(files.len() >= 60, "{} files", files.len());
    let mut reports = serde_json::Map::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let report = outcome(&server, &name, &std::fs::read(&path).unwrap()).await;
        reports.insert(name, report);
    }
    insta::with_settings!({snapshot_path => "../../lists", prepend_module_to_snapshot => false}, {
        insta::assert_json_snapshot!("reports", reports);
    });
}
