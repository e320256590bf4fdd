//! Which way entities went: their paths as a tree per unit, or one path per entity.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, RecordBatch, StringArray, StringBuilder, UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use whodid_match as kernel;
use whodid_model::EventType;
use whodid_query::search::{Dialect, Query, parse};
use whodid_store::Snapshot;

use super::bucket::{BucketWork, Worked};
use super::codec::OperatorMessage;
use super::nodes::{Follow, Node, read};
use super::values::{self, value_at};
use crate::error::EngineError;
use crate::stream::Row;
use crate::subjects::{Part, Subject};

/// What a path is made of.
#[derive(Clone, Debug)]
pub struct PathwaySpec {
    pub follow: Follow,
    /// By event type the facet whose value is a place on the path (without its `@`); other events are passed over.
    pub labels: [Option<String>; EventType::STORED.len()],
    pub cut: PathCut,
    /// At most so many places.
    pub steps: usize,
    /// One row per entity, rather than a tree.
    pub each: bool,
}

/// Where paths are cut. The query's tests are asked of values, whichever facets they name.
#[derive(Clone, Debug)]
pub enum PathCut {
    None,
    StartingAt(Query),
    EndingAt(Query),
}

/// Names of the columns of a tree: one row per node, in the order of [`kernel::PathTree::nodes`].
pub(crate) const PARENT: &str = "parent";
pub(crate) const VALUE: &str = "value";
pub(crate) const SESSIONS: &str = "sessions";
/// Names of the columns of paths: the id, and the places as a JSON list of texts.
pub(crate) const ID: &str = "id";
pub(crate) const PATH: &str = "path";

#[derive(Serialize, Deserialize)]
struct Words {
    labels: [Option<String>; EventType::STORED.len()],
    side: String,
    cut: String,
    steps: usize,
    each: bool,
}

impl PathwaySpec {
    pub(crate) fn from_parts(text: &str, bitmaps: &[Vec<u8>]) -> Result<PathwaySpec, EngineError> {
        let json: Json = serde_json::from_str(text).map_err(EngineError::codec)?;
        let words: Words = read(&json["words"])?;
        let query = || parse(&words.cut, Dialect::Event).map_err(EngineError::codec);
        let cut = match words.side.as_str() {
            "start" => PathCut::StartingAt(query()?),
            "end" => PathCut::EndingAt(query()?),
            _ => PathCut::None,
        };
        let follow = Follow::from_json(&json["follow"], bitmaps)?;
        Ok(PathwaySpec { follow, labels: words.labels, cut, steps: words.steps, each: words.each })
    }

    fn side(&self) -> (&'static str, &str) {
        match &self.cut {
            PathCut::None => ("", ""),
            PathCut::StartingAt(query) => ("start", &query.text),
            PathCut::EndingAt(query) => ("end", &query.text),
        }
    }
}

/// Numbers for the texts of one unit.
#[derive(Default)]
struct Places {
    texts: Vec<String>,
    /// By place, whether the cut's query accepts it.
    accepted: Vec<bool>,
    known: FxHashMap<String, u32>,
    /// By part, type of event and code of its label.
    of_code: FxHashMap<(u32, EventType, u32), u32>,
}

impl Places {
    fn of(&mut self, spec: &PathwaySpec, parts: &[Part<'_>], row: &Row) -> Option<u32> {
        let columns = parts[row.half as usize].half.columns;
        let kind = columns.kinds()[row.row as usize];
        let label = spec.labels[kind as usize].as_ref()?;
        let code = columns.attribute(label).map(|column| column.codes().get(row.row as usize));
        if code == Some(0) {
            return None;
        }
        let key = code.map(|code| (row.half, kind, code));
        if let Some(place) = key.and_then(|key| self.of_code.get(&key)) {
            return Some(*place);
        }
        let value = value_at(parts, row, label)?;
        let next = self.texts.len() as u32;
        let text = value.as_text().into_owned();
        let place = *self.known.entry(text.clone()).or_insert(next);
        if place == next {
            self.texts.push(text);
            self.accepted.push(match &spec.cut {
                PathCut::None => false,
                PathCut::StartingAt(query) | PathCut::EndingAt(query) => {
                    query.expr.matches(&|_| Some(value.clone()))
                }
            });
        }
        if let Some(key) = key {
            self.of_code.insert(key, place);
        }
        Some(place)
    }
}

impl BucketWork for PathwaySpec {
    const NAME: &'static str = "PathwayExec";

