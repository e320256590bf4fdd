//! All paths, one file per resource.
#![allow(unused_qualifications, reason = "utoipa's macro writes the paths of parameter types")]

mod analytics;
mod audiences;
mod audit;
mod backup;
mod charts;
mod connections;
mod events;
mod facets;
mod formulas;
mod jobs;
mod journeys;
mod keys;
mod origins;
mod parts;
mod people;
mod prodlytics;
mod profiles;
mod queries;
mod reference_tables;
mod retention;
mod rum;
mod sankey;
pub(crate) mod segments;
mod session;
mod status;
mod tail;

use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::IntoResponse;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tower::ServiceBuilder;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::decompression::{DecompressionBody, RequestDecompressionLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::auth;
use crate::guard;
use crate::problem::{self, Problem};
use crate::services::Services;
use crate::web;

pub(crate) const BASE: &str = "/api/v2/product-analytics";

/// The whole application.
pub(crate) fn app(services: Services) -> Router {
    let counters = services.counters.clone();
    let (router, document) = described();
    let watch = from_fn_with_state(services.clone(), auth::watch);
    let overload = from_fn_with_state(services.clone(), guard::overload);
    let panicked = move |panic: Box<dyn std::any::Any + Send>| {
        counters.panics.fetch_add(1, Ordering::Relaxed);
        Problem::internal(problem::panic_text(&*panic)).into_response()
    };
    let routes = router
        .route(
            "/api/openapi.json",
            axum::routing::get(move || std::future::ready(axum::Json(document.clone()))),
        )
        .layer(watch)
        .layer(from_fn(guard::measure))
        .fallback(web::fallback)
        .with_state(services)
        .layer(ServiceBuilder::new().layer(RequestDecompressionLayer::new()).layer(MapRequestLayer::new(
            |request: Request<_>| request.map(Body::new::<DecompressionBody<Body>>),
        )))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(overload)
        .layer(map_response(problem::complete));
    // Has to come before routing, so around it.
    Router::new()
        .fallback_service(ServiceBuilder::new().layer(MapRequestLayer::new(as_meant)).service(routes))
}

/// The API's description, generated from the types.
pub(crate) fn openapi() -> OpenApi {
    described().1
}

fn described() -> (Router<Services>, OpenApi) {
    let info = utoipa::openapi::InfoBuilder::new()
        .title("Whodid")
        .description(Some("Product analytics centred on user segments"))
        .version(env!("CARGO_PKG_VERSION"))
        .build();
    let document = utoipa::openapi::OpenApiBuilder::new().info(info).build();
    let own = events::routes()
        .merge(segments::routes())
        .merge(jobs::routes())
        .merge(profiles::routes())
        .merge(queries::routes())
        .merge(journeys::own_routes())
        .merge(origins::routes())
        .merge(keys::routes())
        .merge(session::routes())
        .merge(people::routes())
        .merge(audit::routes())
        .merge(facets::routes())
        .merge(charts::routes())
        .merge(tail::routes())
        .merge(backup::routes());
    // The Datadog-compatible queries.
    let compatible = analytics::routes()
        .merge(audiences::routes())
        .merge(connections::routes())
        .merge(journeys::routes())
        .merge(retention::routes())
        .merge(sankey::routes())
        .layer(map_response(problem::as_strings));
    let formulas = formulas::routes().layer(map_response(problem::as_strings));
    let tables = reference_tables::routes().layer(map_response(problem::as_generic));
    let intake = rum::routes().layer(
        CorsLayer::new()
            .allow_origin(Any)
            .allow_methods([Method::POST])
            .allow_headers(Any)
            .max_age(CORS_MAX_AGE),
    );
    OpenApiRouter::with_openapi(document)
        .merge(intake)
        .merge(prodlytics::routes())
        .nest("/api/v2/query", formulas)
        .nest("/api/v2/reference-tables", tables)
        .nest(BASE, own.merge(compatible).merge(status::routes()))
        .merge(status::probes())
        .split_for_parts()
}

const CORS_MAX_AGE: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// Turns a request into the one that is meant: what a browser sends through a proxy path names its true path and
/// query in `ddforward`, and one client spells `zstd` differently.
fn as_meant(mut request: Request) -> Request {
    let proxied = matches!(*request.method(), Method::POST | Method::OPTIONS);
    if proxied && let Some(uri) = forwarded(request.uri()) {
        *request.uri_mut() = uri;
    }
    if request.headers().get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "zstd1") {
        request.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("zstd"));
    }
    request
}

/// What may not stand in a path and query as it is.
const NOT_IN_QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The intake path and query that `ddforward` names; anything else is left alone.
fn forwarded(uri: &Uri) -> Option<Uri> {
    let axum::extract::Query(parameters) =
        axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    let target = parameters.into_iter().find(|(name, _)| name == "ddforward")?.1;
    let target: Uri = utf8_percent_encode(&target, NOT_IN_QUERY).to_string().parse().ok()?;
    let path_and_query = target.path_and_query()?;
    rum::TRACKS.contains(&path_and_query.path()).then(|| Uri::from(path_and_query.clone()))
}

#[cfg(test)]
mod tests;
