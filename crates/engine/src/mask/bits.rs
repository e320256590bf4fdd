//! One bit per row.

/// One bit per row, 64 to a word, the lowest bit first. Bits past the last row are 0.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mask {
    words: Vec<u64>,
    rows: usize,
}

impl Mask {
    pub(crate) fn none(rows: usize) -> Mask {
        Mask { words: vec![0; rows.div_ceil(64)], rows }
    }

    pub(crate) fn every(rows: usize) -> Mask {
        let mut mask = Mask { words: vec![u64::MAX; rows.div_ceil(64)], rows };
        mask.clear_past_end();
        mask
    }

    /// `words` may have any bits past the last row.
    pub(super) fn from_words(words: Vec<u64>, rows: usize) -> Mask {
        let mut mask = Mask { words, rows };
        mask.clear_past_end();
        mask
    }

    fn clear_past_end(&mut self) {
        if let Some(last) = self.words.last_mut()
            && !self.rows.is_multiple_of(64)
        {
            *last &= (1 << (self.rows % 64)) - 1;
        }
    }

    pub(crate) fn from_test(rows: usize, mut holds: impl FnMut(usize) -> bool) -> Mask {
        let word = |first: usize| {
            let rows = first..rows.min(first + 64);
            rows.fold(0, |word, row| word | (u64::from(holds(row)) << (row - first)))
        };
        Mask { words: (0..rows).step_by(64).map(word).collect(), rows }
    }

    pub(crate) fn and(mut self, other: &Mask) -> Mask {
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine &= theirs);
        self
    }

    pub(crate) fn or(mut self, other: &Mask) -> Mask {
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine |= theirs);
        self
    }

    pub(crate) fn not(mut self) -> Mask {
        self.words.iter_mut().for_each(|word| *word = !*word);
        self.clear_past_end();
        self
    }

    pub(crate) fn set(&mut self, rows: std::ops::Range<usize>) {
        for row in rows {
            self.words[row / 64] |= 1 << (row % 64);
        }
    }

    /// Keeps the set rows that pass; the test sees no others.
    pub(crate) fn retain(&mut self, mut holds: impl FnMut(usize) -> bool) {
        for (index, word) in self.words.iter_mut().enumerate() {
            let mut open = *word;
            while open != 0 {
                let bit = open.trailing_zeros();
                open &= open - 1;
                *word &= !(u64::from(!holds(index * 64 + bit as usize)) << bit);
            }
        }
    }

    pub(crate) fn get(&self, row: usize) -> bool {
        self.words[row / 64] >> (row % 64) & 1 == 1
    }

    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// How many rows in `range` are set.
    pub(crate) fn count_in(&self, range: std::ops::Range<usize>) -> u64 {
        let words = range.start / 64..range.end.div_ceil(64);
        words.map(|index| u64::from(self.word_in(index, &range).count_ones())).sum()
    }

    /// The bits of a word that lie in `range`, which has to touch it.
    fn word_in(&self, index: usize, range: &std::ops::Range<usize>) -> u64 {
        let mut word = self.words[index];
        let first = index * 64;
        if first < range.start {
            word &= u64::MAX << (range.start - first);
        }
        if first + 64 > range.end {
            word &= u64::MAX >> (first + 64 - range.end);
        }
        word
    }

    /// The set rows in `range`, in order.
    pub(crate) fn ones(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = usize> + '_ {
        let words = range.start / 64..range.end.div_ceil(64);
        words.flat_map(move |index| {
            let first = index * 64;
            let mut word = self.word_in(index, &range);
            std::iter::from_fn(move || {
                (word != 0).then(|| {
                    let bit = word.trailing_zeros() as usize;
                    word &= word - 1;
                    first + bit
                })
            })
        })
    }
}
