//! Segments and analytics: what a question means in terms of the engine.
//!
//! Reading order: [`catalogue`] (what people saved) → [`insights`] (the handle) and [`jobs`] → [`segments`],
//! [`analytics`], [`journeys`], [`retention`] and [`pathways`] (the questions). It knows nothing of HTTP.

mod analytics;
mod audiences;
mod calendar;
pub mod catalogue;
mod connections;
mod erasure;
mod error;
mod facets;
mod insights;
mod jobs;
mod journeys;
mod meta;
mod origins;
mod pathways;
mod profiles;
mod retention;
mod segments;
mod tables;

pub use analytics::{
    AnalyticsQuery, AnalyticsRequest, AudienceFilters, BaseQuery, Compute, FormulaAnswer, FormulaRequest,
    FormulaSeries, GroupBy, List, ListQuery, ListRequest, ListSort, MISSING, NamedFormula, NamedQuery,
    OccurrenceFilter, ProfileFilter, Scalar, Search, SegmentFilter, Series, Sort, SortOrder, StepInterval,
    Timeseries,
};
pub use audiences::{
    AttributeValues, AttributeValuesRequest, EventFilter, MappedAttribute, Profiles, ProfilesRequest,
};
pub use calendar::{CalendarInterval, CalendarUnit};
pub use connections::{Connecting, Connection, ConnectionField, FieldUpdate};
pub use error::InsightError;
pub use facets::{FacetOf, FacetValues, Facets};
pub use insights::Insights;
pub use jobs::{Finished, Job, JobContext};
pub use journeys::{
    ElapsedTime, Funnel, FunnelGroup, FunnelStep, GraphFilter, JourneyCompute, JourneyExclusion,
    JourneyGroupBy, JourneyList, JourneyListing, JourneyNode, JourneyNumbers, JourneyRecord, JourneyRequest,
    JourneySearch, JourneySeries, JourneyTarget, Suggestion,
};
pub use meta::Meta;
pub use origins::{Origin, SegmentFrom};
pub use pathways::{
    AggregatedNode, PathwayKind, PathwayLink, PathwayNode, PathwayRequest, PathwayTarget, Pathways,
};
pub use profiles::{EntityProfile, SegmentOf, SegmentsOf, Timeline, TimelineCursor};
pub use retention::{
    FixedUnit, Interval, RetentionAverage, RetentionGrid, RetentionGroup, RetentionList, RetentionNumber,
    RetentionRequest, RetentionScope, RetentionSearch,
};
pub use segments::{
    Ambiguous, Applied, AppliedChange, ApplyAction, ClauseCount, CodedSegment, Compared, Comparison, Diff,
    DiffRequest, Estimate, Explained, Export, History, HistoryPoint, HistoryRequest, HistoryStep, ImportMode,
    ImportReport, ImportRequest, ListedIdentifiers, Member, Members, MembersRequest, NewSegment, Note, Pair,
    Preview, Recent, Refreshed, Region, RejectedLine, Segment, SegmentChange, Side, SizeState,
    UnmatchedRequest, UsedIn,
};
pub use tables::{NewTable, NewUpload, TableChange, normalized_headers, normalized_name};
pub use whodid_engine::{
    Engine, EngineStatus, FacetCount, QueryLimits, Shape, TopValues, ValueCount, asked_by, buckets_worked,
};
pub use whodid_engine::{Leaf, LeavesAt, Miss, Missed, Observed, Why, Witness};
pub use whodid_match::RetentionCell;

#[cfg(test)]
mod tests;
