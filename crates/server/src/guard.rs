//! Around every request: refused early when there are too many, measured, and one span of a trace.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use tracing::Instrument;
use whodid_model::limits;

use crate::metrics;
use crate::problem::Problem;
use crate::services::{Counters, Services};

/// The layer around routing: overload is answered before a body is read.
pub(crate) async fn overload(State(services): State<Services>, request: Request, next: Next) -> Response {
    let under_way = UnderWay::begin(&services);
    if under_way.count > limits::REQUESTS_AT_ONCE as u64 {
        let detail = "more requests are under way than the server answers at once; try again in a moment";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
    }
    let pause = services.slow_client;
    next.run(request.map(|body| without_pauses(body, pause))).await
}

/// A body that ends in an error when nothing of it comes for too long.
fn without_pauses(body: Body, pause: Duration) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let pieces = tokio_stream::StreamExt::timeout(body.into_data_stream(), pause);
    Body::from_stream(pieces.map(|piece| piece.unwrap_or_else(|slow| Err(axum::Error::new(slow)))))
}

/// Counts a request for as long as it is not answered, also when its client goes away.
struct UnderWay<'a> {
    counters: &'a Counters,
    count: u64,
}

impl UnderWay<'_> {
    fn begin(services: &Services) -> UnderWay<'_> {
        let count = services.counters.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        UnderWay { counters: &services.counters, count }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.counters.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The layer inside routing, which knows the route.
pub(crate) async fn measure(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_string());
    let route = route.unwrap_or_else(|| "none".to_string());
    let span = tracing::info_span!("request", %method, route, status = tracing::field::Empty);
    let started = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.record("status", status);
    metrics::answered(method.as_str(), &route, status, started.elapsed().as_secs_f64());
    response
}
