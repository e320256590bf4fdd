//! The id of an event that brings none: a hash of what it says.

use whodid_model::{Attributes, EventType, Instant, Value};
use xxhash_rust::xxh3::xxh3_128;

/// 32 hexadecimal digits over type, instant and attributes, whatever the order in which they were written. `salt` keeps
/// equal events apart. The bytes that are hashed are part of the stored format: changing them changes every id.
pub(crate) fn content_id(
    kind: EventType,
    ts: Instant,
    attributes: &Attributes,
    salt: &str,
    buffer: &mut Vec<u8>,
) -> String {
    buffer.clear();
    buffer.push(kind as u8);
    buffer.extend_from_slice(&ts.0.to_le_bytes());
    for (path, value) in attributes {
        text(buffer, path);
        match value {
            Value::Null => buffer.push(0),
            Value::Bool(b) => buffer.extend_from_slice(&[1, u8::from(*b)]),
            Value::Number(n) => {
                buffer.push(2);
                buffer.extend_from_slice(&n.to_le_bytes());
            }
            Value::Text(s) => {
                buffer.push(3);
                text(buffer, s);
            }
            Value::List(items) => {
                buffer.push(4);
                buffer.extend_from_slice(&(items.len() as u64).to_le_bytes());
                items.iter().for_each(|item| text(buffer, item));
            }
        }
    }
    text(buffer, salt);
    format!("{:032x}", xxh3_128(buffer))
}

/// Length first, so that no two sequences of texts run together.
fn text(buffer: &mut Vec<u8>, s: &str) {
    buffer.extend_from_slice(&(s.len() as u64).to_le_bytes());
    buffer.extend_from_slice(s.as_bytes());
}
