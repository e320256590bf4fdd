//! A running server: opened, listening, and stopped so that nothing is lost.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;
use whodid_insights::catalogue::{NewKey, PageRequest, Scope};
use whodid_insights::{InsightError, Insights, Refreshed};
use whodid_model::{Clock, limits};
use whodid_store::StoreError;

use crate::config::{Config, ConfigError};
use crate::routes;
use crate::services::Services;

/// How often it is looked whether a segment's record is due.
const REFRESH_EVERY: Duration = Duration::from_secs(60);

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
    #[error("the certificate {path} and its key can't be used: {source}")]
    Tls { path: std::path::PathBuf, source: std::io::Error },
    #[error("the log: {0}")]
    Telemetry(String),
    #[error("the demo data: {0}")]
    Demo(String),
}

/// A server that answers. Dropping it without [`Server::stop`] leaves the last seconds in the log, to be recovered.
pub struct Server {
    services: Services,
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    tls: Option<RustlsConfig>,
    drain: Duration,
    serving: JoinHandle<std::io::Result<()>>,
    refreshing: AbortOnDropHandle<()>,
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
        let tls = match &config.tls {
            Some((certificate, key)) => Some(read_certificate(certificate, key).await?),
            None => None,
        };
        let listener = std::net::TcpListener::bind(config.listen).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let app = routes::app(services.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let handle = Handle::new();
        let mut plain = axum_server::from_tcp(listener).map_err(listen)?.handle(handle.clone());
        bound(plain.http_builder(), config.slow_client);
        let serving = match tls.clone() {
            None => tokio::spawn(plain.acceptor(NoDelayAcceptor).serve(app)),
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor);
                tokio::spawn(plain.acceptor(acceptor).serve(app))
            }
        };
        let refreshing = AbortOnDropHandle::new(tokio::spawn(keep_refreshing(services.insights.clone())));
        let server = Server { services, address, handle, tls, drain: config.drain, serving, refreshing };
        if let Some(path) = &config.write_address {
            std::fs::write(path, format!("{}\n", server.url()))
                .map_err(|source| StartError::WriteAddress { path: path.clone(), source })?;
        }
        Ok(server)
    }

    /// Takes over what can be changed while it runs: limits, trusted proxies, and certificates, which are read again.
    /// Keys are always those of the catalogue.
    pub async fn reload(&self, config: &Config) -> Result<(), StartError> {
        if let (Some(tls), Some((certificate, key))) = (&self.tls, &config.tls) {
            let reloaded = tls.reload_from_pem_file(certificate, key).await;
            reloaded.map_err(|source| StartError::Tls { path: certificate.clone(), source })?;
        }
        self.services.set_limits(config);
        Ok(())
    }

    /// Records what is due of every dynamic segment now.
    pub async fn refresh(&self) -> Result<Refreshed, StartError> {
        Ok(self.services.insights.refresh_due().await?)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// An address that logs one browser in, once. What follows `#` is never sent, so it stands in no log.
    pub fn login_link(&self) -> String {
        format!("{}/login#code={}", self.url(), self.services.login_codes.make(self.services.clock.now()))
    }

    /// Answers what is under way, takes no more, and writes everything down.
    pub async fn stop(self) -> Result<(), StartError> {
        self.refreshing.abort();
        self.handle.graceful_shutdown(Some(self.drain));
        if self.serving.await.is_err() {
            tracing::warn!("the server did not stop in order");
        }
        self.services.close().await
    }
}

/// Keeps the record of dynamic segments for as long as the server runs.
async fn keep_refreshing(insights: Insights) {
    let mut ticks = tokio::time::interval(REFRESH_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = insights.refresh_due().await {
            tracing::warn!(%error, "segments could not be refreshed");
        }
    }
}

/// Slow and oversized heads of requests are not waited for.
fn bound(builder: &mut Builder<TokioExecutor>, slow_client: Duration) {
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(slow_client)
        .max_buf_size(limits::HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits::HEADER_BYTES as u32)
        .keep_alive_interval(slow_client)
        .keep_alive_timeout(slow_client);
}

async fn read_certificate(certificate: &Path, key: &Path) -> Result<RustlsConfig, StartError> {
    // Two providers are linked in, so one has to be chosen; a second call finds it chosen.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let read = RustlsConfig::from_pem_file(certificate, key).await;
    read.map_err(|source| StartError::Tls { path: certificate.to_path_buf(), source })
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

/// The next time that somebody asks to read the configuration again (SIGHUP).
pub(crate) async fn asked_to_reload() {
    #[cfg(unix)]
    if let Ok(mut signal) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
        signal.recv().await;
        return;
    }
    std::future::pending().await
}

/// The clock of a real server.
pub fn system_clock() -> Arc<dyn Clock> {
    Arc::new(whodid_model::SystemClock)
}
