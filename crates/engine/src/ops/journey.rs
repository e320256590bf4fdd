//! How far each entity gets through the steps of a funnel: one row per entity that takes the first.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringBuilder, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde_json::{Value as Json, json};
use whodid_match as kernel;
use whodid_model::event::paths;
use whodid_model::{EventType, Value};
use whodid_store::Snapshot;

use super::bucket::{BucketWork, Worked};
use super::codec::OperatorMessage;
use super::nodes::{Follow, Node, Wanted, read};
use super::values::{self, ValueColumn, value_at};
use crate::error::EngineError;
use crate::stream::Row;
use crate::subjects::{Part, Subject};

/// A funnel.
#[derive(Clone, Debug)]
pub struct JourneySpec {
    pub follow: Follow,
    pub steps: Vec<Node>,
    /// One for each of the rules' exclusions.
    pub exclusions: Vec<Node>,
    /// As many steps as `steps`.
    pub rules: kernel::FunnelRules,
    /// Whether to count complete passes as well.
    pub passes: bool,
    pub columns: Vec<Wanted>,
}

/// Names of the operator's columns, with the number of the step or of the wanted column appended.
pub(crate) const TS: &str = "ts:";
pub(crate) const PASSES: &str = "passes:";
pub(crate) const WANTED: &str = "wanted:";

/// The columns that an answer is asked to carry, in the making.
pub(super) enum WantedColumn {
    Id(StringBuilder),
    Values(Wanted, ValueColumn),
}

impl WantedColumn {
    pub(super) fn new(wanted: &Wanted) -> WantedColumn {
        match wanted {
            Wanted::Id => WantedColumn::Id(StringBuilder::new()),
            Wanted::Value { path, .. } => WantedColumn::Values(wanted.clone(), ValueColumn::new(path)),
            Wanted::Next => WantedColumn::Values(wanted.clone(), ValueColumn::new("type")),
        }
    }

    pub(super) fn field(wanted: &Wanted, number: usize) -> Field {
        let data_type = if *wanted == Wanted::Id { DataType::Utf8 } else { values::data_type() };
        Field::new(format!("{WANTED}{number}"), data_type, true)
    }

    /// `reached` has the row of each step that was reached, `next` the one that came after the last of all steps.
    pub(super) fn push(
        &mut self,
        parts: &[Part<'_>],
        subject: Subject<'_>,
        reached: &[Row],
        next: Option<&Row>,
    ) {
        match self {
            WantedColumn::Id(ids) => ids.append_value(subject.id(parts)),
            WantedColumn::Values(Wanted::Value { step, .. }, column) => {
                column.push_row(parts, reached.get(*step))
            }
            WantedColumn::Values(_, column) => column.push(next.map(|row| named(parts, row)).as_ref()),
        }
    }

    pub(super) fn finish(self) -> Result<ArrayRef, EngineError> {
        match self {
            WantedColumn::Id(mut ids) => Ok(Arc::new(ids.finish())),
            WantedColumn::Values(_, column) => column.finish(),
        }
    }
}

/// Type and name of an event.
fn named(parts: &[Part<'_>], row: &Row) -> Value {
    let kind = parts[row.half as usize].half.columns.kinds()[row.row as usize];
    let path = match kind {
        EventType::View => paths::VIEW_NAME,
        EventType::Action => paths::ACTION_NAME,
        EventType::Server | EventType::Session => paths::EVENT_NAME,
    };
    let name = value_at(parts, row, path).map(|name| name.as_text().into_owned()).unwrap_or_default();
    Value::List(vec![kind.name().to_string(), name])
}

impl JourneySpec {
    pub(crate) fn from_parts(text: &str, bitmaps: &[Vec<u8>]) -> Result<JourneySpec, EngineError> {
        let json: Json = serde_json::from_str(text).map_err(EngineError::codec)?;
        let nodes = |name: &str| -> Result<Vec<Node>, EngineError> {
            let list: Vec<Json> = read(&json[name])?;
            list.iter().map(Node::from_json).collect()
        };
        let (steps, exclusions) = (nodes("steps")?, nodes("exclusions")?);
        let spans: Vec<(usize, usize)> = read(&json["exclusion_steps"])?;
        let exclusion = |(from_step, to_step)| kernel::Exclusion { from_step, to_step };
        let rules = kernel::FunnelRules {
            steps: steps.len(),
            order: order(json["order"].as_str().unwrap_or_default())?,
            window_us: read(&json["window_us"])?,
            within_us: read(&json["within_us"])?,
            exclusions: spans.into_iter().map(exclusion).collect(),
        };
        Ok(JourneySpec {
            follow: Follow::from_json(&json["follow"], bitmaps)?,
            steps,
            exclusions,
            rules,
            passes: read(&json["passes"])?,
            columns: read(&json["columns"])?,
        })
    }

    fn next_is_wanted(&self) -> bool {
        self.columns.contains(&Wanted::Next)
    }
}

fn order_name(order: kernel::FunnelOrder) -> &'static str {
    match order {
        kernel::FunnelOrder::Ordered => "ordered",
        kernel::FunnelOrder::Strict => "strict",
        kernel::FunnelOrder::Any => "any",
    }
}

fn order(name: &str) -> Result<kernel::FunnelOrder, EngineError> {
    let orders = [kernel::FunnelOrder::Ordered, kernel::FunnelOrder::Strict, kernel::FunnelOrder::Any];
    let found = orders.into_iter().find(|order| order_name(*order) == name);
    found.ok_or_else(|| EngineError::codec(format!("no order is called `{name}`")))
}

impl BucketWork for JourneySpec {
    const NAME: &'static str = "JourneyExec";

