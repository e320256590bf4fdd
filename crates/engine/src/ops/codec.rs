//! Our operators as bytes. A worker binds them to its own snapshot.

use std::fmt;
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use prost::Message;
use whodid_store::Snapshot;

use super::bucket::{BucketExec, BucketWork};
use super::grouped::GroupedSpec;
use super::journey::JourneySpec;
use super::membership::MembershipSpec;
use super::pathway::PathwaySpec;
use super::retention::RetentionSpec;
use super::rows::RowsSpec;
use super::scan::ScanSpec;
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

    fn exec<W: BucketWork>(&self, work: W, message: &OperatorMessage) -> Result<Arc<dyn ExecutionPlan>> {
        let projection =
            message.projected.then(|| message.projection.iter().map(|column| *column as usize).collect());
        let partitions = message.partitions as usize;
        Ok(Arc::new(BucketExec::new(Arc::new(work), self.snapshot.clone(), partitions, projection)?))
    }
}

impl fmt::Debug for WhodidCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WhodidCodec(watermark {})", self.snapshot.watermark())
    }
}

/// An operator in transit.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorMessage {
    #[prost(string, tag = "1")]
    pub(crate) operator: String,
    #[prost(string, tag = "2")]
    pub(crate) spec: String,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(crate) bitmaps: Vec<Vec<u8>>,
    #[prost(uint32, tag = "4")]
    pub(crate) partitions: u32,
    #[prost(bool, tag = "5")]
    pub(crate) projected: bool,
    #[prost(uint32, repeated, tag = "6")]
    pub(crate) projection: Vec<u32>,
}

/// The message of `node` if it does this work.
fn message_of<W: BucketWork>(node: &dyn ExecutionPlan) -> Result<Option<OperatorMessage>> {
    let Some(exec) = node.downcast_ref::<BucketExec<W>>() else { return Ok(None) };
    let projection = exec.projection.as_deref().unwrap_or_default();
    Ok(Some(OperatorMessage {
        operator: W::NAME.to_string(),
        partitions: exec.partitions as u32,
        projected: exec.projection.is_some(),
        projection: projection.iter().map(|column| *column as u32).collect(),
        ..exec.work.to_message()?
    }))
}

impl PhysicalExtensionCodec for WhodidCodec {
    fn try_decode(
        &self,
        bytes: &[u8],
        _: &[Arc<dyn ExecutionPlan>],
        _: &TaskContext,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let message = OperatorMessage::decode(bytes).map_err(|e| DataFusionError::External(Box::new(e)))?;
        let (spec, bitmaps) = (&message.spec, &message.bitmaps);
        match message.operator.as_str() {
            MembershipSpec::NAME => self.exec(MembershipSpec::from_text(spec)?, &message),
            ScanSpec::NAME => self.exec(ScanSpec::from_parts(spec, bitmaps)?, &message),
            RowsSpec::NAME => self.exec(RowsSpec::from_parts(spec, bitmaps)?, &message),
            GroupedSpec::NAME => self.exec(GroupedSpec::from_parts(spec, bitmaps)?, &message),
            JourneySpec::NAME => self.exec(JourneySpec::from_parts(spec, bitmaps)?, &message),
            RetentionSpec::NAME => self.exec(RetentionSpec::from_parts(spec, bitmaps)?, &message),
            PathwaySpec::NAME => self.exec(PathwaySpec::from_parts(spec, bitmaps)?, &message),
            other => Err(EngineError::codec(format!("no operator is called `{other}`")).into()),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let node = node.as_ref();
        let known = [
            message_of::<MembershipSpec>(node)?,
            message_of::<ScanSpec>(node)?,
            message_of::<RowsSpec>(node)?,
            message_of::<GroupedSpec>(node)?,
            message_of::<JourneySpec>(node)?,
            message_of::<RetentionSpec>(node)?,
            message_of::<PathwaySpec>(node)?,
        ];
        let message = known.into_iter().flatten().next();
        let unknown = || EngineError::codec(format!("{} is not an operator of ours", node.name()));
        message.ok_or_else(unknown)?.encode(bytes).map_err(|e| DataFusionError::External(Box::new(e)))
    }
}
