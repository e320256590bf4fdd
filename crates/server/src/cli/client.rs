//! The API as the command line calls it: over the network, or inside this process on a data folder that no server
//! holds.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, Request, StatusCode};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tower::ServiceExt;
use whodid_store::StoreError;

use super::CliError;
use crate::auth::InProcess;
use crate::config::ServeFlags;
use crate::routes::{self, BASE};
use crate::services::Services;
use crate::start::{StartError, system_clock};

const PAGE_ITEMS: usize = 10_000;
/// Most of an answer that is read.
const ANSWER_BYTES: usize = 1 << 30;

/// Where to ask.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Target {
    /// A running server; without one the data folder is opened directly
    #[arg(long, env = "WHODID_URL", value_name = "URL", global = true)]
    url: Option<String>,

    /// The API key for a running server
    #[arg(long, env = "WHODID_API_KEY", value_name = "SECRET", hide_env_values = true, global = true)]
    api_key: Option<String>,

    /// The application key for a running server; it is enough for all but sending events
    #[arg(long, env = "WHODID_APP_KEY", value_name = "SECRET", hide_env_values = true, global = true)]
    app_key: Option<String>,

    /// The data folder, when no server is named
    #[arg(long, env = "WHODID_DATA", value_name = "DIR", default_value = ServeFlags::DEFAULT_DATA, global = true)]
    data: PathBuf,
}

pub(super) enum Client {
    Remote { http: reqwest::Client, url: String, api_key: Option<String>, app_key: Option<String> },
    Local { app: Router, services: Services },
}

impl Target {
    /// For questions: a data folder has to be there.
    pub(super) async fn connect(self) -> Result<Client, CliError> {
        if self.url.is_none() && !self.data.join("catalogue.db").is_file() {
            return Err(CliError::Failed(format!(
                "there is no data in {}; name a folder with --data, or a running server with --url",
                self.data.display()
            )));
        }
        self.connect_or_create().await
    }

    /// For what brings data: the folder is made if it is absent.
    pub(super) async fn connect_or_create(self) -> Result<Client, CliError> {
        if let Some(url) = self.url {
            let url = url.trim_end_matches('/').to_string();
            return Ok(Client::Remote {
                http: reqwest::Client::new(),
                url,
                api_key: self.api_key,
                app_key: self.app_key,
            });
        }
        let config = ServeFlags { data: Some(self.data.clone()), ..ServeFlags::default() }.settle()?;
        match Services::open(&config, system_clock()).await {
            Ok(services) => Ok(Client::Local { app: routes::app(services.clone()), services }),
            Err(StartError::Store(StoreError::Locked { .. })) => Err(CliError::Failed(in_use(&self.data))),
            Err(error) => Err(error.into()),
        }
    }
}

fn in_use(data: &Path) -> String {
    format!(
        "{} is in use by a running server; talk to it with --url, such as --url http://{}",
        data.display(),
        ServeFlags::DEFAULT_LISTEN
    )
}

