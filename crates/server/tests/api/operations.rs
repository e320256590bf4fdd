//! What happens to a server that runs: slow clients, stops, clocks, full disks, backups.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant as Moment};

use reqwest::Method;
use serde_json::json;
use whodid_model::{Clock, Instant, Span};
use whodid_server::ServeFlags;

use crate::command_line::{done, whodid};
use crate::process::Process;
use crate::server::{API_KEY, APP_KEY, BASE, TestServer, almost_bought, answer, now, shoppers, view};

#[tokio::test]
async fn figures_are_there_for_prometheus_and_count() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    server.preview(almost_bought()).await;
    let text = server.bare_request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name}: {text}")).split(' ').nth(1).unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(value("whodid_intake_events_accepted_total"), 7.0);
    assert_eq!(value("whodid_store_events"), 7.0);
    assert!(value("whodid_queries_finished_total") >= 1.0);
    assert_eq!((value("whodid_queries_running"), value("whodid_panics_total")), (0.0, 0.0));
    assert!(
        text.contains("whodid_http_requests_total{method=\"POST\",route=\"/api/v2/rum\",status=\"202\"}")
    );
    assert!(text.contains("whodid_http_request_duration_seconds_bucket"));
    // From elsewhere it takes a key.
    let from_elsewhere =
        || server.bare_request(Method::GET, "/metrics").header("X-Forwarded-For", "198.51.100.1");
    assert_eq!(from_elsewhere().send().await.unwrap().status(), 403);
    assert_eq!(from_elsewhere().bearer_auth(APP_KEY).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_not_waited_for() {
    let flags = |flags| ServeFlags { slow_client_seconds: Some(1), ..flags };
    let server = TestServer::with(tempfile::tempdir().unwrap(), flags, Arc::new(now())).await;
    let address = server.url().trim_start_matches("http://").to_string();
    let send = move |text: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let began = Moment::now();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok();
        assert!(began.elapsed() < Duration::from_secs(5), "{text}: {:?}", began.elapsed());
        answer
    };
    let body = format!(
        "POST /api/v2/rum?dd-api-key={API_KEY} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{{"
    );
    let [head, body] = tokio::task::spawn_blocking(move || {
        [send("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "), send(&body)]
    })
    .await
    .unwrap();
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 408"), "{head}");
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    assert_eq!(answer(server.bare_request(Method::GET, "/healthz")).await.0, 200);
}

/// A clock that goes where it is told.
#[derive(Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::Relaxed))
    }
}

#[tokio::test]
async fn a_clock_that_jumps_back_breaks_nothing() {
    let hand = Arc::new(Hand(AtomicI64::new(now().0)));
    let server = TestServer::with(tempfile::tempdir().unwrap(), |flags| flags, hand.clone()).await;
    server.rum(&shoppers()).await;
    let (_, made) =
        server.post("/segments", "segment", json!({"name": "A", "definition": almost_bought()})).await;
    hand.0.store(now().minus(Span::from_days(2)).0, Ordering::Relaxed);
    server.rum(&[view("eve", "s9", "/cart", 5)]).await;
    // What is in the future does not exist yet.
    assert_eq!(server.preview(almost_bought()).await["data"]["attributes"]["count"], 0);
    let (status, later) =
        server.post("/segments", "segment", json!({"name": "B", "definition": almost_bought()})).await;
    assert_eq!(status, 201, "{later}");
    assert!(later["data"]["id"].as_str() > made["data"]["id"].as_str(), "ids go on growing");
    assert_eq!(server.get("/audit").await.0, 200);
    hand.0.store(now().0, Ordering::Relaxed);
    assert_eq!(server.preview(almost_bought()).await["data"]["attributes"]["count"], 3);
    server.restart().await;
}

#[tokio::test]
async fn questions_wait_their_turn_and_too_many_are_refused() {
    let flags = |flags| ServeFlags { queries_at_once: Some(1), queries_waiting: Some(0), ..flags };
    let server = TestServer::with(tempfile::tempdir().unwrap(), flags, Arc::new(now())).await;
    server.rum(&shoppers()).await;
    let ask = || {
        let definition =
            json!({"data": {"type": "segment_preview", "attributes": {"definition": almost_bought()}}});
        answer(server.request(Method::POST, &format!("{BASE}/segments/preview")).json(&definition))
    };
    let answers = futures::future::join_all((0..20).map(|_| ask())).await;
    for (status, body) in &answers {
        assert!(*status == 200 || *status == 429, "{status} {body}");
    }
    assert!(answers.iter().any(|(status, _)| *status == 200));
    assert_eq!(ask().await.0, 200);
}

