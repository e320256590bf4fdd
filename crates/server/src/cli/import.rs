//! `whodid import`.

use std::path::{Path, PathBuf};

use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio_util::io::ReaderStream;

use super::client::{Client, Target, escape};
use super::table::grouped;
use super::{CliError, Done};

const CHUNK_BYTES: usize = 256 * 1024;
/// How many rejected lines are shown of each file.
const REJECTS_SHOWN: usize = 10;

#[derive(Debug, clap::Args)]
pub(super) struct ImportArguments {
    #[command(flatten)]
    target: Target,

    /// NDJSON, CSV or Parquet, recognised by what is in it; text may be compressed with gzip or zstd
    #[arg(required = true)]
    files: Vec<PathBuf>,

    /// Which column is which facet, such as user_id=usr.id,event=action.name,ts=timestamp
    #[arg(long, value_name = "COLUMN=FACET,…")]
    map: Option<String>,

    /// Take rows that are the same for different events
    #[arg(long)]
    keep_duplicates: bool,
}

pub(super) async fn run(arguments: ImportArguments) -> Done {
    let mut parameters = format!("?keep_duplicates={}", arguments.keep_duplicates);
    if let Some(map) = &arguments.map {
        parameters.push_str(&format!("&map={}", escape(map)));
    }
    let client = arguments.target.connect_or_create().await?;
    let mut done = Ok(());
    for file in &arguments.files {
        done = import(&client, file, &parameters).await;
        if done.is_err() {
            break;
        }
    }
    client.close().await?;
    done
}

async fn import(client: &Client, file: &Path, parameters: &str) -> Done {
    let unreadable = |source| CliError::Unreadable { what: file.display().to_string(), source };
    let opened = tokio::fs::File::open(file).await.map_err(unreadable)?;
    let bar = ProgressBar::new(opened.metadata().await.map_err(unreadable)?.len())
        .with_style(style())
        .with_message(file.display().to_string());
    let sent = bar.clone();
    let chunks = ReaderStream::with_capacity(opened, CHUNK_BYTES).inspect(move |chunk| {
        sent.inc(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64));
    });
    let answer = client.upload(&format!("/events/import{parameters}"), chunks).await;
    bar.finish_and_clear();
    report(file, &answer?);
    Ok(())
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn report(file: &Path, answer: &Value) {
    let number = |name: &str| grouped(answer[name].as_u64().unwrap_or_default());
    let rejected = answer["rejected"].as_array().cloned().unwrap_or_default();
    let all_rejected = answer["rejected_count"].as_u64().unwrap_or(rejected.len() as u64);
    println!(
        "{}: {} accepted, {} known already, {} rejected",
        file.display(),
        number("accepted"),
        number("duplicates"),
        grouped(all_rejected)
    );
    for line in rejected.iter().take(REJECTS_SHOWN) {
        eprintln!("{}:{}: {}", file.display(), line["line"], line["reason"].as_str().unwrap_or_default());
    }
    let hidden = all_rejected.saturating_sub(rejected.len().min(REJECTS_SHOWN) as u64);
    if hidden > 0 {
        eprintln!("and {} more", grouped(hidden));
    }
}
