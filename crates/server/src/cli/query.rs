//! `whodid query`.

use serde_json::{Value, json};

use super::client::{Client, Target};
use super::table::grouped;
use super::{CliError, Done};

#[derive(Debug, clap::Args)]
pub(super) struct QueryArguments {
    #[command(flatten)]
    target: Target,

    /// The search, such as '@type:view @view.url_path:/cart'
    #[arg(allow_hyphen_values = true)]
    search: String,

    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: QueryArguments) -> Done {
    let client = arguments.target.connect().await?;
    let answer = ask(&client, &arguments.search).await;
    client.close().await?;
    let (explanation, counts) = answer?;
    if arguments.json {
        println!("{:#}", json!({"explanation": explanation, "count": counts.events, "users": counts.users}));
        return Ok(());
    }
    print!("{}", explanation["explanation"].as_str().unwrap_or_default());
    for warning in explanation["warnings"].as_array().into_iter().flatten() {
        eprintln!("note: {}", warning["message"].as_str().unwrap_or_default());
    }
    println!("\n{} events, {} identified users", grouped(counts.events), grouped(counts.users));
    Ok(())
}

struct Counts {
    events: u64,
    users: u64,
}

async fn ask(client: &Client, search: &str) -> Result<(Value, Counts), CliError> {
    let mut answer = client.post("/queries/explain", "query_explanation", json!({"query": search})).await?;
    let explanation = answer["data"]["attributes"].take();
    let events = count(client, search, json!({"aggregation": "count"})).await?;
    let users = count(client, search, json!({"aggregation": "cardinality", "metric": "@usr.id"})).await?;
    Ok((explanation, Counts { events, users }))
}

/// Over all time, which ends now.
async fn count(client: &Client, search: &str, compute: Value) -> Result<u64, CliError> {
    const END_OF_TIME_MS: i64 = 4_102_444_800_000;
    let attributes = json!({
        "from": 0,
        "to": END_OF_TIME_MS,
        "query": {"query": {"data_source": "product_analytics", "search": {"query": search}}, "compute": compute},
    });
    let answer = client.post("/analytics/scalar", "formula_analytics_extended_request", attributes).await?;
    let columns = answer["data"]["attributes"]["columns"].as_array().cloned().unwrap_or_default();
    let number = columns.iter().find(|column| column["type"] == "number").map(|column| &column["values"][0]);
    Ok(number.and_then(Value::as_f64).unwrap_or(0.0) as u64)
}
