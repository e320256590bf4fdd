//! Connections: reference tables joined to users or accounts, so that their columns are profile attributes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use whodid_model::{EntityKind, IdentifierKey, Instant, Value, limits};
use whodid_store::{JoinBy, Joined, JoinedField};

use crate::InsightError;
use crate::catalogue::{StoredConnection, Table};
use crate::insights::Insights;
use crate::tables::refuse;

const PAGE_ROWS: usize = 10_000;

/// What a connection is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connecting {
    /// The column of the table that is compared.
    pub attribute: String,
    /// What of the entity it is compared with: `user_id`, `email`, `account_id`, or a profile attribute.
    pub join_type: String,
    pub fields: Vec<ConnectionField>,
    pub metadata: BTreeMap<String, String>,
}

/// A column that becomes the profile attribute `@<id>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectionField {
    pub id: String,
    /// The column of the table.
    pub source_name: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
}

/// New texts for a field; what is absent stays.
#[derive(Clone, Debug)]
pub struct FieldUpdate {
    pub id: String,
    pub new_id: Option<String>,
    pub display_name: Option<String>,
    pub description: Option<String>,
    pub groups: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    pub id: String,
    pub kind: String,
    pub definition: Connecting,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// Grows with every change of a table or a connection in this process.
static GENERATION: AtomicU64 = AtomicU64::new(1);

impl Insights {
    /// To be called after every change of tables and connections.
    pub(crate) async fn tables_changed(&self) {
        *self.inner.joined.lock().await = None;
    }

    /// The joined columns as the tables are now.
    pub(crate) async fn joined_columns(&self) -> Result<Arc<Joined>, InsightError> {
        let mut known = self.inner.joined.lock().await;
        if let Some(joined) = &*known {
            return Ok(joined.clone());
        }
        let generation = GENERATION.fetch_add(1, Ordering::Relaxed);
        let mut joined = Joined { generation, ..Joined::default() };
        for connection in self.catalogue().connections().await? {
            let table = self.catalogue().table(&connection.table_id).await?;
            let definition = read(&connection)?;
            let fields = self.columns(&table, &definition).await?;
            match connection.entity {
                EntityKind::User => joined.users.extend(fields),
                EntityKind::Account => joined.accounts.extend(fields),
            }
        }
        Ok(known.insert(Arc::new(joined)).clone())
    }

    /// The columns of a connection by what they are joined by. Of rows that are joined by the same, the first counts.
    async fn columns(
        &self,
        table: &Table,
        definition: &Connecting,
    ) -> Result<Vec<(String, JoinedField)>, InsightError> {
        let by = join_by(&definition.join_type);
        let mut columns = vec![HashMap::new(); definition.fields.len()];
        let mut after: Option<String> = None;
        loop {
            let rows = self.catalogue().rows_after(table, after.as_deref(), PAGE_ROWS).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id.clone());
            for row in rows {
                let Some(key) = row.cells.get(&definition.attribute).map(text) else { continue };
                let key = match by {
                    JoinBy::Email => IdentifierKey::UsrEmail.normalized(&key).into_owned(),
                    _ => key,
                };
                for (column, field) in columns.iter_mut().zip(&definition.fields) {
                    if let Some(value) = row.cells.get(&field.source_name) {
                        column.entry(key.clone()).or_insert_with(|| value_of(field, value));
                    }
                }
            }
        }
        let named = |(field, values): (&ConnectionField, HashMap<String, Value>)| {
            (field.id.clone(), JoinedField { by: by.clone(), values: Arc::new(values) })
        };
        Ok(definition.fields.iter().zip(columns).map(named).collect())
    }

