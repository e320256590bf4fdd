//! What people write: the search syntax and segment definitions.
//!
//! Reading order: [`op`] (the five comparisons), [`search`] (one grammar for every place a query is typed),
//! [`definition`] (segment definitions and their windows), [`echo`] (a definition in plain words), [`formula`]
//! (arithmetic over named numbers), [`nearest`] (what an unknown name may have meant).

pub mod definition;
pub mod echo;
pub mod formula;
pub mod nearest;
pub mod op;
pub mod search;
