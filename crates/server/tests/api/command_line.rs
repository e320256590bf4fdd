//! The binary, on a folder and against a server.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::server::{API_KEY, APP_KEY, TestServer, almost_bought, shoppers};

pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `whodid` in a folder of its own.
pub(crate) fn whodid(folder: &Path, arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_whodid"));
    command.current_dir(folder).args(arguments);
    for name in
        ["WHODID_URL", "WHODID_API_KEY", "WHODID_APP_KEY", "WHODID_DATA", "WHODID_CONFIG", "WHODID_LOG"]
    {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    let output = child.wait_with_output().unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn done(output: Output) -> String {
    assert_eq!(output.code, 0, "{}{}", output.out, output.err);
    output.out
}

#[test]
fn a_folder_without_a_server_is_opened_directly() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], input: &str| whodid(folder.path(), arguments, &[], input);
    let now = whodid_model::Clock::now(&whodid_model::SystemClock);
    let minute = |ago: i64| now.minus(whodid_model::Span::from_seconds(ago * 60));
    let csv = format!(
        "ts,user,session.id,view.name,action.name\n{},ada,s1,/cart,\n{},bea,s2,/cart,\n{},bea,s2,,CHECKOUT\nsoon,cid,s3,/cart,\n",
        minute(9),
        minute(8),
        minute(7),
    );
    std::fs::write(folder.path().join("events.csv"), csv).unwrap();

    let imported = run(&["import", "events.csv", "--map", "ts=timestamp,user=usr.id"], "");
    assert!(imported.err.contains("events.csv:5:"), "{}", imported.err);
    assert_eq!(done(imported), "events.csv: 3 accepted, 0 known already, 1 rejected\n");
    let again = run(&["import", "events.csv", "--map", "ts=timestamp,user=usr.id"], "");
    assert_eq!(done(again), "events.csv: 0 accepted, 3 known already, 1 rejected\n");

    let yaml = "entity: user\nwhere:\n  performed:\n    steps:\n      - event: '@view.name:/cart'\n      \
                - event: '@action.name:CHECKOUT'\n        not: true\n    within: session\n";
    let preview = done(run(&["segment", "preview", "-"], yaml));
    assert!(preview.contains("1 of 2") && preview.contains("such as ada"), "{preview}");
    let preview: Value =
        serde_json::from_str(&done(run(&["segment", "preview", "-", "--json"], yaml))).unwrap();
    assert_eq!(preview["data"]["attributes"]["count"], 1);

    std::fs::write(folder.path().join("almost.yaml"), yaml).unwrap();
    done(run(&["segment", "create", "Almost bought", "almost.yaml", "--tag", "cart"], ""));
    assert!(done(run(&["segment", "list"], "")).contains("Almost bought"));
    assert!(done(run(&["segment", "show", "almost bought"], "")).contains("1 members"));
    assert_eq!(done(run(&["segment", "members", "Almost bought"], "")), "ada\n");
    explained_and_compared(&run, yaml);
    let query = done(run(&["query", "@view.name:/cart"], ""));
    assert!(
        query.contains("view.name is \"/cart\"") && query.contains("2 events, 2 identified users"),
        "{query}"
    );

    let secret = done(run(&["keys", "create", "Reporting", "--scope", "read"], ""));
    assert!(secret.starts_with("wdr_"), "{secret}");
    let keys = done(run(&["keys", "list"], ""));
    assert!(keys.contains("Reporting") && !keys.contains(secret.trim()), "{keys}");
    let id = keys.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    done(run(&["keys", "revoke", id], ""));
    assert!(done(run(&["keys", "list"], "")).contains("revoked"));
}