    /// Errors: `Invalid` for what breaks a rule; `NotFound` for the table; `Conflict` for an id in use.
    pub async fn create_connection(
        &self,
        entity: EntityKind,
        id: Option<String>,
        kind: String,
        definition: Connecting,
    ) -> Result<String, InsightError> {
        if kind != "ref_table" {
            return Err(refuse(format!("`{kind}` can't be connected; write ref_table")));
        }
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| self.catalogue().new_id());
        let all = self.catalogue().connections().await?;
        if all.iter().any(|other| other.entity == entity && other.id == id) {
            let message = format!("a connection `{id}` of {entity}s exists already");
            return Err(InsightError::Conflict { message, users: Vec::new() });
        }
        let table = self.table_of(&id, &definition.metadata).await?;
        self.check(entity, &id, &definition, &table, &all)?;
        let now = self.instant(None);
        let definition = serde_json::to_string(&definition).unwrap_or_default();
        let stored = StoredConnection {
            entity,
            id: id.clone(),
            table_id: table.id,
            kind,
            definition,
            created_at: now,
            updated_at: now,
        };
        self.catalogue().put_connection(&stored).await?;
        self.tables_changed().await;
        Ok(id)
    }

    pub async fn update_connection(
        &self,
        entity: EntityKind,
        id: &str,
        add: Vec<ConnectionField>,
        delete: &[String],
        update: Vec<FieldUpdate>,
    ) -> Result<(), InsightError> {
        let all = self.catalogue().connections().await?;
        let mut stored = find(&all, entity, id)?.clone();
        let mut definition = read(&stored)?;
        let unknown = |field: &str| refuse(format!("the connection has no field `{field}`"));
        for id in delete {
            let place = definition.fields.iter().position(|field| field.id == *id);
            definition.fields.remove(place.ok_or_else(|| unknown(id))?);
        }
        for change in update {
            let field = definition.fields.iter_mut().find(|field| field.id == change.id);
            let field = field.ok_or_else(|| unknown(&change.id))?;
            field.id = change.new_id.unwrap_or_else(|| field.id.clone());
            field.display_name = change.display_name.or(field.display_name.take());
            field.description = change.description.or(field.description.take());
            field.groups = change.groups.or(field.groups.take());
        }
        definition.fields.extend(add);
        let table = self.catalogue().table(&stored.table_id).await?;
        self.check(entity, id, &definition, &table, &all)?;
        stored.definition = serde_json::to_string(&definition).unwrap_or_default();
        stored.updated_at = self.instant(None);
        self.catalogue().put_connection(&stored).await?;
        self.tables_changed().await;
        Ok(())
    }

    pub async fn delete_connection(&self, entity: EntityKind, id: &str) -> Result<(), InsightError> {
        if !self.catalogue().delete_connection(entity, id).await? {
            return Err(InsightError::NotFound { what: "connection", id: id.to_string() });
        }
        self.tables_changed().await;
        Ok(())
    }

    pub async fn list_connections(&self, entity: EntityKind) -> Result<Vec<Connection>, InsightError> {
        let all = self.catalogue().connections().await?;
        let of_kind = all.into_iter().filter(|one| one.entity == entity);
        let shown = of_kind.map(|one| {
            let definition = read(&one)?;
            let StoredConnection { id, kind, created_at, updated_at, .. } = one;
            Ok(Connection { id, kind, definition, created_at, updated_at })
        });
        shown.collect()
    }

    async fn table_of(&self, id: &str, metadata: &BTreeMap<String, String>) -> Result<Table, InsightError> {
        let tables = self.catalogue().tables().await?;
        let named = metadata.get("table_name").map(String::as_str);
        let with_id = metadata.get("table_id").map(String::as_str);
        let is_it = |table: &Table| match (with_id, named) {
            (Some(with_id), _) => table.id == with_id,
            (None, name) => table.name == name.unwrap_or(id),
        };
        let wanted = with_id.or(named).unwrap_or(id);
        tables.into_iter().find(is_it).ok_or_else(|| {
            refuse(format!("there is no reference table `{wanted}`; name one as metadata.table_name"))
        })
    }

    fn check(
        &self,
        entity: EntityKind,
        id: &str,
        definition: &Connecting,
        table: &Table,
        all: &[StoredConnection],
    ) -> Result<(), InsightError> {
        let column = |name: &str| {
            let known: Vec<&str> = table.fields.iter().map(|field| field.name.as_str()).collect();
            match known.contains(&name) {
                true => Ok(()),
                false => Err(refuse(format!(
                    "`{}` has no column `{name}`; it has {}",
                    table.name,
                    known.join(", ")
                ))),
            }
        };
        column(&definition.attribute)?;
        if definition.fields.len() > limits::CONNECTION_FIELDS {
            return Err(refuse(format!("more than {} fields", limits::CONNECTION_FIELDS)));
        }
        let mut taken: Vec<String> = Vec::new();
        for other in all.iter().filter(|other| other.entity == entity && other.id != id) {
            taken.extend(read(other)?.fields.into_iter().map(|field| field.id));
        }
        for field in &definition.fields {
            column(&field.source_name)?;
            let ident = field.id.strip_prefix('@').unwrap_or(&field.id);
            if ident != field.id || ident.is_empty() || ident.contains(char::is_whitespace) {
                return Err(refuse(format!("`{}` is no id of a field; write one word without @", field.id)));
            }
            if self.inner.engine.is_built_in(&field.id, entity) {
                return Err(refuse(format!("every {entity} has `{}` already; choose another id", field.id)));
            }
            if taken.contains(&field.id) {
                return Err(refuse(format!("the field `{}` is there already", field.id)));
            }
            taken.push(field.id.clone());
        }
        Ok(())
    }
}

fn find<'a>(
    all: &'a [StoredConnection],
    entity: EntityKind,
    id: &str,
) -> Result<&'a StoredConnection, InsightError> {
    let found = all.iter().find(|one| one.entity == entity && one.id == id);
    found.ok_or_else(|| InsightError::NotFound { what: "connection", id: id.to_string() })
}

fn read(stored: &StoredConnection) -> Result<Connecting, InsightError> {
    serde_json::from_str(&stored.definition)
        .map_err(|error| refuse(format!("connection `{}` as it is stored can't be read: {error}", stored.id)))
}

fn join_by(join_type: &str) -> JoinBy {
    match join_type.strip_prefix('@').unwrap_or(join_type) {
        "user_id" | "usr.id" | "account_id" | "account.id" | "id" => JoinBy::Id,
        "email" | "user_email" | "usr.email" => JoinBy::Email,
        other => match (other.strip_prefix("user_"), other.strip_prefix("account_")) {
            (Some(own), _) => JoinBy::Attribute(format!("usr.{own}")),
            (None, Some(own)) => JoinBy::Attribute(format!("account.{own}")),
            (None, None) if other.contains('.') => JoinBy::Attribute(other.to_string()),
            (None, None) => JoinBy::Attribute(format!("usr.{other}")),
        },
    }
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

fn value_of(field: &ConnectionField, value: &Json) -> Value {
    let number = match field.kind.as_str() {
        "number" | "integer" | "int" | "float" => text(value).trim().parse::<f64>().ok(),
        _ => None,
    };
    match number.filter(|number| number.is_finite()) {
        Some(number) => Value::Number(number),
        None => Value::from_json(value).unwrap_or(Value::Null),
    }
}
