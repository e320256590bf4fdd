//! `whodid segment`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, Target, escape};
use super::{CliError, Done};

mod as_code;
mod import;
mod print;

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
    /// Why an entity is in a segment, or is not
    Why {
        /// Its id or name
        segment: String,
        /// The id of a user or an account
        entity: String,
        /// As of this instant instead of now
        #[arg(long, value_name = "INSTANT")]
        at: Option<String>,
    },
    /// Everyone in a segment as a file
    Export {
        /// Its id or name
        segment: String,
        #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
        format: ExportFormat,
        /// Where to write; absent: to standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// With each member's profile
        #[arg(long)]
        profile: bool,
        /// As of this instant instead of now
        #[arg(long, value_name = "INSTANT")]
        at: Option<String>,
    },
    /// How a segment's size went
    History {
        /// Its id or name
        segment: String,
        /// The first instant; absent: 30 days before the last
        #[arg(long, value_name = "INSTANT")]
        from: Option<String>,
        /// The last instant; absent: now
        #[arg(long, value_name = "INSTANT")]
        to: Option<String>,
        /// hour, day, week, month or a duration such as 6h
        #[arg(long, default_value = "day")]
        step: String,
    },
    /// Who joined and left: between two instants, or if the definition were another
    Diff {
        /// Its id or name
        segment: String,
        /// The earlier instant
        #[arg(long, value_name = "INSTANT", required_unless_present = "with", conflicts_with = "with")]
        from: Option<String>,
        /// The later instant, or that at which to compare definitions; absent: now
        #[arg(long, value_name = "INSTANT")]
        to: Option<String>,
        /// The definition to compare with: YAML or JSON; `-` reads standard input
        #[arg(long, value_name = "FILE")]
        with: Option<String>,
    },
    /// How much segments share
    Compare {
        /// Ids or names, 2 to 20
        #[arg(required = true, num_args = 2..)]
        segments: Vec<String>,
        /// As of this instant instead of now
        #[arg(long, value_name = "INSTANT")]
        at: Option<String>,
    },
    /// Make the saved segments be those of some files: create what is missing, change what differs
    Apply {
        /// YAML or JSON files, or folders of them; `-` reads standard input
        #[arg(required = true, value_name = "FILE|DIR")]
        from: Vec<String>,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        /// Delete the segments that are not in the files
        #[arg(long)]
        prune: bool,
    },
    /// Write every segment down as YAML, for `apply`: one file each, or all to standard output
    ExportYaml {
        /// Made if it is absent
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// Make a segment from a file of user ids or e-mail addresses, or change one
    Import(import::ImportArguments),
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

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ExportFormat {
    Csv,
    Ndjson,
    Parquet,
}

pub(super) async fn run(arguments: SegmentArguments) -> Done {
    let client = match &arguments.command {
        SegmentCommand::Import(_) => arguments.target.connect_or_create().await?,
        _ => arguments.target.connect().await?,
    };
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
            let path = format!("/segments/{}/members{}", escape(&id), parameters(&[("at", at)]));
            json!({"data": client.pages(&path).await?})
        }
        SegmentCommand::Why { segment, entity, at } => {
            let id = find(client, segment).await?;
            let path = format!("/segments/{}/members/{}/why", escape(&id), escape(entity));
            client.get(&format!("{path}{}", parameters(&[("at", at)]))).await?
        }
        SegmentCommand::Export { segment, format, output, profile, at } => {
            return export(client, segment, *format, output.as_deref(), *profile, at).await;
        }
        SegmentCommand::Apply { from, dry_run, prune } => {
            as_code::apply(client, from, *dry_run, *prune).await?
        }
        SegmentCommand::ExportYaml { folder } => return as_code::export(client, folder.as_deref()).await,
        SegmentCommand::History { segment, from, to, step } => {
            let id = find(client, segment).await?;
            let step = Some(step.clone());
            let parameters = parameters(&[("from", from), ("to", to), ("step", &step)]);
            client.get(&format!("/segments/{}/history{parameters}", escape(&id))).await?
        }
        SegmentCommand::Diff { segment, from, to, with } => {
            let path = format!("/segments/{}/diff", escape(&find(client, segment).await?));
            match with {
                Some(file) => {
                    let attributes = json!({"definition": read_definition(file)?, "at": to});
                    client.post(&path, "segment_diff", attributes).await?
                }
                None => client.get(&format!("{path}{}", parameters(&[("from", from), ("to", to)]))).await?,
            }
        }
        SegmentCommand::Compare { segments, at } => {
            let mut ids = Vec::new();
            for segment in segments {
                ids.push(find(client, segment).await?);
            }
            client
                .post("/segments/compare", "segment_comparison", json!({"segment_ids": ids, "at": at}))
                .await?
        }
        SegmentCommand::Import(arguments) => import::import(client, arguments).await?,
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
        SegmentCommand::Preview { .. } => print::preview(&answer),
        SegmentCommand::List => print::list(&answer),
        SegmentCommand::Show { .. } | SegmentCommand::Create { .. } => print::segment(&answer["data"]),
        SegmentCommand::Members { .. } => print::ids(&answer["data"]),
        SegmentCommand::Why { .. } => print::why(&answer),
        SegmentCommand::History { .. } => print::history(&answer),
        SegmentCommand::Diff { .. } => print::diff(&answer),
        SegmentCommand::Compare { .. } => print::comparison(&answer),
        SegmentCommand::Apply { .. } => print::plan(&answer),
        SegmentCommand::Import(_) => import::print(&answer),
        SegmentCommand::Export { .. } | SegmentCommand::ExportYaml { .. } => {}
    }
    Ok(())
}

/// `?name=value&…` of those that have a value.
fn parameters(parameters: &[(&str, &Option<String>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let pairs: Vec<String> = given.map(|(name, value)| format!("{name}={}", escape(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

async fn export(
    client: &Client,
    segment: &str,
    format: ExportFormat,
    output: Option<&Path>,
    profile: bool,
    at: &Option<String>,
) -> Done {
    let id = find(client, segment).await?;
    let extension = match format {
        ExportFormat::Csv => "csv",
        ExportFormat::Ndjson => "ndjson",
        ExportFormat::Parquet => "parquet",
    };
    let include = profile.then(|| "profile".to_string());
    let parameters = parameters(&[("at", at), ("include", &include)]);
    let path = format!("/segments/{}/members.{extension}{parameters}", escape(&id));
    match output {
        None => client.download(&path, &mut std::io::stdout().lock()).await,
        Some(file) => {
            let unwritable = |source| CliError::Unreadable { what: file.display().to_string(), source };
            // A file of that name appears once it is whole.
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut part =
                tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(unwritable)?;
            client.download(&path, &mut part).await?;
            part.persist(file).map_err(|error| unwritable(error.error))?;
            Ok(())
        }
    }
}

/// A definition from a file: YAML, of which JSON is a part.
fn read_definition(file: &str) -> Result<Value, CliError> {
    let contents = read_file(file)?;
    serde_saphyr::from_str(&contents)
        .map_err(|error| CliError::Failed(format!("{file} is neither YAML nor JSON: {error}")))
}

fn read_file(file: &str) -> Result<String, CliError> {
    let mut contents = String::new();
    let read = if file == "-" {
        std::io::stdin().read_to_string(&mut contents).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|read| contents = read)
    };
    read.map_err(|source| CliError::Unreadable { what: file.to_string(), source })?;
    Ok(contents)
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

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}
