//! Our operators as bytes. A worker binds them to its own snapshot.

use std::fmt;
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use prost::Message;
use whodid_store::Snapshot;

use super::membership::{MembershipExec, MembershipSpec};
use super::scan::{EventsExec, ScanSpec};
use crate::error::EngineError;

/// Encodes and decodes every operator of ours.
pub struct WhodidCodec {
    snapshot: Arc<Snapshot>,
}

impl WhodidCodec {
    /// `snapshot` is what decoded operators will read.
    pub fn new(snapshot: Arc<Snapshot>) -> WhodidCodec {
        WhodidCodec { snapshot }
    }
}

impl fmt::Debug for WhodidCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WhodidCodec(watermark {})", self.snapshot.watermark())
    }
}

#[derive(Clone, PartialEq, Message)]
struct OperatorMessage {
    #[prost(string, tag = "1")]
    operator: String,
    #[prost(string, tag = "2")]
    spec: String,
    #[prost(bytes = "vec", repeated, tag = "3")]
    bitmaps: Vec<Vec<u8>>,
    #[prost(uint32, tag = "4")]
    partitions: u32,
}

const MEMBERSHIP: &str = "membership";
const EVENTS: &str = "events";

impl PhysicalExtensionCodec for WhodidCodec {
    fn try_decode(
        &self,
        bytes: &[u8],
        _: &[Arc<dyn ExecutionPlan>],
        _: &TaskContext,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let message = OperatorMessage::decode(bytes).map_err(|e| DataFusionError::External(Box::new(e)))?;
        let (snapshot, partitions) = (self.snapshot.clone(), message.partitions as usize);
        match message.operator.as_str() {
            MEMBERSHIP => {
                let spec = MembershipSpec::from_text(&message.spec)?;
                Ok(Arc::new(MembershipExec::new(Arc::new(spec), snapshot, partitions)))
            }
            EVENTS => {
                let spec = ScanSpec::from_parts(&message.spec, &message.bitmaps)?;
                Ok(Arc::new(EventsExec::new(Arc::new(spec), snapshot, partitions)))
            }
            other => Err(EngineError::codec(format!("no operator is called `{other}`")).into()),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let message = if let Some(exec) = node.downcast_ref::<MembershipExec>() {
            OperatorMessage {
                operator: MEMBERSHIP.to_string(),
                spec: exec.spec.to_text(),
                bitmaps: Vec::new(),
                partitions: exec.partitions() as u32,
            }
        } else if let Some(exec) = node.downcast_ref::<EventsExec>() {
            let (spec, bitmaps) = exec.spec.to_parts()?;
            OperatorMessage {
                operator: EVENTS.to_string(),
                spec,
                bitmaps,
                partitions: exec.partitions() as u32,
            }
        } else {
            return Err(EngineError::codec(format!("{} is not an operator of ours", node.name())).into());
        };
        message.encode(bytes).map_err(|e| DataFusionError::External(Box::new(e)))
    }
}
