//! Reference tables joined to users and accounts, in the shapes of the Datadog-compatible API.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::{Connecting, Connection, ConnectionField, FieldUpdate};
use whodid_model::{EntityKind, Instant};

use crate::auth::{MayRead, MayWrite};
use crate::envelope::{Answer, JsonBody, One, one};
use crate::problem::Problem;
use crate::services::Services;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(create, update)).routes(routes!(delete))
}

fn entity(name: &str) -> Result<EntityKind, Problem> {
    match name {
        "users" => Ok(EntityKind::User),
        "accounts" => Ok(EntityKind::Account),
        other => Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("`{other}` have no connections; write users or accounts"),
        )),
    }
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct FieldShape {
    /// The profile attribute is `@<id>`.
    id: String,
    /// The column of the table.
    source_name: String,
    /// `string`, `number`, …
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<String>>,
}

impl From<FieldShape> for ConnectionField {
    fn from(field: FieldShape) -> ConnectionField {
        let FieldShape { id, source_name, kind, display_name, description, groups } = field;
        ConnectionField { id, source_name, kind, display_name, description, groups }
    }
}

impl From<ConnectionField> for FieldShape {
    fn from(field: ConnectionField) -> FieldShape {
        let ConnectionField { id, source_name, kind, display_name, description, groups } = field;
        FieldShape { id, source_name, kind, display_name, description, groups }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct JoinShape {
    attribute: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct ConnectionAnswer {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    join: JoinShape,
    fields: Vec<FieldShape>,
    metadata: BTreeMap<String, String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Instant,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Instant,
    created_by: String,
    updated_by: String,
}

impl From<Connection> for ConnectionAnswer {
    fn from(connection: Connection) -> ConnectionAnswer {
        let Connection { id, kind, definition, created_at, updated_at } = connection;
        ConnectionAnswer {
            id,
            kind,
            join: JoinShape { attribute: definition.attribute, kind: definition.join_type },
            fields: definition.fields.into_iter().map(FieldShape::from).collect(),
            metadata: definition.metadata,
            created_at,
            updated_at,
            created_by: String::new(),
            updated_by: String::new(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct ConnectionsAnswer {
    connections: Vec<ConnectionAnswer>,
}

/// What is joined to users or accounts.
#[utoipa::path(
    get, path = "/{entity}/mapping/connections", tag = "Audiences", params(("entity" = String, Path)),
    responses((status = 200, body = One<ConnectionsAnswer>))
)]
async fn list(
    _: MayRead,
    State(services): State<Services>,
    Path(kind): Path<String>,
) -> Answer<One<ConnectionsAnswer>> {
    let connections = services.insights.list_connections(entity(&kind)?).await?;
    let connections = connections.into_iter().map(ConnectionAnswer::from).collect();
    Ok(Json(one("list_connections_response", "list_connections_response", ConnectionsAnswer { connections })))
}

/// A request whose id may stand beside its attributes.
#[derive(Debug, Deserialize, ToSchema)]
struct Identified<A> {
    data: IdentifiedData<A>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct IdentifiedData<A> {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    attributes: A,
}

const TYPE: &str = "connection_id";

impl<A> Identified<A> {
    fn into_parts(self) -> Result<(Option<String>, A), Problem> {
        if self.data.kind != TYPE {
            let message = format!("the type is `{}`; here it has to be `{TYPE}`", self.data.kind);
            return Err(Problem::invalid(message).at("/data/type"));
        }
        Ok((self.data.id, self.data.attributes))
    }
}

#[derive(Debug, Deserialize, ToSchema)]
struct NewConnection {
    /// `ref_table`.
    #[serde(rename = "type")]
    kind: String,
    /// The column of the table that is compared.
    join_attribute: String,
    /// What it is compared with: `user_id`, `email`, `account_id`, or a profile attribute.
    join_type: String,
    #[serde(default)]
    fields: Vec<FieldShape>,
    /// `table_name` or `table_id` say which table it is; else it is the one called like the connection.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// Joins a reference table to users or accounts.
#[utoipa::path(
    post, path = "/{entity}/mapping/connection", tag = "Audiences", params(("entity" = String, Path)),
    request_body = Identified<NewConnection>, responses((status = 201, body = One<Value>))
)]
async fn create(
    _: MayWrite,
    State(services): State<Services>,
    Path(kind): Path<String>,
    JsonBody(body): JsonBody<Identified<NewConnection>>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (id, new) = body.into_parts()?;
    let definition = Connecting {
        attribute: new.join_attribute,
        join_type: new.join_type,
        fields: new.fields.into_iter().map(ConnectionField::from).collect(),
        metadata: new.metadata,
    };
    let id = services.insights.create_connection(entity(&kind)?, id, new.kind, definition).await?;
    Ok((StatusCode::CREATED, Json(serde_json::json!({"data": {"id": id, "type": TYPE}}))))
}

#[derive(Debug, Deserialize, ToSchema)]
struct ConnectionPatch {
    #[serde(default)]
    fields_to_add: Vec<FieldShape>,
    #[serde(default)]
    fields_to_delete: Vec<String>,
    #[serde(default)]
    fields_to_update: Vec<FieldPatch>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct FieldPatch {
    field_id: String,
    updated_field_id: Option<String>,
    updated_display_name: Option<String>,
    updated_description: Option<String>,
    updated_groups: Option<Vec<String>>,
}

/// Changes the fields of a connection, which the request names as its id.
#[utoipa::path(
    put, path = "/{entity}/mapping/connection", tag = "Audiences", params(("entity" = String, Path)),
    request_body = Identified<ConnectionPatch>, responses((status = 200, body = Value))
)]
async fn update(
    _: MayWrite,
    State(services): State<Services>,
    Path(kind): Path<String>,
    JsonBody(body): JsonBody<Identified<ConnectionPatch>>,
) -> Answer<Value> {
    let (id, patch) = body.into_parts()?;
    let id = id.ok_or_else(|| Problem::invalid("the id of the connection is missing").at("/data/id"))?;
    let updates = patch.fields_to_update.into_iter().map(|field| FieldUpdate {
        id: field.field_id,
        new_id: field.updated_field_id,
        display_name: field.updated_display_name,
        description: field.updated_description,
        groups: field.updated_groups,
    });
    let add = patch.fields_to_add.into_iter().map(ConnectionField::from).collect();
    let insights = &services.insights;
    let kind = entity(&kind)?;
    insights.update_connection(kind, &id, add, &patch.fields_to_delete, updates.collect()).await?;
    Ok(Json(serde_json::json!({"data": {"id": id, "type": TYPE}})))
}

/// Ends a connection; the table stays.
#[utoipa::path(
    delete, path = "/{entity}/mapping/connection/{id}", tag = "Audiences",
    params(("entity" = String, Path), ("id" = String, Path)), responses((status = 204))
)]
async fn delete(
    _: MayWrite,
    State(services): State<Services>,
    Path((kind, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    services.insights.delete_connection(entity(&kind)?, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
