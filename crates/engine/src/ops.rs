//! Whodid's own operators inside DataFusion plans. Each is some work per bucket ([`bucket`]) and has a codec, so that the
//! same plan runs here and on a worker.

pub(crate) mod bucket;
pub(crate) mod codec;
pub(crate) mod funnel;
pub(crate) mod grouped;
pub(crate) mod membership;
pub(crate) mod scan;
