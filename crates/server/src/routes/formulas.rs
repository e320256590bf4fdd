//! Numbers and series by formula over several queries: `/api/v2/query`, for the data source `product_analytics`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights as insights;
use whodid_insights::{FormulaRequest, MISSING, NamedFormula, NamedQuery};

use crate::auth::MayRead;
use crate::envelope::{ATTRIBUTES, Answer, Envelope, JsonBody};
use crate::problem::Problem;
use crate::routes::analytics::{AnalyticsMeta, Response, SeriesHead, number_json, response};
use crate::routes::parts::{GroupBy, Search, SortOrder};
use crate::services::Services;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(formula_scalar)).routes(routes!(formula_timeseries))
}

#[derive(Debug, Deserialize, ToSchema)]
struct FormulaQuestion {
    /// Epoch milliseconds, inclusive.
    from: i64,
    /// Epoch milliseconds, exclusive.
    to: i64,
    /// Milliseconds; a timeseries needs one here or in every query.
    interval: Option<i64>,
    queries: Vec<FormulaQuery>,
    /// Absent or empty: each query by itself.
    formulas: Option<Vec<QueryFormula>>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct FormulaQuery {
    /// `product_analytics`
    data_source: String,
    /// What formulas call it; absent: `query1`, `query2` …
    name: Option<String>,
    compute: FormulaCompute,
    search: Option<Search>,
    group_by: Option<Vec<GroupBy>>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct FormulaCompute {
    aggregation: String,
    metric: Option<String>,
    interval: Option<i64>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct QueryFormula {
    /// Names of queries, numbers, + - * / and parentheses.
    formula: String,
    alias: Option<String>,
    limit: Option<FormulaLimit>,
}

/// Keep the first groups by this formula.
#[derive(Debug, Deserialize, ToSchema)]
struct FormulaLimit {
    count: u64,
    order: Option<SortOrder>,
}

impl From<FormulaQuestion> for FormulaRequest {
    fn from(question: FormulaQuestion) -> FormulaRequest {
        let formula = |formula: QueryFormula| NamedFormula {
            formula: formula.formula,
            alias: formula.alias,
            limit: formula
                .limit
                .map(|limit| (limit.count, limit.order.map(insights::SortOrder::from).unwrap_or_default())),
        };
        FormulaRequest {
            from: question.from,
            to: question.to,
            interval: question.interval,
            queries: question.queries.into_iter().enumerate().map(FormulaQuery::named).collect(),
            formulas: question.formulas.unwrap_or_default().into_iter().map(formula).collect(),
        }
    }
}

impl FormulaQuery {
    fn named((index, query): (usize, FormulaQuery)) -> NamedQuery {
        let FormulaQuery { data_source, name, compute, search, group_by } = query;
        NamedQuery {
            name: name.unwrap_or_else(|| format!("query{}", index + 1)),
            query: insights::AnalyticsQuery {
                query: insights::BaseQuery { data_source, search: search.unwrap_or_default().into() },
                compute: insights::Compute {
                    aggregation: compute.aggregation,
                    metric: compute.metric,
                    interval: compute.interval,
                    rollup: None,
                },
                group_by: group_by.unwrap_or_default().into_iter().map(insights::GroupBy::from).collect(),
                audience_filters: None,
            },
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct FormulaScalarAnswer {
    /// One `group` column per facet, then a `number` column per formula; all of one length.
    columns: Vec<FormulaColumn>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FormulaColumn {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Of a group, an array of one text; of a number, the number or null.
    #[schema(value_type = Vec<Object>)]
    values: Vec<Value>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FormulaTimeseriesAnswer {
    /// Where each step begins, epoch milliseconds.
    times: Vec<i64>,
    /// Tags are `facet:value`; the index is that of the formula.
    series: Vec<SeriesHead>,
    /// Parallel to the series, then to the times.
    #[schema(value_type = Vec<Vec<Option<f64>>>)]
    values: Vec<Vec<Value>>,
}

/// Numbers by group and formula.
#[utoipa::path(
    post, path = "/scalar", tag = "Analytics", request_body = Envelope<FormulaQuestion>,
    responses((status = 200, body = crate::envelope::One<FormulaScalarAnswer, AnalyticsMeta>))
)]
async fn formula_scalar(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<FormulaQuestion>>,
) -> Answer<Response<FormulaScalarAnswer>> {
    let request = FormulaRequest::from(body.attributes("scalar_request")?);
    let answer = services.insights.formula_scalar(&request).await;
    let answer = answer.map_err(|error| Problem::from(error).within(ATTRIBUTES))?;
    let text = |value: &Option<String>| vec![value.as_deref().unwrap_or(MISSING)].into();
    let group = |(index, facet): (usize, &String)| FormulaColumn {
        name: facet.clone(),
        kind: "group",
        values: answer.rows.iter().map(|(values, _)| text(&values[index])).collect(),
    };
    let number = |(index, name): (usize, &String)| FormulaColumn {
        name: name.clone(),
        kind: "number",
        values: answer.rows.iter().map(|(_, numbers)| number_json(numbers[index])).collect(),
    };
    let columns = answer.facets.iter().enumerate().map(group);
    let columns = columns.chain(answer.names.iter().enumerate().map(number)).collect();
    Ok(response("scalar_response", FormulaScalarAnswer { columns }, answer.meta))
}

/// Numbers by group, formula and step of time.
#[utoipa::path(
    post, path = "/timeseries", tag = "Analytics", request_body = Envelope<FormulaQuestion>,
    responses((status = 200, body = crate::envelope::One<FormulaTimeseriesAnswer, AnalyticsMeta>))
)]
async fn formula_timeseries(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<FormulaQuestion>>,
) -> Answer<Response<FormulaTimeseriesAnswer>> {
    let request = FormulaRequest::from(body.attributes("timeseries_request")?);
    let answer = services.insights.formula_series(&request).await;
    let answer = answer.map_err(|error| Problem::from(error).within(ATTRIBUTES))?;
    let tags = |values: &[Option<String>]| {
        let tagged = answer.facets.iter().zip(values);
        tagged.map(|(facet, value)| format!("{facet}:{}", value.as_deref().unwrap_or(MISSING))).collect()
    };
    let head = |(values, formula, _): &(Vec<Option<String>>, usize, Vec<Option<f64>>)| SeriesHead {
        group_tags: tags(values),
        query_index: *formula,
    };
    let attributes = FormulaTimeseriesAnswer {
        times: answer.times.iter().map(|time| time.millis()).collect(),
        series: answer.series.iter().map(head).collect(),
        values: answer
            .series
            .iter()
            .map(|(_, _, numbers)| numbers.iter().map(|number| number_json(*number)).collect())
            .collect(),
    };
    Ok(response("timeseries_response", attributes, answer.meta))
}
