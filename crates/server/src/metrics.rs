//! Figures for Prometheus. Names end in their unit; counters in `_total`.

use std::fmt::Write;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use whodid_insights::EngineStatus;
use whodid_store::StoreStatus;

use crate::services::{Counters, Services};

/// Upper bounds of the buckets of durations, in seconds.
const SECONDS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Makes counting begin. One for the whole process; every later call does nothing.
pub(crate) fn start() {
    RECORDER.get_or_init(|| {
        PrometheusBuilder::new().set_buckets(&SECONDS).and_then(PrometheusBuilder::install_recorder).ok()
    });
}

/// A request that has been answered, by its route with the parameters' names.
pub(crate) fn answered(method: &str, route: &str, status: u16, seconds: f64) {
    let labels = [("method", method.to_string()), ("route", route.to_string())];
    metrics::histogram!("whodid_http_request_duration_seconds", &labels).record(seconds);
    let [method, route] = labels;
    metrics::counter!("whodid_http_requests_total", &[method, route, ("status", status.to_string())])
        .increment(1);
}

/// Everything in the text format of Prometheus.
pub(crate) fn text(services: &Services, store: &StoreStatus) -> String {
    let mut text = RECORDER.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default();
    for (name, kind, help, value) in figures(services, store) {
        // Writing into a text does not fail.
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}").ok();
    }
    text
}

type Figure = (&'static str, &'static str, &'static str, f64);

fn figures(services: &Services, store: &StoreStatus) -> Vec<Figure> {
    let mut figures = intake(&services.counters);
    figures.extend(queries(&services.insights.engine().status()));
    figures.extend(stored(store));
    figures
}

fn intake(counters: &Counters) -> Vec<Figure> {
    let get =
        |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed) as f64;
    vec![
        ("whodid_intake_events_accepted_total", "counter", "New events taken in", get(&counters.accepted)),
        (
            "whodid_intake_events_duplicate_total",
            "counter",
            "Events known already",
            get(&counters.duplicates),
        ),
        (
            "whodid_intake_lines_rejected_total",
            "counter",
            "Lines that could not be read",
            get(&counters.rejected),
        ),
        (
            "whodid_intake_lines_not_stored_total",
            "counter",
            "Lines of types not kept",
            get(&counters.not_stored),
        ),
        ("whodid_panics_total", "counter", "Requests that ended in a fault of ours", get(&counters.panics)),
    ]
}

fn queries(engine: &EngineStatus) -> Vec<Figure> {
    let seconds = engine.busy_us as f64 / 1e6;
    vec![
        ("whodid_queries_running", "gauge", "Questions that run", engine.running as f64),
        ("whodid_queries_waiting", "gauge", "Questions that wait for their turn", engine.waiting as f64),
        ("whodid_query_memory_bytes", "gauge", "Memory of running operators", engine.memory_bytes as f64),
        ("whodid_queries_finished_total", "counter", "Questions answered", engine.finished as f64),
        ("whodid_queries_failed_total", "counter", "Questions that failed", engine.failed as f64),
        (
            "whodid_queries_refused_total",
            "counter",
            "Questions refused: too many waited",
            engine.refused as f64,
        ),
        (
            "whodid_queries_out_of_time_total",
            "counter",
            "Questions stopped by time",
            engine.out_of_time as f64,
        ),
        ("whodid_query_busy_seconds_total", "counter", "Time that questions ran", seconds),
    ]
}

fn stored(store: &StoreStatus) -> Vec<Figure> {
    vec![
        ("whodid_store_events", "gauge", "Events stored", store.events as f64),
        ("whodid_store_watermark", "gauge", "Events acknowledged", store.watermark as f64),
        ("whodid_log_bytes", "gauge", "Size of the log", store.log_bytes as f64),
        ("whodid_log_alone_events", "gauge", "Events in the log alone", store.unflushed_events as f64),
        ("whodid_table_parts", "gauge", "Files of the event table", store.parts as f64),
        (
            "whodid_store_memory_bytes",
            "gauge",
            "Memory of events and their index",
            store.resident_bytes as f64,
        ),
        ("whodid_attribute_paths", "gauge", "Different attributes", store.attribute_paths as f64),
    ]
}
