//! Journeys, retention and pathways: every entity's part in the answer, from which all numbers and lists are made.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, UInt32Type, UInt64Type};
use whodid_match::{PathNode, PathTree};
use whodid_store::Snapshot;

use crate::error::EngineError;
use crate::ops::bucket::{BucketTable, BucketWork};
use crate::ops::journey::{JourneySpec, PASSES, TS, WANTED};
use crate::ops::nodes::Wanted;
use crate::ops::pathway::{ID, PARENT, PATH, PathwaySpec, SESSIONS, VALUE};
use crate::ops::retention::{COHORT, JOINED, RETURNED, RetentionSpec};
use crate::ops::values::{Values, column};
use crate::run::Engine;
use crate::subjects::{Grain, Subjects};

/// How far entities got: one row for each that takes the first step, in no particular order.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    /// By step and row, the instant in microseconds; none where the step was not reached.
    pub steps: Vec<Vec<Option<i64>>>,
    /// By step and row, how often the steps up to this one were passed. Empty if not asked for.
    pub passes: Vec<Vec<u64>>,
    /// Empty if not asked for.
    pub ids: Vec<String>,
    /// The other wanted columns, in the order asked for.
    pub values: Vec<Values>,
}

impl Attempts {
    pub fn len(&self) -> usize {
        self.steps.first().map_or(0, Vec::len)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Who joined which cohort and came back when: one row per entity, in no particular order.
#[derive(Clone, Debug, Default)]
pub struct Joined {
    pub cohorts: Vec<u32>,
    /// Instants of joining, in microseconds.
    pub joined_us: Vec<i64>,
    /// Bit `i % 8` of byte `i / 8` says whether the entity returned in its period `i`.
    pub returned: Vec<Vec<u8>>,
    pub ids: Vec<String>,
    pub values: Vec<Values>,
}

impl Joined {
    pub fn has_returned(&self, row: usize, period: usize) -> bool {
        self.returned[row].get(period / 8).is_some_and(|byte| byte >> (period % 8) & 1 == 1)
    }

    /// The periods in which an entity returned.
    pub fn returns(&self, row: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.returned[row].len() * 8).filter(move |period| self.has_returned(row, *period))
    }
}

/// All paths, and what their values stand for.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    pub tree: PathTree,
    /// The texts of the tree's values, sorted.
    pub values: Vec<String>,
}

impl Engine {
    /// Everybody of a grain in a snapshot, which is the one seen at the evaluation instant.
    pub async fn subjects(&self, grain: Grain, snapshot: &Arc<Snapshot>) -> Result<Subjects, EngineError> {
        let (known, snapshot) = (self.known_subjects().clone(), snapshot.clone());
        let look = move || known.get(grain, &snapshot);
        tokio::task::spawn_blocking(look).await.map_err(EngineError::codec)
    }

    pub async fn journey(
        &self,
        snapshot: &Arc<Snapshot>,
        spec: JourneySpec,
    ) -> Result<Attempts, EngineError> {
        let (steps, wanted, passes) = (spec.steps.len(), spec.columns.clone(), spec.passes);
        let mut answer = Attempts {
            steps: vec![Vec::new(); steps],
            passes: vec![Vec::new(); if passes { steps } else { 0 }],
            values: values_of(&wanted),
            ..Attempts::default()
        };
        for batch in self.run_work(snapshot, spec).await? {
            for (step, instants) in answer.steps.iter_mut().enumerate() {
                instants.extend(column(&batch, &format!("{TS}{step}"))?.as_primitive::<Int64Type>());
            }
            for (step, passes) in answer.passes.iter_mut().enumerate() {
                let column = column(&batch, &format!("{PASSES}{step}"))?;
                passes.extend_from_slice(column.as_primitive::<UInt64Type>().values());
            }
            read_wanted(&batch, &wanted, &mut answer.ids, &mut answer.values)?;
        }
        Ok(answer)
    }

