//! Events as a table for everything that DataFusion does by itself: the rows that pass a search query, a time range and
//! an audience, with the columns that a question asks for.

mod physical;
mod spec;
mod table;

pub(crate) use physical::EventsExec;
pub use spec::{ScanColumn, ScanSpec};
pub(crate) use table::EventsTable;
