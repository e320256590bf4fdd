//! Many events as columns, for what comes in large pieces: files, and the table's own parts.
//!
//! A column has each distinct value once and a code per row, so that what is to be found out about a value is found out
//! once. Nothing here is sorted: rows and values lie as they came.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use crate::{Attributes, Event, EventType, Instant, Value};

/// Events without histories of partial updates, in columns. Keys may repeat.
#[derive(Clone, Debug, Default)]
pub struct EventBatch {
    kinds: Vec<EventType>,
    ts_us: Vec<i64>,
    /// Where each row's id ends in `id_bytes`.
    id_ends: Vec<u32>,
    id_bytes: String,
    revisions: Vec<u64>,
    columns: Vec<BatchColumn>,
    /// The column that the value before lay in: the next one's is most often the one behind it.
    last: usize,
}

/// One attribute of all rows.
#[derive(Clone, Debug, Default)]
pub struct BatchColumn {
    path: String,
    /// 0: no value; `k`: `values[k - 1]`. Rows behind the last code have no value.
    codes: Vec<u32>,
    values: Vec<Value>,
    /// Open addressing by hash; a code and some bits of the hash in each slot, 0 when free.
    slots: Vec<(u32, u32)>,
}

impl EventBatch {
    pub fn rows(&self) -> usize {
        self.kinds.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Whether another row fits: the offsets of ids have 32 bits.
    pub fn is_full(&self) -> bool {
        self.id_bytes.len() > (u32::MAX / 2) as usize
    }

    /// Begins a row; what is `put` next belongs to it.
    pub fn begin(&mut self, kind: EventType, id: &str, ts: Instant, revision: u64) {
        self.kinds.push(kind);
        self.ts_us.push(ts.0);
        self.id_bytes.push_str(id);
        self.id_ends.push(self.id_bytes.len() as u32);
        self.revisions.push(revision);
        self.last = usize::MAX;
    }

    /// Gives the row begun last a value.
    pub fn put(&mut self, path: &str, value: Value) {
        let row = self.rows().saturating_sub(1);
        let column = self.column_at(path);
        self.columns[column].set(row, value);
    }

    /// Adds an event. One with a history does not fit and comes back.
    pub fn push(&mut self, event: Event) -> Option<Event> {
        if event.revisions.is_some() || self.is_full() {
            return Some(event);
        }
        self.begin(event.kind, &event.id, event.ts, event.revision);
        for (path, value) in event.attributes {
            self.put(&path, value);
        }
        None
    }

    /// The place of the column of `path`, which is made if there is none.
    pub fn column_at(&mut self, path: &str) -> usize {
        let next = self.last.wrapping_add(1);
        if self.columns.get(next).is_some_and(|column| column.path == path) {
            self.last = next;
            return next;
        }
        let found = self.columns.iter().position(|column| column.path == path);
        let column = found.unwrap_or_else(|| {
            self.columns.push(BatchColumn::new(path));
            self.columns.len() - 1
        });
        self.last = column;
        column
    }

    pub fn column_mut(&mut self, column: usize) -> &mut BatchColumn {
        &mut self.columns[column]
    }

    pub fn columns(&self) -> &[BatchColumn] {
        &self.columns
    }

    pub fn column(&self, path: &str) -> Option<&BatchColumn> {
        self.columns.iter().find(|column| column.path == path)
    }

    pub fn kinds(&self) -> &[EventType] {
        &self.kinds
    }

    pub fn ts_us(&self) -> &[i64] {
        &self.ts_us
    }

    pub fn revisions(&self) -> &[u64] {
        &self.revisions
    }

    pub fn id(&self, row: usize) -> &str {
        let start = row.checked_sub(1).map_or(0, |before| self.id_ends[before]);
        &self.id_bytes[start as usize..self.id_ends[row] as usize]
    }

    pub fn event(&self, row: usize) -> Event {
        let value =
            |column: &BatchColumn| Some((column.path.clone(), column.value(column.code(row))?.clone()));
        Event {
            kind: self.kinds[row],
            id: self.id(row).to_string(),
            ts: Instant(self.ts_us[row]),
            revision: self.revisions[row],
            attributes: self.columns.iter().filter_map(value).collect::<Attributes>(),
            revisions: None,
        }
    }
}

impl BatchColumn {
    pub fn new(path: &str) -> BatchColumn {
        BatchColumn { path: path.to_string(), ..BatchColumn::default() }
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    /// The distinct values in the order in which they came up; code `k` means `values()[k - 1]`.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// One code per row, up to the last row that has a value.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    pub fn code(&self, row: usize) -> u32 {
        self.codes.get(row).copied().unwrap_or(0)
    }

