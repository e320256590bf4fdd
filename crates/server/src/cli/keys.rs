//! `whodid keys`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::client::{Client, Target};
use super::table::table;
use super::{CliError, Done};

#[derive(Debug, Args)]
pub(super) struct KeysArguments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// All keys, revoked ones too
    List,
    /// Make a key; its secret is shown only this once
    Create {
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        scope: KeyScope,
        /// The only application whose events it takes
        #[arg(long, value_name = "ID")]
        application: Option<String>,
        /// The only origins whose pages may use it, such as https://shop.example
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<String>,
        /// The first instant at which it opens nothing any more
        #[arg(long, value_name = "INSTANT")]
        expires_at: Option<String>,
        /// How many requests a minute it may make
        #[arg(long, value_name = "N")]
        requests_per_minute: Option<u32>,
    },
    /// Make a key that takes over from another, which goes on for a while; its secret is shown only this once
    Rotate {
        id: String,
        /// How long the old one goes on
        #[arg(long, default_value = "24h", value_name = "DURATION")]
        overlap: String,
    },
    /// Make a key useless for good
    Revoke { id: String },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KeyScope {
    /// Send events
    Ingest,
    /// Ask questions
    Read,
    /// Change segments too
    Write,
    /// Everything
    Admin,
}

pub(super) async fn run(arguments: KeysArguments) -> Done {
    let client = arguments.target.connect().await?;
    let done = act(&client, arguments.command).await;
    client.close().await?;
    done
}

async fn act(client: &Client, command: KeysCommand) -> Done {
    match command {
        KeysCommand::List => list(client).await,
        KeysCommand::Create { name, scope, application, origins, expires_at, requests_per_minute } => {
            let scope = scope.to_possible_value().map_or(String::new(), |value| value.get_name().to_string());
            let attributes = json!({
                "name": name, "scope": scope, "application_id": application, "origins": origins,
                "expires_at": expires_at, "requests_per_minute": requests_per_minute,
            });
            show_secret(&client.post("/keys", "key", attributes).await?);
            Ok(())
        }
        KeysCommand::Rotate { id, overlap } => {
            let path = format!("/keys/{}/rotate", super::client::escape(&id));
            show_secret(&client.post(&path, "key_rotation", json!({"overlap": overlap})).await?);
            Ok(())
        }
        KeysCommand::Revoke { id } => {
            client.delete(&format!("/keys/{}", super::client::escape(&id))).await.map(|_| ())
        }
    }
}

fn show_secret(made: &Value) {
    println!("{}", made["data"]["attributes"]["secret"].as_str().unwrap_or_default());
}

async fn list(client: &Client) -> Result<(), CliError> {
    let mut rows = vec![["id", "name", "scope", "begins with", "made", "state"].map(String::from).to_vec()];
    for key in client.pages("/keys").await? {
        let attributes = &key["attributes"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let state = if attributes["revoked_at"].is_null() { "live" } else { "revoked" };
        rows.push(vec![
            text(&key["id"]),
            text(&attributes["name"]),
            text(&attributes["scope"]),
            text(&attributes["prefix"]),
            text(&attributes["created_at"]),
            state.to_string(),
        ]);
    }
    print!("{}", table(&rows));
    Ok(())
}
