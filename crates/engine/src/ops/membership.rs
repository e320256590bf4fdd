//! Which entities hold which clauses: the operator behind every segment.
//!
//! It reads a snapshot and answers, for each bucket and each clause, the bitmap of entities that hold it. What leaves the
//! operator is bitmaps, never events.

mod logical;
mod physical;
mod spec;

pub(crate) use logical::MembershipNode;
pub(crate) use physical::MembershipExec;
pub(crate) use spec::{MembershipSpec, columns};
