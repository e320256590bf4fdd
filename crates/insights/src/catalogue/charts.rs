//! Saved charts: what one is, and which segments it rests on.

use serde_json::Value as Json;
use sqlx::Row as _;
use whodid_model::{Instant, limits};

use super::references::Dependent;
use super::segments::live_segment;
use super::text::{contains_pattern, fold};
use super::{Catalogue, Connection, Page, PageRequest, Row, clean_description, clean_name, invalid};
use crate::InsightError;

/// What a chart shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    Explorer,
    Funnel,
    Retention,
    Pathway,
}

impl ChartKind {
    pub const ALL: [ChartKind; 4] =
        [ChartKind::Explorer, ChartKind::Funnel, ChartKind::Retention, ChartKind::Pathway];

    pub fn name(self) -> &'static str {
        match self {
            ChartKind::Explorer => "explorer",
            ChartKind::Funnel => "funnel",
            ChartKind::Retention => "retention",
            ChartKind::Pathway => "pathway",
        }
    }

    pub fn named(name: &str) -> Option<ChartKind> {
        ChartKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub id: String,
    /// Unique among charts, whatever the case.
    pub name: String,
    pub description: String,
    pub kind: ChartKind,
    /// How the web app shows it; of no meaning here.
    pub state: Json,
    /// The question behind it, as it is sent: `{"path": …, "body": …}`.
    pub query: Option<Json>,
    /// The segments that it rests on: those given, and those that the query's audience filters name.
    pub segment_ids: Vec<String>,
    /// 1 when created; one more with every update.
    pub version: i64,
    pub created_at: Instant,
    pub modified_at: Instant,
}

#[derive(Clone, Debug)]
pub struct NewChart {
    pub name: String,
    pub description: String,
    pub kind: ChartKind,
    pub state: Json,
    pub query: Option<Json>,
    pub segment_ids: Vec<String>,
}

/// What an update changes; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct ChartChange {
    pub name: Option<String>,
    pub description: Option<String>,
    pub kind: Option<ChartKind>,
    pub state: Option<Json>,
    pub query: Option<Option<Json>>,
    pub segment_ids: Option<Vec<String>>,
}

impl Catalogue {
    /// Errors: `Invalid` at the member that breaks a limit, `NotFound` for an unknown segment, `Conflict` (naming the
    /// holder) for a name in use.
    pub async fn create_chart(&self, new: NewChart) -> Result<Chart, InsightError> {
        let now = self.now();
        let chart = Chart {
            id: self.new_id(),
            name: clean_name(&new.name)?,
            description: clean_description(new.description)?,
            kind: new.kind,
            segment_ids: rests_on(new.segment_ids, new.query.as_ref()),
            state: new.state,
            query: new.query,
            version: 1,
            created_at: now,
            modified_at: now,
        };
        let mut transaction = self.begin().await?;
        check(&mut transaction, &chart).await?;
        insert(&mut transaction, &chart).await?;
        transaction.commit().await?;
        Ok(chart)
    }

    pub async fn chart(&self, id: &str) -> Result<Chart, InsightError> {
        chart(&mut *self.pool.acquire().await?, id).await
    }

    /// Charts in order of creation: those that hold `search` in name or description, whatever the case, and are of
    /// `kind`.
    pub async fn list_charts(
        &self,
        search: &str,
        kind: Option<ChartKind>,
        page: &PageRequest,
    ) -> Result<Page<Chart>, InsightError> {
        let (after, rows) = page.bounds()?;
        let search = search.trim();
        if search.chars().count() > limits::NAME_CHARS {
            let message = format!("the search text is longer than {} characters", limits::NAME_CHARS);
            return Err(invalid(None, message, "search for a part of it"));
        }
        let rows: Vec<Chart> = sqlx::query_as(
            r"SELECT * FROM charts
              WHERE id > $1 AND search_text LIKE $2 ESCAPE '\' AND kind LIKE $3
              ORDER BY id LIMIT $4",
        )
        .bind(after)
        .bind(contains_pattern(&fold(search)))
        .bind(kind.map_or("%", ChartKind::name))
        .bind(rows)
        .fetch_all(&self.pool)
        .await?;
        Ok(Page::new(rows, page.limit, |chart| &chart.id))
    }

