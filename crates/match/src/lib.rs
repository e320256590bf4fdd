//! The meaning of behaviour as pure functions over slices, with the naive oracle beside them.
