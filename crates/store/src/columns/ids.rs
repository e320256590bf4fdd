//! Event ids: hashes and UUIDs in 16 bytes, others as they are.

use std::borrow::Cow;
use std::ops::Range;

/// One id per row.
#[derive(Clone, Debug)]
pub enum EventIds {
    /// All have this form.
    Packed { form: Form, ids: Vec<[u8; 16]> },
    /// Where each ends in `text`.
    Texts { ends: Vec<u64>, text: String },
}

/// How 16 bytes are written, in small hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Digits = 0,
    Uuid = 1,
}

/// Before which digits of a UUID there is a dash.
const DASHES: [usize; 4] = [8, 12, 16, 20];

impl Form {
    fn of(id: &str) -> Option<Form> {
        match id.len() {
            32 => Some(Form::Digits),
            36 => Some(Form::Uuid),
            _ => None,
        }
    }

    fn pack(self, id: &str) -> Option<[u8; 16]> {
        if Form::of(id) != Some(self) {
            return None;
        }
        let mut packed = [0; 16];
        let mut bytes = id.bytes();
        for digit in 0..32 {
            if self == Form::Uuid && DASHES.contains(&digit) && bytes.next() != Some(b'-') {
                return None;
            }
            let value = match bytes.next()? {
                byte @ b'0'..=b'9' => byte - b'0',
                byte @ b'a'..=b'f' => byte - b'a' + 10,
                _ => return None,
            };
            packed[digit / 2] |= value << (4 * (1 - digit % 2));
        }
        Some(packed)
    }

    fn unpack(self, packed: [u8; 16]) -> String {
        let mut id = String::with_capacity(36);
        for digit in 0..32 {
            if self == Form::Uuid && DASHES.contains(&digit) {
                id.push('-');
            }
            let value = packed[digit / 2] >> (4 * (1 - digit % 2)) & 0xf;
            id.push(char::from(b"0123456789abcdef"[usize::from(value)]));
        }
        id
    }
}

impl EventIds {
    pub fn len(&self) -> usize {
        match self {
            EventIds::Packed { ids, .. } => ids.len(),
            EventIds::Texts { ends, .. } => ends.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, row: usize) -> Cow<'_, str> {
        match self {
            EventIds::Packed { form, ids } => Cow::Owned(form.unpack(ids[row])),
            EventIds::Texts { ends, text } => {
                let start = row.checked_sub(1).map_or(0, |before| ends[before]);
                Cow::Borrowed(&text[start as usize..ends[row] as usize])
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    pub(super) fn push(&mut self, id: &str) {
        if self.is_empty()
            && let Some(form) = Form::of(id)
        {
            *self = EventIds::Packed { form, ids: Vec::new() };
        }
        if let EventIds::Packed { form, ids } = self {
            match form.pack(id) {
                Some(packed) => return ids.push(packed),
                None => *self = self.as_texts(),
            }
        }
        if let EventIds::Texts { ends, text } = self {
            text.push_str(id);
            ends.push(text.len() as u64);
        }
    }

    fn as_texts(&self) -> EventIds {
        let (mut ends, mut text) = (Vec::with_capacity(self.len()), String::new());
        for id in self.iter() {
            text.push_str(&id);
            ends.push(text.len() as u64);
        }
        EventIds::Texts { ends, text }
    }

    pub(super) fn extend(&mut self, other: &EventIds, rows: Range<usize>) {
        match (&mut *self, other) {
            (EventIds::Packed { form, ids }, EventIds::Packed { form: same, ids: more }) if form == same => {
                ids.extend_from_slice(&more[rows]);
            }
            _ => rows.for_each(|row| self.push(&other.get(row))),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            EventIds::Packed { ids, .. } => size_of_val(ids.as_slice()),
            EventIds::Texts { ends, text } => size_of_val(ends.as_slice()) + text.len(),
        }
    }
}

impl Default for EventIds {
    fn default() -> EventIds {
        EventIds::Texts { ends: Vec::new(), text: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_whatever_their_forms() {
        let uuid = "0190a2b4-77aa-7c3e-8f00-0123456789ab";
        let digits = "00ff0123456789abcdef0123456789ab";
        let cases: [(&[&str], bool); 6] = [
            (&[uuid, uuid], true),
            (&[digits, digits], true),
            (&[uuid, digits], false),
            (&[uuid, &uuid.to_uppercase()], false),
            (&["0190a2b4077aa07c3e08f0000123456789ab"], false),
            (&["", "e1", uuid], false),
        ];
        for (texts, packed) in cases {
            let mut ids = EventIds::default();
            texts.iter().for_each(|id| ids.push(id));
            assert_eq!(ids.iter().collect::<Vec<_>>(), texts);
            assert_eq!(matches!(ids, EventIds::Packed { .. }), packed, "{texts:?}");
            let mut again = EventIds::default();
            again.extend(&ids, 0..ids.len());
            again.extend(&ids, 0..1);
            assert_eq!(again.len(), texts.len() + 1);
            assert_eq!(again.get(texts.len()), texts[0]);
        }
    }
}
