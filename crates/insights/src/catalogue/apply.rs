//! Several changes that happen together or not at all.

use super::Catalogue;
use super::segments::{self, NewSegment, SegmentChange};
use crate::InsightError;

/// One change. A version is the one that the change was planned on; another one by now refuses everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Create { id: String, new: NewSegment },
    Change { id: String, change: SegmentChange, version: i64 },
    Delete { id: String, version: i64 },
}

impl Catalogue {
    /// Makes the changes in this order, each checked as if it came alone; the first that fails undoes those before it.
    pub async fn apply(&self, steps: Vec<Step>) -> Result<(), InsightError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        for step in steps {
            match step {
                Step::Create { id, new } => {
                    segments::create(&mut transaction, id, new, now).await?;
                }
                Step::Change { id, change, version } => {
                    segments::change_segment(&mut transaction, &id, change, Some(version), now).await?;
                }
                Step::Delete { id, version } => {
                    segments::delete(&mut transaction, &id, false, Some(version), now).await?;
                }
            }
        }
        transaction.commit().await?;
        Ok(())
    }
}
