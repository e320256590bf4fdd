//! A running server: opened, listening, and stopped so that nothing is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::ServiceExt;
use axum::extract::Request;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use whodid_insights::InsightError;
use whodid_insights::catalogue::{NewKey, PageRequest, Scope};
use whodid_model::Clock;
use whodid_store::StoreError;

use crate::config::{Config, ConfigError};
use crate::routes;
use crate::services::Services;

/// How long a stop waits for requests that are under way.
const STOP_GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the data folder: {0}")]
    Store(#[from] StoreError),
    #[error("the catalogue: {0}")]
    Insights(#[from] InsightError),
    #[error("can't listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("can't write the address to {path}: {source}")]
    WriteAddress { path: std::path::PathBuf, source: std::io::Error },
    #[error("the demo data: {0}")]
    Demo(String),
}

/// A server that answers. Dropping it without [`Server::stop`] leaves the last seconds in the log, to be recovered.
pub struct Server {
    services: Services,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Opens the data folder, makes the first keys if there are none, and listens.
    pub async fn start(config: &Config, clock: Arc<dyn Clock>) -> Result<Server, StartError> {
        let services = Services::open(config, clock).await?;
        make_first_keys(&services, config).await?;
        Server::serve(services, config).await
    }

    pub(crate) async fn serve(services: Services, config: &Config) -> Result<Server, StartError> {
        let listen = |source| StartError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let app = ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(routes::app(
            services.clone(),
        ));
        let serving = tokio::spawn(async move {
            axum::serve(listener, app)
                .with_graceful_shutdown(async {
                    stopped.await.ok();
                })
                .await
        });
        if let Some(path) = &config.write_address {
            std::fs::write(path, format!("http://{address}\n"))
                .map_err(|source| StartError::WriteAddress { path: path.clone(), source })?;
        }
        Ok(Server { services, address, stop, serving })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An address that logs one browser in, once. What follows `#` is never sent, so it stands in no log.
    pub fn login_link(&self) -> String {
        format!("{}/login#code={}", self.url(), self.services.login_codes.make(self.services.clock.now()))
    }

    /// Answers what is under way, takes no more, and writes everything down.
    pub async fn stop(self) -> Result<(), StartError> {
        self.stop.send(()).ok();
        if tokio::time::timeout(STOP_GRACE, self.serving).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        self.services.close().await
    }
}

/// A first start has one key that may ingest and one that may do everything. Secrets that were not given are printed
/// once; only their hashes are kept.
pub(crate) async fn make_first_keys(services: &Services, config: &Config) -> Result<(), StartError> {
    let catalogue = services.catalogue();
    if !catalogue.list_keys(&PageRequest { after: None, limit: 1 }).await?.items.is_empty() {
        return Ok(());
    }
    let firsts = [
        ("First ingest key", Scope::Ingest, &config.bootstrap_api_key),
        ("First admin key", Scope::Admin, &config.bootstrap_app_key),
    ];
    for (name, scope, given) in firsts {
        let new = NewKey { secret: given.clone(), ..NewKey::new(name, scope) };
        let (_, secret) = catalogue.create_key(new).await?;
        if given.is_none() {
            eprintln!("Made a key that may {scope}; it is shown only this once: {secret}");
        }
    }
    Ok(())
}

/// Until a person or the system asks to stop.
pub(crate) async fn asked_to_stop() {
    let interrupt = async {
        tokio::signal::ctrl_c().await.ok();
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

/// The clock of a real server.
pub fn system_clock() -> Arc<dyn Clock> {
    Arc::new(whodid_model::SystemClock)
}
