//! Whodid's own operators inside DataFusion plans. Each has a codec, so that the same plan runs here and on a worker.

pub(crate) mod codec;
pub(crate) mod membership;
pub(crate) mod planner;
pub(crate) mod scan;
