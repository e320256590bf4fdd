//! `whodid segment import`.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio_util::io::ReaderStream;

use super::text;
use crate::cli::client::Client;
use crate::cli::table::grouped;
use crate::cli::{CliError, jobs};

const CHUNK_BYTES: usize = 256 * 1024;
const REJECTS_SHOWN: usize = 10;
const BOUNDARY: &str = "whodid-7d1c0e3f5b9a4e62-import";

#[derive(Debug, clap::Args)]
pub(super) struct ImportArguments {
    /// CSV in UTF-8, plain or compressed with gzip or zstd
    file: PathBuf,

    /// The new segment's name, or the one of the segment to change
    #[arg(long)]
    name: String,

    /// What the file names people by: usr.id or usr.email; for a change the segment's if absent
    #[arg(long)]
    key: Option<String>,

    /// The column's name, or its position from 1
    #[arg(long)]
    column: Option<String>,

    /// create, replace, append or remove
    #[arg(long, default_value = "create")]
    mode: String,

    #[arg(long, default_value = "")]
    description: String,

    #[arg(long = "tag")]
    tags: Vec<String>,

    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,

    /// Make a reference table of the same file, called like the segment
    #[arg(long)]
    as_table: bool,
}

pub(super) async fn import(client: &Client, arguments: &ImportArguments) -> Result<Value, CliError> {
    let file = &arguments.file;
    let unreadable = |source| CliError::Unreadable { what: file.display().to_string(), source };
    let opened = tokio::fs::File::open(file).await.map_err(unreadable)?;
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(opened.metadata().await.map_err(unreadable)?.len())
        .with_style(style)
        .with_message(file.display().to_string());
    let sent = bar.clone();
    let chunks = ReaderStream::with_capacity(opened, CHUNK_BYTES).inspect(move |chunk| {
        sent.inc(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64));
    });
    let (before, after) = around(arguments, file);
    let body =
        stream::iter([Ok(Bytes::from(before))]).chain(chunks).chain(stream::iter([Ok(Bytes::from(after))]));
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let answer = client.form("/segments/imports", &content_type, body).await;
    bar.finish_and_clear();
    let job = text(&answer?["data"]["id"]);
    jobs::watch(client, &job, "importing").await
}

/// What comes before the file in the form, and what after it.
fn around(arguments: &ImportArguments, file: &Path) -> (String, String) {
    let tags = arguments.tags.join(",");
    let fields = [
        ("name", Some(arguments.name.as_str())),
        ("key", arguments.key.as_deref()),
        ("column", arguments.column.as_deref()),
        ("mode", Some(arguments.mode.as_str())),
        ("description", Some(arguments.description.as_str())),
        ("tags", Some(tags.as_str())),
        ("as_table", Some(if arguments.as_table { "true" } else { "false" })),
        ("dry_run", Some(if arguments.dry_run { "true" } else { "false" })),
    ];
    let mut before = String::new();
    for (name, value) in fields {
        let Some(value) = value else { continue };
        before.push_str(&format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    let file = file.file_name().unwrap_or_default().to_string_lossy().replace(['"', '\r', '\n'], "_");
    before.push_str(&format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file}\"\r\n\
         Content-Type: text/csv\r\n\r\n"
    ));
    (before, format!("\r\n--{BOUNDARY}--\r\n"))
}

pub(super) fn print(answer: &Value) {
    let attributes = &answer["data"]["attributes"];
    let report = &attributes["report"];
    let number = |name: &str| grouped(report[name].as_u64().unwrap_or_default());
    println!(
        "{} rows: {} identifiers ({} repeated), {} known and {} not yet, {} rejected",
        number("rows"),
        number("identifiers"),
        number("duplicates"),
        number("matched"),
        number("unmatched"),
        number("rejected_count"),
    );
    println!(
        "the list: {} before, {} added, {} removed, {} now",
        number("size_before"),
        number("added"),
        number("removed"),
        number("size")
    );
    for one in report["ambiguous"].as_array().into_iter().flatten() {
        let users: Vec<String> = one["users"].as_array().into_iter().flatten().map(text).collect();
        println!("{} is the address of {}", text(&one["identifier"]), users.join(", "));
    }
    let rejected = report["rejected"].as_array().cloned().unwrap_or_default();
    for line in rejected.iter().take(REJECTS_SHOWN) {
        eprintln!("line {}: {}", line["line"], text(&line["reason"]));
    }
    if report["rejected_count"].as_u64().unwrap_or_default() > REJECTS_SHOWN as u64 {
        eprintln!("all of them: whodid jobs rejects {}", text(&answer["data"]["id"]));
    }
    for note in report["notes"].as_array().into_iter().flatten() {
        eprintln!("note: {}", text(note));
    }
    if report["dry_run"] == true {
        println!("nothing has been done: this was a dry run");
    } else {
        println!("segment {}", text(&attributes["segment_id"]));
    }
}
