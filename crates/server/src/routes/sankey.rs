//! Pathways in the shape of the Datadog-compatible API.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights as insights;
use whodid_model::Instant;

use crate::auth::MayRead;
use crate::envelope::{Answer, Envelope, JsonBody, One};
use crate::problem::Problem;
use crate::routes::journeys::{JoinKeys, QueryMeta, done};
use crate::routes::parts::AudienceFilters;
use crate::services::Services;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(sankey))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct SankeyQuestion {
    definition: SankeyDefinition,
    search: SankeySearch,
    time: SankeyTime,
    /// The evaluation instant; absent: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Instant>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct SankeyDefinition {
    /// The facet whose values are the places.
    source: String,
    /// Usually the same; of another type of event, its values are places beside those of the source.
    target: String,
    /// 0 to 10; 0 or absent: 5.
    number_of_steps: Option<u64>,
    /// 0 to 10; 0 or absent: 5.
    entries_per_step: Option<u64>,
    /// `source`: paths start at the anchor (absent); `target`: they end there, and are read backwards.
    mode: Option<Mode>,
    /// A query whose test on the source facet says where paths start or end; wildcards are allowed.
    anchor: Option<String>,
    /// Actions as places beside views.
    include_actions: Option<bool>,
    /// Sequences that end as nodes of their own, with links to them.
    dropoff_nodes: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Source,
    Target,
}

#[derive(Debug, Deserialize, ToSchema)]
struct SankeySearch {
    /// Over events. Its tests on the source facet say where paths start or end, as an anchor does.
    query: Option<String>,
    join_keys: Option<JoinKeys>,
    audience_filters: Option<AudienceFilters>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct SankeyTime {
    /// Epoch milliseconds, inclusive.
    from: i64,
    /// Epoch milliseconds, exclusive.
    to: i64,
}

impl From<SankeyQuestion> for insights::PathwayRequest {
    fn from(question: SankeyQuestion) -> insights::PathwayRequest {
        let SankeyQuestion { definition, search, time, at } = question;
        insights::PathwayRequest {
            from: time.from,
            to: time.to,
            at,
            source: definition.source,
            target: definition.target,
            number_of_steps: definition.number_of_steps,
            entries_per_step: definition.entries_per_step,
            backwards: definition.mode == Some(Mode::Target),
            anchor: definition.anchor,
            include_actions: definition.include_actions.unwrap_or_default(),
            dropoff_nodes: definition.dropoff_nodes.unwrap_or_default(),
            query: search.query,
            entity: search.join_keys.and_then(|keys| keys.primary),
            audience_filters: search.audience_filters.map(insights::AudienceFilters::from),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct SankeyAnswer {
    nodes: Vec<Node>,
    links: Vec<Link>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Node {
    id: String,
    name: String,
    column: usize,
    /// `regular`, `other` or `dropoff`
    #[serde(rename = "type")]
    kind: &'static str,
    value: u64,
    incoming_value: u64,
    outgoing_value: u64,
    /// Sequences that end here.
    dropoff_value: u64,
    aggregated_nodes: Vec<AggregatedNode>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AggregatedNode {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    value: u64,
    incoming_value: u64,
    outgoing_value: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct Link {
    id: String,
    /// Of the source.
    column: usize,
    source: String,
    target: String,
    value: u64,
}

impl From<insights::PathwayNode> for Node {
    fn from(node: insights::PathwayNode) -> Node {
        let aggregated = |node: insights::AggregatedNode| AggregatedNode {
            id: node.id,
            name: node.name,
            kind: "aggregated",
            value: node.value,
            incoming_value: node.incoming,
            outgoing_value: node.outgoing,
        };
        Node {
            id: node.id,
            name: node.name,
            column: node.column,
            kind: match node.kind {
                insights::PathwayKind::Regular => "regular",
                insights::PathwayKind::Other => "other",
                insights::PathwayKind::Dropoff => "dropoff",
            },
            value: node.value,
            incoming_value: node.incoming,
            outgoing_value: node.outgoing,
            dropoff_value: node.dropoff,
            aggregated_nodes: node.aggregated.into_iter().map(aggregated).collect(),
        }
    }
}

/// Which way sessions, users or accounts went.
#[utoipa::path(
    post, path = "/sankey", tag = "Pathways", request_body = Envelope<SankeyQuestion>,
    responses((status = 200, body = One<SankeyAnswer, QueryMeta>))
)]
async fn sankey(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<SankeyQuestion>>,
) -> Answer<One<SankeyAnswer, QueryMeta>> {
    let request = insights::PathwayRequest::from(body.attributes("sankey_request")?);
    let pathways = services.insights.pathways(&request).await.map_err(in_sankey)?;
    let link = |link: insights::PathwayLink| {
        let insights::PathwayLink { id, column, source, target, value } = link;
        Link { id, column, source, target, value }
    };
    let answer = SankeyAnswer {
        nodes: pathways.nodes.into_iter().map(Node::from).collect(),
        links: pathways.links.into_iter().map(link).collect(),
    };
    Ok(done("sankey_response", answer, pathways.meta))
}

/// The range of this request lies in a part of its own.
fn in_sankey(error: insights::InsightError) -> Problem {
    let error = match error {
        insights::InsightError::Invalid { pointer: Some(pointer), message, hint } if pointer == "/from" => {
            insights::InsightError::Invalid { pointer: Some("/time/from".to_string()), message, hint }
        }
        other => other,
    };
    super::journeys::within(error)
}
