//! Columns from events.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHashMap;
use whodid_model::event::paths;
use whodid_model::{Event, UserKey, Value};

use super::column::{Column, order};
use super::{Columns, Dictionary, Draft, Run};
use crate::owner::Owner;

impl Columns {
    /// Takes events with their resolved owners, in any order.
    pub fn build(mut events: Vec<(Owner, Event)>) -> Columns {
        events.sort_by(|(a_owner, a), (b_owner, b)| {
            (a_owner, a.ts, &a.id, a.kind).cmp(&(b_owner, b.ts, &b.id, b.kind))
        });
        let mut draft = Draft::default();
        let mut builders: FxHashMap<Box<str>, ColumnBuilder> = FxHashMap::default();
        for (row, (owner, mut event)) in events.into_iter().enumerate() {
            let adopted = adopt(&owner, &mut event);
            match draft.runs.last_mut() {
                Some(run) if run.owner == owner => run.end = row as u32 + 1,
                _ => draft.runs.push(Run { owner, start: row as u32, end: row as u32 + 1 }),
            }
            draft.ts_us.push(event.ts.0);
            draft.kinds.push(event.kind);
            draft.ids.push(&event.id);
            draft.versions.push(event.revision);
            draft.adopted.push(adopted);
            if let Some(history) = event.revisions {
                draft.histories.insert(row as u32, history);
            }
            for (path, value) in event.attributes {
                match builders.get_mut(path.as_str()) {
                    Some(builder) => builder.push(row, value),
                    None => {
                        let mut builder = ColumnBuilder::default();
                        builder.push(row, value);
                        builders.insert(path.into_boxed_str(), builder);
                    }
                }
            }
        }
        let rows = draft.rows();
        draft.finish(builders.into_iter().map(|(path, builder)| (path, builder.finish(rows))).collect())
    }
}

/// An event that carries no `usr.id` and belongs to an identified user shows that user's id to questions.
fn adopt(owner: &Owner, event: &mut Event) -> bool {
    let Owner::User(UserKey::Identified(id)) = owner else { return false };
    if event.usr_id().is_some() {
        return false;
    }
    event.attributes.insert(paths::USR_ID.to_string(), Value::Text(id.clone()));
    true
}

#[derive(Default)]
struct ColumnBuilder {
    /// Codes in order of first appearance, one per row up to the last row that has a value.
    codes: Vec<u32>,
    index: FxHashMap<Distinct, u32>,
}

impl ColumnBuilder {
    fn push(&mut self, row: usize, value: Value) {
        let next = self.index.len() as u32 + 1;
        let code = *self.index.entry(Distinct(value)).or_insert(next);
        self.codes.resize(row, 0);
        self.codes.push(code);
    }

    fn finish(mut self, rows: usize) -> Column {
        self.codes.resize(rows, 0);
        let mut values: Vec<(Value, u32)> =
            self.index.into_iter().map(|(value, code)| (value.0, code)).collect();
        values.sort_by(|(a, _), (b, _)| order(a, b));
        let mut sorted_code = vec![0; values.len() + 1];
        for (at, (_, code)) in values.iter().enumerate() {
            sorted_code[*code as usize] = at as u32 + 1;
        }
        for code in &mut self.codes {
            *code = sorted_code[*code as usize];
        }
        let dictionary: Vec<Value> = values.into_iter().map(|(value, _)| value).collect();
        Column::new(self.codes, Dictionary::new(dictionary))
    }
}

/// A value that can be a key: equal when [`order`] says so.
struct Distinct(Value);

impl PartialEq for Distinct {
    fn eq(&self, other: &Distinct) -> bool {
        order(&self.0, &other.0).is_eq()
    }
}

impl Eq for Distinct {}

impl Hash for Distinct {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Value::Null => {}
            Value::Bool(b) => b.hash(state),
            Value::Number(n) => n.to_bits().hash(state),
            Value::Text(text) => text.hash(state),
            Value::List(items) => items.hash(state),
        }
    }
}
