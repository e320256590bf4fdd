//! Reference tables in the shapes of the Datadog-compatible API.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use whodid_insights::catalogue::{FieldKind, Table, TableField};
use whodid_insights::{NewTable, TableChange};

use crate::auth::{MayRead, MayWrite};
use crate::envelope::{Answer, Envelope, JsonBody, Parameters};
use crate::problem::Problem;
use crate::services::Services;

mod rows;
mod uploads;

const TYPE: &str = "reference_table";
const PAGE_DEFAULT: usize = 15;
const PAGE_MAX: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .merge(uploads::routes())
        .merge(rows::routes())
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct SchemaShape {
    fields: Vec<FieldShape>,
    /// Exactly one.
    primary_keys: Vec<String>,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct FieldShape {
    name: String,
    /// `STRING` or `INT32`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: FieldKind,
}

impl SchemaShape {
    fn fields(&self) -> Vec<TableField> {
        self.fields.iter().map(|field| TableField { name: field.name.clone(), kind: field.kind }).collect()
    }
}

#[derive(Debug, Default, Deserialize, ToSchema)]
struct FileShape {
    /// The upload that the rows come from.
    upload_id: Option<String>,
}

fn shown(table: &Table) -> Value {
    json!({
        "id": table.id,
        "type": TYPE,
        "attributes": {
            "table_name": table.name,
            "description": table.description,
            "source": table.source,
            "status": "DONE",
            "schema": {"fields": table.fields, "primary_keys": [table.primary_key]},
            "tags": table.tags,
            "row_count": table.row_count,
            "created_by": "",
            "last_updated_by": "",
            "updated_at": table.updated_at.to_string(),
            "file_metadata": table.file_metadata,
        },
    })
}

/// An id that is none can't be of a table.
fn table_id(id: &str) -> Result<(), Problem> {
    match Uuid::try_parse(id) {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::invalid(format!("`{id}` is not the id of a table: ids are UUIDs"))),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// 1 to 100; 15 if absent.
    #[serde(rename = "page[limit]")]
    limit: Option<usize>,
    #[serde(rename = "page[offset]")]
    offset: Option<usize>,
    /// `updated_at`, `table_name` or `status`; with `-` in front from the last to the first. `-updated_at` if absent.
    sort: Option<String>,
    #[serde(rename = "filter[status]")]
    status: Option<String>,
    #[serde(rename = "filter[table_name][exact]")]
    exact: Option<String>,
    #[serde(rename = "filter[table_name][contains]")]
    contains: Option<String>,
}

/// Lists reference tables.
#[utoipa::path(
    get, path = "/tables", tag = "Reference tables", params(ListParameters),
    responses((status = 200, body = Value))
)]
async fn list(
    _: MayRead,
    State(services): State<Services>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Answer<Value> {
    let limit = parameters.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::invalid(format!(
            "a page of {limit} tables is not possible; write 1 to {PAGE_MAX}"
        )));
    }
    let mut tables = services.insights.reference_tables().await?;
    tables.retain(|table| {
        parameters.exact.as_ref().is_none_or(|name| table.name == *name)
            && parameters.contains.as_ref().is_none_or(|part| table.name.contains(part))
            && parameters.status.as_ref().is_none_or(|status| status == "DONE")
    });
    let sort = parameters.sort.as_deref().unwrap_or("-updated_at");
    let (by, backwards) = sort.strip_prefix('-').map_or((sort, false), |by| (by, true));
    match by {
        "updated_at" => tables.sort_by(|a, b| (a.updated_at, &a.id).cmp(&(b.updated_at, &b.id))),
        "table_name" => tables.sort_by(|a, b| a.name.cmp(&b.name)),
        "status" => {}
        other => {
            let message = format!("`{other}` is nothing to sort by; write updated_at, table_name or status");
            return Err(Problem::invalid(message));
        }
    }
    if backwards {
        tables.reverse();
    }
    let page = tables.iter().skip(parameters.offset.unwrap_or_default()).take(limit);
    Ok(Json(json!({"data": page.map(shown).collect::<Vec<_>>()})))
}

#[derive(Debug, Deserialize, ToSchema)]
struct TableDraft {
    table_name: String,
    /// `LOCAL_FILE`.
    source: String,
    schema: SchemaShape,
    #[serde(default)]
    file_metadata: FileShape,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tags: Vec<String>,
}

/// Makes a table of an uploaded file.
#[utoipa::path(
    post, path = "/tables", tag = "Reference tables", request_body = Envelope<TableDraft>,
    responses((status = 201, body = Value))
)]
async fn create(
    _: MayWrite,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<TableDraft>>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let draft = body.attributes(TYPE)?;
    match draft.source.as_str() {
        "LOCAL_FILE" => {}
        "S3" | "GCS" | "AZURE" => {
            let message = "tables from cloud storage are not read here: upload the file and write LOCAL_FILE";
            return Err(Problem::invalid(message));
        }
        other => {
            return Err(Problem::invalid(format!("`{other}` is no source of a table; write LOCAL_FILE")));
        }
    }
    let upload_id = draft.file_metadata.upload_id;
    let upload_id = upload_id.filter(|id| !id.is_empty()).ok_or_else(|| {
        Problem::invalid("a table from LOCAL_FILE needs file_metadata.upload_id: make an upload first")
    })?;
    let fields = draft.schema.fields();
    let new = NewTable {
        name: draft.table_name,
        description: draft.description,
        tags: draft.tags,
        fields,
        primary_keys: draft.schema.primary_keys,
        upload_id,
    };
    let table = services.insights.create_reference_table(new).await?;
    Ok((StatusCode::CREATED, Json(json!({"data": shown(&table)}))))
}

/// One table, without its rows.
#[utoipa::path(
    get, path = "/tables/{id}", tag = "Reference tables", params(("id" = String, Path)),
    responses((status = 200, body = Value))
)]
async fn get(_: MayRead, State(services): State<Services>, Path(id): Path<String>) -> Answer<Value> {
    let table = services.insights.reference_table(&id).await?;
    Ok(Json(json!({"data": shown(&table)})))
}

#[derive(Debug, Deserialize, ToSchema)]
struct TablePatch {
    description: Option<String>,
    tags: Option<Vec<String>>,
    /// Fields are only added.
    schema: Option<SchemaShape>,
    /// The rows of a new upload take the place of all rows.
    file_metadata: Option<FileShape>,
}

/// Changes a table.
#[utoipa::path(
    patch, path = "/tables/{id}", tag = "Reference tables", params(("id" = String, Path)),
    request_body = Envelope<TablePatch>, responses((status = 200))
)]
async fn update(
    _: MayWrite,
    State(services): State<Services>,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Envelope<TablePatch>>,
) -> Result<StatusCode, Problem> {
    let patch = body.attributes(TYPE)?;
    let change = TableChange {
        description: patch.description,
        tags: patch.tags,
        fields: patch.schema.map(|schema| (schema.fields(), schema.primary_keys)),
        upload_id: patch.file_metadata.and_then(|file| file.upload_id),
    };
    services.insights.update_reference_table(&id, change).await?;
    Ok(StatusCode::OK)
}

/// Deletes a table with its rows. 409 while a connection rests on it.
#[utoipa::path(
    delete, path = "/tables/{id}", tag = "Reference tables", params(("id" = String, Path)),
    responses((status = 200))
)]
async fn delete(
    _: MayWrite,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    services.insights.delete_reference_table(&id).await?;
    Ok(StatusCode::OK)
}
