//! `whodid people`.

use std::io::{BufRead, IsTerminal};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::client::{Client, Target, escape};
use super::table::table;
use super::{CliError, Done};

#[derive(Debug, Args)]
pub(super) struct PeopleArguments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: PeopleCommand,
}

#[derive(Debug, Subcommand)]
enum PeopleCommand {
    /// Everybody who may log in
    List,
    /// Add somebody; the password is the first line of the standard input
    Add {
        email: String,
        #[arg(long)]
        name: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: PersonRole,
    },
    /// Change somebody's role
    Role {
        email: String,
        #[arg(value_enum)]
        role: PersonRole,
    },
    /// Give somebody another password: the first line of the standard input
    Password { email: String },
    /// Remove somebody
    Rm { email: String },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PersonRole {
    /// Ask questions
    Viewer,
    /// Change segments too
    Editor,
    /// Everything
    Admin,
}

impl PersonRole {
    fn name(self) -> String {
        self.to_possible_value().map_or(String::new(), |value| value.get_name().to_string())
    }
}

pub(super) async fn run(arguments: PeopleArguments) -> Done {
    let client = arguments.target.connect().await?;
    let done = act(&client, arguments.command).await;
    client.close().await?;
    done
}

async fn act(client: &Client, command: PeopleCommand) -> Done {
    match command {
        PeopleCommand::List => list(client).await,
        PeopleCommand::Add { email, name, role } => {
            let person = json!({"email": email, "name": name, "role": role.name(), "password": password()?});
            client.post("/people", "person", person).await.map(|_| ())
        }
        PeopleCommand::Role { email, role } => change(client, &email, json!({"role": role.name()})).await,
        PeopleCommand::Password { email } => change(client, &email, json!({"password": password()?})).await,
        PeopleCommand::Rm { email } => {
            let id = find(client, &email).await?;
            client.delete(&format!("/people/{}", escape(&id))).await.map(|_| ())
        }
    }
}

async fn change(client: &Client, email: &str, attributes: Value) -> Done {
    let id = find(client, email).await?;
    client.patch(&format!("/people/{}", escape(&id)), "person", attributes).await.map(|_| ())
}

async fn find(client: &Client, email: &str) -> Result<String, CliError> {
    let people = client.pages("/people").await?;
    let has = |person: &&Value| {
        person["attributes"]["email"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(email))
    };
    let found = people.iter().find(has).and_then(|person| person["id"].as_str());
    found.map(str::to_string).ok_or_else(|| {
        CliError::Failed(format!("nobody has the address {email}; `whodid people list` shows everybody"))
    })
}

/// Never an argument: those are seen by everybody on the machine.
fn password() -> Result<String, CliError> {
    if std::io::stdin().is_terminal() {
        eprintln!("Type the password, which is shown as you type, and press return:");
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|source| CliError::Unreadable { what: "the password".to_string(), source })?;
    Ok(line.trim_end_matches(['\r', '\n']).to_string())
}

async fn list(client: &Client) -> Done {
    let mut rows = vec![["id", "address", "name", "role", "last login"].map(String::from).to_vec()];
    for person in client.pages("/people").await? {
        let attributes = &person["attributes"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        rows.push(vec![
            text(&person["id"]),
            text(&attributes["email"]),
            text(&attributes["name"]),
            text(&attributes["role"]),
            text(&attributes["last_login_at"]),
        ]);
    }
    print!("{}", table(&rows));
    Ok(())
}
