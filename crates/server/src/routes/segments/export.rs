//! Everyone in a segment as a file, streamed page by page.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, stream};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::Export;
use whodid_intake::rows::write_row;
use whodid_model::Instant;
use whodid_store::BUCKETS;

use super::members::{MembersQuestion, REQUEST_TYPE};
use super::{definition_pointer, includes_profile, read_definition};
use crate::auth::MayRead;
use crate::envelope::{Envelope, JsonBody, Parameters};
use crate::problem::Problem;
use crate::services::Services;

mod format;

use format::{Csv, Format, Ndjson, Parquet};

/// What a file cannot say of itself.
const AS_OF: HeaderName = HeaderName::from_static("whodid-as-of");
const TOTAL: HeaderName = HeaderName::from_static("whodid-total");

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(csv))
        .routes(routes!(ndjson))
        .routes(routes!(parquet))
        .routes(routes!(identifiers))
        .routes(routes!(csv_of))
        .routes(routes!(ndjson_of))
        .routes(routes!(parquet_of))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExportParameters {
    /// The evaluation instant: RFC 3339 or epoch milliseconds; absent: now.
    #[param(value_type = Option<String>)]
    at: Option<Instant>,
    /// `profile`: with each member's profile.
    include: Option<String>,
}

/// Everyone in a segment as CSV with a header. A cell that a spreadsheet would take for a formula begins with an
/// apostrophe. The response's `whodid-total` says how many members follow, `whodid-as-of` when they were.
#[utoipa::path(
    get, path = "/segments/{id}/members.csv", tag = "Segments", params(("id" = String, Path), ExportParameters),
    responses((status = 200, body = String, content_type = "text/csv"))
)]
async fn csv(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<ExportParameters>,
) -> Result<Response, Problem> {
    let export = export(&services, &id, parameters).await?;
    let format = Csv::new(&export);
    Ok(file(export, format))
}

/// Everyone in a segment as NDJSON: one object a line.
#[utoipa::path(
    get, path = "/segments/{id}/members.ndjson", tag = "Segments", params(("id" = String, Path), ExportParameters),
    responses((status = 200, body = String, content_type = "application/x-ndjson"))
)]
async fn ndjson(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<ExportParameters>,
) -> Result<Response, Problem> {
    let export = export(&services, &id, parameters).await?;
    let format = Ndjson::new(&export);
    Ok(file(export, format))
}

/// Everyone in a segment as Parquet: every column is text.
#[utoipa::path(
    get, path = "/segments/{id}/members.parquet", tag = "Segments", params(("id" = String, Path), ExportParameters),
    responses((status = 200, body = Vec<u8>, content_type = "application/vnd.apache.parquet"))
)]
async fn parquet(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<ExportParameters>,
) -> Result<Response, Problem> {
    let export = export(&services, &id, parameters).await?;
    let format = Parquet::new(&export)?;
    Ok(file(export, format))
}

async fn export(services: &Services, id: &str, parameters: ExportParameters) -> Result<Export, Problem> {
    let profiles = includes_profile(parameters.include.as_deref())?;
    Ok(services.insights.export(id, parameters.at, profiles).await?)
}

/// Everyone in a definition that is not saved, as CSV.
#[utoipa::path(
    post, path = "/segments/members.csv", tag = "Segments", request_body = Envelope<MembersQuestion>,
    responses((status = 200, body = String, content_type = "text/csv"))
)]
async fn csv_of(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<MembersQuestion>>,
) -> Result<Response, Problem> {
    let export = export_of(&services, body).await?;
    let format = Csv::new(&export);
    Ok(file(export, format))
}

/// Everyone in a definition that is not saved, as NDJSON.
#[utoipa::path(
    post, path = "/segments/members.ndjson", tag = "Segments", request_body = Envelope<MembersQuestion>,
    responses((status = 200, body = String, content_type = "application/x-ndjson"))
)]
async fn ndjson_of(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<MembersQuestion>>,
) -> Result<Response, Problem> {
    let export = export_of(&services, body).await?;
    let format = Ndjson::new(&export);
    Ok(file(export, format))
}

