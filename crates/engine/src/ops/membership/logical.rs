//! The node in a logical plan: a leaf with the question and the snapshot that it is asked of.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use whodid_store::Snapshot;

use super::spec::{MembershipSpec, schema};

#[derive(Debug)]
pub(crate) struct MembershipNode {
    pub(crate) spec: Arc<MembershipSpec>,
    pub(crate) snapshot: Arc<Snapshot>,
    schema: DFSchemaRef,
    /// What two nodes are compared by.
    identity: (u64, String),
}

impl MembershipNode {
    pub(crate) fn new(spec: MembershipSpec, snapshot: Arc<Snapshot>) -> Result<MembershipNode> {
        let schema = Arc::new(DFSchema::try_from(schema())?);
        let identity = (snapshot.watermark(), spec.to_text());
        Ok(MembershipNode { spec: Arc::new(spec), snapshot, schema, identity })
    }
}

impl PartialEq for MembershipNode {
    fn eq(&self, other: &MembershipNode) -> bool {
        self.identity == other.identity
    }
}

impl Eq for MembershipNode {}

impl PartialOrd for MembershipNode {
    fn partial_cmp(&self, other: &MembershipNode) -> Option<Ordering> {
        self.identity.partial_cmp(&other.identity)
    }
}

impl Hash for MembershipNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity.hash(state);
    }
}

impl UserDefinedLogicalNodeCore for MembershipNode {
    fn name(&self) -> &str {
        "Membership"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Membership: entity={} clauses={}", self.spec.entity(), self.spec.clauses().len())
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, _inputs: Vec<LogicalPlan>) -> Result<MembershipNode> {
        Ok(MembershipNode {
            spec: self.spec.clone(),
            snapshot: self.snapshot.clone(),
            schema: self.schema.clone(),
            identity: self.identity.clone(),
        })
    }
}
