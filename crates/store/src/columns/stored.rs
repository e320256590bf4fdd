//! Columns as bytes of an image, and read back when first asked for. Numbers are little-endian; lengths have 64 bits.

use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;
use whodid_model::revision::Revisions;
use whodid_model::{EventType, UserKey, Value};

use super::draft::{Flags, Versions};
use super::ids::Form;
use super::{Codes, Column, Dictionary, EventIds, Instants, Run, Runs};
use crate::image::{Image, Section};
use crate::owner::Owner;

pub(crate) type Histories = FxHashMap<u32, Box<Revisions>>;

/// What is either in memory, or lies in an image until somebody looks.
#[derive(Debug, Default)]
pub(crate) struct Lazy<T> {
    cell: OnceLock<T>,
    place: Option<Place>,
}

#[derive(Clone, Debug)]
struct Place {
    image: Arc<Image>,
    section: Section,
    rows: usize,
}

impl<T> From<T> for Lazy<T> {
    fn from(value: T) -> Lazy<T> {
        Lazy { cell: OnceLock::from(value), place: None }
    }
}

impl<T: Stored> Lazy<T> {
    pub(super) fn of_image(image: &Arc<Image>, section: Section, rows: usize) -> Lazy<T> {
        Lazy { cell: OnceLock::new(), place: Some(Place { image: image.clone(), section, rows }) }
    }

    /// A section that cannot be read is told by [`Image::fault`], and reads as rows without values.
    pub(super) fn get(&self) -> &T {
        self.cell.get_or_init(|| {
            let Some(Place { image, section, rows }) = &self.place else { return T::blank(0) };
            let Some(bytes) = image.read(section) else { return T::blank(*rows) };
            T::read(&mut bytes.as_slice(), *rows).unwrap_or_else(|| {
                image.damaged("a section is not what was written");
                T::blank(*rows)
            })
        })
    }

    /// What is in memory.
    pub(super) fn held(&self) -> Option<&T> {
        self.cell.get()
    }

    /// The same, as it lies in the image; none if it does not.
    pub(super) fn let_go(&self) -> Option<Lazy<T>> {
        Some(Lazy { cell: OnceLock::new(), place: Some(self.place.clone()?) })
    }
}

/// What can lie in an image.
pub(crate) trait Stored: Sized {
    fn write(&self, out: &mut Vec<u8>);
    /// `None` if the bytes are not what `write` makes for so many rows.
    fn read(bytes: &mut &[u8], rows: usize) -> Option<Self>;
    /// Something that can be asked about each of so many rows.
    fn blank(rows: usize) -> Self;
}

pub(crate) fn put_u64(n: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&n.to_le_bytes());
}

pub(crate) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_u64(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(len)?;
    *bytes = tail;
    Some(head)
}

pub(crate) fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(take(bytes, 8)?.try_into().ok()?))
}

pub(crate) fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let len = usize::try_from(take_u64(bytes)?).ok()?;
    String::from_utf8(take(bytes, len)?.to_vec()).ok()
}

fn take_tag(bytes: &mut &[u8]) -> Option<u8> {
    Some(take(bytes, 1)?[0])
}

/// Numbers of one width, with how many there are.
macro_rules! numbers {
    ($put:ident, $take:ident, $number:ty) => {
        pub(crate) fn $put(numbers: &[$number], out: &mut Vec<u8>) {
            put_u64(numbers.len() as u64, out);
            numbers.iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        }

        pub(crate) fn $take(bytes: &mut &[u8]) -> Option<Vec<$number>> {
            const WIDTH: usize = size_of::<$number>();
            let len = usize::try_from(take_u64(bytes)?).ok()?;
            let (numbers, _) = take(bytes, len.checked_mul(WIDTH)?)?.as_chunks::<WIDTH>();
            Some(numbers.iter().map(|n| <$number>::from_le_bytes(*n)).collect())
        }
    };
}

numbers!(put_u8s, take_u8s, u8);
numbers!(put_u16s, take_u16s, u16);
numbers!(put_u32s, take_u32s, u32);
numbers!(put_u64s, take_u64s, u64);
numbers!(put_i64s, take_i64s, i64);

