//! Reference tables, their rows, and what is connected to them, as they are kept.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sqlx::Row as _;
use whodid_model::{EntityKind, Instant};

use super::{Catalogue, Row};
use crate::InsightError;

/// A table without its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub id: String,
    /// Unique.
    pub name: String,
    /// `LOCAL_FILE`.
    pub source: String,
    pub description: String,
    pub fields: Vec<TableField>,
    /// The field that names a row.
    pub primary_key: String,
    pub tags: Vec<String>,
    pub file_metadata: Json,
    pub generation: i64,
    pub row_count: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableField {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: FieldKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldKind {
    #[serde(rename = "STRING")]
    String,
    #[serde(rename = "INT32")]
    Int32,
}

/// A row of a table: its id and its cells, that of the primary key among them.
#[derive(Clone, Debug, PartialEq)]
pub struct TableRow {
    pub id: String,
    pub cells: Map<String, Json>,
}

/// A file that is coming in by parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    pub id: String,
    pub table_name: String,
    pub headers: Vec<String>,
    pub part_count: i64,
    pub token: String,
    pub created_at: Instant,
}

/// A reference table joined to users or accounts.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredConnection {
    pub entity: EntityKind,
    pub id: String,
    pub table_id: String,
    pub kind: String,
    /// JSON.
    pub definition: String,
    pub created_at: Instant,
    pub updated_at: Instant,
}

impl Catalogue {
    pub(crate) async fn tables(&self) -> Result<Vec<Table>, InsightError> {
        Ok(sqlx::query_as("SELECT * FROM reference_tables ORDER BY id").fetch_all(&self.pool).await?)
    }

    pub(crate) async fn table(&self, id: &str) -> Result<Table, InsightError> {
        let found = sqlx::query_as("SELECT * FROM reference_tables WHERE id = $1").bind(id);
        let found = found.fetch_optional(&self.pool).await?;
        found.ok_or_else(|| InsightError::NotFound { what: "reference table", id: id.to_string() })
    }

    pub(crate) async fn insert_table(&self, table: &Table) -> Result<(), InsightError> {
        let query = sqlx::query(
            "INSERT INTO reference_tables (id, name, source, description, fields, primary_key, tags,
                 file_metadata, generation, row_count, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        );
        let query = query.bind(&table.id).bind(&table.name).bind(&table.source).bind(&table.description);
        let query = query.bind(json(&table.fields)).bind(&table.primary_key).bind(json(&table.tags));
        let query = query.bind(table.file_metadata.to_string()).bind(table.generation).bind(table.row_count);
        query.bind(table.created_at.0).bind(table.updated_at.0).execute(&self.pool).await?;
        Ok(())
    }

    /// Stores what may change of a table.
    pub(crate) async fn update_table(&self, table: &Table) -> Result<(), InsightError> {
        let query = sqlx::query(
            "UPDATE reference_tables SET description = $2, fields = $3, tags = $4, file_metadata = $5,
                 generation = $6, row_count = $7, updated_at = $8 WHERE id = $1",
        );
        let query = query.bind(&table.id).bind(&table.description).bind(json(&table.fields));
        let query =
            query.bind(json(&table.tags)).bind(table.file_metadata.to_string()).bind(table.generation);
        query.bind(table.row_count).bind(table.updated_at.0).execute(&self.pool).await?;
        self.drop_rows(&table.id, Some(table.generation)).await
    }

    pub(crate) async fn delete_table(&self, id: &str) -> Result<(), InsightError> {
        sqlx::query("DELETE FROM reference_tables WHERE id = $1").bind(id).execute(&self.pool).await?;
        self.drop_rows(id, None).await
    }