    /// Changes a chart and raises its version by one; with `expected_version`, only if that is the current one.
    pub async fn update_chart(
        &self,
        id: &str,
        change: ChartChange,
        expected_version: Option<i64>,
    ) -> Result<Chart, InsightError> {
        let mut transaction = self.begin().await?;
        let mut changed = chart(&mut transaction, id).await?;
        if let Some(version) = expected_version.filter(|version| *version != changed.version) {
            tracing::debug!(id, version, "a stale change of a chart");
            return Err(InsightError::Stale { current_version: changed.version });
        }
        if let Some(name) = change.name {
            changed.name = clean_name(&name)?;
        }
        if let Some(description) = change.description {
            changed.description = clean_description(description)?;
        }
        changed.kind = change.kind.unwrap_or(changed.kind);
        changed.state = change.state.unwrap_or(changed.state);
        let given = match (change.segment_ids, &change.query) {
            (Some(given), _) => given,
            // A new question rests on what it names itself.
            (None, Some(_)) => Vec::new(),
            (None, None) => std::mem::take(&mut changed.segment_ids),
        };
        changed.query = change.query.unwrap_or(changed.query);
        changed.segment_ids = rests_on(given, changed.query.as_ref());
        changed.version += 1;
        changed.modified_at = self.now();
        check(&mut transaction, &changed).await?;
        delete(&mut transaction, id).await?;
        insert(&mut transaction, &changed).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    pub async fn delete_chart(&self, id: &str) -> Result<(), InsightError> {
        let mut transaction = self.begin().await?;
        chart(&mut transaction, id).await?;
        delete(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Each once: those given, then those that the audience filters of a query name.
fn rests_on(given: Vec<String>, query: Option<&Json>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(query) = query {
        named_in(query, false, &mut found);
    }
    let mut ids: Vec<String> = Vec::new();
    for id in given.into_iter().chain(found) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

fn named_in(json: &Json, in_audience: bool, found: &mut Vec<String>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| named_in(item, in_audience, found)),
        Json::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(id) if in_audience && name == "segment_id" => found.push(id.to_string()),
                    _ => named_in(member, in_audience || name == "audience_filters", found),
                }
            }
        }
        _ => {}
    }
}

async fn check(connection: &mut Connection, chart: &Chart) -> Result<(), InsightError> {
    let query_bytes = chart.query.as_ref().map_or(0, |query| query.to_string().len());
    if chart.state.to_string().len() + query_bytes > limits::DEFINITION_BYTES {
        let message = format!("state and query are longer than {} bytes", limits::DEFINITION_BYTES);
        return Err(invalid(Some("/state"), message, "keep what is needed to show the chart again"));
    }
    for id in &chart.segment_ids {
        live_segment(connection, id).await?;
    }
    let holder: Option<(String, String)> =
        sqlx::query_as("SELECT id, name FROM charts WHERE name_folded = $1 AND id <> $2")
            .bind(fold(&chart.name))
            .bind(&chart.id)
            .fetch_optional(connection)
            .await?;
    let Some((id, name)) = holder else { return Ok(()) };
    let message = format!("a chart named “{name}” exists already (case makes no difference)");
    Err(InsightError::Conflict { message, users: vec![Dependent::chart(id, name)] })
}

async fn chart(connection: &mut Connection, id: &str) -> Result<Chart, InsightError> {
    let found = sqlx::query_as("SELECT * FROM charts WHERE id = $1").bind(id).fetch_optional(connection);
    found.await?.ok_or_else(|| InsightError::NotFound { what: "chart", id: id.to_string() })
}

async fn insert(connection: &mut Connection, chart: &Chart) -> Result<(), InsightError> {
    sqlx::query(
        "INSERT INTO charts (id, name, name_folded, description, search_text, kind, state, query, segment_ids,
                             version, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(&chart.id)
    .bind(&chart.name)
    .bind(fold(&chart.name))
    .bind(&chart.description)
    .bind(fold(&format!("{}\n{}", chart.name, chart.description)))
    .bind(chart.kind.name())
    .bind(chart.state.to_string())
    .bind(chart.query.as_ref().map(Json::to_string))
    .bind(Json::from(chart.segment_ids.clone()).to_string())
    .bind(chart.version)
    .bind(chart.created_at.0)
    .bind(chart.modified_at.0)
    .execute(&mut *connection)
    .await?;
    for id in &chart.segment_ids {
        sqlx::query("INSERT INTO chart_references (chart_id, referenced_id) VALUES ($1, $2)")
            .bind(&chart.id)
            .bind(id)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn delete(connection: &mut Connection, id: &str) -> Result<(), InsightError> {
    for statement in ["DELETE FROM chart_references WHERE chart_id = $1", "DELETE FROM charts WHERE id = $1"]
    {
        sqlx::query(statement).bind(id).execute(&mut *connection).await?;
    }
    Ok(())
}

impl<'r> sqlx::FromRow<'r, Row> for Chart {
    fn from_row(row: &'r Row) -> Result<Chart, sqlx::Error> {
        fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, sqlx::Error> {
            serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
        }
        let kind: String = row.try_get("kind")?;
        let query: Option<String> = row.try_get("query")?;
        let unknown = || sqlx::Error::Decode(format!("`{kind}` is not a kind of chart").into());
        Ok(Chart {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            kind: ChartKind::named(&kind).ok_or_else(unknown)?,
            state: json(&row.try_get::<String, _>("state")?)?,
            query: query.as_deref().map(json).transpose()?,
            segment_ids: json(&row.try_get::<String, _>("segment_ids")?)?,
            version: row.try_get("version")?,
            created_at: Instant(row.try_get("created_at")?),
            modified_at: Instant(row.try_get("modified_at")?),
        })
    }
}
