//! What a server is told when it starts. A flag wins over its environment variable, that over the configuration file,
//! that over the default.

pub(crate) mod describe;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use jiff::tz::TimeZone;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use whodid_insights::QueryLimits;
use whodid_model::limits;
use whodid_model::{EventType, Span};

use crate::client_address::{TrustedProxies, TrustedProxiesError};

/// The flags as given. The configuration file (TOML) has a key for each, spelled like the flag.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServeFlags {
    /// The folder that keeps everything [default: ./data]
    #[arg(long, env = "WHODID_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Where a new data folder's tables are to lie, such as s3://bucket/prefix; the folder remembers it [default: in it]
    #[arg(long, env = "WHODID_TABLES", value_name = "URL")]
    pub tables: Option<String>,

    /// How long events are kept: one duration for all, or such as view:90d,action:400d,server:400d [default: for ever]
    #[arg(long, env = "WHODID_KEEP", value_name = "DURATIONS")]
    pub keep: Option<String>,

    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8130]
    #[arg(long, env = "WHODID_LISTEN", value_name = "ADDR")]
    pub listen: Option<String>,

    /// Write the address that is listened on into this file once requests are answered
    #[arg(long, env = "WHODID_WRITE_ADDRESS", value_name = "FILE")]
    pub write_address: Option<PathBuf>,

    /// Time zone of calendar windows that name none [default: UTC]
    #[arg(long, env = "WHODID_TIMEZONE", value_name = "NAME")]
    pub timezone: Option<String>,

    /// Networks whose X-Forwarded-For is believed, or `none` [default: this machine and private networks]
    #[arg(long, env = "WHODID_TRUSTED_PROXIES", value_name = "NETWORKS")]
    pub trusted_proxies: Option<String>,

    /// Secret of the first key that may ingest, made when there are no keys yet [default: a random one, printed]
    #[arg(long, env = "WHODID_BOOTSTRAP_API_KEY", value_name = "SECRET", hide_env_values = true)]
    pub bootstrap_api_key: Option<String>,

    /// Secret of the first key that may do everything, made when there are no keys yet [default: a random one, printed]
    #[arg(long, env = "WHODID_BOOTSTRAP_APP_KEY", value_name = "SECRET", hide_env_values = true)]
    pub bootstrap_app_key: Option<String>,

    /// Certificates of this server, in PEM; with it HTTPS is spoken
    #[arg(long, env = "WHODID_TLS_CERTIFICATE", value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,

    /// Private key of the certificate, in PEM
    #[arg(long, env = "WHODID_TLS_KEY", value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,

    /// How log lines are written [default: text]
    #[arg(long, env = "WHODID_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// Which log lines are written, such as info or warn,whodid_server=debug [default: warn,whodid_server=info]
    #[arg(long, env = "WHODID_LOG", value_name = "FILTER")]
    pub log: Option<String>,

    /// Where traces go by OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces [default: nowhere]
    #[arg(long, env = "WHODID_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// Questions that run at the same time [default: 8]
    #[arg(long, env = "WHODID_QUERIES_AT_ONCE", value_name = "N")]
    pub queries_at_once: Option<usize>,

    /// Questions that wait for their turn; more are refused [default: 200]
    #[arg(long, env = "WHODID_QUERIES_WAITING", value_name = "N")]
    pub queries_waiting: Option<usize>,

    /// Longest run of a question, in seconds [default: 60]
    #[arg(long, env = "WHODID_QUERY_SECONDS", value_name = "SECONDS")]
    pub query_seconds: Option<u64>,

    /// Most memory of the operators of all questions together, in MiB [default: 2048]
    #[arg(long, env = "WHODID_QUERY_MEMORY_MIB", value_name = "MIB")]
    pub query_memory_mib: Option<usize>,

    /// Requests a minute of a key that asks or changes and says nothing else [default: 1200]
    #[arg(long, env = "WHODID_REQUESTS_PER_MINUTE", value_name = "N")]
    pub requests_per_minute: Option<u32>,

    /// How long a request's head, or a pause in its body, may take, in seconds [default: 20]
    #[arg(long, env = "WHODID_SLOW_CLIENT_SECONDS", value_name = "SECONDS")]
    pub slow_client_seconds: Option<u64>,

    /// How long a stop waits for requests that are under way, in seconds [default: 10]
    #[arg(long, env = "WHODID_DRAIN_SECONDS", value_name = "SECONDS")]
    pub drain_seconds: Option<u64>,

    /// Read flags that are not given from this file
    #[arg(long, env = "WHODID_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

