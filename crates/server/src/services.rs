//! What every request may use.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::http::HeaderMap;
use parking_lot::RwLock;
use tokio_util::task::TaskTracker;
use whodid_insights::Insights;
use whodid_insights::catalogue::Catalogue;
use whodid_intake::Enricher;
use whodid_model::{Clock, EventType, Instant, Span};
use whodid_store::{Store, StoreOptions};

use crate::auth::Rates;
use crate::auth::login_codes::LoginCodes;
use crate::client_address::TrustedProxies;
use crate::config::Config;
use crate::routes::segments::preview::Editors;
use crate::start::StartError;
use crate::tail::Tail;

/// What the names of backups in the making begin with, in the data folder.
pub(crate) const BACKUP_PREFIX: &str = "backup-";

/// How often it is looked whether events have become too old.
const EXPIRY_PERIOD: Duration = Duration::from_secs(3_600);

/// A handle; clones share it.
#[derive(Clone)]
pub(crate) struct Services(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) insights: Insights,
    pub(crate) enricher: Arc<Enricher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) trusted_proxies: RwLock<TrustedProxies>,
    pub(crate) data: PathBuf,
    /// The longest pause in a body.
    pub(crate) slow_client: Duration,
    /// Whether HTTPS is spoken here.
    pub(crate) tls: bool,
    pub(crate) rates: Rates,
    pub(crate) started_at: Instant,
    pub(crate) login_codes: LoginCodes,
    pub(crate) editors: Editors,
    pub(crate) tail: Tail,
    pub(crate) counters: Arc<Counters>,
    /// Requests whose body has arrived whole: they are finished even when their client has gone.
    pub(crate) arrived: TaskTracker,
}

impl Deref for Services {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Services {
    /// Opens the data folder, creating it if it is absent.
    pub(crate) async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Services, StartError> {
        let options = StoreOptions { tables: config.tables.clone(), ..StoreOptions::default() };
        let store = Store::open(&config.data, options, clock.clone()).await?;
        forget_backups(&config.data);
        let catalogue = Arc::new(Catalogue::open(&config.data, clock.clone()).await?);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let insights =
            Insights::new(store.clone(), catalogue, clock.clone(), config.timezone.clone(), threads);
        insights.sweep_lists_at_start().await?;
        crate::metrics::start();
        let services = Services(Arc::new(Parts {
            store,
            insights,
            enricher: Arc::new(Enricher::new()),
            started_at: clock.now(),
            clock,
            trusted_proxies: RwLock::new(config.trusted_proxies.clone()),
            data: config.data.clone(),
            slow_client: config.slow_client,
            tls: config.tls.is_some(),
            login_codes: LoginCodes::default(),
            rates: Rates::default(),
            editors: Editors::default(),
            tail: Tail::default(),
            counters: Arc::default(),
            arrived: TaskTracker::new(),
        }));
        services.set_limits(config);
        if !config.keep.is_empty() {
            tokio::spawn(remove_expired(Arc::downgrade(&services.0), config.keep.clone()));
        }
        Ok(services)
    }

    /// What can be changed while the server runs.
    pub(crate) fn set_limits(&self, config: &Config) {
        self.insights.engine().set_limits(&config.queries);
        self.rates.set_usual(config.requests_per_minute);
        *self.trusted_proxies.write() = config.trusted_proxies.clone();
    }

    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.trusted_proxies.read().client(peer, headers)
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        self.insights.catalogue()
    }

    /// Finishes what has arrived and leaves nothing in the log alone.
    pub(crate) async fn close(self) -> Result<(), StartError> {
        self.arrived.close();
        self.arrived.wait().await;
        self.insights.stop_jobs().await;
        self.store.clone().close().await?;
        self.catalogue().close().await;
        Ok(())
    }
}

/// Removes events that are older than they are kept, now and every hour.
async fn remove_expired(services: Weak<Parts>, keep: BTreeMap<EventType, Span>) {
    while let Some(insights) = services.upgrade().map(|services| services.insights.clone()) {
        match insights.remove_expired(&keep).await {
            Ok(0) => {}
            Ok(events) => tracing::info!(events, "removed events that are older than they are kept"),
            Err(error) => tracing::warn!(%error, "could not remove old events; the next hour tries again"),
        }
        drop(insights);
        tokio::time::sleep(EXPIRY_PERIOD).await;
    }
}

/// A crash may have left a backup half made.
fn forget_backups(data: &Path) {
    for entry in std::fs::read_dir(data).into_iter().flatten().flatten() {
        let left = entry.file_name().to_str().is_some_and(|name| name.starts_with(BACKUP_PREFIX));
        if left && let Err(error) = std::fs::remove_dir_all(entry.path()) {
            tracing::warn!(%error, "could not remove a backup that was not finished");
        }
    }
}

/// What has happened since the start.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) not_stored: AtomicU64,
    pub(crate) panics: AtomicU64,
    /// Requests that are not answered yet.
    pub(crate) under_way: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}
