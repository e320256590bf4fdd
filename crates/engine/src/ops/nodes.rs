//! What matches a step or a criterion, and which events are looked at: the parts that journeys, retention and pathways
//! are specified with, and their rows.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use whodid_model::{Instant, TimeRange};
use whodid_query::search::{Dialect, Query, parse};
use whodid_store::Snapshot;

use super::scan::{Occurrences, ScanSpec, occurrences};
use crate::error::EngineError;
use crate::mask::{Mask, StepMasks, matching, matching_among};
use crate::subjects::{Part, Subjects};

/// A step or a criterion.
#[derive(Clone, Debug)]
pub struct Node {
    pub query: Query,
    /// Only events of identified users who have so many that pass the query in the range.
    pub occurrences: Option<Occurrences>,
}

/// Whose events and which of them a question follows.
#[derive(Clone, Debug)]
pub struct Follow {
    pub subjects: Subjects,
    /// The filter that every event passes; its columns are not asked for.
    pub scan: ScanSpec,
    /// Leaves out events without a user, and sessions that never have one.
    pub identified_only: bool,
}

/// The rows of one unit of work.
pub(crate) struct Followed<'a> {
    pub(crate) parts: Vec<Part<'a>>,
    /// By part, what each row matches.
    pub(crate) steps: Vec<StepMasks>,
    /// By part, the rows to look at.
    pub(crate) hits: Vec<Mask>,
    pub(crate) rows_scanned: usize,
}

impl Follow {
    /// `whole` asks for every event that passes the filter, also those that match no node.
    pub(crate) fn rows<'a>(
        &self,
        snapshot: &'a Snapshot,
        unit: usize,
        nodes: &[&Node],
        whole: bool,
    ) -> Followed<'a> {
        let parts = self.subjects.parts(snapshot, unit);
        let rows_scanned = parts.iter().map(|part| part.half.columns.rows()).sum();
        let (mut steps, mut hits) = (Vec::new(), Vec::new());
        for part in &parts {
            let candidates = self.subjects.candidates(unit, *part);
            let mask = |node: &&Node| node.mask(*part, self.scan.range, candidates.as_ref());
            let masks = StepMasks::of(nodes.iter().map(mask).collect(), part.half.columns.rows());
            let looked_at = match (whole, candidates) {
                (false, _) => masks.union.clone(),
                (true, Some(candidates)) => candidates,
                (true, None) => Mask::every(part.half.columns.rows()),
            };
            let mut looked_at = self.scan.narrow(looked_at, part.half, part.bucket);
            if self.identified_only {
                looked_at = self.subjects.identified(unit, *part, self.scan.range.to.0, looked_at);
            }
            steps.push(masks);
            hits.push(looked_at);
        }
        Followed { parts, steps, hits, rows_scanned }
    }

    pub(crate) fn describe(&self) -> String {
        let identified = if self.identified_only { " identified only" } else { "" };
        format!("{:?}s, {}{identified}", self.subjects.grain, self.scan.describe_filter())
    }

    pub(crate) fn to_json(&self, bitmaps: &mut Vec<Vec<u8>>) -> Result<Json, EngineError> {
        Ok(json!({
            "subjects": self.subjects,
            "scan": self.scan.to_json(bitmaps)?,
            "identified_only": self.identified_only,
        }))
    }

    pub(crate) fn from_json(json: &Json, bitmaps: &[Vec<u8>]) -> Result<Follow, EngineError> {
        #[derive(Deserialize)]
        struct Own {
            subjects: Subjects,
            identified_only: bool,
        }
        let own: Own = read(json)?;
        let scan = ScanSpec::from_json(&json["scan"], bitmaps)?;
        Ok(Follow { subjects: own.subjects, scan, identified_only: own.identified_only })
    }
}

impl Node {
    fn mask(&self, part: Part<'_>, range: TimeRange, candidates: Option<&Mask>) -> Mask {
        let columns = part.half.columns;
        match (candidates, self.occurrences) {
            (Some(candidates), None) => matching_among(&self.query, columns, candidates),
            (None, None) => matching(&self.query, columns),
            (candidates, Some(occurrences)) => {
                let mut counted = matching(&self.query, columns);
                counted.retain(|row| range.contains(Instant(columns.ts_us().get(row))));
                let mask = occurrences.mask(part.half, &counted);
                candidates.map_or(mask.clone(), |candidates| mask.and(candidates))
            }
        }
    }

    pub(crate) fn to_json(&self) -> Json {
        let occurrences = self.occurrences.map(|occurrences| (occurrences.op.symbol(), occurrences.count));
        json!({"query": self.query.text, "occurrences": occurrences})
    }

    pub(crate) fn from_json(json: &Json) -> Result<Node, EngineError> {
        let query = json["query"].as_str().unwrap_or_default();
        let query = parse(query, Dialect::Event).map_err(EngineError::codec)?;
        Ok(Node { query, occurrences: occurrences(&json["occurrences"])? })
    }
}

/// One column of an answer with a row per entity or conversion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// The id as people write it.
    Id,
    /// The value at a path (a facet without its `@`) on the event of a step, numbered from 0.
    Value { step: usize, path: String },
    /// What came next after the event of the last step: a list of its type and its name.
    Next,
}

/// A member of a specification in transit.
pub(crate) fn read<T: serde::de::DeserializeOwned>(json: &Json) -> Result<T, EngineError> {
    T::deserialize(json).map_err(EngineError::codec)
}
