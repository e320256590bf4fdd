//! The instants of rows in four or five bytes each, where their span and their precision allow.

use std::ops::Range;

/// Microseconds since 1970, one per row.
#[derive(Clone, Debug)]
pub enum Instants {
    /// `base_us + unit_us * (low + high << 32)`; without `high` that is 0 everywhere.
    Short {
        base_us: i64,
        unit_us: i64,
        low: Vec<u32>,
        high: Vec<u8>,
    },
    Long(Vec<i64>),
}

/// Browsers' clocks tell milliseconds.
const UNITS_US: [i64; 2] = [1_000, 1];
const SHORT_BITS: u32 = 40;

impl Instants {
    pub(super) fn new(ts_us: Vec<i64>) -> Instants {
        let (Some(base_us), Some(last_us)) = (ts_us.iter().min().copied(), ts_us.iter().max().copied())
        else {
            return Instants::default();
        };
        let Some(span_us) = last_us.checked_sub(base_us) else { return Instants::Long(ts_us) };
        let whole = |unit_us: &i64| ts_us.iter().all(|ts_us| (ts_us - base_us) % unit_us == 0);
        let unit_us = UNITS_US.into_iter().find(whole).unwrap_or(1);
        let span = span_us / unit_us;
        if span >> SHORT_BITS != 0 {
            return Instants::Long(ts_us);
        }
        let offset = |ts_us: &i64| (ts_us - base_us) / unit_us;
        let low = ts_us.iter().map(|ts_us| offset(ts_us) as u32).collect();
        let high = match span >> 32 {
            0 => Vec::new(),
            _ => ts_us.iter().map(|ts_us| (offset(ts_us) >> 32) as u8).collect(),
        };
        Instants::Short { base_us, unit_us, low, high }
    }

    pub fn len(&self) -> usize {
        match self {
            Instants::Short { low, .. } => low.len(),
            Instants::Long(ts_us) => ts_us.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, row: usize) -> i64 {
        match self {
            Instants::Short { base_us, unit_us, low, high } => {
                let high = if high.is_empty() { 0 } else { i64::from(high[row]) << 32 };
                base_us + unit_us * (high | i64::from(low[row]))
            }
            Instants::Long(ts_us) => ts_us[row],
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Those of some rows, sorted by instant, that are before `end_us`.
    pub fn rows_before(&self, rows: Range<usize>, end_us: i64) -> Range<usize> {
        let (mut first, mut end) = (rows.start, rows.end);
        while first < end {
            let middle = first.midpoint(end);
            match self.get(middle) < end_us {
                true => first = middle + 1,
                false => end = middle,
            }
        }
        rows.start..first
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Instants::Short { low, high, .. } => size_of_val(low.as_slice()) + high.len(),
            Instants::Long(ts_us) => size_of_val(ts_us.as_slice()),
        }
    }
}

impl Default for Instants {
    fn default() -> Instants {
        Instants::Long(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_read_back_in_as_few_bytes_as_they_need() {
        let check = |ts_us: &[i64], bytes: usize| {
            let instants = Instants::new(ts_us.to_vec());
            assert_eq!(instants.iter().collect::<Vec<_>>(), ts_us);
            assert_eq!(instants.bytes(), bytes * ts_us.len());
        };
        let year_us = 365 * 86_400_000_000;
        let sorted = Instants::new(vec![1, 3, 3, 9]);
        assert_eq!([0, 3, 4, 10].map(|end_us| sorted.rows_before(1..4, end_us)), [1..1, 1..1, 1..3, 1..4]);
        check(&[], 0);
        check(&[5_000, -7_000], 4);
        check(&[5_000, 5_001], 4);
        check(&[year_us, 0, 1_000], 5);
        check(&[year_us, 0, 1], 8);
        check(&[i64::MIN, i64::MAX, 0], 8);
    }
}
