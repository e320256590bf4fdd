//! `whodid ready`: for health checks of containers and supervisors.

use std::time::Duration;

use super::{CliError, Done};

const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct ReadyArguments {
    /// The server to ask
    #[arg(long, env = "WHODID_URL", value_name = "URL", default_value = "http://127.0.0.1:8130")]
    url: String,
}

pub(super) async fn run(arguments: ReadyArguments) -> Done {
    let url = arguments.url.trim_end_matches('/');
    let asked = reqwest::Client::new().get(format!("{url}/readyz")).timeout(PATIENCE).send().await;
    let answer = asked.map_err(|source| CliError::Unreachable { url: url.to_string(), source })?;
    if answer.status().is_success() {
        println!("ready");
        return Ok(());
    }
    Err(CliError::Failed(format!("{url} answers {}", answer.status())))
}
