//! `whodid bench`: asks the questions of a benchmark at the engine's API, and prints one JSON object per line. What the
//! lines say is documented with the benchmark, in `bench/README.md`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use whodid_engine::{
    Aggregate, Audience, Engine, Follow, Grain, Grouping, JourneySpec, Node, ScanSpec, Segments,
};
use whodid_intake::{Enricher, IntakeError, flat};
use whodid_match::FunnelRules;
use whodid_model::event::paths;
use whodid_model::{Instant, Span, SystemClock, TimeRange};
use whodid_query::definition::Definition;
use whodid_query::search::{Dialect, Query, parse};
use whodid_store::{Snapshot, Store, StoreOptions};

use super::{CliError, Done};

#[derive(Debug, clap::Args)]
pub(super) struct BenchArguments {
    /// Folder of Parquet files to load
    #[arg(long, value_name = "DIR")]
    parquet: PathBuf,

    /// Folder of questions, one JSON file each
    #[arg(long, value_name = "DIR")]
    queries: PathBuf,

    /// Folder to load into; loaded already: use what is there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    #[arg(long, default_value_t = 2)]
    threads: usize,

    /// How often each question is timed
    #[arg(long, default_value_t = 7)]
    repeat: usize,

    /// Only this question
    #[arg(long)]
    only: Option<String>,

    /// Ask without an untimed first time
    #[arg(long)]
    cold: bool,

    /// Load, and ask nothing
    #[arg(long)]
    load_only: bool,

    /// Instead, this many clients ask all questions in turn for ten seconds
    #[arg(long, value_name = "CLIENTS")]
    concurrency: Option<usize>,
}

/// The store writes the table in large steps while it loads.
const FLUSH_EVENTS: usize = 2_000_000;
const PIECE_EVENTS: usize = 250_000;
const CONCURRENT_FOR: Duration = Duration::from_secs(10);

pub(super) async fn run(arguments: BenchArguments) -> Done {
    let questions = questions(&arguments)?;
    let empty = !arguments.data.join("tables").exists();
    let options = StoreOptions {
        flush_events: FLUSH_EVENTS,
        flush_after: Duration::from_secs(600),
        ..StoreOptions::default()
    };
    let store = Store::open(&arguments.data, options, Arc::new(SystemClock)).await.map_err(failed)?;
    if empty {
        load(&arguments.parquet, &store).await?;
    }
    if arguments.load_only {
        return store.close().await.map_err(failed);
    }
    store.settle().await.map_err(failed)?;
    let snapshot = store.snapshot().await.map_err(failed)?;
    let asker = Asker { engine: Engine::new(arguments.threads), snapshot };
    match arguments.concurrency {
        Some(clients) => concurrently(asker, questions, clients).await?,
        None => {
            for question in &questions {
                one_by_one(&asker, question, &arguments).await?;
            }
        }
    }
    store.close().await.map_err(failed)
}

fn failed(error: impl ToString) -> CliError {
    CliError::Failed(error.to_string())
}

/// One question as its file says it; other members are for people.
#[derive(Clone, Deserialize)]
struct Question {
    query: String,
    kind: String,
    at: Instant,
    #[serde(default)]
    definitions: Map<String, Value>,
    #[serde(default)]
    steps: Vec<FunnelStep>,
    within: Option<Span>,
    #[serde(default)]
    filter: String,
    #[serde(default)]
    group_by: String,
    #[serde(default)]
    limit: usize,
    segment: Option<Value>,
}

#[derive(Clone, Deserialize)]
struct FunnelStep {
    event: String,
}

fn questions(arguments: &BenchArguments) -> Result<Vec<Question>, CliError> {
    let mut questions = Vec::new();
    for path in files(&arguments.queries, "json")? {
        let unreadable = |source| CliError::Unreadable { what: path.display().to_string(), source };
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        let question: Question =
            serde_json::from_str(&text).map_err(|error| failed(format!("{}: {error}", path.display())))?;
        if arguments.only.as_ref().is_none_or(|only| *only == question.query) {
            questions.push(question);
        }
    }
    Ok(questions)
}

fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, CliError> {
    let unreadable = |source| CliError::Unreadable { what: folder.display().to_string(), source };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let paths = entries.map(|entry| Ok(entry.map_err(unreadable)?.path()));
    let mut paths = paths.collect::<Result<Vec<_>, CliError>>()?;
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    Ok(paths)
}

/// Reads the files on a thread of their own while the store takes in what was read before.
async fn load(folder: &Path, store: &Store) -> Done {
    let since = Stopwatch::now();
    let paths = files(folder, "parquet")?;
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<flat::Piece>(1);
    let reader = tokio::task::spawn_blocking(move || {
        let enricher = Enricher::new();
        paths.iter().try_for_each(|path| read_file(path, &enricher, &sender))
    });
    let mut import = store.import();
    while let Some(piece) = receiver.recv().await {
        import.take(piece.batch).await.map_err(failed)?;
        import.take_one_by_one(piece.others).await.map_err(failed)?;
    }
    reader.await.map_err(failed)??;
    import.finish().await.map_err(failed)?;
    let durable = since.elapsed().as_secs_f64();
    let snapshot = store.snapshot().await.map_err(failed)?;
    let resident_bytes =
        snapshot.resident_bytes(&["usr.id", "session.id", "view.name", "action.name", "geo.country"]);
    let load = json!({"rows": snapshot.rows(), "seconds": since.elapsed().as_secs_f64(),
        "durable_seconds": durable, "resident_bytes": resident_bytes, "process_bytes": process_bytes()});
    println!("{}", json!({ "load": load }));
    Ok(())
}

/// Physical memory of this process.
fn process_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    kilobytes.trim().trim_end_matches(" kB").trim_end().parse().ok().map(|kilobytes: u64| 1024 * kilobytes)
}

