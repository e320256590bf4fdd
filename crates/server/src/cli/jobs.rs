//! `whodid jobs`.

use std::time::Duration;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::client::{Client, Target, escape};
use super::table::table;
use super::{CliError, Done};

const WATCH_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub(super) struct JobsArguments {
    #[command(flatten)]
    target: Target,

    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Option<JobsCommand>,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// All jobs, the newest first
    List,
    /// One job and its report
    Show { job: String },
    /// Wait until a job is over
    Watch { job: String },
    /// Ask a job to stop
    Cancel { job: String },
    /// The lines that a job left out, as CSV
    Rejects { job: String },
}

pub(super) async fn run(arguments: JobsArguments) -> Done {
    let client = arguments.target.connect().await?;
    let done = act(&client, arguments.command.unwrap_or(JobsCommand::List), arguments.json).await;
    client.close().await?;
    done
}

async fn act(client: &Client, command: JobsCommand, as_json: bool) -> Done {
    let answer = match &command {
        JobsCommand::List => json!({"data": client.pages("/jobs").await?}),
        JobsCommand::Show { job } => client.get(&format!("/jobs/{}", escape(job))).await?,
        JobsCommand::Watch { job } => watch(client, job, "job").await?,
        JobsCommand::Cancel { job } => {
            client.delete(&format!("/jobs/{}", escape(job))).await?;
            return Ok(());
        }
        JobsCommand::Rejects { job } => {
            let path = format!("/jobs/{}/rejects.csv", escape(job));
            return client.download(&path, &mut std::io::stdout().lock()).await;
        }
    };
    if as_json {
        println!("{answer:#}");
        return Ok(());
    }
    let jobs = match &answer["data"] {
        Value::Array(jobs) => jobs.clone(),
        one => vec![one.clone()],
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let mut rows = vec![["id", "kind", "state", "", "created", "segment"].map(String::from).to_vec()];
    for job in &jobs {
        let attributes = &job["attributes"];
        let percent = 100.0 * attributes["progress"].as_f64().unwrap_or_default();
        rows.push(vec![
            text(&job["id"]),
            text(&attributes["kind"]),
            text(&attributes["state"]),
            format!("{percent:.0} %"),
            text(&attributes["created_at"]),
            text(&attributes["segment_id"]),
        ]);
    }
    print!("{}", table(&rows));
    if let [job] = &jobs[..] {
        let attributes = &job["attributes"];
        if attributes["error"].is_string() {
            println!("\n{}", text(&attributes["error"]));
        }
        if attributes["report"].is_object() {
            println!("\n{:#}", attributes["report"]);
        }
    }
    Ok(())
}

/// Shows a job's progress until it is over, then its answer. Errors: its own words if it failed.
pub(super) async fn watch(client: &Client, job: &str, what: &str) -> Result<Value, CliError> {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent} % {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(1_000).with_style(style).with_message(what.to_string());
    let path = format!("/jobs/{}", escape(job));
    loop {
        let answer = client.get(&path).await?;
        let attributes = &answer["data"]["attributes"];
        bar.set_position((1e3 * attributes["progress"].as_f64().unwrap_or_default()) as u64);
        match attributes["state"].as_str().unwrap_or_default() {
            "queued" | "running" => tokio::time::sleep(WATCH_EVERY).await,
            state => {
                bar.finish_and_clear();
                return match state {
                    "done" => Ok(answer),
                    "cancelled" => Err(CliError::Failed("the job was cancelled".to_string())),
                    _ => Err(CliError::Refused(
                        attributes["error"].as_str().unwrap_or("it failed").to_string(),
                    )),
                };
            }
        }
    }
}