fn explained_and_compared(run: &dyn Fn(&[&str], &str) -> Output, yaml: &str) {
    let why = done(run(&["segment", "why", "Almost bought", "bea"], ""));
    assert!(why.contains("bea is not in it") && why.contains("happened and broke it"), "{why}");
    let why = done(run(&["segment", "why", "Almost bought", "ada"], ""));
    assert!(why.contains("ada is in it") && why.contains("/where holds: observed 1"), "{why}");
    let everybody = "entity: user\nwhere: {all: []}";
    done(run(&["segment", "create", "Everybody", "-"], everybody));
    assert_eq!(done(run(&["segment", "export", "Everybody"], "")), "usr.id\r\nada\r\nbea\r\n");
    let export = ["segment", "export", "Everybody", "--format", "ndjson", "--profile", "-o", "all.ndjson"];
    assert_eq!(done(run(&export, "")), "");
    let history = done(run(&["segment", "history", "Everybody", "--step", "week"], ""));
    assert!(
        history.starts_with("at ") && history.lines().last().unwrap().ends_with("2       2     0"),
        "{history}"
    );
    let diff = done(run(&["segment", "diff", "Everybody", "--with", "-"], yaml));
    assert!(diff.contains("left: 1, such as bea") && diff.contains("joined: 0\n"), "{diff}");
    let compared = done(run(&["segment", "compare", "Everybody", "almost bought"], ""));
    assert!(
        compared.contains("50.0 %") && compared.contains("Everybody + Almost bought        1"),
        "{compared}"
    );
}

#[test]
fn segments_are_code_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], input: &str| whodid(folder.path(), arguments, &[], input);
    std::fs::write(folder.path().join("e.csv"), "timestamp,usr.id,view.name\n2026-11-01,ada,/cart\n")
        .unwrap();
    done(run(&["import", "e.csv"], ""));
    std::fs::create_dir(folder.path().join("code")).unwrap();
    let cart = "name: Cart / viewed\ndefinition: {entity: user, where: {performed: {steps: [{event: '@view.name:/cart'}]}}}\n";
    std::fs::write(folder.path().join("code/cart.yaml"), cart).unwrap();
    let others = r#"[{"name": "Others", "definition": {"entity": "user", "where": {"not": {"segment": "cart / viewed"}}}}]"#;
    std::fs::write(folder.path().join("code/others.json"), others).unwrap();
    let plan = done(run(&["segment", "apply", "code", "--dry-run"], ""));
    assert!(plan.contains("create  Cart / viewed") && plan.contains("dry run"), "{plan}");
    assert!(!done(run(&["segment", "list"], "")).contains("Cart"));
    done(run(&["segment", "apply", "code"], ""));
    assert!(done(run(&["segment", "export-yaml"], "")).contains("segment: Cart / viewed"));

    done(run(&["segment", "export-yaml", "written"], ""));
    let mut names: Vec<String> = std::fs::read_dir(folder.path().join("written"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["cart-viewed.yaml", "others.yaml"]);
    let plan = done(run(&["segment", "apply", "written", "--prune"], ""));
    assert_eq!(plan.matches("unchanged").count(), 2, "{plan}");
    let broken =
        run(&["segment", "apply", "-"], "name: Broken\ndefinition: {entity: user, where: {all: 7}}\n");
    assert!(broken.code == 1 && broken.err.contains("/where/all"), "{}", broken.err);
    std::fs::write(folder.path().join("code/broken.yml"), "name: Broken\ndefinition: {}\n").unwrap();
    let broken = run(&["segment", "apply", "code"], "");
    assert!(broken.err.contains("broken.yml: /definition"), "{}", broken.err);
}

