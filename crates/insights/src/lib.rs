//! Segments and analytics: what a question means in terms of the engine.
//!
//! Reading order: [`catalogue`] (what people saved) → [`insights`] (the handle) and [`jobs`] → [`segments`] and [`analytics`] (the
//! questions). It knows nothing of HTTP.

mod analytics;
mod calendar;
pub mod catalogue;
mod error;
mod insights;
mod jobs;
mod meta;
mod profiles;
mod segments;

pub use analytics::{
    AnalyticsQuery, AnalyticsRequest, AudienceFilters, BaseQuery, Compute, GroupBy, ListQuery, ListRequest,
    ListSort, MISSING, OccurrenceFilter, ProfileFilter, Scalar, Search, SegmentFilter, Sort, SortOrder,
};
pub use calendar::{CalendarInterval, CalendarUnit};
pub use error::InsightError;
pub use insights::Insights;
pub use jobs::{Finished, Job, JobContext};
pub use meta::Meta;
pub use profiles::{EntityProfile, SegmentOf, SegmentsOf, Timeline, TimelineCursor};
pub use segments::{
    Ambiguous, Applied, AppliedChange, ApplyAction, ClauseCount, CodedSegment, Compared, Comparison, Diff,
    DiffRequest, Explained, Export, History, HistoryPoint, HistoryRequest, HistoryStep, ImportMode,
    ImportReport, ImportRequest, ListedIdentifiers, Member, Members, MembersRequest, NewSegment, Note, Pair,
    Preview, Region, RejectedLine, Segment, SegmentChange, Side, UnmatchedRequest, UsedIn,
};
pub use whodid_engine::{Leaf, LeavesAt, Miss, Missed, Observed, Why, Witness};

#[cfg(test)]
mod tests;