    fn schema(&self) -> SchemaRef {
        let instants =
            (0..self.steps.len()).map(|step| Field::new(format!("{TS}{step}"), DataType::Int64, true));
        let passes = (0..self.steps.len()).filter(|_| self.passes);
        let passes = passes.map(|step| Field::new(format!("{PASSES}{step}"), DataType::UInt64, false));
        let wanted =
            self.columns.iter().enumerate().map(|(number, wanted)| WantedColumn::field(wanted, number));
        Arc::new(Schema::new(instants.chain(passes).chain(wanted).collect::<Vec<_>>()))
    }

    fn units(&self) -> usize {
        self.follow.subjects.units()
    }

    fn describe(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(|node| node.query.to_string()).collect();
        format!("{} steps=[{}] {}", self.follow.describe(), steps.join(" -> "), order_name(self.rules.order))
    }

    fn work(&self, snapshot: &Snapshot, unit: usize) -> Result<Worked, EngineError> {
        let funnel = kernel::Funnel::new(&self.rules).map_err(EngineError::pattern)?;
        let nodes: Vec<&Node> = self.steps.iter().chain(&self.exclusions).collect();
        let whole = self.rules.order == kernel::FunnelOrder::Strict || self.next_is_wanted();
        let followed = self.follow.rows(snapshot, unit, &nodes, whole);
        let (parts, range) = (&followed.parts, self.follow.scan.range);
        let bounds = kernel::Bounds { from: range.from.0, to: range.to.0, at: range.to.0 };

        let steps = self.steps.len();
        let mut instants: Vec<Vec<Option<i64>>> = vec![Vec::new(); steps];
        let mut passes: Vec<Vec<u64>> = vec![Vec::new(); if self.passes { steps } else { 0 }];
        let mut wanted: Vec<WantedColumn> = self.columns.iter().map(WantedColumn::new).collect();
        let mut scratch = kernel::FunnelScratch::default();
        let (mut ts, mut matches, mut reached) = (Vec::new(), Vec::new(), Vec::<Row>::new());
        self.follow.subjects.for_each(unit, parts, &followed.hits, |subject, rows| {
            ts.clear();
            ts.extend(rows.iter().map(|row| row.ts_us));
            matches.clear();
            matches.extend(rows.iter().map(|row| followed.steps[row.half as usize].bits(row.row as usize)));
            // Most who do something of it do not begin.
            if self.rules.order != kernel::FunnelOrder::Any && matches.iter().all(|bits| bits & 1 == 0) {
                return;
            }
            let stream = kernel::Stream { ts: &ts, matches: &matches };
            let attempt = funnel.attempt(stream, bounds, &mut scratch);
            if attempt.is_empty() {
                return;
            }
            reached.clear();
            reached.extend(attempt.iter().map(|row| rows[*row]));
            let next = (attempt.len() == steps).then(|| next_row(rows, attempt)).flatten();
            for (step, instants) in instants.iter_mut().enumerate() {
                instants.push(reached.get(step).map(|row| row.ts_us));
            }
            for (step, passes) in passes.iter_mut().enumerate() {
                let is_reached = step < reached.len();
                passes.push(if is_reached {
                    funnel.passes(step + 1, stream, bounds, &mut scratch)
                } else {
                    0
                });
            }
            for column in &mut wanted {
                column.push(parts, subject, &reached, next);
            }
        });
        let mut arrays: Vec<ArrayRef> = Vec::new();
        arrays.extend(instants.into_iter().map(|column| Arc::new(Int64Array::from(column)) as ArrayRef));
        arrays.extend(passes.into_iter().map(|column| Arc::new(UInt64Array::from(column)) as ArrayRef));
        for column in wanted {
            arrays.push(column.finish()?);
        }
        let batches = vec![RecordBatch::try_new(self.schema(), arrays)?];
        Ok(Worked { batches, rows_scanned: followed.rows_scanned })
    }

    fn to_message(&self) -> Result<OperatorMessage, EngineError> {
        let mut bitmaps = Vec::new();
        let nodes = |nodes: &[Node]| nodes.iter().map(Node::to_json).collect::<Vec<_>>();
        let span = |exclusion: &kernel::Exclusion| (exclusion.from_step, exclusion.to_step);
        let spec = json!({
            "follow": self.follow.to_json(&mut bitmaps)?,
            "steps": nodes(&self.steps),
            "exclusions": nodes(&self.exclusions),
            "exclusion_steps": self.rules.exclusions.iter().map(span).collect::<Vec<_>>(),
            "order": order_name(self.rules.order),
            "window_us": self.rules.window_us,
            "within_us": self.rules.within_us,
            "passes": self.passes,
            "columns": self.columns,
        });
        Ok(OperatorMessage { spec: spec.to_string(), bitmaps, ..OperatorMessage::default() })
    }
}

/// The first event at or after the last one of the attempt that takes no part in it.
fn next_row<'r>(rows: &'r [Row], attempt: &[usize]) -> Option<&'r Row> {
    let last_us = attempt.iter().map(|row| rows[*row].ts_us).max()?;
    let from = rows.partition_point(|row| row.ts_us < last_us);
    (from..rows.len()).find(|row| !attempt.contains(row)).map(|row| &rows[row])
}
