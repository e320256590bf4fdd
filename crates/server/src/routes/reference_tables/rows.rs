//! The rows of tables: written, deleted, found by id, listed.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Map;
use whodid_insights::catalogue::TableRow;

use utoipa_axum::routes;

use super::{
    Answer, Deserialize, Envelope, IntoParams, Json, JsonBody, MayRead, MayWrite, OpenApiRouter, Parameters,
    Path, Problem, Services, State, StatusCode, ToSchema, Value, json, table_id,
};

const TYPE: &str = "row";
const BATCH_TYPE: &str = "reference-tables-batch-rows-query";
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(by_id, upsert, delete)).routes(routes!(list)).routes(routes!(batch))
}

fn in_query(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn shown(row: TableRow) -> Value {
    json!({"id": row.id, "type": TYPE, "attributes": {"values": row.cells}})
}

#[derive(Debug, Deserialize, ToSchema)]
struct Rows {
    data: Vec<RowShape>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct RowShape {
    /// The value of the primary key.
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    attributes: RowAttributes,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
struct RowAttributes {
    /// Column to text or number.
    #[serde(default)]
    #[schema(value_type = Object)]
    values: Map<String, Value>,
}

impl Rows {
    fn checked(self) -> Result<Vec<RowShape>, Problem> {
        match self.data.iter().find(|row| row.kind != TYPE) {
            None => Ok(self.data),
            Some(row) => {
                Err(Problem::invalid(format!("the type is `{}`; here it has to be `{TYPE}`", row.kind)))
            }
        }
    }
}

/// Adds rows, and sets the given cells of rows that are there. All or none.
#[utoipa::path(
    post, path = "/tables/{id}/rows", tag = "Reference tables", params(("id" = String, Path)), request_body = Rows,
    responses((status = 200))
)]
async fn upsert(
    _: MayWrite,
    State(services): State<Services>,
    Path(id): Path<String>,
    JsonBody(rows): JsonBody<Rows>,
) -> Result<StatusCode, Problem> {
    let rows = rows.checked()?.into_iter().map(|row| (row.id, row.attributes.values)).collect();
    services.insights.upsert_rows(&id, rows).await?;
    Ok(StatusCode::OK)
}

/// Deletes rows.
#[utoipa::path(
    delete, path = "/tables/{id}/rows", tag = "Reference tables", params(("id" = String, Path)), request_body = Rows,
    responses((status = 200))
)]
async fn delete(
    _: MayWrite,
    State(services): State<Services>,
    Path(id): Path<String>,
    JsonBody(rows): JsonBody<Rows>,
) -> Result<StatusCode, Problem> {
    let rows: Vec<String> = rows.checked()?.into_iter().map(|row| row.id).collect();
    services.insights.delete_rows(&id, &rows).await?;
    Ok(StatusCode::OK)
}

/// Finds rows by their ids.
#[utoipa::path(
    get, path = "/tables/{id}/rows", tag = "Reference tables",
    params(("id" = String, Path), ("row_id" = Vec<String>, Query, description = "May stand several times.")),
    responses((status = 200, body = Value))
)]
async fn by_id(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
) -> Answer<Value> {
    let wanted: Vec<String> =
        parameters.into_iter().filter(|(name, _)| name == "row_id").map(|(_, row)| row).collect();
    let found = services.insights.rows_by_id(&id, &wanted).await?;
    let missing: Vec<&String> =
        wanted.iter().filter(|row| !found.iter().any(|one| one.id == **row)).collect();
    let meta = json!({"requested_count": wanted.len(), "found_count": found.len(), "not_found": missing});
    Ok(Json(json!({"meta": meta, "data": found.into_iter().map(shown).collect::<Vec<_>>()})))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// 1 to 1000; 100 if absent.
    #[serde(rename = "page[limit]")]
    limit: Option<usize>,
    #[serde(rename = "page[continuation_token]")]
    token: Option<String>,
}

/// Lists rows in order of id.
#[utoipa::path(
    get, path = "/tables/{id}/rows/list", tag = "Reference tables", params(("id" = String, Path), ListParameters),
    responses((status = 200, body = Value))
)]
async fn list(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Answer<Value> {
    table_id(&id)?;
    let limit = parameters.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::invalid(format!(
            "a page of {limit} rows is not possible; write 1 to {PAGE_MAX}"
        )));
    }
    let after = parameters.token.as_deref();
    let (rows, more) = services.insights.rows_after(&id, after, limit).await?;
    let link = |token: Option<&str>| {
        let token = token.map(in_query);
        let token = token.map_or(String::new(), |token| format!("&page[continuation_token]={token}"));
        format!("/api/v2/reference-tables/tables/{id}/rows/list?page[limit]={limit}{token}")
    };
    let next = rows.last().filter(|_| more).map(|row| row.id.clone());
    let mut links = json!({"first": link(None), "self": link(after)});
    let mut page = json!({});
    if let Some(next) = next {
        links["next"] = link(Some(&next)).into();
        page["next_continuation_token"] = next.into();
    }
    let data: Vec<Value> = rows.into_iter().map(shown).collect();
    Ok(Json(json!({"data": data, "links": links, "meta": {"page": page}})))
}

#[derive(Debug, Deserialize, ToSchema)]
struct BatchQuestion {
    table_id: String,
    row_ids: Vec<String>,
}

/// Finds rows of a table by their ids; those that are there are included.
#[utoipa::path(
    post, path = "/queries/batch-rows", tag = "Reference tables", request_body = Envelope<BatchQuestion>,
    responses((status = 200, body = Value))
)]
async fn batch(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<BatchQuestion>>,
) -> Answer<Value> {
    let BatchQuestion { table_id: table, row_ids } = body.attributes(BATCH_TYPE)?;
    table_id(&table)?;
    let found = services.insights.rows_by_id(&table, &row_ids).await?;
    let links: Vec<Value> = found.iter().map(|row| json!({"id": row.id, "type": TYPE})).collect();
    let data = json!({"id": table, "type": BATCH_TYPE, "relationships": {"rows": {"data": links}}});
    Ok(Json(json!({"data": data, "included": found.into_iter().map(shown).collect::<Vec<_>>()})))
}
