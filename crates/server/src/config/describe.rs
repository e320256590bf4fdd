//! The configuration in words: what can be set, and what is set.

use std::fmt::Write;

use clap::{Args, Command};

use super::{Config, LogFormat, ServeFlags};

/// What can be changed without a restart.
const HOT: [&str; 8] = [
    "queries-at-once",
    "queries-waiting",
    "query-seconds",
    "query-memory-mib",
    "requests-per-minute",
    "trusted-proxies",
    "tls-certificate",
    "tls-key",
];

/// One row for each setting, in Markdown, from the flags themselves.
pub(crate) fn table() -> String {
    let mut table =
        String::from("| in the file | flag | variable | SIGHUP | what it is |\n|---|---|---|---|---|\n");
    for flag in ServeFlags::augment_args(Command::new("serve")).get_arguments() {
        let Some(name) = flag.get_long() else { continue };
        let variable = flag.get_env().and_then(|name| name.to_str()).unwrap_or_default();
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        let key = if name == "config" { "" } else { name };
        let hot = if HOT.contains(&name) { "yes" } else { "" };
        // Writing into a text does not fail.
        writeln!(
            table,
            "| {} | `--{name}` | `{variable}` | {hot} | {} |",
            code(key),
            help.replace('|', "\\|")
        )
        .ok();
    }
    table
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

/// As a configuration file that says the same, but for secrets.
pub(crate) fn shown(config: &Config) -> String {
    let secret = |given: &Option<String>| given.as_ref().map(|_| "(given, not shown)".to_string());
    let text = |text: &str| toml::Value::String(text.to_string()).to_string();
    let number = |n: u64| n.to_string();
    let (certificate, key) = match &config.tls {
        Some((certificate, key)) => {
            (Some(certificate.display().to_string()), Some(key.display().to_string()))
        }
        None => (None, None),
    };
    let format = match config.log_format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    let settings = [
        ("data", Some(text(&config.data.display().to_string()))),
        ("tables", config.tables.as_deref().map(text)),
        ("keep", (!config.keep.is_empty()).then(|| text(&kept(config)))),
        ("listen", Some(text(&config.listen.to_string()))),
        ("write-address", config.write_address.as_ref().map(|path| text(&path.display().to_string()))),
        ("timezone", Some(text(config.timezone.iana_name().unwrap_or("UTC")))),
        ("trusted-proxies", Some(text(&config.trusted_proxies.to_string()))),
        ("bootstrap-api-key", secret(&config.bootstrap_api_key).as_deref().map(text)),
        ("bootstrap-app-key", secret(&config.bootstrap_app_key).as_deref().map(text)),
        ("tls-certificate", certificate.as_deref().map(text)),
        ("tls-key", key.as_deref().map(text)),
        ("log-format", Some(text(format))),
        ("log", config.log.as_deref().map(text)),
        ("otlp-endpoint", config.otlp_endpoint.as_deref().map(text)),
        ("queries-at-once", Some(number(config.queries.at_once as u64))),
        ("queries-waiting", Some(number(config.queries.waiting as u64))),
        ("query-seconds", Some(number(config.queries.time.as_secs()))),
        ("query-memory-mib", Some(number((config.queries.memory_bytes >> 20) as u64))),
        ("requests-per-minute", Some(number(u64::from(config.requests_per_minute)))),
        ("slow-client-seconds", Some(number(config.slow_client.as_secs()))),
        ("drain-seconds", Some(number(config.drain.as_secs()))),
    ];
    let mut shown = String::new();
    for (name, value) in settings {
        match value {
            Some(value) => writeln!(shown, "{name} = {value}").ok(),
            None => writeln!(shown, "# {name} is not set").ok(),
        };
    }
    shown
}

fn kept(config: &Config) -> String {
    let kept = config.keep.iter().map(|(kind, span)| format!("{}:{span}", kind.name()));
    kept.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_back_and_holds_no_secret() {
        let flags = ServeFlags {
            bootstrap_app_key: Some("very-secret".to_string()),
            query_seconds: Some(7),
            keep: Some("view:90d,action:60w".to_string()),
            trusted_proxies: Some("10.0.0.0/8".to_string()),
            ..ServeFlags::default()
        };
        let shown = shown(&flags.settle().unwrap());
        assert!(!shown.contains("very-secret"), "{shown}");
        let read: ServeFlags = toml::from_str(&shown).unwrap();
        assert_eq!(read.keep.as_deref(), Some("view:90d,action:420d"));
        assert_eq!((read.query_seconds, read.trusted_proxies.as_deref()), (Some(7), Some("10.0.0.0/8")));
    }

    #[test]
    fn every_setting_is_in_the_table_and_everything_hot_exists() {
        let table = table();
        for name in HOT.iter().chain(&["data", "listen", "otlp-endpoint"]) {
            assert!(table.contains(&format!("| `{name}` | `--{name}` |")), "{name}\n{table}");
        }
    }
}
