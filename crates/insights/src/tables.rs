//! Reference tables: rows with a key, from files or row by row, as they are now.
//!
//! Reading order: [`names`] (how names are written) → `cells` (what a row may hold) → the tables → [`uploads`] (files that
//! come in by parts).

use serde_json::{Map, Value as Json, json};
use whodid_model::limits;

use crate::InsightError;
use crate::catalogue::{FieldKind, Table, TableField, TableRow};
use crate::insights::Insights;

mod cells;
mod names;
mod uploads;

pub use names::{normalized_headers, normalized_name};
pub use uploads::NewUpload;

pub(crate) fn refuse(message: impl Into<String>) -> InsightError {
    InsightError::Invalid { pointer: None, message: message.into(), hint: None }
}

#[derive(Clone, Debug)]
pub struct NewTable {
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    pub fields: Vec<TableField>,
    pub primary_keys: Vec<String>,
    /// The file that the rows come from.
    pub upload_id: String,
}

/// What changes of a table; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct TableChange {
    pub description: Option<String>,
    pub tags: Option<Vec<String>>,
    /// Fields are only added.
    pub fields: Option<(Vec<TableField>, Vec<String>)>,
    /// A file whose rows take the place of all rows.
    pub upload_id: Option<String>,
}

impl Insights {
    pub async fn reference_tables(&self) -> Result<Vec<Table>, InsightError> {
        self.catalogue().tables().await
    }

    pub async fn reference_table(&self, id: &str) -> Result<Table, InsightError> {
        self.catalogue().table(id).await
    }

    /// Makes a table of an uploaded file. Errors: `Invalid` for what breaks a rule or a limit; nothing is made then.
    pub async fn create_reference_table(&self, new: NewTable) -> Result<Table, InsightError> {
        let upload = new.upload_id.clone();
        let mut table = self.empty_table(new).await?;
        let taken = self.take_file(&mut table, &upload, 1).await;
        self.keep(table, taken).await
    }

    /// Makes a table of a file with a header that was imported as a list: all columns are texts, the one of the
    /// identifiers is the primary key.
    pub(crate) async fn table_of_list(
        &self,
        name: &str,
        file: std::fs::File,
        headers: Vec<String>,
        key: usize,
    ) -> Result<Table, InsightError> {
        let names = normalized_headers(&headers)?;
        let field = |name: &String| TableField { name: name.clone(), kind: FieldKind::String };
        let new = NewTable {
            name: name.to_string(),
            description: String::new(),
            tags: Vec::new(),
            fields: names.iter().map(field).collect(),
            primary_keys: names.get(key).cloned().into_iter().collect(),
            upload_id: String::new(),
        };
        let mut table = self.empty_table(new).await?;
        let filled = self.fill(&mut table, Box::new(file), headers, 1).await;
        self.keep(table, filled).await
    }

    async fn empty_table(&self, new: NewTable) -> Result<Table, InsightError> {
        let name = normalized_name(&new.name)?;
        let primary_key = checked_schema(&new.fields, &new.primary_keys)?;
        let tables = self.catalogue().tables().await?;
        if tables.iter().any(|table| table.name == name) {
            return Err(refuse(format!("a reference table `{name}` exists already")));
        }
        if tables.len() >= limits::REFERENCE_TABLES {
            let limit = limits::REFERENCE_TABLES;
            return Err(refuse(format!("there are {limit} tables already: that is the most")));
        }
        let now = self.instant(None);
        Ok(Table {
            id: self.catalogue().new_id(),
            name,
            source: "LOCAL_FILE".to_string(),
            description: crate::catalogue::clean_description(new.description)?,
            fields: new.fields,
            primary_key,
            tags: crate::catalogue::clean_tags(new.tags)?,
            file_metadata: json!({}),
            generation: 1,
            row_count: 0,
            created_at: now,
            updated_at: now,
        })
    }

    /// Notes a table whose rows are in, or lets go of what came in.
    async fn keep(&self, table: Table, filled: Result<(), InsightError>) -> Result<Table, InsightError> {
        let made = match filled {
            Ok(()) => self.catalogue().insert_table(&table).await,
            Err(error) => Err(error),
        };
        if made.is_err() {
            self.catalogue().drop_rows(&table.id, None).await?;
        }
        made.map(|()| table)
    }

    pub async fn update_reference_table(&self, id: &str, change: TableChange) -> Result<(), InsightError> {
        let mut table = self.catalogue().table(id).await?;
        if let Some(description) = change.description {
            table.description = crate::catalogue::clean_description(description)?;
        }
        if let Some(tags) = change.tags {
            table.tags = crate::catalogue::clean_tags(tags)?;
        }
        if let Some((fields, primary_keys)) = change.fields {
            let primary_key = checked_schema(&fields, &primary_keys)?;
            if primary_key != table.primary_key {
                return Err(refuse(format!("the primary key is `{}` and stays so", table.primary_key)));
            }
            if let Some(lost) = table.fields.iter().find(|field| !fields.contains(field)) {
                let message = format!("`{}` is missing or of another type: fields are only added", lost.name);
                return Err(refuse(message));
            }
            table.fields = fields;
        }
        if let Some(upload) = change.upload_id {
            let generation = table.generation + 1;
            self.catalogue().drop_rows(&table.id, Some(table.generation)).await?;
            self.take_file(&mut table, &upload, generation).await?;
            table.generation = generation;
        }
        table.updated_at = self.instant(None);
        self.catalogue().update_table(&table).await?;
        self.tables_changed().await;
        Ok(())
    }