impl Stored for Instants {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Instants::Short { base_us, unit_us, low, high } => {
                out.push(0);
                put_i64s(&[*base_us, *unit_us], out);
                put_u32s(low, out);
                put_u8s(high, out);
            }
            Instants::Long(ts_us) => {
                out.push(1);
                put_i64s(ts_us, out);
            }
        }
    }

    fn read(bytes: &mut &[u8], rows: usize) -> Option<Instants> {
        let instants = match take_tag(bytes)? {
            0 => {
                let [base_us, unit_us] = take_i64s(bytes)?.try_into().ok()?;
                let (low, high) = (take_u32s(bytes)?, take_u8s(bytes)?);
                let fits = high.is_empty() || high.len() == low.len();
                fits.then_some(Instants::Short { base_us, unit_us, low, high })?
            }
            _ => Instants::Long(take_i64s(bytes)?),
        };
        (instants.len() == rows).then_some(instants)
    }

    fn blank(rows: usize) -> Instants {
        Instants::Long(vec![0; rows])
    }
}

impl Stored for Vec<EventType> {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.iter().map(|kind| *kind as u8));
    }

    fn read(bytes: &mut &[u8], rows: usize) -> Option<Vec<EventType>> {
        take(bytes, rows)?.iter().map(|kind| EventType::ALL.get(usize::from(*kind)).copied()).collect()
    }

    fn blank(rows: usize) -> Vec<EventType> {
        vec![EventType::View; rows]
    }
}

impl Stored for EventIds {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            EventIds::Packed { form, ids } => {
                out.push(*form as u8);
                put_u8s(ids.as_flattened(), out);
            }
            EventIds::Texts { ends, text } => {
                out.push(2);
                put_u64s(ends, out);
                put_text(text, out);
            }
        }
    }

    fn read(bytes: &mut &[u8], rows: usize) -> Option<EventIds> {
        let tag = take_tag(bytes)?;
        let ids = match tag {
            0 | 1 => {
                let form = if tag == Form::Digits as u8 { Form::Digits } else { Form::Uuid };
                EventIds::Packed { form, ids: take_u8s(bytes)?.as_chunks::<16>().0.to_vec() }
            }
            _ => {
                let (ends, text) = (take_u64s(bytes)?, take_text(bytes)?);
                let cuts = |end: &u64| usize::try_from(*end).is_ok_and(|end| text.is_char_boundary(end));
                (ends.is_sorted() && ends.iter().all(cuts)).then_some(EventIds::Texts { ends, text })?
            }
        };
        (ids.len() == rows).then_some(ids)
    }

    fn blank(rows: usize) -> EventIds {
        EventIds::Texts { ends: vec![0; rows], text: String::new() }
    }
}

impl Stored for Codes {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Codes::U8(codes) => {
                out.push(0);
                put_u8s(codes, out);
            }
            Codes::U16(codes) => {
                out.push(1);
                put_u16s(codes, out);
            }
            Codes::U32(codes) => {
                out.push(2);
                put_u32s(codes, out);
            }
        }
    }

    fn read(bytes: &mut &[u8], rows: usize) -> Option<Codes> {
        let codes = match take_tag(bytes)? {
            0 => Codes::U8(take_u8s(bytes)?),
            1 => Codes::U16(take_u16s(bytes)?),
            _ => Codes::U32(take_u32s(bytes)?),
        };
        (codes.len() == rows).then_some(codes)
    }

    fn blank(rows: usize) -> Codes {
        Codes::U8(vec![0; rows])
    }
}

impl Stored for Versions {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Versions::Zero => out.push(0),
            Versions::Narrow(codes) => {
                out.push(1);
                codes.write(out);
            }
            Versions::Wide(versions) => {
                out.push(2);
                put_u64s(versions, out);
            }
        }
    }

    fn read(bytes: &mut &[u8], rows: usize) -> Option<Versions> {
        Some(match take_tag(bytes)? {
            0 => Versions::Zero,
            1 => Versions::Narrow(Codes::read(bytes, rows)?),
            _ => {
                let versions = take_u64s(bytes)?;
                (versions.len() == rows).then_some(Versions::Wide(versions))?
            }
        })
    }

    fn blank(_: usize) -> Versions {
        Versions::Zero
    }
}

impl Stored for Flags {
    fn write(&self, out: &mut Vec<u8>) {
        put_u64s(&self.0, out);
    }

    fn read(bytes: &mut &[u8], _: usize) -> Option<Flags> {
        take_u64s(bytes).map(Flags)
    }

    fn blank(_: usize) -> Flags {
        Flags::default()
    }
}

