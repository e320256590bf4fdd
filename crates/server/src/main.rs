//! `whodid`: one binary for everything.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    whodid_server::cli::run().await
}
