//! Funnels: how many entities reach each step.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{UInt32Type, UInt64Type};
use whodid_store::Snapshot;

use crate::error::EngineError;
use crate::ops::bucket::BucketTable;
use crate::ops::funnel::{FunnelSpec, STEP, USERS};
use crate::run::Engine;

impl Engine {
    /// How many users reach each step: numbers that never grow. `snapshot` is the one seen at the evaluation instant.
    pub async fn funnel(&self, snapshot: &Arc<Snapshot>, spec: FunnelSpec) -> Result<Vec<u64>, EngineError> {
        let mut reached = vec![0; spec.steps.len()];
        let table = BucketTable::new(spec, snapshot.clone());
        let frame = self.session().read_table(Arc::new(table))?;
        for batch in self.run(frame.into_unoptimized_plan()).await? {
            let column =
                |name| batch.column_by_name(name).ok_or_else(|| EngineError::codec("a column is missing"));
            let steps = column(STEP)?.as_primitive::<UInt32Type>();
            let users = column(USERS)?.as_primitive::<UInt64Type>();
            for (step, users) in steps.values().iter().zip(users.values()) {
                if let Some(count) = reached.get_mut(*step as usize) {
                    *count += users;
                }
            }
        }
        Ok(reached)
    }
}
