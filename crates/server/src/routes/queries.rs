//! What a search query means.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_query::search::{self, Dialect};

use crate::auth::MayRead;
use crate::envelope::{ATTRIBUTES, Answer, Envelope, JsonBody, One, one};
use crate::problem::Problem;
use crate::services::Services;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(explain))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExplainAttributes {
    query: String,
    #[serde(default)]
    dialect: QueryDialect,
}

/// Where a query is typed: over events or over profiles.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum QueryDialect {
    #[default]
    Event,
    Profile,
}

#[derive(Debug, Serialize, ToSchema)]
struct Explanation {
    /// The query as it is written most plainly.
    normalised: String,
    /// One line a test, groups indented.
    explanation: String,
    /// The paths that it looks at.
    facets: Vec<String>,
    warnings: Vec<QueryWarning>,
}

/// What looks like a slip. Offset and length are bytes of the query.
#[derive(Debug, Serialize, ToSchema)]
struct QueryWarning {
    offset: usize,
    length: usize,
    message: String,
}

/// Says what a query means, or where it is wrong.
#[utoipa::path(
    post, path = "/queries/explain", tag = "Queries",
    request_body = Envelope<ExplainAttributes>,
    responses((status = 200, body = One<Explanation>))
)]
async fn explain(
    _: MayRead,
    JsonBody(body): JsonBody<Envelope<ExplainAttributes>>,
) -> Answer<One<Explanation>> {
    let attributes = body.attributes("query_explanation")?;
    let dialect = match attributes.dialect {
        QueryDialect::Event => Dialect::Event,
        QueryDialect::Profile => Dialect::Profile,
    };
    let query = search::parse(&attributes.query, dialect)
        .map_err(|error| Problem::from(error).at(format!("{ATTRIBUTES}/query")))?;
    let warning = |(span, message): (std::ops::Range<usize>, String)| QueryWarning {
        offset: span.start,
        length: span.len(),
        message,
    };
    let explanation = Explanation {
        normalised: query.to_string(),
        explanation: search::explain(&query),
        facets: query.facets().into_iter().map(String::from).collect(),
        warnings: query.warnings().into_iter().map(warning).collect(),
    };
    Ok(Json(one("query_explanation", "query_explanation", explanation)))
}