impl Stored for Runs {
    fn write(&self, out: &mut Vec<u8>) {
        put_u64(self.list.len() as u64, out);
        for run in &self.list {
            let tag = match &run.owner {
                Owner::User(UserKey::Identified(_)) => 0,
                Owner::User(UserKey::Anonymous(_)) => 1,
                Owner::Session(_) => 2,
                Owner::Event(_) => 3,
            };
            out.push(tag);
            put_text(run.owner.id(), out);
            out.extend_from_slice(&run.end.to_le_bytes());
        }
    }

    fn read(bytes: &mut &[u8], rows: usize) -> Option<Runs> {
        let mut list: Vec<Run> = Vec::new();
        for _ in 0..take_u64(bytes)? {
            let (tag, id) = (take_tag(bytes)?, take_text(bytes)?);
            let end = u32::from_le_bytes(take(bytes, 4)?.try_into().ok()?);
            let owner = match tag {
                0 => Owner::User(UserKey::Identified(id)),
                1 => Owner::User(UserKey::Anonymous(id)),
                2 => Owner::Session(id),
                _ => Owner::Event(id),
            };
            let start = list.last().map_or(0, |run| run.end);
            list.push((start < end).then_some(Run { owner, start, end })?);
        }
        let end = list.last().map_or(0, |run| run.end as usize);
        (end == rows).then(|| Runs::new(list))
    }

    fn blank(rows: usize) -> Runs {
        let run = Run { owner: Owner::Session(String::new()), start: 0, end: rows as u32 };
        Runs::new(if rows == 0 { Vec::new() } else { vec![run] })
    }
}

impl Stored for Histories {
    fn write(&self, out: &mut Vec<u8>) {
        // Values of a map keyed by numbers always have a JSON form.
        put_text(&serde_json::to_string(self).unwrap_or_default(), out);
    }

    fn read(bytes: &mut &[u8], _: usize) -> Option<Histories> {
        serde_json::from_str(&take_text(bytes)?).ok()
    }

    fn blank(_: usize) -> Histories {
        Histories::default()
    }
}

impl Stored for Dictionary {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Dictionary::Values(values) => {
                out.push(0);
                put_u64(values.len() as u64, out);
                values.iter().for_each(|value| put_value(value, out));
            }
            Dictionary::Texts { ends, text } => {
                out.push(1);
                put_u32s(ends, out);
                put_text(text, out);
            }
        }
    }

    fn read(bytes: &mut &[u8], _: usize) -> Option<Dictionary> {
        match take_tag(bytes)? {
            0 => {
                let count = take_u64(bytes)?;
                Some(Dictionary::Values((0..count).map(|_| take_value(bytes)).collect::<Option<_>>()?))
            }
            _ => {
                let (ends, text) = (take_u32s(bytes)?, take_text(bytes)?);
                let cuts = |end: &u32| text.is_char_boundary(*end as usize);
                (ends.is_sorted() && ends.iter().all(cuts)).then_some(Dictionary::Texts { ends, text })
            }
        }
    }

    fn blank(_: usize) -> Dictionary {
        Dictionary::Values(Vec::new())
    }
}

fn put_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(truth) => out.extend([1, u8::from(*truth)]),
        Value::Number(number) => {
            out.push(2);
            put_u64(number.to_bits(), out);
        }
        Value::Text(text) => {
            out.push(3);
            put_text(text, out);
        }
        Value::List(items) => {
            out.push(4);
            put_u64(items.len() as u64, out);
            items.iter().for_each(|item| put_text(item, out));
        }
    }
}

fn take_value(bytes: &mut &[u8]) -> Option<Value> {
    Some(match take_tag(bytes)? {
        0 => Value::Null,
        1 => Value::Bool(take_tag(bytes)? != 0),
        2 => Value::Number(f64::from_bits(take_u64(bytes)?)),
        3 => Value::Text(take_text(bytes)?),
        _ => {
            let count = take_u64(bytes)?;
            Value::List((0..count).map(|_| take_text(bytes)).collect::<Option<_>>()?)
        }
    })
}

impl Stored for Column {
    fn write(&self, out: &mut Vec<u8>) {
        self.dictionary().write(out);
        self.codes().write(out);
    }

    fn read(bytes: &mut &[u8], rows: usize) -> Option<Column> {
        let dictionary = Dictionary::read(bytes, rows)?;
        Column::of_codes(Codes::read(bytes, rows)?, dictionary)
    }

    fn blank(rows: usize) -> Column {
        Column::new(vec![0; rows], Dictionary::blank(rows))
    }
}
