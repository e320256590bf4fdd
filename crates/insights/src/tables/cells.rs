//! What the cells of a row may hold.

use serde_json::{Map, Value as Json};
use whodid_model::limits;

use super::refuse;
use crate::InsightError;
use crate::catalogue::{FieldKind, Table, TableField};

/// The cells of a row as a request gives them, that of the primary key put in.
pub(super) fn of_request(
    table: &Table,
    id: &str,
    given: Map<String, Json>,
) -> Result<Map<String, Json>, InsightError> {
    let mut cells = Map::new();
    for (column, value) in given {
        let field = table.fields.iter().find(|field| field.name == column).ok_or_else(|| {
            let known: Vec<&str> = table.fields.iter().map(|field| field.name.as_str()).collect();
            refuse(format!("row `{id}`: there is no column `{column}`; there are {}", known.join(", ")))
        })?;
        let text = match &value {
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            _ => return Err(refuse(format!("row `{id}`: `{column}` is neither a text nor a number"))),
        };
        let cell = cell(field, &text).map_err(|reason| refuse(format!("row `{id}`: {reason}")))?;
        if column == table.primary_key && text != id {
            return Err(refuse(format!("row `{id}`: its `{column}` is `{text}`; the primary key is the id")));
        }
        cells.insert(column, cell);
    }
    let (key, value) = key_cell(table, id).map_err(|reason| refuse(format!("row `{id}`: {reason}")))?;
    cells.insert(key, value);
    Ok(cells)
}

/// The name and the value of the primary key's cell.
pub(super) fn key_cell(table: &Table, id: &str) -> Result<(String, Json), String> {
    if id.is_empty() {
        return Err("the primary key is empty".to_string());
    }
    let field = table.fields.iter().find(|field| field.name == table.primary_key);
    let value = field.map_or(Ok(id.into()), |field| cell(field, id))?;
    Ok((table.primary_key.clone(), value))
}

/// A text as a cell of a field.
pub(super) fn cell(field: &TableField, text: &str) -> Result<Json, String> {
    if text.len() > limits::TABLE_CELL_BYTES {
        return Err(format!("`{}` is longer than {} bytes", field.name, limits::TABLE_CELL_BYTES));
    }
    match field.kind {
        FieldKind::String => Ok(text.into()),
        FieldKind::Int32 => match text.trim().parse::<i32>() {
            Ok(number) => Ok(number.into()),
            Err(_) => Err(format!("`{}` has to be a whole number of 32 bits and is `{text}`", field.name)),
        },
    }
}
