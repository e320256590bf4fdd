//! What an analytics question consists of, in the words of the public API.

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub struct ScalarRequest {
    /// Epoch milliseconds, inclusive.
    pub from: i64,
    /// Epoch milliseconds, exclusive.
    pub to: i64,
    pub query: ScalarQuery,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ScalarQuery {
    pub query: BaseQuery,
    pub compute: Compute,
    #[serde(default)]
    pub group_by: Vec<GroupBy>,
    #[serde(default)]
    pub audience_filters: Option<AudienceFilters>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct BaseQuery {
    pub data_source: String,
    pub search: Search,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Search {
    /// Empty matches everything.
    #[serde(default)]
    pub query: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Compute {
    pub aggregation: String,
    #[serde(default)]
    pub metric: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct GroupBy {
    pub facet: String,
    #[serde(default)]
    pub limit: Option<u64>,
    #[serde(default)]
    pub should_exclude_missing: bool,
    #[serde(default)]
    pub sort: Option<Sort>,
    #[serde(default)]
    pub source: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Sort {
    #[serde(default)]
    pub order: SortOrder,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SortOrder {
    Asc,
    #[default]
    Desc,
}

/// Named sets of users and accounts, and a formula over the names. Without a formula all of them must hold.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AudienceFilters {
    #[serde(default)]
    pub users: Vec<ProfileFilter>,
    #[serde(default)]
    pub accounts: Vec<ProfileFilter>,
    #[serde(default)]
    pub segments: Vec<SegmentFilter>,
    #[serde(default)]
    pub formula: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ProfileFilter {
    pub name: String,
    /// Over profile attributes; absent or empty: everyone.
    #[serde(default)]
    pub query: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct SegmentFilter {
    pub name: String,
    pub segment_id: String,
}
