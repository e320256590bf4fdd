//! What the server says about itself while it runs: log lines on stderr, and traces by OTLP over HTTP.
//!
//! Neither holds secrets or personal data: lines and spans name routes with their parameters' names, never paths, query
//! parameters, headers or bodies.

use std::io::IsTerminal;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::LogFormat;

/// What a long-running server writes unless told otherwise.
pub(crate) const SERVER_FILTER: &str = "warn,whodid_server=info";
/// What a command writes.
pub(crate) const COMMAND_FILTER: &str = "error";

/// Sends what is left when it is dropped.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(traces) = self.0.take() {
            // The collector may be gone; the last spans are not worth an error.
            traces.shutdown().ok();
        }
    }
}

/// Begins to write. `filter` that cannot be read is `default`.
///
/// Errors: an endpoint for traces that is not a URL.
pub(crate) fn start(
    filter: Option<&str>,
    default: &str,
    format: LogFormat,
    otlp_endpoint: Option<&str>,
) -> Result<Telemetry, String> {
    let filter = filter.and_then(|filter| filter.parse().ok()).unwrap_or_else(|| EnvFilter::new(default));
    let traces = otlp_endpoint.map(traces).transpose()?;
    let spans = traces.as_ref().map(|traces| {
        // Spans of our own crates only, whatever lines are written.
        let ours = filter_fn(|meta| meta.is_span() && meta.target().starts_with("whodid_"));
        tracing_opentelemetry::layer().with_tracer(traces.tracer("whodid")).with_filter(ours)
    });
    let started =
        tracing_subscriber::registry().with(lines(format).with_filter(filter)).with(spans).try_init();
    started.map_err(|error| error.to_string())?;
    Ok(Telemetry(traces))
}

fn lines<S: Subscriber + for<'a> LookupSpan<'a>>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
    }
}

fn traces(endpoint: &str) -> Result<SdkTracerProvider, String> {
    let http = InRuntime { runtime: tokio::runtime::Handle::current(), http: reqwest::Client::new() };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(http)
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| format!("traces can't be sent to {endpoint}: {error}"))?;
    let resource = Resource::builder().with_service_name("whodid").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// Spans are sent from a thread of the exporter's own, which runs no timers and sockets: those are the server's.
#[derive(Debug)]
struct InRuntime {
    runtime: tokio::runtime::Handle,
    http: reqwest::Client,
}

#[async_trait]
impl HttpClient for InRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let send = async move {
            let answer = http.execute(request.try_into()?).await?;
            let mut response = Response::builder().status(answer.status());
            if let Some(headers) = response.headers_mut() {
                headers.extend(answer.headers().clone());
            }
            Ok::<_, HttpError>(response.body(answer.bytes().await?)?)
        };
        self.runtime.spawn(send).await?
    }
}
