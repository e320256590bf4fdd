//! Whodid's own operators inside DataFusion plans. Each is some work per bucket ([`bucket`]) and has a codec, so that the
//! same plan runs here and on a worker.

pub(crate) mod bucket;
pub(crate) mod codec;
pub(crate) mod grouped;
pub(crate) mod journey;
pub(crate) mod keys;
pub(crate) mod membership;
pub(crate) mod nodes;
pub(crate) mod pathway;
pub(crate) mod retention;
pub(crate) mod rows;
pub(crate) mod scan;
pub(crate) mod values;
