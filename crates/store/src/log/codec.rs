//! One event as bytes. Lengths and counts are LEB128, numbers their eight bytes, every value begins with its tag.

use std::collections::BTreeMap;

use whodid_model::revision::{Contribution, Revisions};
use whodid_model::{Attributes, Event, EventType, Instant, Value};

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const NUMBER: u8 = 3;
const TEXT: u8 = 4;
const LIST: u8 = 5;

/// Bits of an event's first byte beside its type.
const KIND_MASK: u8 = 0x0f;
const HAS_REVISIONS: u8 = 0x10;

pub(super) fn encode(event: &Event, out: &mut Vec<u8>) {
    let history = if event.revisions.is_some() { HAS_REVISIONS } else { 0 };
    out.push(event.kind as u8 | history);
    text(&event.id, out);
    varint(event.revision, out);
    contribution(event.ts, &event.attributes, out);
    let Some(revisions) = &event.revisions else { return };
    out.push(u8::from(revisions.full.is_some()));
    if let Some((version, full)) = &revisions.full {
        varint(*version, out);
        contribution(full.ts, &full.attributes, out);
    }
    varint(revisions.partial.len() as u64, out);
    for (version, partial) in &revisions.partial {
        varint(*version, out);
        contribution(partial.ts, &partial.attributes, out);
    }
}

fn contribution(ts: Instant, attributes: &Attributes, out: &mut Vec<u8>) {
    out.extend_from_slice(&ts.0.to_le_bytes());
    varint(attributes.len() as u64, out);
    for (path, value) in attributes {
        text(path, out);
        match value {
            Value::Null => out.push(NULL),
            Value::Bool(false) => out.push(FALSE),
            Value::Bool(true) => out.push(TRUE),
            Value::Number(n) => {
                out.push(NUMBER);
                out.extend_from_slice(&n.to_bits().to_le_bytes());
            }
            Value::Text(s) => {
                out.push(TEXT);
                text(s, out);
            }
            Value::List(items) => {
                out.push(LIST);
                varint(items.len() as u64, out);
                items.iter().for_each(|item| text(item, out));
            }
        }
    }
}

fn text(s: &str, out: &mut Vec<u8>) {
    varint(s.len() as u64, out);
    out.extend_from_slice(s.as_bytes());
}

fn varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Takes one event off the front of `bytes`. `None` if they are not what [`encode`] writes.
pub(super) fn decode(bytes: &mut &[u8]) -> Option<Event> {
    let head = take(bytes, 1)?[0];
    let kind = EventType::STORED.into_iter().find(|kind| *kind as u8 == head & KIND_MASK)?;
    let id = take_text(bytes)?;
    let revision = take_varint(bytes)?;
    let Contribution { ts, attributes } = take_contribution(bytes)?;
    let revisions = match head & HAS_REVISIONS {
        0 => None,
        _ => Some(Box::new(take_revisions(bytes)?)),
    };
    Some(Event { kind, id, ts, revision, attributes, revisions })
}

fn take_revisions(bytes: &mut &[u8]) -> Option<Revisions> {
    let full = match take(bytes, 1)?[0] {
        0 => None,
        _ => Some((take_varint(bytes)?, take_contribution(bytes)?)),
    };
    let mut partial = BTreeMap::new();
    for _ in 0..take_varint(bytes)? {
        partial.insert(take_varint(bytes)?, take_contribution(bytes)?);
    }
    Some(Revisions { full, partial })
}

fn take_contribution(bytes: &mut &[u8]) -> Option<Contribution> {
    let ts = Instant(i64::from_le_bytes(take(bytes, 8)?.try_into().ok()?));
    let mut attributes = Attributes::new();
    for _ in 0..take_varint(bytes)? {
        attributes.insert(take_text(bytes)?, take_value(bytes)?);
    }
    Some(Contribution { ts, attributes })
}

fn take_value(bytes: &mut &[u8]) -> Option<Value> {
    Some(match take(bytes, 1)?[0] {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        NUMBER => Value::Number(f64::from_bits(u64::from_le_bytes(take(bytes, 8)?.try_into().ok()?))),
        TEXT => Value::Text(take_text(bytes)?),
        LIST => {
            let count = take_varint(bytes)?;
            Value::List((0..count).map(|_| take_text(bytes)).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let len = usize::try_from(take_varint(bytes)?).ok()?;
    String::from_utf8(take(bytes, len)?.to_vec()).ok()
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        n |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(len)?;
    *bytes = tail;
    Some(head)
}