#[tokio::test]
async fn https_is_spoken_with_a_certificate() {
    let tls = Path::new("tests/api/tls");
    let flags = |flags| ServeFlags {
        tls_certificate: Some(tls.join("certificate.pem")),
        tls_key: Some(tls.join("key.pem")),
        ..flags
    };
    let server = TestServer::with(tempfile::tempdir().unwrap(), flags, Arc::new(now())).await;
    assert!(server.url().starts_with("https://"));
    let certificate =
        reqwest::Certificate::from_pem(&std::fs::read(tls.join("certificate.pem")).unwrap()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap();
    let response = client.get(format!("{}/healthz", server.url())).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

/// While events come in, so that the copy is made of a moving thing.
#[test]
fn a_backup_of_a_running_server_is_restored_elsewhere() {
    let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Process::start(here.path(), &[]);
    let environment = [("WHODID_URL", server.url.as_str()), ("WHODID_APP_KEY", APP_KEY)];
    let run = |arguments: &[&str], input: &str| done(whodid(here.path(), arguments, &environment, input));
    let everybody = "entity: user\nwhere: {all: []}";
    run(&["segment", "create", "Everybody", "-"], everybody);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            for n in 0..40 {
                let event = view(&format!("u{n}"), &format!("s{n}"), "/", n);
                assert_eq!(server.rum(&event.to_string()), 202);
            }
        });
        run(&["backup", "first.tar"], "");
        sender.join().unwrap();
    });
    run(&["backup", "second.tar"], "");
    server.stop();

    for (file, least) in [("first.tar", 0), ("second.tar", 40)] {
        let (file, data) = (here.path().join(file), elsewhere.path().join(file));
        let (file, data) = (file.to_str().unwrap(), data.to_str().unwrap());
        let restored = done(whodid(elsewhere.path(), &["restore", file, "--data", data], &[], ""));
        assert!(restored.contains("events in"), "{restored}");
        assert!(
            whodid(elsewhere.path(), &["restore", file, "--data", data], &[], "").err.contains("not empty")
        );
        done(whodid(elsewhere.path(), &["check", "--data", data], &[], ""));
        let members =
            done(whodid(elsewhere.path(), &["segment", "members", "Everybody", "--data", data], &[], ""));
        assert!(members.lines().count() >= least, "{file}: {members}");
    }
    // A folder that no server holds is backed up directly.
    done(whodid(here.path(), &["backup", "third.tar", "--data", server_data(here.path()).as_str()], &[], ""));
    std::fs::write(elsewhere.path().join("no.tar"), "nothing of the kind").unwrap();
    assert_eq!(whodid(elsewhere.path(), &["restore", "no.tar", "--data", "none"], &[], "").code, 1);
}

fn server_data(folder: &Path) -> String {
    folder.join("data").display().to_string()
}

#[test]
fn a_stopped_process_goes_on_and_limits_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("whodid.toml");
    std::fs::write(&config, "requests-per-minute = 500\n").unwrap();
    let server = Process::start(folder.path(), &["--config", config.to_str().unwrap()]);
    assert_eq!(server.rate_limit(), "500");
    server.signal("STOP");
    std::thread::sleep(Duration::from_millis(1_200));
    server.signal("CONT");
    assert_eq!(server.rum(&view("ada", "s1", "/", 1).to_string()), 202);

    std::fs::write(&config, "requests-per-minute = 600\n").unwrap();
    server.signal("HUP");
    server.until(|server| server.rate_limit() == "600");
    // What is wrong changes nothing.
    std::fs::write(&config, "requests-per-minute = many\n").unwrap();
    server.signal("HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.rate_limit(), "600");
    server.stop();
}

#[test]
fn the_binary_describes_itself_to_shells_and_manuals() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| whodid(folder.path(), arguments, &[], "");
    for shell in ["bash", "zsh", "fish"] {
        assert!(done(run(&["completions", shell])).contains("whodid"), "{shell}");
    }
    assert!(done(run(&["man"])).contains(".TH"));
    done(run(&["man", "pages"]));
    assert!(folder.path().join("pages/whodid-segment-preview.1").is_file());
    assert_eq!(done(run(&["config", "check", "--query-seconds", "5"])), "ok\n");
    let shown = done(run(&["config", "show", "--query-seconds", "5", "--bootstrap-api-key", "hush"]));
    assert!(shown.contains("query-seconds = 5\n") && !shown.contains("hush"), "{shown}");
    let wrong = run(&["config", "check", "--tls-certificate", "no.pem", "--tls-key", "no.pem"]);
    assert!(wrong.code == 1 && wrong.err.contains("no.pem"), "{}", wrong.err);
}

/// Tables, log and catalogue as an older version left them.
#[test]
fn a_folder_of_an_older_version_is_taken_over() {
    for sample in ["format-1", "format-2"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        copy(Path::new("../store/tests/samples").join(sample).as_path(), &data);
        std::fs::copy("tests/api/samples/catalogue-1.db", data.join("catalogue.db")).unwrap();
        let run = |arguments: &[&str]| done(whodid(folder.path(), arguments, &[], ""));
        run(&["check"]);
        assert!(run(&["segment", "list"]).contains("Everybody"), "{sample}");
        assert!(run(&["segment", "members", "Everybody"]).lines().count() > 0, "{sample}");
        assert!(run(&["keys", "list"]).contains("Old key"), "{sample}");
        run(&["keys", "create", "New key", "--scope", "ingest", "--origin", "https://shop.example"]);
        run(&["check"]);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy(&from, &to) } else { std::fs::copy(from, to).map(drop).unwrap() }
    }
}
