//! `whodid segment`.

use std::io::Read;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, Target, escape};
use super::table::{grouped, table};
use super::{CliError, Done};

#[derive(Debug, Args)]
pub(super) struct SegmentArguments {
    #[command(flatten)]
    target: Target,

    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: SegmentCommand,
}

#[derive(Debug, Subcommand)]
enum SegmentCommand {
    /// Who is in a definition, without saving it
    Preview {
        /// YAML or JSON; `-` reads standard input
        file: String,
        /// As of this instant instead of now
        #[arg(long, value_name = "INSTANT")]
        at: Option<String>,
    },
    /// All segments
    List,
    /// One segment with its definition
    Show { segment: String },
    /// The ids of everyone in a segment, one a line
    Members {
        /// Its id or name
        segment: String,
        /// As of this instant instead of now
        #[arg(long, value_name = "INSTANT")]
        at: Option<String>,
    },
    /// Save a definition
    Create {
        name: String,
        /// YAML or JSON; `-` reads standard input
        file: String,
        #[arg(long, default_value = "")]
        description: String,
        #[arg(long = "tag")]
        tags: Vec<String>,
    },
}

pub(super) async fn run(arguments: SegmentArguments) -> Done {
    let client = arguments.target.connect().await?;
    let done = act(&client, arguments.command, arguments.json).await;
    client.close().await?;
    done
}

async fn act(client: &Client, command: SegmentCommand, as_json: bool) -> Done {
    let answer = match &command {
        SegmentCommand::Preview { file, at } => {
            let attributes = json!({"definition": read_definition(file)?, "at": at});
            client.post("/segments/preview", "segment_preview", attributes).await?
        }
        SegmentCommand::List => json!({"data": client.pages("/segments").await?}),
        SegmentCommand::Show { segment } => {
            let id = find(client, segment).await?;
            client.get(&format!("/segments/{}", escape(&id))).await?
        }
        SegmentCommand::Members { segment, at } => {
            let id = find(client, segment).await?;
            let at = at.as_ref().map_or(String::new(), |at| format!("?at={}", escape(at)));
            json!({"data": client.pages(&format!("/segments/{}/members{at}", escape(&id))).await?})
        }
        SegmentCommand::Create { name, file, description, tags } => {
            let definition = read_definition(file)?;
            let attributes =
                json!({"name": name, "description": description, "tags": tags, "definition": definition});
            client.post("/segments", "segment", attributes).await?
        }
    };
    if as_json {
        println!("{answer:#}");
        return Ok(());
    }
    match command {
        SegmentCommand::Preview { .. } => print_preview(&answer),
        SegmentCommand::List => print_list(&answer),
        SegmentCommand::Show { .. } | SegmentCommand::Create { .. } => print_segment(&answer["data"]),
        SegmentCommand::Members { .. } => {
            for member in answer["data"].as_array().into_iter().flatten() {
                println!("{}", text(&member["id"]));
            }
        }
    }
    Ok(())
}

/// A definition from a file: YAML, of which JSON is a part.
fn read_definition(file: &str) -> Result<Value, CliError> {
    let mut contents = String::new();
    let read = if file == "-" {
        std::io::stdin().read_to_string(&mut contents).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|read| contents = read)
    };
    read.map_err(|source| CliError::Unreadable { what: file.to_string(), source })?;
    serde_saphyr::from_str(&contents)
        .map_err(|error| CliError::Failed(format!("{file} is neither YAML nor JSON: {error}")))
}

/// The id of a segment given by id or by name.
async fn find(client: &Client, segment: &str) -> Result<String, CliError> {
    let all = client.pages("/segments").await?;
    let by = |is_it: &dyn Fn(&Value) -> bool| all.iter().find(|one| is_it(one)).map(|one| text(&one["id"]));
    by(&|one| one["id"] == segment)
        .or_else(|| by(&|one| text(&one["attributes"]["name"]).eq_ignore_ascii_case(segment)))
        .ok_or_else(|| {
            let names: Vec<String> = all.iter().map(|one| text(&one["attributes"]["name"])).collect();
            CliError::Failed(format!("there is no segment `{segment}`; there are: {}", names.join(", ")))
        })
}

fn print_preview(answer: &Value) {
    let attributes = &answer["data"]["attributes"];
    println!("{}\n", text(&attributes["echo"]));
    let (count, population) = (number(&attributes["count"]), number(&attributes["population"]));
    println!("{} of {}, as of {}", grouped(count), grouped(population), text(&answer["meta"]["as_of"]));
    let clauses = attributes["clauses"].as_array().cloned().unwrap_or_default();
    if clauses.len() > 1 {
        let mut rows = vec![vec!["clause".to_string(), "alone".to_string()]];
        rows.extend(
            clauses.iter().map(|clause| vec![text(&clause["pointer"]), grouped(number(&clause["count"]))]),
        );
        print!("\n{}", table(&rows));
    }
    let sample: Vec<String> = attributes["sample"].as_array().into_iter().flatten().map(text).collect();
    if !sample.is_empty() {
        println!("\nsuch as {}", sample.join(", "));
    }
    for warning in attributes["warnings"].as_array().into_iter().flatten() {
        eprintln!("note: {}: {}", text(&warning["pointer"]), text(&warning["message"]));
    }
}

fn print_list(answer: &Value) {
    let mut rows =
        vec![["id", "name", "entity", "size", "version", "description"].map(String::from).to_vec()];
    for segment in answer["data"].as_array().into_iter().flatten() {
        let attributes = &segment["attributes"];
        rows.push(vec![
            text(&segment["id"]),
            text(&attributes["name"]),
            text(&attributes["entity"]),
            grouped(number(&attributes["size"])),
            number(&attributes["version"]).to_string(),
            text(&attributes["description"]),
        ]);
    }
    print!("{}", table(&rows));
}

fn print_segment(segment: &Value) {
    let attributes = &segment["attributes"];
    println!("{} ({}, version {})", text(&attributes["name"]), text(&segment["id"]), attributes["version"]);
    if !text(&attributes["description"]).is_empty() {
        println!("{}", text(&attributes["description"]));
    }
    println!("\n{}\n", text(&attributes["echo"]));
    if let Some(size) = attributes["size"].as_u64() {
        println!("{} members as of {}\n", grouped(size), text(&attributes["size_as_of"]));
    }
    println!("{:#}", attributes["definition"]);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
