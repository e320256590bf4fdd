//! `whodid serve`.

use super::Done;
use crate::config::ServeFlags;
use crate::start::{Server, asked_to_stop, system_clock};

pub(super) async fn run(flags: ServeFlags) -> Done {
    let config = flags.settle()?;
    let server = Server::start(&config, system_clock()).await?;
    eprintln!("Listening on {}, data in {}", server.url(), config.data.display());
    eprintln!("Log in once within 15 minutes: {}", server.login_link());
    asked_to_stop().await;
    eprintln!("Stopping");
    Ok(server.stop().await?)
}