    pub async fn retention(
        &self,
        snapshot: &Arc<Snapshot>,
        spec: RetentionSpec,
    ) -> Result<Joined, EngineError> {
        let wanted = spec.columns.clone();
        let mut answer = Joined { values: values_of(&wanted), ..Joined::default() };
        for batch in self.run_work(snapshot, spec).await? {
            answer.cohorts.extend_from_slice(column(&batch, COHORT)?.as_primitive::<UInt32Type>().values());
            answer.joined_us.extend_from_slice(column(&batch, JOINED)?.as_primitive::<Int64Type>().values());
            let returned = column(&batch, RETURNED)?.as_binary::<i32>();
            answer.returned.extend(returned.iter().map(|bytes| bytes.unwrap_or_default().to_vec()));
            read_wanted(&batch, &wanted, &mut answer.ids, &mut answer.values)?;
        }
        Ok(answer)
    }

    /// All paths, added up. The specification's `each` is ignored.
    pub async fn pathways(&self, snapshot: &Arc<Snapshot>, spec: PathwaySpec) -> Result<Paths, EngineError> {
        let batches = self.run_work(snapshot, PathwaySpec { each: false, ..spec }).await?;
        let mut trees = Vec::with_capacity(batches.len());
        // Values are numbered in the order of their texts once all are known.
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        for batch in &batches {
            let values = column(batch, VALUE)?.as_dictionary::<UInt32Type>();
            let texts = texts(values.values())?;
            numbers.extend(texts.iter().cloned().map(|text| (text, 0)));
            let parents = column(batch, PARENT)?.as_primitive::<UInt32Type>().values();
            let sessions = column(batch, SESSIONS)?.as_primitive::<UInt64Type>().values();
            let keys = values.keys().values();
            let node = |((parent, value), sessions): ((&u32, &u32), &u64)| PathNode {
                parent: *parent,
                value: *value,
                sessions: *sessions,
            };
            trees.push((texts, parents.iter().zip(keys).zip(sessions).map(node).collect::<Vec<_>>()));
        }
        for (number, of_text) in numbers.values_mut().enumerate() {
            *of_text = number as u32;
        }
        let mut tree = PathTree::default();
        for (texts, mut nodes) in trees {
            let codes: Vec<u32> = texts.iter().map(|text| numbers[text]).collect();
            nodes.iter_mut().for_each(|node| node.value = codes[node.value as usize]);
            tree.merge_nodes(&nodes);
        }
        Ok(Paths { tree, values: numbers.into_keys().collect() })
    }

    /// The path of every entity that has one, by id.
    pub async fn paths_of_each(
        &self,
        snapshot: &Arc<Snapshot>,
        spec: PathwaySpec,
    ) -> Result<Vec<(String, Vec<String>)>, EngineError> {
        let mut paths = Vec::new();
        for batch in self.run_work(snapshot, PathwaySpec { each: true, ..spec }).await? {
            for (id, path) in texts(column(&batch, ID)?)?.into_iter().zip(texts(column(&batch, PATH)?)?) {
                paths.push((id, serde_json::from_str(&path).map_err(EngineError::codec)?));
            }
        }
        paths.sort_unstable();
        Ok(paths)
    }

    async fn run_work<W: BucketWork>(
        &self,
        snapshot: &Arc<Snapshot>,
        work: W,
    ) -> Result<Vec<RecordBatch>, EngineError> {
        let table = BucketTable::new(work, snapshot.clone());
        let frame = self.session().read_table(Arc::new(table))?;
        self.run(frame.into_unoptimized_plan()).await
    }
}

fn values_of(wanted: &[Wanted]) -> Vec<Values> {
    wanted.iter().filter(|wanted| **wanted != Wanted::Id).map(|_| Values::default()).collect()
}

fn read_wanted(
    batch: &RecordBatch,
    wanted: &[Wanted],
    ids: &mut Vec<String>,
    values: &mut [Values],
) -> Result<(), EngineError> {
    let mut values = values.iter_mut();
    for (number, wanted) in wanted.iter().enumerate() {
        let array = column(batch, &format!("{WANTED}{number}"))?;
        match wanted {
            Wanted::Id => ids.extend(texts(array)?),
            Wanted::Value { .. } | Wanted::Next => {
                if let Some(values) = values.next() {
                    values.extend(array)?;
                }
            }
        }
    }
    Ok(())
}

fn texts(array: &ArrayRef) -> Result<Vec<String>, EngineError> {
    let array = cast(array, &DataType::Utf8)?;
    Ok(array.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_string()).collect())
}