    /// Errors: `NotFound`; `Conflict` while a connection rests on it.
    pub async fn delete_reference_table(&self, id: &str) -> Result<(), InsightError> {
        let table = self.catalogue().table(id).await?;
        let connections = self.catalogue().connections().await?;
        if let Some(one) = connections.iter().find(|connection| connection.table_id == table.id) {
            let message =
                format!("connection `{}` of {}s rests on the table; delete that first", one.id, one.entity);
            return Err(InsightError::Conflict { message, users: Vec::new() });
        }
        self.catalogue().delete_table(id).await?;
        self.tables_changed().await;
        Ok(())
    }

    /// Adds rows, and sets the given cells of rows that are there. All or none.
    pub async fn upsert_rows(
        &self,
        id: &str,
        rows: Vec<(String, Map<String, Json>)>,
    ) -> Result<(), InsightError> {
        if rows.len() > limits::UPSERTED_ROWS {
            return Err(refuse(format!("{} rows are more than {}", rows.len(), limits::UPSERTED_ROWS)));
        }
        let mut table = self.catalogue().table(id).await?;
        let mut whole: std::collections::BTreeMap<String, TableRow> = Default::default();
        for (row, given) in rows {
            let given = cells::of_request(&table, &row, given)?;
            let before = match whole.remove(&row) {
                Some(before) => Some(before),
                None => self.catalogue().row(&table, &row).await?,
            };
            let mut cells = before.map(|before| before.cells).unwrap_or_default();
            cells.extend(given);
            whole.insert(row.clone(), TableRow { id: row, cells });
        }
        let whole: Vec<TableRow> = whole.into_values().collect();
        if table.row_count + whole.len() as i64 > limits::TABLE_ROWS {
            return Err(refuse(format!("the table would have more than {} rows", limits::TABLE_ROWS)));
        }
        self.catalogue().put_rows(&table.id, table.generation, &whole).await?;
        self.rows_changed(&mut table).await
    }

    pub async fn delete_rows(&self, id: &str, rows: &[String]) -> Result<(), InsightError> {
        if rows.len() > limits::DELETED_ROWS {
            return Err(refuse(format!("{} rows are more than {}", rows.len(), limits::DELETED_ROWS)));
        }
        let mut table = self.catalogue().table(id).await?;
        self.catalogue().remove_rows(&table, rows).await?;
        self.rows_changed(&mut table).await
    }

    async fn rows_changed(&self, table: &mut Table) -> Result<(), InsightError> {
        table.row_count = self.catalogue().count_rows(&table.id, table.generation).await?;
        table.updated_at = self.instant(None);
        self.catalogue().update_table(table).await?;
        self.tables_changed().await;
        Ok(())
    }

    /// The rows with these ids, as far as there are any, in the order asked for.
    pub async fn rows_by_id(&self, id: &str, rows: &[String]) -> Result<Vec<TableRow>, InsightError> {
        let table = self.catalogue().table(id).await?;
        let mut found = Vec::new();
        for row in rows {
            found.extend(self.catalogue().row(&table, row).await?);
        }
        Ok(found)
    }

    /// Up to `limit` rows in order of id, and whether more follow.
    pub async fn rows_after(
        &self,
        id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<TableRow>, bool), InsightError> {
        let table = self.catalogue().table(id).await?;
        let mut rows = self.catalogue().rows_after(&table, after, limit + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        Ok((rows, more))
    }
}

/// The one primary key of a schema that keeps the rules.
fn checked_schema(fields: &[TableField], primary_keys: &[String]) -> Result<String, InsightError> {
    if fields.is_empty() || fields.len() > limits::TABLE_COLUMNS {
        return Err(refuse(format!("{} fields: write 1 to {}", fields.len(), limits::TABLE_COLUMNS)));
    }
    for (place, field) in fields.iter().enumerate() {
        let normalized = normalized_name(&field.name)?;
        if normalized != field.name {
            let message = format!("`{}` is no name of a field; write `{normalized}`", field.name);
            return Err(refuse(message));
        }
        if fields[..place].iter().any(|other| other.name == field.name) {
            return Err(refuse(format!("the field `{}` is there twice", field.name)));
        }
    }
    match primary_keys {
        [key] if fields.iter().any(|field| field.name == *key) => Ok(key.clone()),
        [key] => Err(refuse(format!("the primary key `{key}` is none of the fields"))),
        keys => Err(refuse(format!("{} primary keys: exactly one is possible", keys.len()))),
    }
}

#[cfg(test)]
mod tests;
