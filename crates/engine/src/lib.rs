//! Plans and runs questions: DataFusion with Whodid's own operators.
//!
//! Reading order: [`mask`] (a search query over columns) → [`stream`] (an entity's events) → [`performed`] and
//! [`profile`] (one clause) → [`clauses`] (all clauses, one pass) → [`ops`] (the operators) → [`list`] and [`membership`],
//! [`why`], [`aggregate`], [`rows`], [`journeys`] and [`facets`] (the questions); [`sessions`] (rows that are derived).
//! [`run`] runs them within bounds: [`turns`] and [`memory`]. This is the only crate that names DataFusion.

mod aggregate;
mod audience;
mod clauses;
mod entities;
mod error;
mod facets;
mod journeys;
mod list;
mod mask;
mod membership;
mod memory;
mod ops;
mod performed;
mod profile;
mod rows;
mod run;
mod sessions;
mod stream;
mod subjects;
mod turns;
mod why;

pub use aggregate::{Aggregate, Group};
pub use audience::Audience;
pub use entities::{EntitySet, Population};
pub use error::EngineError;
pub use facets::{FacetCount, Shape, TopValues, ValueCount};
pub use journeys::{Attempts, Joined, Paths};
pub use list::{List, Matched};
pub use membership::{Kept, Membership, Part, Referred, Segments};
pub use ops::bucket::buckets_worked;
pub use ops::codec::WhodidCodec;
pub use ops::journey::JourneySpec;
pub use ops::keys::{GroupKey, Grouping, ProfileValues, Steps};
pub use ops::nodes::{Follow, Node, Wanted};
pub use ops::pathway::{PathCut, PathwaySpec};
pub use ops::retention::RetentionSpec;
pub use ops::rows::{RowOrder, RowsSpec};
pub use ops::scan::{Occurrences, ScanColumn, ScanSpec};
pub use ops::values::Values;
pub use profile::Profile;
pub use rows::Rows;
pub use run::{Engine, EngineStatus, QueryLimits};
pub use sessions::SESSION_FACETS;
pub use subjects::{Grain, Subjects};
pub use turns::asked_by;
pub use why::{Leaf, LeavesAt, Miss, Missed, Observed, Why, Witness};

#[cfg(test)]
mod tests;
