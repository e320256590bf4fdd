//! How far users get through the steps of a funnel.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde_json::json;
use whodid_match as kernel;
use whodid_model::{Instant, Span, TimeRange};
use whodid_query::search::{Dialect, Query, parse};
use whodid_store::{Half, Snapshot};

use super::bucket::{BucketWork, Worked};
use super::codec::OperatorMessage;
use crate::error::EngineError;
use crate::mask::StepMasks;
use crate::stream::for_each_hit_run;

/// A funnel over users.
#[derive(Clone, Debug)]
pub struct FunnelSpec {
    /// One search query per step, at most 16.
    pub steps: Vec<Query>,
    /// From the first step's event to the last one's, inclusive.
    pub window: Option<Span>,
    /// Where the events of an attempt lie, cut at the evaluation instant.
    pub range: TimeRange,
}

/// Names of the operator's columns: the step, counted from 0, and how many users of the bucket reached it.
pub(crate) const STEP: &str = "step";
pub(crate) const USERS: &str = "users";

fn schema() -> SchemaRef {
    let fields = vec![Field::new(STEP, DataType::UInt32, false), Field::new(USERS, DataType::UInt64, false)];
    Arc::new(Schema::new(fields))
}

impl FunnelSpec {
    pub(crate) fn from_text(text: &str) -> Result<FunnelSpec, EngineError> {
        let json: serde_json::Value = serde_json::from_str(text).map_err(EngineError::codec)?;
        let number = |name: &str| json[name].as_i64().ok_or_else(|| EngineError::codec(format!("no {name}")));
        let steps: Vec<String> = serde_json::from_value(json["steps"].clone()).map_err(EngineError::codec)?;
        Ok(FunnelSpec {
            steps: steps
                .iter()
                .map(|step| parse(step, Dialect::Event).map_err(EngineError::codec))
                .collect::<Result<_, _>>()?,
            window: json["window_us"].as_i64().map(Span),
            range: TimeRange { from: Instant(number("from_us")?), to: Instant(number("to_us")?) },
        })
    }

    fn kernel(&self) -> Result<kernel::Funnel, EngineError> {
        let window_us = self.window.map(|window| window.0);
        kernel::Funnel::new(self.steps.len(), kernel::FunnelOrder::Ordered, window_us, &[])
            .map_err(EngineError::pattern)
    }

    /// Adds the users of one half to `reached`, which has one count per step.
    fn count(&self, funnel: &kernel::Funnel, half: Half<'_>, reached: &mut [u64]) {
        let steps = StepMasks::new(self.steps.iter(), half.columns);
        let bounds = kernel::Bounds { from: self.range.from.0, to: self.range.to.0, at: self.range.to.0 };
        let ts_us = half.columns.ts_us();
        let (mut ts, mut matches, mut scratch) = (Vec::new(), Vec::new(), kernel::FunnelScratch::default());
        for_each_hit_run(half, &steps.union, |run, rows| {
            if !half.columns.user_runs().contains(run as u32) {
                return;
            }
            ts.clear();
            ts.extend(rows.iter().map(|row| ts_us[*row]));
            matches.clear();
            matches.extend(rows.iter().map(|row| steps.bits(*row)));
            let stream = kernel::Stream { ts: &ts, matches: &matches };
            let depth = funnel.attempt(stream, bounds, &mut scratch).len();
            reached[..depth].iter_mut().for_each(|count| *count += 1);
        });
    }
}

impl BucketWork for FunnelSpec {
    const NAME: &'static str = "FunnelExec";

    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn describe(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        let window = self.window.map_or_else(|| "none".to_string(), |window| window.to_string());
        format!("steps=[{}] window={window}", steps.join(" -> "))
    }

    fn work(&self, snapshot: &Snapshot, bucket: usize) -> Result<Worked, EngineError> {
        let funnel = self.kernel()?;
        let mut reached = vec![0; self.steps.len()];
        let mut rows_scanned = 0;
        for half in snapshot.buckets()[bucket].halves() {
            rows_scanned += half.columns.rows();
            self.count(&funnel, half, &mut reached);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from_iter_values(0..reached.len() as u32)),
            Arc::new(UInt64Array::from(reached)),
        ];
        Ok(Worked { batches: vec![RecordBatch::try_new(schema(), columns)?], rows_scanned })
    }

    fn to_message(&self) -> Result<OperatorMessage, EngineError> {
        let spec = json!({
            "steps": self.steps.iter().map(|step| step.text.as_str()).collect::<Vec<_>>(),
            "window_us": self.window.map(|window| window.0),
            "from_us": self.range.from.0,
            "to_us": self.range.to.0,
        });
        Ok(OperatorMessage { spec: spec.to_string(), ..OperatorMessage::default() })
    }
}
