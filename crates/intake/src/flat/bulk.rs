//! The same files in large pieces of columns.

use whodid_model::{Event, EventBatch};

use super::{Input, Options, read};
use crate::{Enricher, IntakeError, Report};

/// Many events of a file.
#[derive(Debug, Default)]
pub struct Piece {
    pub batch: EventBatch,
    /// Events that do not fit a batch.
    pub others: Vec<Event>,
}

impl Piece {
    fn events(&self) -> usize {
        self.batch.rows() + self.others.len()
    }

    fn push(&mut self, event: Event) {
        self.others.extend(self.batch.push(event));
    }
}

/// Reads a file as [`super::read`] does and hands on pieces of about `piece_events` events.
pub fn read_batches<E: From<IntakeError>>(
    input: Input<'_>,
    options: &Options,
    piece_events: usize,
    enricher: &Enricher,
    sink: &mut dyn FnMut(Piece) -> Result<(), E>,
) -> Result<Report, E> {
    let mut piece = Piece::default();
    let mut collect = |events: Vec<Event>| {
        events.into_iter().for_each(|event| piece.push(event));
        match piece.events() >= piece_events || piece.batch.is_full() {
            true => sink(std::mem::take(&mut piece)),
            false => Ok(()),
        }
    };
    let report = read(input, options, enricher, &mut collect)?;
    if piece.events() > 0 {
        sink(piece)?;
    }
    Ok(report)
}
