//! Funnels by brute force.

use crate::events::{Bounds, Stream};
use crate::funnel::{Exclusion, FunnelOrder, FunnelRules};

/// A funnel as its rules are written.
#[derive(Clone, Debug)]
pub struct PlainFunnel(pub FunnelRules);

impl PlainFunnel {
    /// What [`crate::Funnel::attempt`] says.
    pub fn attempt(&self, stream: Stream<'_>, bounds: Bounds) -> Vec<usize> {
        let instants = |rows: &[usize]| rows.iter().map(|row| stream.ts[*row]).collect::<Vec<_>>();
        let key = |rows: &Vec<usize>| {
            (instants(rows).into_iter().max(), instants(rows).into_iter().min(), rows.clone())
        };
        let furthest = |steps| self.matches(steps, stream, bounds).into_iter().min_by_key(key);
        (1..=self.0.steps).rev().find_map(furthest).unwrap_or_default()
    }

    /// What [`crate::Funnel::passes`] says.
    pub fn passes(&self, steps: usize, stream: Stream<'_>, bounds: Bounds) -> u64 {
        let matches = self.matches(steps, stream, bounds);
        if steps == 1 {
            return matches.len() as u64;
        }
        let span = |rows: &Vec<usize>| {
            let instants = || rows.iter().map(|row| stream.ts[*row]);
            instants().min().zip(instants().max())
        };
        let spans: Vec<(i64, i64)> = matches.iter().filter_map(span).collect();
        super::laid(&spans, None, &mut Default::default()) as u64
    }

    fn matches(&self, steps: usize, stream: Stream<'_>, bounds: Bounds) -> Vec<Vec<usize>> {
        let in_window = |row: &usize| (bounds.from..bounds.to.min(bounds.at)).contains(&stream.ts[*row]);
        let rows: Vec<usize> = (0..stream.ts.len()).filter(in_window).collect();
        let mut picked = vec![Vec::new()];
        for step in 0..steps {
            let takes = |row: &usize| self.is(stream, *row, step);
            let candidates: Vec<usize> = rows.iter().copied().filter(takes).collect();
            picked = picked
                .iter()
                .flat_map(|picked: &Vec<usize>| {
                    let others = candidates.iter().filter(|row| !picked.contains(row));
                    others.map(|row| [picked.as_slice(), &[*row]].concat()).collect::<Vec<_>>()
                })
                .collect();
        }
        picked.retain(|rows| {
            self.in_order(stream, rows)
                && self.in_conversion_window(stream, rows)
                && self.nothing_else_between(stream, bounds, rows)
                && self.0.exclusions.iter().enumerate().all(|(number, exclusion)| {
                    self.excludes_nothing(stream, bounds, rows, self.0.steps + number, *exclusion)
                })
        });
        picked
    }

    fn is(&self, stream: Stream<'_>, row: usize, bit: usize) -> bool {
        stream.matches[row] >> bit & 1 == 1
    }

    fn in_order(&self, stream: Stream<'_>, rows: &[usize]) -> bool {
        let in_time = |step: usize| {
            let time = i128::from(stream.ts[rows[step]]) - i128::from(stream.ts[rows[step - 1]]);
            let within_us = self.0.within_us.get(step).copied().flatten();
            time >= 0 && within_us.is_none_or(|within_us| time <= i128::from(within_us))
        };
        self.0.order == FunnelOrder::Any || (1..rows.len()).all(in_time)
    }

    fn in_conversion_window(&self, stream: Stream<'_>, rows: &[usize]) -> bool {
        let instants = || rows.iter().map(|row| i128::from(stream.ts[*row]));
        let time = instants().max().zip(instants().min()).map(|(last, first)| last - first);
        self.0.window_us.is_none_or(|window_us| time <= Some(i128::from(window_us)))
    }

    fn nothing_else_between(&self, stream: Stream<'_>, bounds: Bounds, rows: &[usize]) -> bool {
        self.0.order != FunnelOrder::Strict
            || rows.windows(2).all(|pair| {
                let between = stream.ts[pair[0]]..=stream.ts[pair[1]];
                let others = (0..stream.ts.len()).filter(|row| !pair.contains(row));
                let mut others = others.map(|row| stream.ts[row]).filter(|ts| *ts < bounds.at);
                !others.any(|ts| between.contains(&ts))
            })
    }

    fn excludes_nothing(
        &self,
        stream: Stream<'_>,
        bounds: Bounds,
        rows: &[usize],
        bit: usize,
        exclusion: Exclusion,
    ) -> bool {
        let inside = exclusion.from_step + 1..exclusion.to_step.min(rows.len());
        let takes_none = inside.into_iter().all(|step| !self.is(stream, rows[step], bit));
        let mut pairs = (exclusion.from_step..exclusion.to_step).filter(|step| step + 1 < rows.len());
        takes_none
            && pairs.all(|step| {
                let (earlier, later) = (rows[step], rows[step + 1]);
                let breaks = |row: usize| {
                    let between = stream.ts[earlier]..=stream.ts[later];
                    self.is(stream, row, bit)
                        && row != earlier
                        && row != later
                        && stream.ts[row] < bounds.at
                        && between.contains(&stream.ts[row])
                };
                !(0..stream.ts.len()).any(breaks)
            })
    }
}
