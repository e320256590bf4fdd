//! What a server is told when it starts. A flag wins over its environment variable, that over the configuration file,
//! that over the default.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::client_address::{TrustedProxies, TrustedProxiesError};

/// The flags as given. The configuration file (YAML) has a key for each, spelled like the flag.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServeFlags {
    /// The folder that keeps everything [default: ./data]
    #[arg(long, env = "WHODID_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Where a new data folder's tables are to lie, such as s3://bucket/prefix; the folder remembers it [default: in it]
    #[arg(long, env = "WHODID_TABLES", value_name = "URL")]
    pub tables: Option<String>,

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
    pub listen: SocketAddr,
    pub write_address: Option<PathBuf>,
    pub timezone: TimeZone,
    pub trusted_proxies: TrustedProxies,
    pub bootstrap_api_key: Option<String>,
    pub bootstrap_app_key: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the configuration file {path}: {detail}")]
    Malformed { path: PathBuf, detail: String },
    #[error("`{0}` is not an address to listen on; write such as 127.0.0.1:8130")]
    Listen(String),
    #[error("`{0}` is not a time zone; write a name such as Europe/Berlin")]
    TimeZone(String),
    #[error(transparent)]
    TrustedProxies(#[from] TrustedProxiesError),
}

impl ServeFlags {
    pub const DEFAULT_DATA: &str = "data";
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
        Ok(Config {
            data: flags.data.unwrap_or_else(|| ServeFlags::DEFAULT_DATA.into()),
            tables: flags.tables,
            listen: listen.parse().map_err(|_| ConfigError::Listen(listen.to_string()))?,
            write_address: flags.write_address,
            timezone,
            trusted_proxies: flags.trusted_proxies.as_deref().unwrap_or(TrustedProxies::DEFAULT).parse()?,
            bootstrap_api_key: flags.bootstrap_api_key,
            bootstrap_app_key: flags.bootstrap_app_key,
        })
    }

    fn read(path: &Path) -> Result<ServeFlags, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
        serde_saphyr::from_str(&text)
            .map_err(|error| ConfigError::Malformed { path: path.to_path_buf(), detail: error.to_string() })
    }

    fn or(self, other: ServeFlags) -> ServeFlags {
        ServeFlags {
            data: self.data.or(other.data),
            tables: self.tables.or(other.tables),
            listen: self.listen.or(other.listen),
            write_address: self.write_address.or(other.write_address),
            timezone: self.timezone.or(other.timezone),
            trusted_proxies: self.trusted_proxies.or(other.trusted_proxies),
            bootstrap_api_key: self.bootstrap_api_key.or(other.bootstrap_api_key),
            bootstrap_app_key: self.bootstrap_app_key.or(other.bootstrap_app_key),
            config: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let flags = ServeFlags { data: Some("here".into()), ..ServeFlags::default() };
        let file: ServeFlags = serde_saphyr::from_str("data: there\ntimezone: Europe/Berlin\n").unwrap();
        let config = flags.or(file).settle().unwrap();
        assert_eq!(config.data, PathBuf::from("here"));
        assert_eq!(config.timezone.iana_name(), Some("Europe/Berlin"));
        assert_eq!(config.listen.to_string(), "127.0.0.1:8130");
        assert!(serde_saphyr::from_str::<ServeFlags>("dta: there\n").is_err());
    }
}
