//! What every request may use.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::task::TaskTracker;
use whodid_insights::Insights;
use whodid_insights::catalogue::Catalogue;
use whodid_intake::Enricher;
use whodid_model::{Clock, Instant};
use whodid_store::{Store, StoreOptions};

use crate::auth::Rates;
use crate::auth::login_codes::LoginCodes;
use crate::client_address::TrustedProxies;
use crate::config::Config;
use crate::routes::segments::preview::Editors;
use crate::start::StartError;
use crate::tail::Tail;

/// A handle; clones share it.
#[derive(Clone)]
pub(crate) struct Services(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) insights: Insights,
    pub(crate) enricher: Arc<Enricher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) data: PathBuf,
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
        let catalogue = Arc::new(Catalogue::open(&config.data, clock.clone()).await?);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let insights =
            Insights::new(store.clone(), catalogue, clock.clone(), config.timezone.clone(), threads);
        insights.sweep_lists_at_start().await?;
        Ok(Services(Arc::new(Parts {
            store,
            insights,
            enricher: Arc::new(Enricher::new()),
            started_at: clock.now(),
            clock,
            trusted_proxies: config.trusted_proxies.clone(),
            data: config.data.clone(),
            login_codes: LoginCodes::default(),
            rates: Rates::default(),
            editors: Editors::default(),
            tail: Tail::default(),
            counters: Arc::default(),
            arrived: TaskTracker::new(),
        })))
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

/// What has happened since the start.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) not_stored: AtomicU64,
    pub(crate) panics: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}
