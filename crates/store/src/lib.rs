//! Durable events: log, buffer, open tables, identities, and columns held in memory.
//!
//! An event's way, in reading order: [`log`] (durable, acknowledged) → [`live`] (known, resolved, not yet laid) →
//! [`snapshot`] (what questions see, as [`columns`]) and, in the background, → [`table`] (open files). [`check`] reads a
//! folder through and says what is wrong with it.

mod bulk;
mod check;
mod columns;
mod error;
mod identity;
mod image;
mod joined;
mod keys;
mod list;
mod live;
mod log;
#[cfg(test)]
mod model_of_store;
mod owner;
mod parallel;
mod snapshot;
mod store;
mod table;

pub use check::{CheckReport, Finding, check};
pub use columns::{Codes, Column, Columns, Dictionary, EventIds, Instants, Run, value_order};
pub use error::StoreError;
pub use joined::{JoinBy, Joined, JoinedField};
pub use list::{IdList, Ids, ListWriter, Merge, Stage};
pub use live::Appended;
pub use owner::{BUCKETS, Owner};
pub use snapshot::{Bucket, Half, Snapshot};
pub use store::{
    Import, PartStatus, Removed, Store, StoreOptions, StoreStatus, TableStatus, Written, link_folder,
};
