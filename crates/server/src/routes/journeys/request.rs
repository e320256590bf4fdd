//! Questions about journeys as they stand on the wire.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;
use whodid_insights as insights;
use whodid_model::{Instant, Span};

use crate::envelope::ATTRIBUTES;
use crate::problem::Problem;
use crate::routes::parts::{AudienceFilters, GroupBy, Search, SortOrder};

/// A question about a journey. Each path reads the members that it knows.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct JourneyQuestion {
    /// Epoch milliseconds, inclusive.
    from: i64,
    /// Epoch milliseconds, exclusive.
    to: i64,
    /// The evaluation instant; absent: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Instant>,
    /// Of a timeseries: milliseconds from one step of time to the next.
    interval: Option<i64>,
    /// Leave out sessions that never carry a user.
    exclude_anonymous_traffic: Option<bool>,
    query: JourneyQuery,
    /// Of suggestions: how many at most.
    limit: Option<u64>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct JourneyQuery {
    search: JourneySearch,
    compute: Option<JourneyCompute>,
    group_by: Option<Vec<JourneyGroupBy>>,
    /// The rest is of lists: who is listed.
    target: Option<Target>,
    conversion_type: Option<ConversionType>,
    /// Facets of the event at the target.
    entity_columns: Option<Vec<String>>,
    computed_columns: Option<Vec<ComputedColumn>>,
    /// A query over the event at the target.
    entity_filters: Option<String>,
    sort: Option<RecordSort>,
    limit: Option<u64>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct JourneySearch {
    /// Aliases of `node_objects` with arrows between them: `A -> B -> C`.
    expression: String,
    node_objects: BTreeMap<String, JourneyNode>,
    join_keys: Option<JoinKeys>,
    filters: Option<JourneyFilters>,
    /// `ordered` (absent), `strict` or `any`.
    order: Option<String>,
    /// Events that must not happen on the way.
    exclusions: Option<Vec<JourneyExclusion>>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct JourneyNode {
    data_source: String,
    search: Search,
    /// At most so long after the step before, such as `30m`.
    #[schema(value_type = Option<String>)]
    within: Option<Span>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct JoinKeys {
    /// `@session.id` (absent), `@usr.id` or `@account.id`.
    pub(crate) primary: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct JourneyFilters {
    /// A query that every event has to match.
    string_filter: Option<String>,
    audience_filters: Option<AudienceFilters>,
    graph_filters: Option<Vec<GraphFilter>>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct GraphFilter {
    /// `__dd.time_to_convert` (milliseconds), `__dd.session` (different sessions) or `__dd.dropoff_rate` (percent).
    name: String,
    /// `=`, `<`, `>`, `<=` or `>=`
    operator: String,
    value: i64,
    target: Option<Target>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct JourneyExclusion {
    query: String,
    /// Aliases; absent: the first and the last step.
    from: Option<String>,
    to: Option<String>,
}

/// A step, or the way from one to another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Target {
    Node { value: String },
    Path { start: String, end: String },
}

#[derive(Debug, Default, Deserialize, ToSchema)]
struct JourneyCompute {
    aggregation: Option<String>,
    metric: Option<String>,
    target: Option<Target>,
    interval: Option<i64>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct JourneyGroupBy {
    #[serde(flatten)]
    by: GroupBy,
    target: Option<Target>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
enum ConversionType {
    #[default]
    #[serde(rename = "conversion")]
    Conversion,
    #[serde(rename = "drop-off", alias = "dropoff")]
    DropOff,
}

#[derive(Debug, Deserialize, ToSchema)]
struct ComputedColumn {
    /// `first_conversion_timestamps`
    name: String,
}

#[derive(Debug, Deserialize, ToSchema)]
struct RecordSort {
    facet: Option<String>,
    order: Option<SortOrder>,
}

impl From<Target> for insights::JourneyTarget {
    fn from(target: Target) -> insights::JourneyTarget {
        match target {
            Target::Node { value } => insights::JourneyTarget::Node { value },
            Target::Path { start, end } => insights::JourneyTarget::Path { start, end },
        }
    }
}

impl From<JourneySearch> for insights::JourneySearch {
    fn from(search: JourneySearch) -> insights::JourneySearch {
        let node = |(alias, node): (String, JourneyNode)| {
            let base = insights::BaseQuery { data_source: node.data_source, search: node.search.into() };
            (alias, insights::JourneyNode { base, within: node.within })
        };
        let filter = |filter: GraphFilter| insights::GraphFilter {
            name: filter.name,
            operator: filter.operator,
            value: filter.value,
            target: filter.target.map(insights::JourneyTarget::from),
        };
        let exclusion = |exclusion: JourneyExclusion| {
            let JourneyExclusion { query, from, to } = exclusion;
            insights::JourneyExclusion { query, from, to }
        };
        let filters = search.filters.unwrap_or(JourneyFilters {
            string_filter: None,
            audience_filters: None,
            graph_filters: None,
        });
        insights::JourneySearch {
            expression: search.expression,
            nodes: search.node_objects.into_iter().map(node).collect(),
            entity: search.join_keys.and_then(|keys| keys.primary),
            string_filter: filters.string_filter,
            audience_filters: filters.audience_filters.map(insights::AudienceFilters::from),
            graph_filters: filters.graph_filters.unwrap_or_default().into_iter().map(filter).collect(),
            order: search.order,
            exclusions: search.exclusions.unwrap_or_default().into_iter().map(exclusion).collect(),
        }
    }
}

impl JourneyQuestion {
    /// The question, what is listed of it, and the limit of suggestions.
    pub(crate) fn split(
        self,
    ) -> Result<(insights::JourneyRequest, insights::JourneyListing, Option<u64>), Problem> {
        let query = self.query;
        let compute = query.compute.unwrap_or_default();
        let computed = query.computed_columns.unwrap_or_default();
        if let Some(unknown) = computed.iter().find(|column| column.name != "first_conversion_timestamps") {
            let message =
                format!("`{}` is not a computed column; write first_conversion_timestamps", unknown.name);
            return Err(Problem::invalid(message).at(format!("{ATTRIBUTES}/query/computed_columns")));
        }
        if query.limit == Some(0) {
            let message = "a limit of 0 records lists nobody; write 1 or more, or leave it out";
            return Err(Problem::invalid(message).at(format!("{ATTRIBUTES}/query/limit")));
        }
        let group = |group: JourneyGroupBy| insights::JourneyGroupBy {
            by: group.by.into(),
            target: group.target.map(insights::JourneyTarget::from),
        };
        let request = insights::JourneyRequest {
            from: self.from,
            to: self.to,
            at: self.at,
            interval: self.interval,
            exclude_anonymous_traffic: self.exclude_anonymous_traffic.unwrap_or_default(),
            search: query.search.into(),
            compute: insights::JourneyCompute {
                aggregation: compute.aggregation,
                metric: compute.metric,
                target: compute.target.map(insights::JourneyTarget::from),
                interval: compute.interval,
            },
            group_by: query.group_by.unwrap_or_default().into_iter().map(group).collect(),
        };
        let sort = |sort: RecordSort| insights::ListSort {
            facet: sort.facet,
            order: sort.order.map(insights::SortOrder::from).unwrap_or_default(),
        };
        let listing = insights::JourneyListing {
            target: query.target.map(insights::JourneyTarget::from),
            drop_off: query.conversion_type == Some(ConversionType::DropOff),
            entity_columns: query.entity_columns.unwrap_or_default(),
            step_timestamps: !computed.is_empty(),
            entity_filters: query.entity_filters,
            sort: query.sort.map(sort),
            limit: query.limit,
        };
        Ok((request, listing, self.limit))
    }
}
