//! The command line. What asks or changes something goes through the API, of a server that runs or of the data folder
//! opened for the occasion, so that both answer alike.

mod backup;
mod bench;
mod check;
mod client;
mod config;
mod demo;
mod describe;
mod erase;
mod import;
mod jobs;
mod keys;
mod people;
mod query;
mod ready;
mod segment;
mod serve;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{ConfigError, LogFormat};
use crate::start::StartError;
use crate::telemetry::{self, Telemetry};

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
    /// Erase a user: events, lists and what the log of changes says
    Erase(erase::EraseArguments),
    /// Read a data folder through and say what is wrong with it, changing nothing
    Check(check::CheckArguments),
    /// Write everything that a server or a data folder keeps into one file
    Backup(backup::BackupArguments),
    /// Make a data folder from such a file, and read it through
    Restore(backup::RestoreArguments),
    /// Ask a server whether it answers questions
    Ready(ready::ReadyArguments),
    /// What a server would go by
    Config(config::ConfigArguments),
    /// Completions for a shell, on the standard output
    Completions(describe::CompletionsArguments),
    /// The manual, as man pages
    Man(describe::ManArguments),
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
    let _telemetry = match start_telemetry(&command) {
        Ok(telemetry) => telemetry,
        Err(error) => return failed(&error),
    };
    let done = match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Serve(flags) => serve::run(flags).await,
        Command::Import(arguments) => import::run(arguments).await,
        Command::Segment(arguments) => segment::run(arguments).await,
        Command::Jobs(arguments) => jobs::run(arguments).await,
        Command::Query(arguments) => query::run(arguments).await,
        Command::Erase(arguments) => erase::run(arguments).await,
        Command::Check(arguments) => check::run(arguments).await,
        Command::Backup(arguments) => backup::backup(arguments).await,
        Command::Restore(arguments) => backup::restore(arguments).await,
        Command::Ready(arguments) => ready::run(arguments).await,
        Command::Config(arguments) => config::run(arguments),
        Command::Completions(arguments) => describe::completions(arguments),
        Command::Man(arguments) => describe::man(arguments),
        Command::Keys(arguments) => keys::run(arguments).await,
        Command::People(arguments) => people::run(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &CliError) -> ExitCode {
    eprintln!("whodid: {}", error.to_string().replace('\n', " "));
    ExitCode::FAILURE
}

/// A server writes as its configuration says, a command only what went wrong.
fn start_telemetry(command: &Command) -> Result<Telemetry, CliError> {
    let flags = match command {
        Command::Serve(flags) => Some(flags),
        Command::Demo(arguments) => Some(arguments.flags()),
        _ => None,
    };
    let started = match flags {
        Some(flags) => {
            let config = flags.clone().settle()?;
            let (filter, endpoint) = (config.log.as_deref(), config.otlp_endpoint.as_deref());
            telemetry::start(filter, telemetry::SERVER_FILTER, config.log_format, endpoint)
        }
        None => {
            let filter = std::env::var("WHODID_LOG").ok();
            telemetry::start(filter.as_deref(), telemetry::COMMAND_FILTER, LogFormat::Text, None)
        }
    };
    started.map_err(|error| StartError::Telemetry(error).into())
}
