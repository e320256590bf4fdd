//! What people write: the search syntax and segment definitions.
//!
//! Reading order: [`op`] (the five comparisons), [`search`] (one grammar for every place a query is typed),
//! [`definition`] (segment definitions and their windows).

pub mod definition;
pub mod op;
pub mod search;
