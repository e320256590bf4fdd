//! One row to one event, and rows to pieces.

use whodid_model::event::paths::{ACTION_NAME, ANONYMOUS_ID};
use whodid_model::{Attributes, Event, EventType, Instant, Value, limits};

use super::{Mapping, Options};
use crate::batch::Batch;
use crate::enrich::Client;
use crate::identity::content_id;
use crate::json::keep_reserved_names_apart;
use crate::rum::{self, Line};
use crate::{Enricher, IntakeError, Report};

pub(super) const TIMESTAMP: &str = "timestamp";

/// Ids are text in every format, so that the same row is the same event whichever way it comes.
pub(super) fn is_id(path: &str) -> bool {
    path == "id" || path.ends_with(".id") || path == ANONYMOUS_ID
}

/// Most bytes of rows in one piece, whatever the number of its events.
const CHUNK_BYTES: usize = 16 * 1024 * 1024;

/// Takes rows, turns them into events and hands them on in pieces.
pub(super) struct Rows<'a, E> {
    options: &'a Options,
    enricher: &'a Enricher,
    sink: &'a mut dyn FnMut(Vec<Event>) -> Result<(), E>,
    batch: Batch,
    batch_bytes: usize,
    report: Report,
    hashed: Vec<u8>,
}

impl<'a, E: From<IntakeError>> Rows<'a, E> {
    pub(super) fn new(
        options: &'a Options,
        enricher: &'a Enricher,
        sink: &'a mut dyn FnMut(Vec<Event>) -> Result<(), E>,
    ) -> Rows<'a, E> {
        let (batch, report) = (Batch::default(), Report::default());
        Rows { options, enricher, sink, batch, batch_bytes: 0, report, hashed: Vec::new() }
    }

    pub(super) fn mapping(&self) -> &'a Mapping {
        &self.options.mapping
    }

    /// Takes a row of a file's own form. `ts` is given where the format has instants of its own; otherwise it is read
    /// from the column. `bytes` is about what the row takes in memory.
    pub(super) fn flat(
        &mut self,
        line: u64,
        bytes: usize,
        row: Result<(Option<Instant>, Attributes), String>,
    ) -> Result<(), E> {
        let outcome = row.and_then(|(ts, attributes)| self.event(line, ts, attributes));
        self.take(line, bytes, outcome)
    }

    /// Takes a line that has the shape of a RUM event.
    pub(super) fn rum(&mut self, line: u64, head: &rum::Head<'_>, text: &[u8]) -> Result<(), E> {
        let outcome = rum::read_event(head, text, &Client::UNKNOWN, self.enricher);
        self.take(line, text.len(), outcome)
    }

    pub(super) fn finish(mut self) -> Result<Report, E> {
        self.hand_on()?;
        Ok(self.report)
    }

    fn take(&mut self, line: u64, bytes: usize, outcome: Result<Line, String>) -> Result<(), E> {
        match outcome {
            Ok(Line::Event(event)) => self.batch.add(event, &mut self.report),
            Ok(Line::NotStored(kind)) => self.report.skip(kind),
            Err(reason) => self.report.reject(line, reason),
        }
        self.batch_bytes += bytes;
        if self.batch.len() >= self.options.chunk_events.max(1) || self.batch_bytes >= CHUNK_BYTES {
            self.hand_on()?;
        }
        Ok(())
    }

    fn hand_on(&mut self) -> Result<(), E> {
        self.batch_bytes = 0;
        let events = self.batch.take();
        if events.is_empty() { Ok(()) } else { (self.sink)(events) }
    }

    fn event(&mut self, line: u64, ts: Option<Instant>, mut attributes: Attributes) -> Result<Line, String> {
        let column = attributes.remove(TIMESTAMP);
        let ts = match ts {
            Some(ts) => ts,
            None => instant(column.as_ref())?,
        };
        let ts = rum::in_range(ts).ok_or_else(|| format!("`{TIMESTAMP}` is {ts}; years are 1970 to 9999"))?;
        let kind = match attributes.remove("type") {
            None => default_kind(&attributes),
            Some(named) => {
                let name = named.as_text();
                if let Some(not_stored) = rum::not_stored(&name) {
                    return Ok(Line::NotStored(not_stored));
                }
                if name.is_empty() { default_kind(&attributes) } else { name.parse().map_err(display)? }
            }
        };
        let own_id = attributes.remove("id").map(|id| id.as_text().into_owned()).filter(|id| !id.is_empty());
        keep_reserved_names_apart(&mut attributes);
        for (path, value) in &mut attributes {
            if matches!(value, Value::Number(_)) && is_id(path) {
                *value = Value::Text(value.as_text().into_owned());
            }
        }
        if attributes.len() > limits::EVENT_ATTRIBUTES {
            return Err(format!("the row has more than {} attributes", limits::EVENT_ATTRIBUTES));
        }
        let id = own_id.unwrap_or_else(|| {
            let salt = match self.options.keep_duplicates {
                true => format!("{}:{line}", self.options.source),
                false => String::new(),
            };
            content_id(kind, ts, &attributes, &salt, &mut self.hashed)
        });
        let mut event = Event { kind, id, ts, revision: 0, attributes, revisions: None };
        self.enricher.enrich(&mut event, &Client::UNKNOWN, false);
        Ok(Line::Event(event))
    }
}

fn default_kind(attributes: &Attributes) -> EventType {
    if attributes.contains_key(ACTION_NAME) { EventType::Action } else { EventType::View }
}

fn display(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn instant(column: Option<&Value>) -> Result<Instant, String> {
    let Some(value) = column.filter(|value| !value.as_text().is_empty()) else {
        return Err(
            "`timestamp` is missing; if another column holds it, map it, such as ts=timestamp".to_string()
        );
    };
    let read = match value {
        Value::Number(n) => Instant::from_epoch_number(*n),
        Value::Text(text) => Instant::parse(text),
        _ => None,
    };
    read.ok_or_else(|| {
        format!(
            "`timestamp` is `{}`; write RFC 3339, such as 2026-11-01T00:00:00Z, or an epoch number",
            value.as_text().chars().take(100).collect::<String>()
        )
    })
}
