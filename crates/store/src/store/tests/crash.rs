//! A process that sends is killed at any moment, again and again; what it was promised must be there, once.
//!
//! The process is this test binary itself, asked by an environment variable to send.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use super::*;

const FOLDER: &str = "WHODID_CRASH_FOLDER";
const ROUND: &str = "WHODID_CRASH_ROUND";
/// How many rounds to make; for `make nightly`.
const ROUNDS: &str = "WHODID_CRASH_ROUNDS";
const DEFAULT_ROUNDS: u64 = 30;
/// A folder serves this many rounds.
const ROUNDS_OF_FOLDER: u64 = 10;
const SENDERS: u64 = 4;

/// Small steps, so that flushes and merges happen all the time.
fn hasty() -> StoreOptions {
    StoreOptions {
        flush_events: 60,
        flush_after: Duration::from_millis(3),
        revise_bytes: 60_000,
        revise_after: Duration::from_millis(25),
        ..StoreOptions::default()
    }
}

/// Pseudo-random numbers (xorshift).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// The events `from..to` of a sender in a version; one of three is a view.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    round: u64,
    sender: u64,
    from: u64,
    to: u64,
    revision: u64,
}

impl Batch {
    fn event(self, n: u64) -> Event {
        let name = format!("{}.{}.{n}", self.round, self.sender);
        let event = if n.is_multiple_of(3) { view("/cart").revision(self.revision) } else { action("buy") };
        // Months apart, so that one flush concerns several parts.
        let ts = Instant::from_millis(1_790_000_000_000 + (n as i64 % 3) * 40 * 86_400_000);
        let said = if n.is_multiple_of(3) { self.revision } else { 1 };
        let event = event.id(&name).ts(ts).user(&format!("u{}", n % 17));
        event.attr("context.version", said as f64).build()
    }

    fn events(self) -> impl Iterator<Item = Event> {
        (self.from..self.to).map(move |n| self.event(n))
    }

    fn line(self, word: &str) -> String {
        format!("{word} {} {} {} {} {}\n", self.round, self.sender, self.from, self.to, self.revision)
    }

    fn of_line(line: &str) -> (String, Batch) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse().unwrap();
        let (round, sender, from, to, revision) = (number(1), number(2), number(3), number(4), number(5));
        (words[0].to_string(), Batch { round, sender, from, to, revision })
    }
}

/// One write, so that no line is ever torn.
fn say(line: &str) {
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

#[test]
fn sender_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let round = std::env::var(ROUND).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = match Store::open(Path::new(&folder), hasty(), Arc::new(SystemClock)).await {
            Ok(store) => store,
            Err(error) => return say(&format!("refused {error}\n")),
        };
        say("open\n");
        let senders = (0..SENDERS).map(|sender| tokio::spawn(send(store.clone(), round, sender)));
        futures::future::join_all(senders).await;
    });
}

async fn send(store: Store, round: u64, sender: u64) {
    let mut random = Random(round * SENDERS + sender + 1);
    let mut sent = 0;
    loop {
        let fresh = Batch { round, sender, from: sent, to: sent + 1 + random.below(12), revision: 1 };
        sent = fresh.to;
        // Now and then something old comes again, the views of it in a new version.
        let old = random.below(sent);
        let again = Batch {
            from: old,
            to: (old + random.below(4)).min(sent),
            revision: 1 + random.below(5),
            ..fresh
        };
        // What failed is sent again as it was, as clients do.
        say(&fresh.line("try"));
        while let Err(error) = store.append(fresh.events().chain(again.events()).collect()).await {
            say(&format!("failed {error}\n"));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        say(&(fresh.line("ack") + &again.line("ack")));
    }
}

/// A process that is going to send.
pub(super) struct Sender(Command);

impl Sender {
    pub(super) fn new(folder: &Path, round: u64) -> Sender {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "store::tests::crash::sender_process", "--nocapture"])
            .env(FOLDER, folder)
            .env(ROUND, round.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Sender(command)
    }

    pub(super) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Sender {
        self.0.env(name, value);
        self
    }

    /// Starts it and kills it after `life`, if it has not ended by itself. Answers the lines that it wrote in full.
    pub(super) fn kill_after(mut self, life: Duration) -> Vec<String> {
        let mut child = self.0.spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let until = std::time::Instant::now() + life;
        while std::time::Instant::now() < until && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let text = reader.join().unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_string).collect()
    }
}