    /// Removes the rows of all generations but one.
    pub(crate) async fn drop_rows(&self, table: &str, but: Option<i64>) -> Result<(), InsightError> {
        sqlx::query("DELETE FROM reference_rows WHERE table_id = $1 AND generation <> $2")
            .bind(table)
            .bind(but.unwrap_or(-1))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Writes rows whole, over those with the same ids.
    pub(crate) async fn put_rows(
        &self,
        table: &str,
        generation: i64,
        rows: &[TableRow],
    ) -> Result<(), InsightError> {
        let mut transaction = self.begin().await?;
        for row in rows {
            sqlx::query(
                "INSERT INTO reference_rows (table_id, generation, id, cells) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (table_id, generation, id) DO UPDATE SET cells = excluded.cells",
            )
            .bind(table)
            .bind(generation)
            .bind(&row.id)
            .bind(json(&row.cells))
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    pub(crate) async fn remove_rows(&self, table: &Table, ids: &[String]) -> Result<(), InsightError> {
        let mut transaction = self.begin().await?;
        for id in ids {
            sqlx::query("DELETE FROM reference_rows WHERE table_id = $1 AND generation = $2 AND id = $3")
                .bind(&table.id)
                .bind(table.generation)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    pub(crate) async fn count_rows(&self, table: &str, generation: i64) -> Result<i64, InsightError> {
        let count =
            sqlx::query_scalar("SELECT COUNT(*) FROM reference_rows WHERE table_id = $1 AND generation = $2");
        Ok(count.bind(table).bind(generation).fetch_one(&self.pool).await?)
    }

    pub(crate) async fn row(&self, table: &Table, id: &str) -> Result<Option<TableRow>, InsightError> {
        let found = sqlx::query_as(
            "SELECT id, cells FROM reference_rows WHERE table_id = $1 AND generation = $2 AND id = $3",
        );
        let found = found.bind(&table.id).bind(table.generation).bind(id);
        Ok(found.fetch_optional(&self.pool).await?)
    }

    /// Rows that hold the text somewhere, without regard to case: table, id, and the cells in JSON.
    pub(crate) async fn rows_with(&self, text: &str) -> Result<Vec<(String, String, String)>, InsightError> {
        let rows = sqlx::query_as(
            "SELECT table_id, id, cells FROM reference_rows
             WHERE instr(lower(id), lower($1)) > 0 OR instr(lower(cells), lower($1)) > 0",
        );
        Ok(rows.bind(text).fetch_all(&self.pool).await?)
    }

    /// Rows in order of id.
    pub(crate) async fn rows_after(
        &self,
        table: &Table,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<TableRow>, InsightError> {
        let rows = sqlx::query_as(
            "SELECT id, cells FROM reference_rows WHERE table_id = $1 AND generation = $2 AND id > $3
             ORDER BY id LIMIT $4",
        );
        let rows = rows.bind(&table.id).bind(table.generation).bind(after.unwrap_or_default());
        Ok(rows.bind(limit as i64).fetch_all(&self.pool).await?)
    }

    pub(crate) async fn insert_upload(&self, upload: &Upload) -> Result<(), InsightError> {
        let query = sqlx::query(
            "INSERT INTO reference_uploads (id, table_name, headers, part_count, token, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let query = query.bind(&upload.id).bind(&upload.table_name).bind(json(&upload.headers));
        let query = query.bind(upload.part_count).bind(&upload.token).bind(upload.created_at.0);
        query.execute(&self.pool).await?;
        Ok(())
    }

    pub(crate) async fn upload(&self, id: &str) -> Result<Option<Upload>, InsightError> {
        let found = sqlx::query_as("SELECT * FROM reference_uploads WHERE id = $1").bind(id);
        Ok(found.fetch_optional(&self.pool).await?)
    }

    pub(crate) async fn connections(&self) -> Result<Vec<StoredConnection>, InsightError> {
        let all = sqlx::query_as("SELECT * FROM connections ORDER BY created_at, id");
        Ok(all.fetch_all(&self.pool).await?)
    }

    /// Writes a connection over the one with the same id.
    pub(crate) async fn put_connection(&self, one: &StoredConnection) -> Result<(), InsightError> {
        let query = sqlx::query(
            "INSERT INTO connections (entity, id, table_id, kind, definition, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (entity, id) DO UPDATE SET definition = excluded.definition,
                 updated_at = excluded.updated_at",
        );
        let query = query.bind(one.entity.name()).bind(&one.id).bind(&one.table_id).bind(&one.kind);
        let query = query.bind(&one.definition).bind(one.created_at.0).bind(one.updated_at.0);
        query.execute(&self.pool).await?;
        Ok(())
    }

    /// Whether there was one.
    pub(crate) async fn delete_connection(&self, entity: EntityKind, id: &str) -> Result<bool, InsightError> {
        let query = sqlx::query("DELETE FROM connections WHERE entity = $1 AND id = $2");
        let done = query.bind(entity.name()).bind(id).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn read<T: serde::de::DeserializeOwned>(row: &Row, column: &str) -> Result<T, sqlx::Error> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()))
}

impl<'r> sqlx::FromRow<'r, Row> for Table {
    fn from_row(row: &'r Row) -> Result<Table, sqlx::Error> {
        Ok(Table {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            source: row.try_get("source")?,
            description: row.try_get("description")?,
            fields: read(row, "fields")?,
            primary_key: row.try_get("primary_key")?,
            tags: read(row, "tags")?,
            file_metadata: read(row, "file_metadata")?,
            generation: row.try_get("generation")?,
            row_count: row.try_get("row_count")?,
            created_at: Instant(row.try_get("created_at")?),
            updated_at: Instant(row.try_get("updated_at")?),
        })
    }
}

impl<'r> sqlx::FromRow<'r, Row> for TableRow {
    fn from_row(row: &'r Row) -> Result<TableRow, sqlx::Error> {
        Ok(TableRow { id: row.try_get("id")?, cells: read(row, "cells")? })
    }
}

impl<'r> sqlx::FromRow<'r, Row> for Upload {
    fn from_row(row: &'r Row) -> Result<Upload, sqlx::Error> {
        Ok(Upload {
            id: row.try_get("id")?,
            table_name: row.try_get("table_name")?,
            headers: read(row, "headers")?,
            part_count: row.try_get("part_count")?,
            token: row.try_get("token")?,
            created_at: Instant(row.try_get("created_at")?),
        })
    }
}

impl<'r> sqlx::FromRow<'r, Row> for StoredConnection {
    fn from_row(row: &'r Row) -> Result<StoredConnection, sqlx::Error> {
        Ok(StoredConnection {
            entity: super::segments::entity(row)?,
            id: row.try_get("id")?,
            table_id: row.try_get("table_id")?,
            kind: row.try_get("kind")?,
            definition: row.try_get("definition")?,
            created_at: Instant(row.try_get("created_at")?),
            updated_at: Instant(row.try_get("updated_at")?),
        })
    }
}