/// The flags, settled.
#[derive(Clone, Debug)]
pub struct Config {
    pub data: PathBuf,
    pub tables: Option<String>,
    /// How long events of a type are kept; for ever if it is not among these.
    pub keep: BTreeMap<EventType, Span>,
    pub listen: SocketAddr,
    pub write_address: Option<PathBuf>,
    pub timezone: TimeZone,
    pub trusted_proxies: TrustedProxies,
    pub bootstrap_api_key: Option<String>,
    pub bootstrap_app_key: Option<String>,
    /// Certificates and private key.
    pub tls: Option<(PathBuf, PathBuf)>,
    pub log_format: LogFormat,
    pub log: Option<String>,
    pub otlp_endpoint: Option<String>,
    pub queries: QueryLimits,
    pub requests_per_minute: u32,
    pub slow_client: Duration,
    pub drain: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the configuration file {path}: {detail}")]
    Malformed { path: PathBuf, detail: String },
    #[error("`{0}` is not an address to listen on; write such as 127.0.0.1:8130")]
    Listen(String),
    #[error("`{0}` does not say how long events are kept; write such as 400d, or view:90d,action:400d")]
    Keep(String),
    #[error("`{0}` is not a time zone; write a name such as Europe/Berlin")]
    TimeZone(String),
    #[error("tls-certificate and tls-key belong together; give both or neither")]
    Tls,
    #[error("{name} has to be at least 1")]
    Zero { name: &'static str },
    #[error("`{0}` is not a filter of log lines; write such as info or warn,whodid_server=debug")]
    Log(String),
    #[error(transparent)]
    TrustedProxies(#[from] TrustedProxiesError),
}

/// `90d`, or `view:90d,action:400d`.
fn kept(text: &str) -> Result<BTreeMap<EventType, Span>, ConfigError> {
    let refused = || ConfigError::Keep(text.to_string());
    if let Ok(span) = text.parse::<Span>() {
        return Ok(EventType::ALL.into_iter().map(|kind| (kind, span)).collect());
    }
    let one = |piece: &str| {
        let (kind, span) = piece.split_once(':')?;
        Some((kind.trim().parse().ok()?, span.parse().ok()?))
    };
    text.split(',').map(|piece| one(piece).ok_or_else(refused)).collect()
}

impl ServeFlags {
    pub const DEFAULT_DATA: &str = "data";
    pub const DEFAULT_DRAIN_SECONDS: u64 = 10;
    pub const DEFAULT_LISTEN: &str = "127.0.0.1:8130";

    pub fn settle(self) -> Result<Config, ConfigError> {
        let flags = match self.config.clone() {
            Some(path) => self.or(ServeFlags::read(&path)?),
            None => self,
        };
        let listen = flags.listen.as_deref().unwrap_or(ServeFlags::DEFAULT_LISTEN);
        let timezone = match flags.timezone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(&name).map_err(|_| ConfigError::TimeZone(name))?,
        };
        let tls = match (flags.tls_certificate, flags.tls_key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(ConfigError::Tls),
        };
        if let Some(filter) = flags.log.as_ref().filter(|filter| filter.parse::<EnvFilter>().is_err()) {
            return Err(ConfigError::Log(filter.clone()));
        }
        let usual = QueryLimits::default();
        let queries = QueryLimits {
            at_once: at_least_1("queries-at-once", flags.queries_at_once.unwrap_or(usual.at_once))?,
            waiting: flags.queries_waiting.unwrap_or(usual.waiting),
            time: match flags.query_seconds {
                None => usual.time,
                Some(0) => return Err(ConfigError::Zero { name: "query-seconds" }),
                Some(seconds) => Duration::from_secs(seconds),
            },
            memory_bytes: match flags.query_memory_mib {
                None => usual.memory_bytes,
                Some(mib) => at_least_1("query-memory-mib", mib)?.saturating_mul(1 << 20),
            },
        };
        Ok(Config {
            data: flags.data.unwrap_or_else(|| ServeFlags::DEFAULT_DATA.into()),
            tables: flags.tables,
            keep: flags.keep.as_deref().map_or(Ok(BTreeMap::new()), kept)?,
            listen: listen.parse().map_err(|_| ConfigError::Listen(listen.to_string()))?,
            write_address: flags.write_address,
            timezone,
            trusted_proxies: flags.trusted_proxies.as_deref().unwrap_or(TrustedProxies::DEFAULT).parse()?,
            bootstrap_api_key: flags.bootstrap_api_key,
            bootstrap_app_key: flags.bootstrap_app_key,
            tls,
            log_format: flags.log_format.unwrap_or_default(),
            log: flags.log,
            otlp_endpoint: flags.otlp_endpoint,
            queries,
            requests_per_minute: flags.requests_per_minute.unwrap_or(limits::REQUESTS_PER_MINUTE).max(1),
            slow_client: Duration::from_secs(
                flags.slow_client_seconds.unwrap_or(limits::SLOW_CLIENT_SECONDS).max(1),
            ),
            drain: Duration::from_secs(flags.drain_seconds.unwrap_or(ServeFlags::DEFAULT_DRAIN_SECONDS)),
        })
    }

    fn read(path: &Path) -> Result<ServeFlags, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
        toml::from_str(&text).map_err(|error| ConfigError::Malformed {
            path: path.to_path_buf(),
            detail: error.to_string().replace('\n', " "),
        })
    }

