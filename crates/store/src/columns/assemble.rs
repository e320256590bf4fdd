//! New columns out of chosen runs of old ones, without going through events.

use whodid_model::Value;

use super::column::{Column, order};
use super::{Columns, Run};

/// A run of one of the sources.
#[derive(Clone, Copy)]
struct Chosen {
    source: usize,
    run: usize,
}

impl Columns {
    /// Puts the runs that `keep` accepts into one. No owner may be kept from two sources.
    pub fn assemble(sources: &[&Columns], keep: impl Fn(usize, usize) -> bool) -> Columns {
        let mut chosen: Vec<Chosen> = Vec::new();
        for (source, columns) in sources.iter().enumerate() {
            let runs = (0..columns.runs.len()).filter(|run| keep(source, *run));
            chosen.extend(runs.map(|run| Chosen { source, run }));
        }
        let owner = |c: &Chosen| &sources[c.source].runs[c.run].owner;
        chosen.sort_by(|a, b| owner(a).cmp(owner(b)));
        let mut out = Columns::default();
        for c in &chosen {
            out.push_run(sources[c.source], c.run);
        }
        let mut paths: Vec<&str> = sources.iter().flat_map(|columns| columns.paths()).collect();
        paths.sort_unstable();
        paths.dedup();
        for path in paths {
            if let Some(column) = gather(sources, &chosen, path, out.rows()) {
                out.attributes.insert(path.into(), column);
            }
        }
        out.summarize();
        out
    }

    fn push_run(&mut self, source: &Columns, run: usize) {
        let run = &source.runs[run];
        let (start, rows) = (self.rows() as u32, run.rows());
        self.ts_us.extend_from_slice(&source.ts_us[rows.clone()]);
        self.kinds.extend_from_slice(&source.kinds[rows.clone()]);
        self.ids.extend_from_slice(&source.ids[rows.clone()]);
        self.revisions.extend_from_slice(&source.revisions[rows.clone()]);
        self.adopted.extend_from_slice(&source.adopted[rows.clone()]);
        if !source.histories.is_empty() {
            for row in rows {
                if let Some(history) = source.histories.get(&(row as u32)) {
                    self.histories.insert(start + (row as u32 - run.start), history.clone());
                }
            }
        }
        self.runs.push(Run { owner: run.owner.clone(), start, end: self.rows() as u32 });
    }
}

/// The column of `path` over the chosen runs, its dictionary cut to the values in use; none if there are none.
fn gather(sources: &[&Columns], chosen: &[Chosen], path: &str, rows: usize) -> Option<Column> {
    let columns: Vec<Option<&Column>> = sources.iter().map(|source| source.attribute(path)).collect();
    let mut used: Vec<Vec<bool>> =
        columns.iter().map(|column| vec![false; column.map_or(0, |c| c.dictionary().len() + 1)]).collect();
    for_each_code(sources, &columns, chosen, |source, code| used[source][code as usize] = true);

    let mut values: Vec<(&Value, usize, usize)> = Vec::new();
    for (source, column) in columns.iter().enumerate() {
        let Some(column) = column else { continue };
        let codes = (1..used[source].len()).filter(|code| used[source][*code]);
        values.extend(codes.map(|code| (&column.dictionary()[code - 1], source, code)));
    }
    if values.is_empty() {
        return None;
    }
    values.sort_by(|a, b| order(a.0, b.0));
    let mut new_codes: Vec<Vec<u32>> = used.iter().map(|codes| vec![0; codes.len()]).collect();
    let mut dictionary: Vec<Value> = Vec::new();
    for (value, source, code) in values {
        if dictionary.last().is_none_or(|last| order(last, value).is_ne()) {
            dictionary.push(value.clone());
        }
        new_codes[source][code] = dictionary.len() as u32;
    }

    let mut codes = Vec::with_capacity(rows);
    for c in chosen {
        let run = sources[c.source].runs[c.run].rows();
        match columns[c.source] {
            Some(column) => {
                codes.extend(run.map(|row| new_codes[c.source][column.codes().get(row) as usize]))
            }
            None => codes.resize(codes.len() + run.len(), 0),
        }
    }
    Some(Column::new(codes, dictionary))
}

fn for_each_code(
    sources: &[&Columns],
    columns: &[Option<&Column>],
    chosen: &[Chosen],
    mut visit: impl FnMut(usize, u32),
) {
    for c in chosen {
        if let Some(column) = columns[c.source] {
            for row in sources[c.source].runs[c.run].rows() {
                visit(c.source, column.codes().get(row));
            }
        }
    }
}
