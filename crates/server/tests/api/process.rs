//! The real binary as a process of its own, which is killed when it is dropped.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::server::{API_KEY, APP_KEY, BASE};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
}

impl Process {
    pub(crate) fn start(folder: &Path, flags: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_whodid"));
        command.arg("serve").args(flags);
        Process::spawn(command, folder)
    }

    fn spawn(mut command: Command, folder: &Path) -> Process {
        let address = folder.join("address");
        std::fs::remove_file(&address).ok();
        let child = command
            .current_dir(folder)
            .env("WHODID_DATA", folder.join("data"))
            .env("WHODID_LISTEN", "127.0.0.1:0")
            .env("WHODID_WRITE_ADDRESS", &address)
            .env("WHODID_BOOTSTRAP_API_KEY", API_KEY)
            .env("WHODID_BOOTSTRAP_APP_KEY", APP_KEY)
            .env_remove("WHODID_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        // From here on it is killed when something goes wrong.
        let mut process = Process { child: child.unwrap(), url: String::new() };
        let began = Instant::now();
        loop {
            let url = std::fs::read_to_string(&address).unwrap_or_default();
            if url.ends_with('\n') {
                process.url = url.trim().to_string();
                return process;
            }
            assert!(began.elapsed() < PATIENCE, "the server did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Stops in order.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }

    pub(crate) fn until(&self, holds: impl Fn(&Process) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn rum(&self, body: &str) -> u16 {
        self.ask(|http| {
            http.post(format!("{}/api/v2/rum?dd-api-key={API_KEY}", self.url)).body(body.to_string())
        })
        .0
    }

    /// What a key may do a minute, as answers say it.
    pub(crate) fn rate_limit(&self) -> String {
        self.ask(|http| http.get(format!("{}{BASE}/segments", self.url)).bearer_auth(APP_KEY)).1
    }

    fn ask(
        &self,
        request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
    ) -> (u16, String, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let response = request(&reqwest::Client::new()).send().await.unwrap();
            let limit =
                response.headers().get("x-ratelimit-limit").map(|value| value.to_str().unwrap().to_string());
            (response.status().as_u16(), limit.unwrap_or_default(), response.text().await.unwrap())
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