    fn or(self, other: ServeFlags) -> ServeFlags {
        ServeFlags {
            data: self.data.or(other.data),
            tables: self.tables.or(other.tables),
            keep: self.keep.or(other.keep),
            listen: self.listen.or(other.listen),
            write_address: self.write_address.or(other.write_address),
            timezone: self.timezone.or(other.timezone),
            trusted_proxies: self.trusted_proxies.or(other.trusted_proxies),
            bootstrap_api_key: self.bootstrap_api_key.or(other.bootstrap_api_key),
            bootstrap_app_key: self.bootstrap_app_key.or(other.bootstrap_app_key),
            tls_certificate: self.tls_certificate.or(other.tls_certificate),
            tls_key: self.tls_key.or(other.tls_key),
            log_format: self.log_format.or(other.log_format),
            log: self.log.or(other.log),
            otlp_endpoint: self.otlp_endpoint.or(other.otlp_endpoint),
            queries_at_once: self.queries_at_once.or(other.queries_at_once),
            queries_waiting: self.queries_waiting.or(other.queries_waiting),
            query_seconds: self.query_seconds.or(other.query_seconds),
            query_memory_mib: self.query_memory_mib.or(other.query_memory_mib),
            requests_per_minute: self.requests_per_minute.or(other.requests_per_minute),
            slow_client_seconds: self.slow_client_seconds.or(other.slow_client_seconds),
            drain_seconds: self.drain_seconds.or(other.drain_seconds),
            config: None,
        }
    }
}

fn at_least_1(name: &'static str, given: usize) -> Result<usize, ConfigError> {
    if given == 0 { Err(ConfigError::Zero { name }) } else { Ok(given) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let flags = ServeFlags { data: Some("here".into()), ..ServeFlags::default() };
        let file: ServeFlags =
            toml::from_str("data = \"there\"\ntimezone = \"Europe/Berlin\"\nquery-seconds = 5\n").unwrap();
        let config = flags.or(file).settle().unwrap();
        assert_eq!(config.data, PathBuf::from("here"));
        assert_eq!(config.timezone.iana_name(), Some("Europe/Berlin"));
        assert_eq!(config.listen.to_string(), "127.0.0.1:8130");
        assert!(toml::from_str::<ServeFlags>("dta = \"there\"\n").is_err());
        assert_eq!(config.queries.time, Duration::from_secs(5));
        let half: ServeFlags = toml::from_str("tls-key = \"k.pem\"\n").unwrap();
        assert!(matches!(half.settle(), Err(ConfigError::Tls)));
        let none: ServeFlags = toml::from_str("queries-at-once = 0\n").unwrap();
        assert!(matches!(none.settle(), Err(ConfigError::Zero { .. })));
    }
}
