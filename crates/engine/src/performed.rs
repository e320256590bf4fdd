//! One `performed` clause over the events of one entity at a time: search queries become step bits, the pure kernels
//! of `whodid-match` decide.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use roaring::RoaringBitmap;
use whodid_match as kernel;
use whodid_model::{EntityKind, Instant, TimeRange, Value};
use whodid_query::definition::{Aggregation, Order, Per, Performed, Resolved, Within};
use whodid_store::{Column, Columns, Half};

use crate::error::EngineError;
use crate::mask::StepMasks;
use crate::stream::{Row, Streams, for_each_hit_run};

mod miss;
mod reading;

pub(crate) use reading::Reading;

/// A clause made ready for one evaluation instant.
pub(crate) struct Clause<'a> {
    performed: &'a Performed,
    pattern: kernel::Pattern,
    window: Resolved,
    at: Instant,
    days: kernel::Days,
}

impl<'a> Clause<'a> {
    /// `seen` spans the events that there are, so that calendar days need be laid out no further.
    pub(crate) fn new(
        performed: &'a Performed,
        at: Instant,
        timezone: &TimeZone,
        seen: TimeRange,
    ) -> Result<Clause<'a>, EngineError> {
        let steps = performed
            .steps
            .iter()
            .map(|step| kernel::StepRule {
                negative: step.negative,
                within_us: step.within.map(|span| span.0),
            })
            .collect();
        let order = match performed.order {
            Order::Ordered => kernel::Order::Ordered,
            Order::Any => kernel::Order::Any,
        };
        let scope = match performed.within {
            None => kernel::Scope::Entity,
            Some(Within::Session) => kernel::Scope::Session,
            Some(Within::Span(span)) => kernel::Scope::Within(span.0),
        };
        let pattern = kernel::Pattern::new(steps, order, scope).map_err(EngineError::pattern)?;
        let window = performed.during.resolve(at, timezone).map_err(EngineError::window)?;
        let days = match performed.per {
            Per::Day => calendar_days(seen, &performed.during.timezone(timezone)),
            Per::Occurrence | Per::Session => kernel::Days::new(Vec::new()),
        };
        Ok(Clause { performed, pattern, window, at, days })
    }

    /// The window of an entity that was first seen at `first_us`.
    fn range(&self, first_us: i64) -> TimeRange {
        match self.window {
            Resolved::Fixed(range) => range,
            Resolved::SinceFirstSeen(span) => {
                let first = Instant(first_us);
                TimeRange { from: first, to: first.plus(span) }.cut_at(self.at)
            }
        }
    }

    fn bounds(&self, range: TimeRange) -> kernel::Bounds {
        kernel::Bounds { from: range.from.0, to: range.to.0, at: self.at.0 }
    }

    /// The step bits of every row of these streams.
    pub(crate) fn prepare<'s>(&'s self, streams: &Streams<'s>) -> Prepared<'s> {
        let half = |half: &Half<'s>| self.prepare_half(half.columns);
        Prepared { clause: self, halves: streams.halves.iter().map(half).collect() }
    }

    fn prepare_half<'s>(&self, columns: &'s Columns) -> PreparedHalf<'s> {
        let steps = StepMasks::new(self.performed.steps.iter().map(|step| &step.event), columns);
        let measured = self.performed.measure.as_ref().and_then(|measure| columns.attribute(&measure.facet));
        PreparedHalf { steps, sessions: columns.attribute(whodid_model::event::paths::SESSION_ID), measured }
    }
}

/// The calendar days that the events lie in.
fn calendar_days(seen: TimeRange, timezone: &TimeZone) -> kernel::Days {
    let mut starts = Vec::new();
    let first = jiff::Timestamp::from_microsecond(seen.from.0).ok();
    let mut day = first.and_then(|first| first.to_zoned_datetime(timezone.clone()).start_of_day().ok());
    while let Some(start) = day {
        let start_us = start.timestamp().as_microsecond();
        if start_us > seen.to.0 {
            break;
        }
        starts.push(start_us);
        day = start.tomorrow().ok().and_then(|next| next.start_of_day().ok());
    }
    kernel::Days::new(starts)
}

