//! Which column a value lies in.
//!
//! - `type`, `ts` (µs, UTC), `id`: the event's own members. `_user`: the id of the resolved user as people see it when
//!   the row was written. `_bucket`: the number of the bucket that its owner hashes into.
//!   `_revision`: a view's version. `_revisions`: JSON of what a view with partial updates was put together from.
//! - Every attribute path is a column of the type of the first value seen there: string, double, boolean or a list of
//!   strings. Values of another type lie beside it in `<path>#string`, `#number`, `#boolean` or `#list`.
//! - `_overflow`: a JSON object of what no column can carry: paths with characters that Delta forbids or with `#`,
//!   paths that differ from a known column in case alone (Delta's names ignore case), paths beyond [`MAX_COLUMNS`], and
//!   nulls. A number there is finite, as every number from JSON is.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use deltalake::kernel::{ArrayType, DataType as DeltaType, PrimitiveType, StructField, StructType};
use rustc_hash::{FxHashMap, FxHashSet};
use whodid_model::{Event, Value};

pub(super) const TYPE: &str = "type";
pub(super) const TS: &str = "ts";
pub(super) const ID: &str = "id";
pub(super) const USER: &str = "_user";
pub(super) const BUCKET: &str = "_bucket";
pub(super) const REVISION: &str = "_revision";
pub(super) const REVISIONS: &str = "_revisions";
pub(super) const OVERFLOW: &str = "_overflow";

const FIXED: [(&str, PrimitiveType); 8] = [
    (TYPE, PrimitiveType::String),
    (TS, PrimitiveType::Timestamp),
    (ID, PrimitiveType::String),
    (USER, PrimitiveType::String),
    (BUCKET, PrimitiveType::Integer),
    (REVISION, PrimitiveType::Long),
    (REVISIONS, PrimitiveType::String),
    (OVERFLOW, PrimitiveType::String),
];

/// Most attribute columns of the table. What does not find a place is still searchable in `_overflow`.
pub(super) const MAX_COLUMNS: usize = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Text,
    Number,
    Bool,
    List,
}

impl Kind {
    pub(super) const ALL: [Kind; 4] = [Kind::Text, Kind::Number, Kind::Bool, Kind::List];

    /// `None` for null, which no column can tell from absence.
    pub(super) fn of(value: &Value) -> Option<Kind> {
        match value {
            Value::Null => None,
            Value::Bool(_) => Some(Kind::Bool),
            Value::Number(_) => Some(Kind::Number),
            Value::Text(_) => Some(Kind::Text),
            Value::List(_) => Some(Kind::List),
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Number => "number",
            Kind::Bool => "boolean",
            Kind::List => "list",
        }
    }

    pub(super) fn arrow(self) -> DataType {
        match self {
            Kind::Text => DataType::Utf8,
            Kind::Number => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::List => DataType::List(list_item()),
        }
    }

    fn delta(self) -> DeltaType {
        match self {
            Kind::Text => DeltaType::STRING,
            Kind::Number => DeltaType::DOUBLE,
            Kind::Bool => DeltaType::BOOLEAN,
            Kind::List => ArrayType::new(DeltaType::STRING, true).into(),
        }
    }
}

pub(super) fn list_item() -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Utf8, true))
}

/// The table's attribute columns, in the order in which they came up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layout {
    columns: Vec<(String, Kind)>,
    /// For each path the columns that its values of each kind lie in.
    by_path: FxHashMap<String, [Option<u32>; 4]>,
    /// Names in lower case.
    taken: FxHashSet<String>,
}

impl Layout {
    /// The layout of a stored table. Columns of other types are none of ours and are left alone.
    pub(super) fn of(schema: &StructType) -> Layout {
        let mut layout = Layout::default();
        for field in schema.fields() {
            if FIXED.iter().any(|(name, _)| name == field.name()) {
                continue;
            }
            match Kind::ALL.into_iter().find(|kind| kind.delta() == *field.data_type()) {
                Some(kind) => layout.push(field.name().clone(), kind),
                None => {
                    layout.taken.insert(field.name().to_lowercase());
                }
            }
        }
        layout
    }

