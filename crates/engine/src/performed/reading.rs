//! What a clause observes of one entity, and by which events.

use whodid_match as kernel;
use whodid_model::{EntityKind, Instant, TimeRange, limits};
use whodid_query::definition::{Aggregation, Measure};

use super::miss::Attempt;
use super::{Prepared, Scratch};
use crate::stream::{Row, Streams};
use crate::why::{Miss, Observed, Witness};

pub(crate) struct Reading {
    pub(crate) observed: Observed,
    pub(crate) window: TimeRange,
    pub(crate) witnesses: Vec<Witness>,
    pub(crate) miss: Option<Miss>,
}

impl Prepared<'_> {
    /// Reads the entity with these rows. `holds` is what was decided of it.
    pub(crate) fn read(&self, kind: EntityKind, streams: &Streams<'_>, rows: &[Row], holds: bool) -> Reading {
        let window = self.clause.range(rows.first().map_or(i64::MAX, |row| row.ts_us));
        let mut scratch = Scratch::default();
        self.take(rows, &mut scratch);
        match &self.clause.performed.measure {
            Some(measure) => self.read_measure(measure, streams, &scratch.rows, window, holds),
            None => self.read_count(kind, streams, &mut scratch, window, holds),
        }
    }

    /// The instants of the rows that match any step, in order.
    pub(crate) fn instants_us(&self, rows: &[Row]) -> Vec<i64> {
        let mut scratch = Scratch::default();
        self.take(rows, &mut scratch);
        scratch.rows.iter().map(|row| row.ts_us).collect()
    }

    fn read_count(
        &self,
        kind: EntityKind,
        streams: &Streams<'_>,
        scratch: &mut Scratch,
        window: TimeRange,
        holds: bool,
    ) -> Reading {
        let bounds = self.clause.bounds(window);
        let observed = self.count(kind, bounds, u64::MAX, scratch);
        self.lay_out(kind, scratch);
        let (clause, scratch) = (self.clause, &*scratch);
        let events =
            kernel::Events { ts: &scratch.ts, session: &scratch.sessions, matches: &scratch.matches };
        let witness = |occurrence: usize, step: usize, row: usize| {
            witness_of(streams, &scratch.rows[row], occurrence, step)
        };
        let steps = &clause.performed.steps;
        let positives: Vec<usize> = (0..steps.len()).filter(|step| !steps[*step].negative).collect();
        let occurrences = kernel::witnesses(&clause.pattern, events, bounds, limits::WHY_OCCURRENCES);
        let witnesses = occurrences.iter().enumerate().flat_map(|(occurrence, rows)| {
            positives.iter().zip(rows).map(move |(step, row)| (occurrence, *step, *row))
        });
        let witnesses = witnesses.map(|(occurrence, step, row)| witness(occurrence, step, row)).collect();
        let attempt = Attempt { pattern: &clause.pattern, positives: &positives, events, bounds };
        let miss = (!holds).then(|| attempt.miss(clause.performed.times, observed, &witness));
        Reading { observed: Observed::Count(observed), window, witnesses, miss }
    }

    fn read_measure(
        &self,
        measure: &Measure,
        streams: &Streams<'_>,
        rows: &[Row],
        window: TimeRange,
        holds: bool,
    ) -> Reading {
        let observed = self.measure(measure.aggregation, window, rows);
        let value = |row: &Row| self.halves[row.half as usize].measured?.value(row.row as usize);
        let counts = |row: &&Row| {
            let number = value(row).and_then(|value| value.as_number());
            window.contains(Instant(row.ts_us))
                && match measure.aggregation {
                    Aggregation::Cardinality => value(row).is_some(),
                    Aggregation::Sum | Aggregation::Avg => number.is_some(),
                    // The events at the extreme.
                    Aggregation::Min | Aggregation::Max => number.is_some() && number == observed,
                }
        };
        let rows = rows.iter().filter(counts).take(limits::WHY_OCCURRENCES).enumerate();
        let witnesses = rows.map(|(occurrence, row)| witness_of(streams, row, occurrence, 0)).collect();
        let distance = observed.map(|observed| measure.value - observed);
        let miss = (!holds).then(|| Miss {
            short_by: distance.filter(|distance| *distance >= 0.0),
            over_by: distance.filter(|distance| *distance < 0.0).map(|distance| -distance),
            ..Miss::default()
        });
        Reading { observed: Observed::Measure(observed), window, witnesses, miss }
    }
}

fn witness_of(streams: &Streams<'_>, row: &Row, occurrence: usize, step: usize) -> Witness {
    let columns = streams.columns(row);
    Witness {
        occurrence,
        step,
        event_id: columns.ids().get(row.row as usize).into_owned(),
        kind: columns.kinds()[row.row as usize],
        ts: Instant(row.ts_us),
    }
}
