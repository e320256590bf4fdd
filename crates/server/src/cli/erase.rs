//! `whodid erase`.

use std::io::{IsTerminal, Write};

use super::client::{Client, Target, escape};
use super::jobs::watch;
use super::{CliError, Done};

#[derive(Debug, clap::Args)]
pub(super) struct EraseArguments {
    #[command(flatten)]
    target: Target,

    /// The user's id; `anonymous:ID` for one who never said who they are
    user: String,

    /// Do not ask first
    #[arg(long)]
    yes: bool,

    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: EraseArguments) -> Done {
    if !arguments.yes && !confirmed(&arguments.user)? {
        return Err(CliError::Failed("nothing was erased".to_string()));
    }
    let client = arguments.target.connect().await?;
    let done = erase(&client, &arguments.user, arguments.json).await;
    client.close().await?;
    done
}

fn confirmed(user: &str) -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Failed("erasing cannot be undone: add --yes".to_string()));
    }
    let asked = || -> std::io::Result<String> {
        let mut answer = String::new();
        write!(std::io::stderr(), "Erase everything about {user}? This cannot be undone [y/N] ")?;
        std::io::stdin().read_line(&mut answer)?;
        Ok(answer)
    };
    let answer = asked().map_err(|source| CliError::Unreadable { what: "the answer".to_string(), source })?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

async fn erase(client: &Client, user: &str, as_json: bool) -> Done {
    let started = client.delete(&format!("/users/{}", escape(user))).await?;
    let job = started["data"]["id"].as_str().unwrap_or_default().to_string();
    let done = watch(client, &job, "erasing").await?;
    if as_json {
        println!("{done:#}");
        return Ok(());
    }
    let report = &done["data"]["attributes"]["report"];
    println!(
        "{} events erased, {} files of the table rewritten, {} list entries taken out",
        report["events"],
        report["files"].as_array().map_or(0, Vec::len),
        report["list_entries"]
    );
    for segment in report["named_in"].as_array().into_iter().flatten() {
        println!("still named in the definition of segment {}", segment.as_str().unwrap_or_default());
    }
    Ok(())
}