    fn schema(&self) -> SchemaRef {
        let fields = match self.each {
            true => vec![Field::new(ID, DataType::Utf8, false), Field::new(PATH, DataType::Utf8, false)],
            false => vec![
                Field::new(PARENT, DataType::UInt32, false),
                Field::new(VALUE, values::data_type(), false),
                Field::new(SESSIONS, DataType::UInt64, false),
            ],
        };
        Arc::new(Schema::new(fields))
    }

    fn units(&self) -> usize {
        self.follow.subjects.units()
    }

    fn describe(&self) -> String {
        let labels: Vec<&str> = self.labels.iter().flatten().map(String::as_str).collect();
        let (side, query) = self.side();
        format!(
            "{} labels=[{}] steps={} {side} {query}",
            self.follow.describe(),
            labels.join(", "),
            self.steps
        )
    }

    fn work(&self, snapshot: &Snapshot, unit: usize) -> Result<Worked, EngineError> {
        let kinds = EventType::STORED.into_iter().filter(|kind| self.labels[*kind as usize].is_some());
        let kinds: Vec<&str> = kinds.map(EventType::name).collect();
        let query = format!("@type:({})", kinds.join(" OR "));
        let node =
            Node { query: parse(&query, Dialect::Event).map_err(EngineError::codec)?, occurrences: None };
        let followed = self.follow.rows(snapshot, unit, &[&node], false);
        let parts = &followed.parts;
        let (mut places, mut tree) = (Places::default(), kernel::PathTree::default());
        let (mut ids, mut paths) = (StringBuilder::new(), StringBuilder::new());
        let (mut values, mut path) = (Vec::new(), Vec::new());
        let mut visit = |subject: Subject<'_>, rows: &[Row]| {
            values.clear();
            values.extend(rows.iter().filter_map(|row| places.of(self, parts, row)));
            let accepts = |place: u32| places.accepted[place as usize];
            let cut = match &self.cut {
                PathCut::None => kernel::Cut::None,
                PathCut::StartingAt(_) => kernel::Cut::StartingAt(&accepts),
                PathCut::EndingAt(_) => kernel::Cut::EndingAt(&accepts),
            };
            if !kernel::collapse(&values, &cut, self.steps, &mut path) {
                return;
            }
            if self.each {
                let texts: Vec<&str> =
                    path.iter().map(|place| places.texts[*place as usize].as_str()).collect();
                ids.append_value(subject.id(parts));
                paths.append_value(json!(texts).to_string());
            } else {
                tree.add(&path, 1);
            }
        };
        self.follow.subjects.for_each(unit, parts, &followed.hits, &mut visit);
        let arrays: Vec<ArrayRef> = if self.each {
            vec![Arc::new(ids.finish()), Arc::new(paths.finish())]
        } else {
            let nodes = tree.nodes();
            let keys = UInt32Array::from_iter_values(nodes.iter().map(|node| node.value));
            let texts = StringArray::from_iter_values(places.texts);
            vec![
                Arc::new(UInt32Array::from_iter_values(nodes.iter().map(|node| node.parent))),
                Arc::new(DictionaryArray::try_new(keys, Arc::new(texts))?),
                Arc::new(UInt64Array::from_iter_values(nodes.iter().map(|node| node.sessions))),
            ]
        };
        let batches = vec![RecordBatch::try_new(self.schema(), arrays)?];
        Ok(Worked { batches, rows_scanned: followed.rows_scanned })
    }

    fn to_message(&self) -> Result<OperatorMessage, EngineError> {
        let mut bitmaps = Vec::new();
        let (side, cut) = self.side();
        let words = Words {
            labels: self.labels.clone(),
            side: side.to_string(),
            cut: cut.to_string(),
            steps: self.steps,
            each: self.each,
        };
        let spec = json!({"follow": self.follow.to_json(&mut bitmaps)?, "words": words});
        Ok(OperatorMessage { spec: spec.to_string(), bitmaps, ..OperatorMessage::default() })
    }
}