#[test]
fn errors_are_one_line_on_stderr_and_the_exit_code_tells_which() {
    let folder = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str], input: &str, code: i32, word: &str| {
        let output = whodid(folder.path(), arguments, &[], input);
        assert_eq!(output.code, code, "{arguments:?}: {}{}", output.out, output.err);
        assert!(output.err.contains(word), "{arguments:?}: {}", output.err);
        assert!(code == 2 || output.err.lines().count() == 1, "{arguments:?}: {}", output.err);
    };
    check(&["segment", "list"], "", 1, "--data");
    check(&["import", "missing.csv"], "", 1, "missing.csv");
    check(
        &["segment", "preview", "-"],
        "entity: user\nwhere: {all: [{profile: '('}]}",
        1,
        "/where/all/0/profile",
    );
    check(&["segment", "preview", "-"], ": : :", 1, "YAML");
    check(&["segment", "members", "Nobody"], "", 1, "Nobody");
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    check(&["segment", "apply", "empty", "--prune"], "", 1, "no segments in empty");
    check(&["query", "@type:view ("], "", 1, "position 13");
    check(&["query", "x", "--url", "http://127.0.0.1:9"], "", 1, "--url");
    check(&["serve", "--listen", "everywhere"], "", 1, "everywhere");
    check(&["serve", "--timezone", "Mars/Olympus"], "", 1, "Mars/Olympus");
    check(&["segment"], "", 2, "Usage");
    check(&["keys", "create", "x", "--scope", "all"], "", 2, "admin");
    check(&["fly"], "", 2, "fly");
}

#[tokio::test]
async fn a_running_server_is_asked_over_the_network() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let (url, folder) = (server.url(), server.folder.path().to_path_buf());
    let definition = almost_bought().to_string();
    tokio::task::spawn_blocking(move || {
        let keys = [("WHODID_URL", url.as_str()), ("WHODID_API_KEY", API_KEY), ("WHODID_APP_KEY", APP_KEY)];
        let run = |arguments: &[&str]| whodid(&folder, arguments, &keys, &definition);
        assert!(done(run(&["segment", "create", "Almost bought", "-"])).contains("Almost bought"));
        assert_eq!(done(run(&["segment", "members", "Almost bought"])), "ada\ncid\n");
        std::fs::write(
            folder.join("one.ndjson"),
            "{\"timestamp\":\"2026-11-20\",\"usr.id\":\"zoe\",\"view.name\":\"/x\"}\n",
        )
        .unwrap();
        assert!(done(run(&["import", "one.ndjson"])).contains("1 accepted"));

        let without_keys = whodid(&folder, &["segment", "list", "--url", &url], &[], "");
        assert_eq!(without_keys.code, 1);
        assert!(without_keys.err.contains("key"), "{}", without_keys.err);
        let same_folder = whodid(&folder, &["segment", "list", "--data", "data"], &[], "");
        assert!(same_folder.code == 1 && same_folder.err.contains("--url"), "{}", same_folder.err);
    })
    .await
    .unwrap();
    assert_eq!(server.count("@usr.id:zoe").await, 1);
}

#[test]
fn a_damaged_folder_is_told_of_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| whodid(folder.path(), arguments, &[], "");
    let missing = run(&["check"]);
    assert!(missing.code == 1 && missing.err.contains("data"), "{}", missing.err);
    std::fs::write(
        folder.path().join("two.ndjson"),
        "{\"timestamp\":\"2026-11-20\",\"usr.id\":\"zoe\",\"view.name\":\"/x\"}\n\
         {\"timestamp\":\"2026-10-20\",\"usr.id\":\"zoe\",\"view.name\":\"/x\"}\n",
    )
    .unwrap();
    done(run(&["import", "two.ndjson"]));
    assert_eq!(done(run(&["check"])), "2 events in 2 table files, 0 more in the log alone\n");
    let report: Value = serde_json::from_str(&done(run(&["check", "--json"]))).unwrap();
    assert_eq!((&report["rows"], &report["damages"]), (&2.into(), &serde_json::json!([])));

    let table = folder.path().join("data/tables/events");
    let files = std::fs::read_dir(table).unwrap().map(|entry| entry.unwrap().path());
    let part = files.filter(|path| path.extension().is_some_and(|ending| ending == "parquet")).min().unwrap();
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&part, &bytes).unwrap();
    let damaged = run(&["check"]);
    assert_eq!(damaged.code, 1);
    assert!(damaged.out.contains(part.file_name().unwrap().to_str().unwrap()), "{}", damaged.out);
    assert!(damaged.err.starts_with("whodid: data is damaged in"), "{}", damaged.err);
    assert_eq!(std::fs::read(&part).unwrap(), bytes);
}
