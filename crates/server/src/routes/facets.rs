//! What can be asked about, for whoever types a query.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::{FacetOf, Shape};
use whodid_model::EntityKind;

use crate::auth::MayRead;
use crate::envelope::{Answer, AnswerMeta, Many, Parameters, Resource};
use crate::problem::Problem;
use crate::services::Services;

const FACETS: usize = 50;
const VALUES: usize = 20;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(facets)).routes(routes!(values))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FacetParameters {
    /// Only those that hold this text, whatever the case.
    #[serde(default, rename = "filter[q]")]
    search: String,
    /// `event` (the default), `user` or `account`: whose facets.
    #[serde(rename = "filter[kind]")]
    kind: Option<String>,
    /// How many at most.
    #[serde(rename = "page[limit]")]
    limit: Option<usize>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ValueParameters {
    /// As it is typed in a query, such as `@view.name`, or a profile attribute's name.
    facet: String,
    /// Only values that hold this text, whatever the case.
    #[serde(default, rename = "filter[q]")]
    search: String,
    /// `event` (the default), `user` or `account`: whose facet.
    #[serde(rename = "filter[kind]")]
    kind: Option<String>,
    /// How many at most.
    #[serde(rename = "page[limit]")]
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FacetAttributes {
    /// As it is typed in a query.
    name: String,
    kind: &'static str,
    /// string, number, boolean, list or mixed
    value_type: &'static str,
    /// How many events, or entities, carry it.
    count: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct ValueAttributes {
    #[schema(value_type = Object)]
    value: Value,
    /// Of events, or of entities.
    count: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct FoundMeta {
    /// How many there are, listed or not.
    total: u64,
    #[serde(flatten)]
    answer: AnswerMeta,
}

fn kind(name: Option<&str>) -> Result<(FacetOf, &'static str), Problem> {
    match name {
        None | Some("event") => Ok((FacetOf::Event, "event")),
        Some("user") => Ok((FacetOf::Profile(EntityKind::User), "user")),
        Some("account") => Ok((FacetOf::Profile(EntityKind::Account), "account")),
        Some(other) => {
            Err(Problem::invalid(format!("`{other}` has no facets; write event, user or account"))
                .at("filter[kind]"))
        }
    }
}

fn shape_name(shape: Shape) -> &'static str {
    match shape {
        Shape::Boolean => "boolean",
        Shape::Number => "number",
        Shape::String => "string",
        Shape::List => "list",
        Shape::Mixed => "mixed",
    }
}

/// The facets of events, or of profiles: the best known first, then those that most carry.
#[utoipa::path(
    get, path = "/facets", tag = "Facets", params(FacetParameters),
    responses((status = 200, body = Many<FacetAttributes, FoundMeta>))
)]
async fn facets(
    _: MayRead,
    State(services): State<Services>,
    Parameters(parameters): Parameters<FacetParameters>,
) -> Answer<Many<FacetAttributes, FoundMeta>> {
    let (of, kind) = kind(parameters.kind.as_deref())?;
    let limit = parameters.limit.unwrap_or(FACETS);
    let found = services.insights.facets(of, &parameters.search, limit).await?;
    let facet = |facet: whodid_insights::FacetCount| {
        let name = of.typed(&facet.name);
        let attributes = FacetAttributes {
            name: name.clone(),
            kind,
            value_type: shape_name(facet.shape),
            count: facet.count,
        };
        Resource { id: name, kind: "facet", attributes }
    };
    let meta = FoundMeta { total: found.total, answer: found.meta.into() };
    Ok(Json(Many { data: found.facets.into_iter().map(facet).collect(), meta }))
}

/// The most frequent values of a facet.
#[utoipa::path(
    get, path = "/facets/values", tag = "Facets", params(ValueParameters),
    responses((status = 200, body = Many<ValueAttributes, FoundMeta>))
)]
async fn values(
    _: MayRead,
    State(services): State<Services>,
    Parameters(parameters): Parameters<ValueParameters>,
) -> Answer<Many<ValueAttributes, FoundMeta>> {
    let (of, _) = kind(parameters.kind.as_deref())?;
    let limit = parameters.limit.unwrap_or(VALUES);
    let found = services.insights.facet_values(of, &parameters.facet, &parameters.search, limit).await?;
    let value = |one: whodid_insights::ValueCount| Resource {
        id: one.value.as_text().into_owned(),
        kind: "facet_value",
        attributes: ValueAttributes { value: one.value.to_json(), count: one.count },
    };
    let meta = FoundMeta { total: found.values.distinct, answer: found.meta.into() };
    Ok(Json(Many { data: found.values.values.into_iter().map(value).collect(), meta }))
}
