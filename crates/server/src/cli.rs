//! The command line. What asks or changes something goes through the API, of a server that runs or of the data folder
//! opened for the occasion, so that both answer alike.

mod bench;
mod check;
mod client;
mod demo;
mod import;
mod jobs;
mod keys;
mod people;
mod query;
mod segment;
mod serve;
mod table;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::ConfigError;
use crate::start::StartError;

/// Product analytics that starts from people: who did what, then what, and who did not.
#[derive(Parser)]
#[command(name = "whodid", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start with a made-up shop in it, to look around
    Demo(demo::DemoArguments),
    /// Start a server
    Serve(crate::config::ServeFlags),
    /// Take in events from NDJSON, CSV or Parquet files
    Import(import::ImportArguments),
    /// Ask for people, and keep the question
    Segment(segment::SegmentArguments),
    /// Work that goes on in the background: list it, watch it, stop it
    Jobs(jobs::JobsArguments),
    /// Say what a search query means, and how many events it finds
    Query(query::QueryArguments),
    /// Read a data folder through and say what is wrong with it, changing nothing
    Check(check::CheckArguments),
    /// Access keys
    Keys(keys::KeysArguments),
    /// People who may log in
    People(people::PeopleArguments),
    /// Time questions at the engine, for the benchmark
    Bench(bench::BenchArguments),
}

/// Why a command failed: one line, with a hint.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{0}")]
    Failed(String),
    #[error("can't read {what}: {source}")]
    Unreadable { what: String, source: std::io::Error },
    /// The server's own words.
    #[error("{0}")]
    Refused(String),
    #[error("no answer from {url}: {source}; is the server running there? `--url` names another")]
    Unreachable { url: String, source: reqwest::Error },
    #[error("the answer of {path} is not what was expected: {detail}")]
    Unexpected { path: String, detail: String },
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> CliError {
        CliError::Start(error.into())
    }
}

type Done = Result<(), CliError>;

/// Runs the command line of this process. Exit codes: 0 done, 1 the answer is an error, 2 usage.
pub async fn run() -> ExitCode {
    let command = Cli::parse().command;
    let long_running = matches!(command, Command::Demo(_) | Command::Serve(_));
    log_to_stderr(if long_running { "warn,whodid_server=info" } else { "error" });
    let done = match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Serve(flags) => serve::run(flags).await,
        Command::Import(arguments) => import::run(arguments).await,
        Command::Segment(arguments) => segment::run(arguments).await,
        Command::Jobs(arguments) => jobs::run(arguments).await,
        Command::Query(arguments) => query::run(arguments).await,
        Command::Check(arguments) => check::run(arguments).await,
        Command::Keys(arguments) => keys::run(arguments).await,
        Command::People(arguments) => people::run(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("whodid: {}", error.to_string().replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn log_to_stderr(default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WHODID_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