/// Everyone in a definition that is not saved, as Parquet.
#[utoipa::path(
    post, path = "/segments/members.parquet", tag = "Segments", request_body = Envelope<MembersQuestion>,
    responses((status = 200, body = Vec<u8>, content_type = "application/vnd.apache.parquet"))
)]
async fn parquet_of(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<MembersQuestion>>,
) -> Result<Response, Problem> {
    let export = export_of(&services, body).await?;
    let format = Parquet::new(&export)?;
    Ok(file(export, format))
}

async fn export_of(services: &Services, body: Envelope<MembersQuestion>) -> Result<Export, Problem> {
    let question = body.attributes(REQUEST_TYPE)?;
    let definition = read_definition(&question.definition)?;
    let profiles = question.profiles()?;
    let export = services.insights.export_of(&definition, "members", None, question.at, profiles).await;
    export.map_err(|error| Problem::from(error).within(&definition_pointer()))
}

/// Everything in the list of a static segment as CSV, of people who are known or not. Imported again it is the same list.
#[utoipa::path(
    get, path = "/segments/{id}/identifiers.csv", tag = "Segments", params(("id" = String, Path)),
    responses((status = 200, body = String, content_type = "text/csv"))
)]
async fn identifiers(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (name, list) = services.insights.identifiers(&id).await?;
    let total = list.ids.len();
    let mut header = Vec::new();
    write_row(&mut header, [list.key.name()]);
    let buckets = stream::iter(0..BUCKETS).then(move |bucket| {
        let ids = list.ids.clone();
        let read = tokio::task::spawn_blocking(move || {
            let ids = ids.bucket(bucket).map_err(std::io::Error::other)?;
            let mut rows = Vec::new();
            ids.iter().for_each(|id| write_row(&mut rows, [id]));
            Ok::<Bytes, std::io::Error>(Bytes::from(rows))
        });
        async move { read.await.map_err(std::io::Error::other)? }
    });
    let first = stream::iter([Ok(Bytes::from(header))]);
    let name = utf8_percent_encode(&format!("{name}.csv"), NON_ALPHANUMERIC).to_string();
    let headers = [
        (header::CONTENT_TYPE, Csv::CONTENT_TYPE.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{name}")),
        (TOTAL, total.to_string()),
    ];
    Ok(with_headers(Body::from_stream(first.chain(buckets)), headers))
}

fn with_headers<const N: usize>(body: Body, headers: [(HeaderName, String); N]) -> Response {
    let mut response = body.into_response();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The response. What goes wrong once it has begun ends it without its last chunk, so that no client takes a part for
/// the whole.
fn file<F: Format>(export: Export, format: F) -> Response {
    let name =
        utf8_percent_encode(&format!("{}.{}", export.name, F::EXTENSION), NON_ALPHANUMERIC).to_string();
    let headers = [
        (header::CONTENT_TYPE, F::CONTENT_TYPE.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{name}")),
        (AS_OF, export.meta.as_of.to_string()),
        (TOTAL, export.total.to_string()),
    ];
    let chunks = stream::unfold(Some((export, format)), |state| async move {
        let (mut export, mut format) = state?;
        let worked = tokio::task::spawn_blocking(move || match export.next_page() {
            Some(page) => format.page(page).map(|bytes| (bytes, Some((export, format)))),
            None => format.end().map(|bytes| (bytes, None)),
        });
        Some(match worked.await {
            Ok(Ok((bytes, state))) => (Ok(Bytes::from(bytes)), state),
            Ok(Err(error)) => (Err(error), None),
            Err(stopped) => (Err(std::io::Error::other(stopped)), None),
        })
    });
    with_headers(Body::from_stream(chunks), headers)
}
