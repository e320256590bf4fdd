//! A test of a column's values, made once per value and then applied to codes.

use whodid_model::Value;
use whodid_store::{Codes, Column};

use super::bits::Mask;

pub(super) struct CodeTest<'a> {
    column: &'a Column,
    /// The answer for each code; the missing value never passes.
    holds: Vec<bool>,
    /// The codes that pass, when they are one run. Dictionaries are sorted, so equality and prefixes are.
    range: Option<(u32, u32)>,
    rows: usize,
}

impl<'a> CodeTest<'a> {
    pub(super) fn new(column: &'a Column, test: impl Fn(&Value) -> bool) -> CodeTest<'a> {
        let holds: Vec<bool> = std::iter::once(false).chain(column.dictionary().map(test)).collect();
        let rows = column.rows_with(&holds);
        let first = holds.iter().position(|holds| *holds);
        let last = holds.iter().rposition(|holds| *holds);
        let range = first.zip(last).filter(|(first, last)| holds[*first..=*last].iter().all(|holds| *holds));
        CodeTest { column, holds, range: range.map(|(first, last)| (first as u32, last as u32)), rows }
    }

    /// About how many rows pass; 0 only if none do.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn holds(&self, row: usize) -> bool {
        self.holds[self.column.codes().get(row) as usize]
    }

    pub(super) fn mask(&self, rows: usize) -> Mask {
        if self.rows == 0 {
            return Mask::none(rows);
        }
        let words = match (self.column.codes(), self.range) {
            (Codes::U8(codes), Some((first, last))) => {
                let (first, width) = (first as u8, (last - first) as u8);
                words(codes, |code| code.wrapping_sub(first) <= width)
            }
            (Codes::U16(codes), Some((first, last))) => {
                let (first, width) = (first as u16, (last - first) as u16);
                words(codes, |code| code.wrapping_sub(first) <= width)
            }
            (Codes::U32(codes), Some((first, last))) => {
                words(codes, |code| code.wrapping_sub(first) <= last - first)
            }
            (Codes::U8(codes), None) => words(codes, |code| self.holds[usize::from(code)]),
            (Codes::U16(codes), None) => words(codes, |code| self.holds[usize::from(code)]),
            (Codes::U32(codes), None) => words(codes, |code| self.holds[code as usize]),
        };
        Mask::from_words(words, rows)
    }
}

/// Tests 64 codes at a time into bytes of 0 and 1, a loop that compiles to vector instructions, and packs those.
fn words<T: Copy>(codes: &[T], holds: impl Fn(T) -> bool) -> Vec<u64> {
    let mut words = Vec::with_capacity(codes.len().div_ceil(64));
    let (whole, rest) = codes.as_chunks::<64>();
    for chunk in whole {
        let mut bytes = [0u8; 64];
        for (byte, code) in bytes.iter_mut().zip(chunk) {
            *byte = u8::from(holds(*code));
        }
        words.push(pack(&bytes));
    }
    if !rest.is_empty() {
        words.push(
            rest.iter().enumerate().fold(0, |word, (bit, code)| word | (u64::from(holds(*code)) << bit)),
        );
    }
    words
}

/// Byte `i` (0 or 1) becomes bit `i`. The multiplication moves the lowest bits of eight bytes into the highest byte.
fn pack(bytes: &[u8; 64]) -> u64 {
    let (eights, _) = bytes.as_chunks::<8>();
    eights.iter().enumerate().fold(0, |word, (index, eight)| {
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word | (bits << (8 * index))
    })
}
