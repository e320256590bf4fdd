//! `whodid serve`.

use super::Done;
use crate::config::ServeFlags;
use crate::start::{Server, asked_to_reload, asked_to_stop, system_clock};

pub(super) async fn run(flags: ServeFlags) -> Done {
    let config = flags.clone().settle()?;
    let server = Server::start(&config, system_clock()).await?;
    eprintln!("Listening on {}, data in {}", server.url(), config.data.display());
    eprintln!("Log in once within 15 minutes: {}", server.login_link());
    tokio::select! {
        () = asked_to_stop() => {}
        () = reload(&server, &flags) => {}
    }
    eprintln!("Stopping");
    Ok(server.stop().await?)
}

/// Again and again, when asked to. What is wrong with the new configuration changes nothing.
async fn reload(server: &Server, flags: &ServeFlags) {
    loop {
        asked_to_reload().await;
        let outcome = match flags.clone().settle() {
            Ok(config) => server.reload(&config).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match outcome {
            Ok(()) => tracing::info!("configuration read again"),
            Err(error) => tracing::error!(error, "the configuration stays as it was"),
        }
    }
}
