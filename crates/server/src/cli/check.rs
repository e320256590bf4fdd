//! `whodid check`.

use std::path::PathBuf;

use whodid_store::CheckReport;

use super::table::grouped;
use super::{CliError, Done};
use crate::config::ServeFlags;
use crate::start::StartError;

#[derive(Debug, clap::Args)]
pub(super) struct CheckArguments {
    /// The data folder; no server may have it open
    #[arg(long, env = "WHODID_DATA", value_name = "DIR", default_value = ServeFlags::DEFAULT_DATA)]
    data: PathBuf,

    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: CheckArguments) -> Done {
    let report = whodid_store::check(&arguments.data).await.map_err(StartError::from)?;
    match arguments.json {
        true => println!("{:#}", serde_json::json!(report)),
        false => tell(&report),
    }
    match report.damages.len() {
        0 => Ok(()),
        1 => Err(CliError::Failed(format!("{} is damaged in one place", arguments.data.display()))),
        many => Err(CliError::Failed(format!("{} is damaged in {many} places", arguments.data.display()))),
    }
}

fn tell(report: &CheckReport) {
    for note in &report.notes {
        println!("note: {}: {}", note.path.display(), note.detail);
    }
    for damage in &report.damages {
        println!("{}: {}", damage.path.display(), damage.detail);
    }
    println!(
        "{} events in {} table files, {} more in the log alone",
        grouped(report.rows),
        grouped(report.parts as u64),
        grouped(report.uncovered_events)
    );
}