    pub fn value(&self, code: u32) -> Option<&Value> {
        self.values.get((code as usize).checked_sub(1)?)
    }

    /// Gives a row a value. Rows may be set in any order.
    pub fn set(&mut self, row: usize, value: Value) {
        let code = self.code_of(value);
        self.set_code(row, code);
    }

    pub fn set_text(&mut self, row: usize, text: &str) {
        let code = self.code_of_text(text);
        self.set_code(row, code);
    }

    /// Gives a row the value with this code, or none for 0.
    pub fn set_code(&mut self, row: usize, code: u32) {
        if row == self.codes.len() {
            self.codes.push(code);
            return;
        }
        if row > self.codes.len() {
            self.codes.resize(row + 1, 0);
        }
        self.codes[row] = code;
    }

    /// The code of a value, which becomes known if it was not.
    pub fn code_of(&mut self, value: Value) -> u32 {
        let hash = hash_of(&value);
        match self.find(hash, |known| same(known, &value)) {
            Ok(code) => code,
            Err(slot) => self.insert(slot, hash, value),
        }
    }

    pub fn code_of_text(&mut self, text: &str) -> u32 {
        let hash = hash_of_text(text);
        match self.find(hash, |known| matches!(known, Value::Text(known) if known == text)) {
            Ok(code) => code,
            Err(slot) => self.insert(slot, hash, Value::text(text)),
        }
    }

    /// The code of the value, or the free slot where it belongs.
    fn find(&mut self, hash: u64, is_it: impl Fn(&Value) -> bool) -> Result<u32, usize> {
        if self.slots.len() < 2 * (self.values.len() + 1) {
            self.grow();
        }
        let (mask, tag) = (self.slots.len() - 1, hash as u32);
        let mut slot = (hash >> 32) as usize & mask;
        loop {
            match self.slots[slot] {
                (0, _) => return Err(slot),
                (code, known) if known == tag && is_it(&self.values[code as usize - 1]) => return Ok(code),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn insert(&mut self, slot: usize, hash: u64, value: Value) -> u32 {
        self.values.push(value);
        let code = self.values.len() as u32;
        self.slots[slot] = (code, hash as u32);
        code
    }

    fn grow(&mut self) {
        let size = (4 * (self.values.len() + 1)).next_power_of_two().max(16);
        self.slots = vec![(0, 0); size];
        for (index, value) in self.values.iter().enumerate() {
            let hash = hash_of(value);
            let mut slot = (hash >> 32) as usize & (size - 1);
            while self.slots[slot].0 != 0 {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = (index as u32 + 1, hash as u32);
        }
    }
}

/// Numbers are the same when their bits are, so that no two that print differently become one.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

fn hash_of_text(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    text.hash(&mut hasher);
    // The halves are used apart from each other.
    hasher.finish().wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

fn hash_of(value: &Value) -> u64 {
    let mut hasher = FxHasher::default();
    match value {
        Value::Text(text) => return hash_of_text(text),
        Value::Null => 0.hash(&mut hasher),
        Value::Bool(truth) => (1, truth).hash(&mut hasher),
        Value::Number(number) => (2, number.to_bits()).hash(&mut hasher),
        Value::List(items) => (3, items).hash(&mut hasher),
    }
    hasher.finish().wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            prop::sample::select(vec![0.0, -0.0, 1.0, f64::NAN]).prop_map(Value::Number),
            "[a-c]{0,2}".prop_map(Value::Text),
            prop::collection::vec("[a-c]{0,2}", 0..3).prop_map(Value::List),
        ]
    }

    proptest! {
        #[test]
        fn a_batch_gives_back_what_was_put_in(
            rows in prop::collection::vec(prop::collection::btree_map("[a-d]", value(), 0..4), 0..40),
        ) {
            let mut batch = EventBatch::default();
            let event = |(n, attributes): (usize, Attributes)| Event {
                kind: EventType::ALL[n % 3],
                id: "x".repeat(n % 5),
                ts: Instant(n as i64),
                revision: n as u64,
                attributes,
                revisions: None,
            };
            let events: Vec<Event> = rows.into_iter().enumerate().map(event).collect();
            for event in &events {
                assert!(batch.push(event.clone()).is_none());
            }
            let back: Vec<Event> = (0..batch.rows()).map(|row| batch.event(row)).collect();
            prop_assert_eq!(format!("{back:?}"), format!("{events:?}"));
        }
    }
}