/// What senders were promised, and what they tried.
#[derive(Default)]
pub(super) struct Promised {
    tried: Vec<Batch>,
    /// The highest acknowledged version of every event.
    pub(super) versions: BTreeMap<String, (Batch, u64)>,
}

impl Promised {
    pub(super) fn note(&mut self, lines: &[String]) {
        for line in lines.iter().filter(|line| *line != "open") {
            match Batch::of_line(line) {
                (word, batch) if word == "try" => self.tried.push(batch),
                (word, batch) if word == "ack" => {
                    for n in batch.from..batch.to {
                        let known = self.versions.entry(batch.event(n).id).or_insert((batch, n));
                        if known.0.revision < batch.revision {
                            known.0 = batch;
                        }
                    }
                }
                _ => panic!("{line}"),
            }
        }
    }

    pub(super) fn check(&self, events: &BTreeMap<EventKey, Event>) {
        for (batch, n) in self.versions.values() {
            let promised = batch.event(*n);
            let found = events.get(&promised.key());
            let found = found.unwrap_or_else(|| panic!("{} was acknowledged and is gone", promised.id));
            assert!(found.revision >= promised.revision, "{} fell back", promised.id);
        }
        let mut known = BTreeSet::new();
        for batch in &self.tried {
            let found = (batch.from..batch.to).filter(|n| {
                let key = batch.event(*n).key();
                let event = events.get(&key);
                if let Some(event) = event {
                    let version = Batch { revision: event.revision.max(1), ..*batch };
                    assert_eq!(*event, version.event(*n));
                }
                known.insert(key);
                event.is_some()
            });
            let found = found.count() as u64;
            assert!(found == 0 || found == batch.to - batch.from, "half of a request is there: {batch:?}");
        }
        assert!(events.keys().all(|key| known.contains(key)), "nobody sent this");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_any_kill() {
    let rounds = std::env::var(ROUNDS).map_or(DEFAULT_ROUNDS, |rounds| rounds.parse().unwrap());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut acknowledged = 0;
    for first in (0..rounds).step_by(ROUNDS_OF_FOLDER as usize) {
        let dir = tempfile::tempdir().unwrap();
        let mut promised = Promised::default();
        for round in first..rounds.min(first + ROUNDS_OF_FOLDER) {
            // A third of the kills come while it starts up. Recovery itself is often killed again.
            let life_ms = if random.below(3) == 0 { random.below(40) } else { 40 + random.below(120) };
            let life = Duration::from_millis(life_ms);
            let folder = dir.path().to_path_buf();
            let lines = tokio::task::spawn_blocking(move || Sender::new(&folder, round).kill_after(life))
                .await
                .unwrap();
            promised.note(&lines);
            if random.below(3) > 0 {
                continue;
            }
            let report = crate::check(dir.path()).await.unwrap();
            assert_eq!(report.damages, [], "a kill damages nothing");
            let (in_table, covered) = table_of(dir.path()).await;
            let store = open(dir.path(), by_hand()).await;
            let events: BTreeMap<EventKey, Event> = shown(&store.snapshot().await.unwrap())
                .into_iter()
                .map(|(key, (_, event))| (key, event))
                .collect();
            promised.check(&events);
            assert!(in_table.keys().all(|key| events.contains_key(key)));
            assert!(store.snapshot().await.unwrap().watermark() >= covered.0);
            if random.below(2) == 0 {
                store.close().await.unwrap();
                assert_eq!(table_of(dir.path()).await.0, events);
            }
        }
        let store = open(dir.path(), by_hand()).await;
        let shown = shown(&store.snapshot().await.unwrap());
        promised.check(&shown.into_iter().map(|(key, (_, event))| (key, event)).collect());
        acknowledged += promised.versions.len();
    }
    assert!(acknowledged as u64 > rounds, "only {acknowledged} events were acknowledged in {rounds} rounds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_refused_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let _store = open(dir.path(), by_hand()).await;
    let folder = dir.path().to_path_buf();
    let said =
        tokio::task::spawn_blocking(move || Sender::new(&folder, 0).kill_after(Duration::from_secs(20)))
            .await
            .unwrap();
    assert!(
        matches!(&said[..], [line] if line.starts_with("refused") && line.contains("another process")),
        "{said:?}"
    );
}
