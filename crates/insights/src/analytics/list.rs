//! Events as rows.

use serde_json::{Map, Value as Json};
use whodid_engine::{RowOrder, RowsSpec};
use whodid_model::limits;
use whodid_query::search::RESERVED_FACETS;

use super::request::{ListRequest, SortOrder};
use super::{Base, know_facet, path, time_range};
use crate::InsightError;
use crate::insights::Insights;
use crate::meta::{Asked, Meta};

/// Rows of a list that sets no limit.
const DEFAULT_ROWS: u64 = 100;

#[derive(Clone, Debug)]
pub struct List {
    pub meta: Meta,
    /// Values by the column as the request wrote it; null where a row has none.
    pub records: Vec<Map<String, Json>>,
    /// How many rows there are, whatever the limit.
    pub total: u64,
}

impl Insights {
    /// Errors: `Invalid` with a pointer relative to the request's attributes.
    pub async fn list(&self, request: &ListRequest) -> Result<List, InsightError> {
        let range = time_range(request.from, request.to)?;
        let at = self.instant(request.at);
        let asked = Asked::new(at);
        let query = &request.query;
        let base = Base::read(&query.query, "/query/query")?;
        let limit = query.limit.unwrap_or(DEFAULT_ROWS);
        if !(1..=limits::LIST_ROWS as u64).contains(&limit) {
            return Err(InsightError::Invalid {
                pointer: Some("/query/limit".to_string()),
                message: format!("a list of {limit} rows is not possible"),
                hint: Some(format!("write 1 to {}", limits::LIST_ROWS)),
            });
        }
        let snapshot = self.snapshot().await?.at(at);
        for (index, column) in query.columns.iter().enumerate() {
            know_facet(&snapshot, column, &format!("/query/columns/{index}"))?;
        }
        let sort = query.sort.as_ref();
        let sorted_by = sort.and_then(|sort| sort.facet.as_deref()).filter(|facet| !facet.is_empty());
        if let Some(facet) = sorted_by {
            know_facet(&snapshot, facet, "/query/sort/facet")?;
        }
        let order = RowOrder {
            path: sorted_by.map(path).filter(|path| !is_instant(path)).map(ToString::to_string),
            ascending: sort.is_some_and(|sort| sort.order == SortOrder::Asc),
        };
        let columns: Vec<String> = query.columns.iter().map(|column| path(column).to_string()).collect();
        let wanted =
            (!columns.is_empty()).then(|| columns.iter().cloned().chain(order.path.clone()).collect());
        let filters = query.audience_filters.as_ref();
        let (snapshot, scan) = self.selection(snapshot, base, filters, range, wanted, at).await?;
        let spec = RowsSpec { scan, columns, order, limit: limit as usize };
        let rows = self.inner.engine.rows(&snapshot, spec).await?;
        Ok(List {
            meta: asked.answered(snapshot.watermark(), None),
            records: rows.records.into_iter().map(|record| written(record, &query.columns)).collect(),
            total: rows.total,
        })
    }
}

fn is_instant(path: &str) -> bool {
    matches!(path, "ts" | "timestamp" | "date")
}

/// The record by the names of the request, or by those that events carry.
fn written(record: Map<String, Json>, columns: &[String]) -> Map<String, Json> {
    if columns.is_empty() {
        let bare = |name: &str| is_instant(name) || name == "id" || RESERVED_FACETS.contains(&name);
        let name = |name: String| if bare(&name) { name } else { format!("@{name}") };
        return record.into_iter().map(|(path, value)| (name(path), value)).collect();
    }
    let value = |column: &String| record.get(path(column)).cloned().unwrap_or_default();
    columns.iter().map(|column| (column.clone(), value(column))).collect()
}
