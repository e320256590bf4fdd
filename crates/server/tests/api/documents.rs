//! The documentation: tables that are made from the code (`WHODID_UPDATE_DOCS=1` writes them again), and examples.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use crate::command_line::{done, whodid};
use crate::process::Process;
use crate::server::{API_KEY, APP_KEY, BASE};

const BEGIN: &str = "<!-- made from the code: begin -->\n";
const END: &str = "<!-- made from the code: end -->\n";

/// Holds what stands between the marks of a document to what it should be.
fn holds(document: &str, made: &str) {
    let path = Path::new("../../docs").join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the document has a mark where the table begins");
    let (table, after) = rest.split_once(END).expect("the document has a mark where the table ends");
    if std::env::var_os("WHODID_UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(table, made, "docs/{document} is stale: run this test with WHODID_UPDATE_DOCS=1");
}

#[test]
fn the_table_of_settings_is_that_of_the_binary() {
    let folder = tempfile::tempdir().unwrap();
    holds("configuration.md", &done(whodid(folder.path(), &["config", "table"], &[], "")));
}

#[test]
fn the_table_of_paths_is_that_of_the_description() {
    let document = serde_json::to_value(whodid_server::openapi()).unwrap();
    let mut table = String::from("| method | path | what it does |\n|---|---|---|\n");
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let summary = operation["summary"].as_str().unwrap_or_default();
            let path = path.strip_prefix(BASE).unwrap_or(path);
            writeln!(table, "| {} | `{path}` | {summary} |", method.to_uppercase()).unwrap();
        }
    }
    holds("api.md", &table);
}

/// In order, a document after the other, each against a server of its own.
#[test]
fn the_examples_with_curl_run() {
    for document in ["tour.md", "cookbook.md", "sdk.md", "operations.md", "api.md"] {
        let folder = tempfile::tempdir().unwrap();
        let server = Process::start(folder.path(), &[]);
        let text = std::fs::read_to_string(Path::new("../../docs").join(document)).unwrap();
        let examples = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
        let mut count = 0;
        for example in examples.filter(|example| example.contains("curl ")) {
            count += 1;
            let output = Command::new("bash")
                .args(["-euo", "pipefail", "-c", example])
                .current_dir(folder.path())
                .env("WHODID_URL", &server.url)
                .env("WHODID_API_KEY", API_KEY)
                .env("WHODID_APP_KEY", APP_KEY)
                .output()
                .unwrap();
            let out = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{document}: {example}\n{out}");
        }
        assert!(count > 0, "{document} has no examples");
        server.stop();
    }
}

/// Every definition in the cookbook can be meant.
#[test]
fn the_recipes_can_be_previewed() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string("../../docs/cookbook.md").unwrap();
    std::fs::write(folder.path().join("e.csv"), "timestamp,usr.id,view.name\n2026-11-01,ada,/cart\n")
        .unwrap();
    done(whodid(folder.path(), &["import", "e.csv"], &[], ""));
    for recipe in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        let preview = done(whodid(folder.path(), &["segment", "preview", "-"], &[], recipe));
        assert!(preview.contains(" of 1"), "{recipe}: {preview}");
    }
}

#[test]
fn the_table_of_limits_is_that_of_the_code() {
    let source = std::fs::read_to_string("../model/src/limits.rs").unwrap();
    let mut table = String::from("| limit | value | what it bounds |\n|---|---:|---|\n");
    let mut words: Vec<&str> = Vec::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            words.push(text);
        } else if let Some(constant) = line.strip_prefix("pub const ") {
            let (name, rest) = constant.split_once(':').unwrap();
            let value = value_of(rest.split_once('=').unwrap().1.trim_end_matches(';'));
            let what = words.join(" ").replace("[`", "`").replace("`]", "`").replace('|', "\\|");
            writeln!(table, "| `{name}` | {} | {what} |", grouped(value)).unwrap();
            words.clear();
        } else {
            words.clear();
        }
    }
    holds("limits.md", &table);
}

/// A product of whole numbers, or one shifted.
fn value_of(expression: &str) -> u64 {
    if let Some((number, bits)) = expression.split_once("<<") {
        return value_of(number) << value_of(bits);
    }
    expression.split('*').map(|factor| factor.trim().replace('_', "").parse::<u64>().unwrap()).product()
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<String> =
        digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned()).collect();
    groups.join(",")
}
