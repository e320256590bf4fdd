//! Files for tables, by parts.

use axum::http::{HeaderMap, header};
use futures::StreamExt;
use tokio::io::AsyncWriteExt;
use whodid_insights::NewUpload;
use whodid_model::limits;

use utoipa_axum::routes;

use super::{
    Body, Deserialize, Envelope, IntoParams, IntoResponse, Json, JsonBody, MayWrite, OpenApiRouter,
    Parameters, Path, Problem, Response, Services, State, StatusCode, ToSchema, Value, json,
};
use crate::envelope::{broken_body, too_large};

const TYPE: &str = "upload";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(part))
}

#[derive(Debug, Deserialize, ToSchema)]
struct UploadDraft {
    table_name: String,
    /// The columns of the file, in order.
    headers: Vec<String>,
    part_count: i64,
    /// In bytes.
    part_size: i64,
}

/// Begins an upload: the answer has an address for each part, good for five minutes.
#[utoipa::path(
    post, path = "/uploads", tag = "Reference tables", request_body = Envelope<UploadDraft>,
    responses((status = 201, body = Value))
)]
async fn create(
    _: MayWrite,
    State(services): State<Services>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Envelope<UploadDraft>>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let UploadDraft { table_name, headers: columns, part_count, part_size } = body.attributes(TYPE)?;
    let new = NewUpload { table_name, headers: columns, part_count, part_size };
    let upload = services.insights.create_upload(new).await?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    let host = text("x-forwarded-host").or(text(header::HOST.as_str())).unwrap_or("localhost");
    let address = |part: i64| {
        let (id, token) = (&upload.id, &upload.token);
        format!("{scheme}://{host}/api/v2/reference-tables/uploads/{id}/parts/{part}?token={token}")
    };
    let urls: Vec<String> = (1..=upload.part_count).map(address).collect();
    let data = json!({"id": upload.id, "type": TYPE, "attributes": {"part_urls": urls}});
    Ok((StatusCode::CREATED, Json(json!({"data": data}))))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PartParameters {
    #[serde(default)]
    token: String,
}

/// Takes a part of a file. The address is its own key.
#[utoipa::path(
    put, path = "/uploads/{id}/parts/{part}", tag = "Reference tables", security(()),
    params(("id" = String, Path), ("part" = i64, Path), PartParameters),
    request_body(content = String, content_type = "text/csv"), responses((status = 200))
)]
async fn part(
    State(services): State<Services>,
    Path((id, part)): Path<(String, i64)>,
    Parameters(parameters): Parameters<PartParameters>,
    body: Body,
) -> Result<Response, Problem> {
    let path = services.insights.upload_part(&id, part, &parameters.token).await?;
    let disk = |error: std::io::Error| Problem::internal(&format!("can't keep an upload on disk: {error}"));
    let folder = path.parent().unwrap_or(&services.data).to_path_buf();
    // A part appears once it is whole; sent again it takes the place of the one before.
    let (file, kept) = tempfile::NamedTempFile::new_in(folder).map_err(disk)?.into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let mut chunks = body.into_data_stream();
    let mut bytes = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(broken_body)?;
        bytes += chunk.len();
        if bytes > limits::UPLOAD_PART_BYTES {
            return Err(too_large(limits::UPLOAD_PART_BYTES));
        }
        file.write_all(&chunk).await.map_err(disk)?;
    }
    file.flush().await.map_err(disk)?;
    kept.persist(&path).map_err(|error| disk(error.error))?;
    Ok(StatusCode::OK.into_response())
}