impl Client {
    pub(super) async fn get(&self, path: &str) -> Result<Value, CliError> {
        self.json(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, kind: &str, attributes: Value) -> Result<Value, CliError> {
        let body = serde_json::json!({"data": {"type": kind, "attributes": attributes}});
        self.json(Method::POST, path, Some(body)).await
    }

    pub(super) async fn patch(&self, path: &str, kind: &str, attributes: Value) -> Result<Value, CliError> {
        let body = serde_json::json!({"data": {"type": kind, "attributes": attributes}});
        self.json(Method::PATCH, path, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Value, CliError> {
        self.json(Method::DELETE, path, None).await
    }

    async fn json(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, CliError> {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.exchange(method, path, "application/json", body).await
    }

    /// Sends a text as it is.
    pub(super) async fn send(&self, path: &str, text: String) -> Result<Value, CliError> {
        self.exchange(Method::POST, path, "application/yaml", Body::from(text)).await
    }

    /// Sends a body piece by piece, as it is read.
    pub(super) async fn upload(
        &self,
        path: &str,
        body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<Value, CliError> {
        self.exchange(Method::POST, path, "application/octet-stream", Body::from_stream(body)).await
    }

    /// Sends a form piece by piece, as it is read.
    pub(super) async fn form(
        &self,
        path: &str,
        content_type: &str,
        body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<Value, CliError> {
        self.exchange(Method::POST, path, content_type, Body::from_stream(body)).await
    }

    /// All items of a list, page after page.
    pub(super) async fn pages(&self, path: &str) -> Result<Vec<Value>, CliError> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let first = if path.contains('?') { '&' } else { '?' };
            let after = cursor.map_or(String::new(), |cursor| format!("&page[cursor]={}", escape(&cursor)));
            let mut page = self.get(&format!("{path}{first}page[limit]={PAGE_ITEMS}{after}")).await?;
            if let Value::Array(data) = page["data"].take() {
                items.extend(data);
            }
            match page["meta"]["page"]["next"].as_str() {
                Some(next) => cursor = Some(next.to_string()),
                None => return Ok(items),
            }
        }
    }

    /// Writes an answer that is a file to `out`, piece by piece as it comes.
    pub(super) async fn download(&self, path: &str, out: &mut impl Write) -> Result<(), CliError> {
        let (status, body) = self.respond(Method::GET, path, "application/json", Body::empty()).await?;
        if !status.is_success() {
            return self.read(path, status, body).await.map(|_| ());
        }
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let broken = |detail: String| CliError::Unexpected { path: path.to_string(), detail };
            let chunk = chunk.map_err(|error| broken(format!("it ended early: {error}")))?;
            match out.write_all(&chunk) {
                // Whoever reads on has enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                written => written.map_err(|error| broken(format!("it can't be written: {error}")))?,
            }
        }
        out.flush().map_err(|source| CliError::Unreadable { what: path.to_string(), source })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Body,
    ) -> Result<Value, CliError> {
        let (status, body) = self.respond(method, path, content_type, body).await?;
        self.read(path, status, body).await
    }

    async fn read(&self, path: &str, status: StatusCode, body: Body) -> Result<Value, CliError> {
        let body = axum::body::to_bytes(body, ANSWER_BYTES).await;
        let unexpected =
            |error: axum::Error| CliError::Unexpected { path: path.to_string(), detail: error.to_string() };
        understand(path, status, &body.map_err(unexpected)?)
    }

    async fn respond(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Body,
    ) -> Result<(StatusCode, Body), CliError> {
        let mut request =
            Request::builder().method(method).uri(self.uri(path)).header(CONTENT_TYPE, content_type);
        let unexpected = |detail: String| CliError::Unexpected { path: path.to_string(), detail };
        match self {
            Client::Remote { http, url, api_key, app_key } => {
                request = match (api_key, app_key) {
                    (Some(api_key), Some(app_key)) => {
                        request.header("DD-API-KEY", api_key).header("DD-APPLICATION-KEY", app_key)
                    }
                    (None, Some(key)) | (Some(key), None) => {
                        request.header(AUTHORIZATION, format!("Bearer {key}"))
                    }
                    (None, None) => request,
                };
                let body = reqwest::Body::wrap_stream(body.into_data_stream());
                let request = request.body(body).map_err(|error| unexpected(error.to_string()))?;
                let request =
                    request.try_into().map_err(|error: reqwest::Error| unexpected(error.to_string()))?;
                let unreachable = |source| CliError::Unreachable { url: url.clone(), source };
                let response = http.execute(request).await.map_err(unreachable)?;
                Ok((response.status(), Body::from_stream(response.bytes_stream())))
            }
            Client::Local { app, .. } => {
                let request =
                    request.extension(InProcess).body(body).map_err(|error| unexpected(error.to_string()))?;
                let response = match app.clone().oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                Ok((response.status(), response.into_body()))
            }
        }
    }

    fn uri(&self, path: &str) -> String {
        match self {
            Client::Remote { url, .. } => format!("{url}{BASE}{path}"),
            Client::Local { .. } => format!("{BASE}{path}"),
        }
    }

    /// Writes everything down when the folder was opened for the occasion.
    pub(super) async fn close(self) -> Result<(), CliError> {
        match self {
            Client::Remote { .. } => Ok(()),
            Client::Local { services, .. } => Ok(services.close().await?),
        }
    }
}

/// The answer, or the server's words about what is wrong.
fn understand(path: &str, status: StatusCode, body: &[u8]) -> Result<Value, CliError> {
    if body.is_empty() && status.is_success() {
        return Ok(Value::Null);
    }
    let json: Value = serde_json::from_slice(body).map_err(|error| CliError::Unexpected {
        path: path.to_string(),
        detail: format!("{status}, {error}"),
    })?;
    if status.is_success() {
        return Ok(json);
    }
    let errors = json["errors"].as_array().cloned().unwrap_or_default();
    let words: Vec<String> = errors.iter().map(error_words).collect();
    Err(CliError::Refused(if words.is_empty() { status.to_string() } else { words.join("; ") }))
}

fn error_words(error: &Value) -> String {
    let detail = error["detail"].as_str().or_else(|| error.as_str()).unwrap_or_default();
    match error["source"]["pointer"].as_str() {
        Some(pointer) => {
            let pointer = pointer.strip_prefix("/data/attributes").unwrap_or(pointer);
            let pointer = pointer.strip_prefix("/definition").unwrap_or(pointer);
            if pointer.is_empty() { detail.to_string() } else { format!("{pointer}: {detail}") }
        }
        None => detail.to_string(),
    }
}

/// Text as one part of a path or a query parameter.
pub(super) fn escape(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