fn read_file(path: &Path, enricher: &Enricher, sender: &tokio::sync::mpsc::Sender<flat::Piece>) -> Done {
    let unreadable = |source| CliError::Unreadable { what: path.display().to_string(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let options = flat::Options {
        format: Some(flat::Format::Parquet),
        chunk_events: 20_000,
        ..flat::Options::default()
    };
    let mut hand_over = |piece: flat::Piece| {
        sender
            .blocking_send(piece)
            .map_err(|_| IntakeError::from(std::io::Error::other("the store stopped taking events")))
    };
    flat::read_batches(flat::Input::File(file), &options, PIECE_EVENTS, enricher, &mut hand_over)
        .map_err(|error| failed(format!("{}: {error}", path.display())))?;
    Ok(())
}

#[derive(Clone)]
struct Asker {
    engine: Engine,
    snapshot: Arc<Snapshot>,
}

impl Asker {
    async fn ask(&self, question: &Question) -> Result<Value, CliError> {
        match question.kind.as_str() {
            "segments" => {
                let mut counts = Map::new();
                for (name, definition) in &question.definitions {
                    let definition = Definition::from_json(definition).map_err(failed)?;
                    counts.insert(
                        name.clone(),
                        self.members(&definition, question.at).await?.members.len().into(),
                    );
                }
                Ok(counts.into())
            }
            "funnel" => self.funnel(question).await,
            "top" => self.top(question).await,
            other => Err(failed(format!("{}: no question is of the kind `{other}`", question.query))),
        }
    }

    async fn members(
        &self,
        definition: &Definition,
        at: Instant,
    ) -> Result<whodid_engine::Membership, CliError> {
        let (segments, zone) = (Segments::new(), TimeZone::UTC);
        let membership = self.engine.membership(&self.snapshot, definition, &segments, at, &zone);
        membership.await.map_err(failed)
    }

    async fn funnel(&self, question: &Question) -> Result<Value, CliError> {
        let node = |text: &str| {
            parse(text, Dialect::Event).map(|query| Node { query, occurrences: None }).map_err(failed)
        };
        let steps: Vec<Node> =
            question.steps.iter().map(|step| node(&step.event)).collect::<Result<_, CliError>>()?;
        let snapshot = self.snapshot.at(question.at);
        let scan = ScanSpec::new(Query::everything(Dialect::Event), TimeRange::ALL.cut_at(question.at));
        let subjects = self.engine.subjects(Grain::User, &snapshot).await.map_err(failed)?;
        let window_us = question.within.map(|window| window.0);
        let spec = JourneySpec {
            follow: Follow { subjects, scan, identified_only: false },
            rules: FunnelRules { window_us, ..FunnelRules::ordered(steps.len()) },
            steps,
            exclusions: Vec::new(),
            passes: false,
            columns: Vec::new(),
        };
        let attempts = self.engine.journey(&snapshot, spec).await.map_err(failed)?;
        let reached = attempts.steps.iter().map(|step| step.iter().flatten().count());
        Ok(json!({"steps": reached.collect::<Vec<_>>()}))
    }

    async fn top(&self, question: &Question) -> Result<Value, CliError> {
        let (snapshot, audience) = match &question.segment {
            None => (self.snapshot.at(question.at), None),
            Some(segment) => {
                let definition = Definition::from_json(segment).map_err(failed)?;
                let membership = self.members(&definition, question.at).await?;
                (membership.snapshot, Some(Audience::Users(membership.members)))
            }
        };
        let query = parse(&question.filter, Dialect::Event).map_err(failed)?;
        let scan = ScanSpec {
            grouping: Grouping::by_facets(&[&question.group_by]),
            audience,
            ..ScanSpec::new(query, TimeRange::ALL.cut_at(question.at))
        };
        let aggregates = [Aggregate::Count, Aggregate::Cardinality(paths::USR_ID.to_string())];
        let groups = self.engine.aggregate(&snapshot, scan, &aggregates);
        let mut rows: Vec<(String, u64, u64)> = groups
            .await
            .map_err(failed)?
            .into_iter()
            .map(|mut group| {
                let number = |index: usize| group.numbers[index].unwrap_or_default() as u64;
                let (events, users) = (number(0), number(1));
                (group.values.pop().flatten().unwrap_or_default(), events, users)
            })
            .collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        rows.truncate(question.limit);
        Ok(json!({ "top": rows }))
    }
}

async fn one_by_one(asker: &Asker, question: &Question, arguments: &BenchArguments) -> Done {
    if !arguments.cold {
        asker.ask(question).await?;
    }
    let (mut ms, mut answer) = (Vec::new(), Value::Null);
    let cpu_before = cpu_ms();
    for _ in 0..arguments.repeat {
        let since = Stopwatch::now();
        answer = asker.ask(question).await?;
        ms.push(since.elapsed().as_secs_f64() * 1e3);
    }
    let cpu_ms = (cpu_ms() - cpu_before) / arguments.repeat.max(1) as f64;
    println!("{}", json!({"query": question.query, "answer": answer, "ms": ms, "cpu_ms": cpu_ms}));
    Ok(())
}

/// CPU time of all threads of this process, to the hundredth of a second.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks =
        |field: usize| after_name.split_whitespace().nth(field).and_then(|text| text.parse::<f64>().ok());
    // Fields 14 and 15 of the line: user and system time in ticks of 10 ms.
    10.0 * (ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default())
}

async fn concurrently(asker: Asker, questions: Vec<Question>, clients: usize) -> Done {
    let (since, questions) = (Stopwatch::now(), Arc::new(questions));
    let client = |first: usize| {
        let (asker, questions) = (asker.clone(), questions.clone());
        async move {
            let mut ms = Vec::new();
            for question in questions.iter().cycle().skip(first % questions.len().max(1)) {
                if since.elapsed() >= CONCURRENT_FOR {
                    break;
                }
                let asked = Stopwatch::now();
                asker.ask(question).await?;
                ms.push(asked.elapsed().as_secs_f64() * 1e3);
            }
            Ok::<_, CliError>(ms)
        }
    };
    let mut ms = Vec::new();
    for client in futures::future::join_all((0..clients).map(|first| tokio::spawn(client(first)))).await {
        ms.extend(client.map_err(failed)??);
    }
    ms.sort_by(f64::total_cmp);
    let percentile =
        |share: f64| ms.get(((ms.len() as f64 * share) as usize).min(ms.len().saturating_sub(1)));
    let figures = json!({"clients": clients, "seconds": since.elapsed().as_secs_f64(), "queries": ms.len(),
        "p50_ms": percentile(0.5), "p95_ms": percentile(0.95)});
    println!("{}", json!({ "concurrency": figures }));
    Ok(())
}