    pub(super) fn delta_schema(&self) -> Result<StructType, deltalake::DeltaTableError> {
        let fixed =
            FIXED.into_iter().map(|(name, kind)| StructField::nullable(name, DeltaType::Primitive(kind)));
        let dynamic = self.columns.iter().map(|(name, kind)| StructField::nullable(name, kind.delta()));
        Ok(StructType::try_new(fixed.chain(dynamic))?)
    }

    /// Finds or makes a column for every value of `events`. Answers which columns these are, sorted by name.
    pub(super) fn admit<'a>(&mut self, events: impl IntoIterator<Item = &'a Event>) -> Vec<u32> {
        let mut used = vec![false; self.columns.len()];
        for event in events {
            for (path, value) in &event.attributes {
                let Some(kind) = Kind::of(value) else { continue };
                if let Some(column) = self.admit_values(path, kind) {
                    used.resize(self.columns.len(), false);
                    used[column as usize] = true;
                }
            }
        }
        let mut columns: Vec<u32> = (0..used.len() as u32).filter(|column| used[*column as usize]).collect();
        columns.sort_by_key(|column| self.name_and_kind(*column).0);
        columns
    }

    /// Finds or makes the column of values of `kind` at `path`; none if there is no room.
    pub(super) fn admit_values(&mut self, path: &str, kind: Kind) -> Option<u32> {
        self.column(path, kind).or_else(|| self.make(path, kind))
    }

    /// The column that values of `kind` at `path` lie in, if there is one.
    pub(super) fn column(&self, path: &str, kind: Kind) -> Option<u32> {
        self.by_path.get(path)?[kind as usize]
    }

    pub(super) fn name_and_kind(&self, column: u32) -> (&str, Kind) {
        let (name, kind) = &self.columns[column as usize];
        (name, *kind)
    }

    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    fn make(&mut self, path: &str, kind: Kind) -> Option<u32> {
        let name = match self.by_path.contains_key(path) {
            true => format!("{path}#{}", kind.suffix()),
            false => path.to_string(),
        };
        let fits = self.columns.len() < MAX_COLUMNS && can_be_a_name(path) && !self.is_taken(&name);
        if !fits {
            return None;
        }
        self.push(name, kind);
        self.column(path, kind)
    }

    fn is_taken(&self, name: &str) -> bool {
        let lower = name.to_lowercase();
        self.taken.contains(&lower) || FIXED.iter().any(|(name, _)| *name == lower)
    }

    fn push(&mut self, name: String, kind: Kind) {
        let column = self.columns.len() as u32;
        self.taken.insert(name.to_lowercase());
        self.by_path.entry(path_of(&name).to_string()).or_default()[kind as usize] = Some(column);
        self.columns.push((name, kind));
    }
}

/// The attribute path whose values a column holds.
pub(super) fn path_of(column: &str) -> &str {
    column.split_once('#').map_or(column, |(path, _)| path)
}

fn can_be_a_name(path: &str) -> bool {
    !path.is_empty() && !path.chars().any(|c| c.is_control() || " ,;{}()=#".contains(c))
}

/// The Arrow schema of a part with these attribute columns.
pub(super) fn part_schema(layout: &Layout, columns: &[u32]) -> Schema {
    let fixed = FIXED.iter().map(|(name, kind)| {
        let kind = match kind {
            PrimitiveType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            PrimitiveType::Long => DataType::Int64,
            PrimitiveType::Integer => DataType::Int32,
            _ => DataType::Utf8,
        };
        Field::new(*name, kind, true)
    });
    let dynamic = columns.iter().map(|column| {
        let (name, kind) = layout.name_and_kind(*column);
        Field::new(name, kind.arrow(), true)
    });
    Schema::new(fixed.chain(dynamic).collect::<Vec<_>>())
}

/// Whether a table's schema was made by a version that knew fewer columns.
pub(super) fn lacks_fixed_columns(schema: &StructType) -> bool {
    FIXED.iter().any(|(name, _)| schema.field(name).is_none())
}

/// Whether a column holds no attribute.
pub(super) fn is_fixed(column: &str) -> bool {
    FIXED.iter().any(|(name, _)| *name == column)
}
