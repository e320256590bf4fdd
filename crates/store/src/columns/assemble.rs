//! New columns out of chosen runs of old ones, without going through events.

use std::borrow::Cow;
use std::ops::Range;

use roaring::RoaringBitmap;
use whodid_model::EventType;

use super::column::Column;
use super::dictionary::{Borrowed, Dictionary};
use super::{Columns, Draft, Run};

/// Rows of one of the sources.
struct Piece {
    source: usize,
    rows: Range<usize>,
}

impl Columns {
    /// Puts the runs that `keep` accepts into one. An owner who is kept from several sources has their rows together, in
    /// order.
    pub fn assemble(sources: &[&Columns], keep: impl Fn(usize, usize) -> bool) -> Columns {
        let mut chosen: Vec<(usize, usize)> = Vec::new();
        for (source, columns) in sources.iter().enumerate() {
            chosen
                .extend((0..columns.runs().len()).filter(|run| keep(source, *run)).map(|run| (source, run)));
        }
        let run = |(source, run): &(usize, usize)| &sources[*source].runs()[*run];
        chosen.sort_by(|a, b| run(a).owner.cmp(&run(b).owner));
        let mut out = Draft::default();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rows = 0;
        for same in chosen.chunk_by(|a, b| run(a).owner == run(b).owner) {
            let start = rows;
            rows += same.iter().map(|chosen| run(chosen).rows().len() as u32).sum::<u32>();
            out.runs.push(Run { owner: run(&same[0]).owner.clone(), start, end: rows });
            match same {
                [(source, _)] => pieces.push(Piece { source: *source, rows: run(&same[0]).rows() }),
                _ => merge(sources, same, &mut pieces),
            }
        }
        out.filled(sources, &pieces)
    }

    /// The same rows but for those that are `gone`.
    pub(crate) fn without(&self, gone: &RoaringBitmap) -> Columns {
        let mut out = Draft::default();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rows = 0;
        for run in self.runs() {
            let start = rows;
            let mut piece = run.start..run.start;
            for row in run.start..=run.end {
                if row < run.end && !gone.contains(row) {
                    piece.end = row + 1;
                    continue;
                }
                if !piece.is_empty() {
                    rows += piece.len() as u32;
                    pieces.push(Piece { source: 0, rows: piece.start as usize..piece.end as usize });
                }
                piece = row + 1..row + 1;
            }
            if rows > start {
                out.runs.push(Run { owner: run.owner.clone(), start, end: rows });
            }
        }
        out.filled(&[self], &pieces)
    }

    fn place(&self, row: usize) -> (i64, Cow<'_, str>, EventType) {
        (self.ts_us().get(row), self.ids().get(row), self.kinds()[row])
    }
}

impl Draft {
    /// The columns of the pieces' rows; the runs are there already.
    fn filled(mut self, sources: &[&Columns], pieces: &[Piece]) -> Columns {
        for piece in pieces {
            self.push(sources[piece.source], piece.rows.clone());
        }
        let mut paths: Vec<&str> = sources.iter().flat_map(|columns| columns.paths()).collect();
        paths.sort_unstable();
        paths.dedup();
        let count = self.rows();
        let column = |path: &str| Some((path.into(), gather(sources, pieces, path, count)?));
        self.finish(paths.into_iter().filter_map(column).collect())
    }

    fn push(&mut self, source: &Columns, rows: Range<usize>) {
        let start = self.rows();
        let (ts_us, versions) = (source.ts_us(), source.versions.get());
        self.ts_us.extend(rows.clone().map(|row| ts_us.get(row)));
        self.kinds.extend_from_slice(&source.kinds()[rows.clone()]);
        self.ids.extend(source.ids(), rows.clone());
        self.versions.extend(rows.clone().map(|row| versions.get(row)));
        self.adopted.extend(rows.clone().map(|row| source.is_adopted(row)));
        let histories = source.histories.get();
        if !histories.is_empty() {
            for (offset, row) in rows.enumerate() {
                if let Some(history) = histories.get(&(row as u32)) {
                    self.histories.insert((start + offset) as u32, history.clone());
                }
            }
        }
    }
}

/// Adds the rows of several runs of one owner, in order, in as few pieces as there are.
fn merge(sources: &[&Columns], runs: &[(usize, usize)], pieces: &mut Vec<Piece>) {
    let mut left: Vec<Piece> = runs
        .iter()
        .map(|(source, run)| Piece { source: *source, rows: sources[*source].runs()[*run].rows() })
        .collect();
    let place = |piece: &Piece| sources[piece.source].place(piece.rows.start);
    while left.len() > 1 {
        left.sort_by(|a, b| place(a).cmp(&place(b)));
        let bound = place(&left[1]);
        let first = &mut left[0];
        let columns = sources[first.source];
        let start = first.rows.start;
        first.rows.start += 1;
        // Ids decide between equal instants alone.
        let before = |row: usize| columns.ts_us().get(row) < bound.0 || columns.place(row) < bound;
        while !first.rows.is_empty() && before(first.rows.start) {
            first.rows.start += 1;
        }
        pieces.push(Piece { source: first.source, rows: start..first.rows.start });
        left.retain(|piece| !piece.rows.is_empty());
    }
    pieces.extend(left);
}

/// The column of `path` over the pieces, its dictionary cut to the values in use; none if there are none.
fn gather(sources: &[&Columns], pieces: &[Piece], path: &str, rows: usize) -> Option<Column> {
    let columns: Vec<Option<&Column>> = sources.iter().map(|source| source.attribute(path)).collect();
    let mut used: Vec<Vec<bool>> =
        columns.iter().map(|column| vec![false; column.map_or(0, |c| c.dictionary().len() + 1)]).collect();
    for piece in pieces {
        if let Some(column) = columns[piece.source] {
            piece.rows.clone().for_each(|row| used[piece.source][column.codes().get(row) as usize] = true);
        }
    }

    let mut values: Vec<(Borrowed<'_>, usize, usize)> = Vec::new();
    for (source, column) in columns.iter().enumerate() {
        let Some(column) = column else { continue };
        let codes = (1..used[source].len()).filter(|code| used[source][*code]);
        values.extend(codes.map(|code| (column.dictionary().borrowed(code - 1), source, code)));
    }
    if values.is_empty() {
        return None;
    }
    values.sort_by(|a, b| a.0.order(b.0));
    let mut new_codes: Vec<Vec<u32>> = used.iter().map(|codes| vec![0; codes.len()]).collect();
    let mut dictionary: Vec<Borrowed<'_>> = Vec::new();
    for (value, source, code) in values {
        if dictionary.last().is_none_or(|last| last.order(value).is_ne()) {
            dictionary.push(value);
        }
        new_codes[source][code] = dictionary.len() as u32;
    }

    let mut codes = Vec::with_capacity(rows);
    for Piece { source, rows } in pieces {
        match columns[*source] {
            Some(column) => {
                let new_codes = &new_codes[*source];
                codes.extend(rows.clone().map(|row| new_codes[column.codes().get(row) as usize]));
            }
            None => codes.resize(codes.len() + rows.len(), 0),
        }
    }
    Some(Column::new(codes, Dictionary::of(&dictionary)))
}
