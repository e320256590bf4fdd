//! What people write: the search syntax and segment definitions.