/// A clause with its step bits for some streams.
pub(crate) struct Prepared<'a> {
    clause: &'a Clause<'a>,
    halves: Vec<PreparedHalf<'a>>,
}

struct PreparedHalf<'a> {
    steps: StepMasks,
    sessions: Option<&'a Column>,
    measured: Option<&'a Column>,
}

/// Memory that one entity after another uses again.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The rows of one entity that match any step.
    rows: Vec<Row>,
    ts: Vec<i64>,
    sessions: Vec<u32>,
    matches: Vec<u16>,
    kernel: kernel::Scratch,
}

impl Prepared<'_> {
    /// The users of these streams for whom the clause holds, by ordinal. Only users with a row that matches a step are
    /// looked at one by one.
    pub(crate) fn users(&self, streams: &Streams<'_>) -> RoaringBitmap {
        let mut scratch = Scratch::default();
        let mut members = RoaringBitmap::new();
        for (number, half) in streams.halves.iter().enumerate() {
            let (mut held, mut failed) = (Vec::new(), Vec::new());
            self.users_with_rows(number, *half, &mut scratch, |ordinal, holds| match holds {
                true => held.push(ordinal),
                false => failed.push(ordinal),
            });
            let known = half.users(self.clause.at);
            members |= match self.clause.performed.holds_for_nothing() {
                true => known - failed.into_iter().collect::<RoaringBitmap>(),
                false => known & held.into_iter().collect::<RoaringBitmap>(),
            };
        }
        members
    }

    /// Calls `decided` for every owner of a half who has a row that matches a step.
    fn users_with_rows(
        &self,
        number: usize,
        half: Half<'_>,
        scratch: &mut Scratch,
        mut decided: impl FnMut(u32, bool),
    ) {
        let (starts, ts_us) = (half.columns.run_starts(), half.columns.ts_us());
        let hits = &self.halves[number].steps.union;
        if self.rows_are_occurrences(half) {
            for (run, rows) in starts.windows(2).enumerate().filter(|(run, _)| half.is_alive(*run as u32)) {
                let count = hits.count_in(rows[0] as usize..rows[1] as usize);
                if count > 0 {
                    decided(half.first_ordinal + run as u32, self.clause.performed.times.holds(count));
                }
            }
            return;
        }
        for_each_hit_run(half, hits, |run, rows| {
            let row = |row: &usize| Row { half: number as u32, row: *row as u32, ts_us: ts_us.get(*row) };
            scratch.rows.clear();
            scratch.rows.extend(rows.iter().map(row));
            let holds = self.decide(EntityKind::User, ts_us.get(starts[run] as usize), scratch);
            decided(half.first_ordinal + run as u32, holds);
        });
    }

    /// Whether every matching row of the half is an occurrence by itself: one step, counted one by one, in a window that
    /// holds all rows. Then counting bits is enough. A single event is never too long, whatever `within` says, but may lie
    /// in no session.
    fn rows_are_occurrences(&self, half: Half<'_>) -> bool {
        let Clause { performed, window, .. } = self.clause;
        let all_inside = matches!(window, Resolved::Fixed(range) if half.columns.all_within(*range));
        performed.steps.len() == 1
            && performed.measure.is_none()
            && performed.per == Per::Occurrence
            && performed.within != Some(Within::Session)
            && all_inside
    }

    /// Whether the clause holds for the entity with these rows, of which there is at least one.
    pub(crate) fn holds(&self, kind: EntityKind, rows: &[Row], scratch: &mut Scratch) -> bool {
        self.take(rows, scratch);
        self.decide(kind, rows.first().map_or(i64::MAX, |row| row.ts_us), scratch)
    }

    /// Puts those of an entity's rows that match any step into the scratch.
    fn take(&self, rows: &[Row], scratch: &mut Scratch) {
        scratch.rows.clear();
        let matching = |row: &&Row| self.halves[row.half as usize].steps.union.get(row.row as usize);
        scratch.rows.extend(rows.iter().filter(matching));
    }

    /// Decides by the rows in the scratch. `first_us` is when the entity was first seen.
    fn decide(&self, kind: EntityKind, first_us: i64, scratch: &mut Scratch) -> bool {
        let performed = self.clause.performed;
        let range = self.clause.range(first_us);
        match &performed.measure {
            Some(measure) => {
                let observed = self.measure(measure.aggregation, range, &scratch.rows);
                observed.is_some_and(|observed| measure.op.holds(observed, measure.value))
            }
            None => {
                // One more than the bound tells every comparison apart.
                let enough = performed.times.value.saturating_add(1);
                performed.times.holds(self.count(kind, self.clause.bounds(range), enough, scratch))
            }
        }
    }

    fn count(&self, kind: EntityKind, bounds: kernel::Bounds, enough: u64, scratch: &mut Scratch) -> u64 {
        if scratch.rows.is_empty() {
            return 0;
        }
        self.lay_out(kind, scratch);
        let per = match self.clause.performed.per {
            Per::Occurrence => kernel::Per::Occurrence,
            Per::Day => kernel::Per::Day(&self.clause.days),
            Per::Session => kernel::Per::Session,
        };
        let Scratch { ts, sessions, matches, kernel, .. } = scratch;
        let events = kernel::Events { ts, session: sessions, matches };
        kernel::count(&self.clause.pattern, events, bounds, per, enough, kernel)
    }

    /// The scratch's rows as the columns that the kernels take.
    fn lay_out(&self, kind: EntityKind, scratch: &mut Scratch) {
        let Scratch { rows, ts, sessions, matches, .. } = scratch;
        ts.clear();
        ts.extend(rows.iter().map(|row| row.ts_us));
        matches.clear();
        matches.extend(rows.iter().map(|row| self.halves[row.half as usize].steps.bits(row.row as usize)));
        sessions.clear();
        match kind {
            // One half: its dictionary is sorted, so the codes are in the order of the ids.
            EntityKind::User => sessions.extend(rows.iter().map(|row| {
                let codes = self.halves[row.half as usize].sessions.map(Column::codes);
                match codes.map_or(0, |codes| codes.get(row.row as usize)) {
                    0 => kernel::NO_SESSION,
                    code => code,
                }
            })),
            EntityKind::Account => sessions.extend(self.session_ranks(rows)),
        }
    }

    /// The place of each row's session among those of all rows, which may lie in different halves.
    fn session_ranks(&self, rows: &[Row]) -> Vec<u32> {
        let session = |row: &Row| {
            let value = self.halves[row.half as usize].sessions?.value(row.row as usize)?;
            Some(value.as_text().into_owned())
        };
        let ids: Vec<Option<String>> = rows.iter().map(session).collect();
        let mut sorted: Vec<&String> = ids.iter().flatten().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let rank = |id: &Option<String>| match id {
            None => kernel::NO_SESSION,
            Some(id) => sorted.partition_point(|known| *known < id) as u32,
        };
        ids.iter().map(rank).collect()
    }

    fn measure(&self, aggregation: Aggregation, range: TimeRange, rows: &[Row]) -> Option<f64> {
        let inside = rows.iter().filter(|row| range.contains(Instant(row.ts_us)));
        let value = |row: &Row| self.halves[row.half as usize].measured?.value(row.row as usize);
        let values: Vec<Cow<'_, Value>> = inside.filter_map(value).collect();
        let values: Vec<&Value> = values.iter().map(AsRef::as_ref).collect();
        let aggregation = match aggregation {
            Aggregation::Sum => kernel::Aggregation::Sum,
            Aggregation::Avg => kernel::Aggregation::Avg,
            Aggregation::Min => kernel::Aggregation::Min,
            Aggregation::Max => kernel::Aggregation::Max,
            Aggregation::Cardinality => kernel::Aggregation::Cardinality,
        };
        kernel::measure(aggregation, &values)
    }
}
