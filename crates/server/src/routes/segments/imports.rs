//! A file of identifiers becomes a static segment.

use std::fs::File;

use axum::Json;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, Multipart, State};
use axum::http::StatusCode;
use tokio::io::AsyncWriteExt;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::{ImportMode, ImportRequest, InsightError};
use whodid_model::{IdentifierKey, limits};

use crate::auth::MayWrite;
use crate::envelope::{One, too_large};
use crate::problem::Problem;
use crate::routes::jobs::{JobAttributes, started};
use crate::services::Services;

/// Longest value of a field that is not the file, in bytes.
const FIELD_BYTES: usize = 64 * 1024;

pub(super) fn routes() -> OpenApiRouter<Services> {
    // The file is spooled to disk and counted while it comes.
    OpenApiRouter::new().routes(routes!(import)).layer(DefaultBodyLimit::disable())
}

/// The fields of the form.
#[derive(Default, ToSchema)]
struct ImportForm {
    /// CSV in UTF-8, plain or compressed with gzip or zstd.
    #[schema(value_type = String, format = Binary)]
    file: Option<File>,
    /// Of the new segment, or of the one that is changed.
    name: String,
    /// The segment that is changed, instead of its name.
    segment_id: Option<String>,
    /// `usr.id` or `usr.email`; absent for a change: the segment's.
    key: Option<String>,
    /// The name of the column with the identifiers, or its position from 1; absent: the one with a usual name, or the
    /// only one.
    column: Option<String>,
    /// `create` (if absent), `replace`, `append` or `remove`.
    mode: Option<String>,
    description: Option<String>,
    /// With commas between.
    tags: Option<String>,
    /// Report, and change nothing.
    dry_run: bool,
    /// Make a reference table of the same file, called like the segment.
    as_table: bool,
}

const FIELDS: &str = "file, name, segment_id, key, column, mode, description, tags, dry_run and as_table";

/// Makes a static segment from a file of identifiers, or changes one: 202 with the job that does it. Identifiers that
/// nobody is known by yet are kept, and whoever appears by one of them later is a member then.
#[utoipa::path(
    post, path = "/segments/imports", tag = "Segments",
    request_body(content = ImportForm, content_type = "multipart/form-data"),
    responses((status = 202, body = One<JobAttributes>))
)]
async fn import(
    _: MayWrite,
    State(services): State<Services>,
    form: Multipart,
) -> Result<(StatusCode, Json<One<JobAttributes>>), Problem> {
    let form = read(form, &services).await?;
    let request = form.request()?;
    let Some(file) = form.file else {
        return Err(Problem::invalid("the form has no file; send the CSV as the field `file`").at("file"));
    };
    match services.insights.import_list(file, request).await {
        Ok(job) => Ok(started(job)),
        Err(InsightError::Intake(error)) => {
            let field =
                if matches!(error, whodid_intake::IntakeError::Column { .. }) { "column" } else { "file" };
            Err(Problem::from(error).at(field))
        }
        Err(error) => Err(error.into()),
    }
}

async fn read(mut multipart: Multipart, services: &Services) -> Result<ImportForm, Problem> {
    let mut form = ImportForm::default();
    while let Some(field) = multipart.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_string();
        match name.as_str() {
            "file" => form.file = Some(spool(field, services).await?),
            "name" => form.name = text(field).await?.unwrap_or_default(),
            "segment_id" => form.segment_id = text(field).await?,
            "key" => form.key = text(field).await?,
            "column" => form.column = text(field).await?,
            "mode" => form.mode = text(field).await?,
            "description" => form.description = text(field).await?,
            "tags" => form.tags = text(field).await?,
            "as_table" => form.as_table = flag("as_table", text(field).await?)?,
            "dry_run" => form.dry_run = flag("dry_run", text(field).await?)?,
            _ => {
                return Err(
                    Problem::invalid(format!("`{name}` is no field of this form; it has {FIELDS}")).at(name)
                );
            }
        }
    }
    Ok(form)
}

fn flag(name: &str, value: Option<String>) -> Result<bool, Problem> {
    match value.as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1" | "on") => Ok(true),
        Some(other) => Err(Problem::invalid(format!("`{other}` is neither true nor false")).at(name)),
    }
}

fn broken(error: MultipartError) -> Problem {
    Problem::invalid(format!("the form can't be read: {}", error.body_text()))
}

/// The value of a field; none if it is empty.
async fn text(mut field: Field<'_>) -> Result<Option<String>, Problem> {
    let mut bytes = Vec::new();
    let name = field.name().unwrap_or_default().to_string();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > FIELD_BYTES {
            return Err(Problem::invalid(format!("the field is longer than {FIELD_BYTES} bytes")).at(name));
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| Problem::invalid("the field is not UTF-8").at(name))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A copy on disk that vanishes with its handle.
async fn spool(mut field: Field<'_>, services: &Services) -> Result<File, Problem> {
    let disk = |error: std::io::Error| Problem::internal(&format!("can't keep an import on disk: {error}"));
    let mut file = tokio::fs::File::from_std(tempfile::tempfile_in(&services.data).map_err(disk)?);
    let mut bytes = 0;
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        bytes += chunk.len();
        if bytes > limits::IMPORT_BODY_BYTES {
            return Err(too_large(limits::IMPORT_BODY_BYTES));
        }
        file.write_all(&chunk).await.map_err(disk)?;
    }
    file.flush().await.map_err(disk)?;
    Ok(file.into_std().await)
}

impl ImportForm {
    fn request(&self) -> Result<ImportRequest, Problem> {
        let mode = self.mode.as_deref().unwrap_or(ImportMode::Create.name());
        let mode = ImportMode::ALL.into_iter().find(|one| one.name() == mode).ok_or_else(|| {
            Problem::invalid(format!("`{mode}` is no mode; write create, replace, append or remove"))
                .at("mode")
        })?;
        let key = self.key.as_deref().map(|key| {
            IdentifierKey::named(key.trim_start_matches('@')).ok_or_else(|| {
                Problem::invalid(format!("`{key}` is no key of a list; write usr.id or usr.email")).at("key")
            })
        });
        if self.name.is_empty() && (mode == ImportMode::Create || self.segment_id.is_none()) {
            return Err(Problem::invalid("the name of the segment is missing").at("name"));
        }
        let tags = self.tags.as_deref().unwrap_or_default().split(',').map(str::trim);
        Ok(ImportRequest {
            mode,
            name: self.name.clone(),
            segment_id: self.segment_id.clone(),
            key: key.transpose()?,
            column: self.column.clone(),
            description: self.description.clone().unwrap_or_default(),
            tags: tags.filter(|tag| !tag.is_empty()).map(str::to_string).collect(),
            dry_run: self.dry_run,
            as_table: self.as_table,
        })
    }
}
