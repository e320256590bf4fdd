//! The browser SDK's batches: JSON objects, one a line, of any type, user and session.

use std::borrow::Cow;

use flate2::{Decompress, FlushDecompress, Status};
use serde::Deserialize;
use whodid_model::event::paths::VIEW_ID;
use whodid_model::{Attributes, Event, EventType, Instant, Value, limits, revision};

use crate::batch::Batch;
use crate::enrich::Client;
use crate::json::{self, Reading};
use crate::{Context, Decoded, Enricher, IntakeError, Report};

/// What `_dd` says about the SDK itself is no facet; its document version is the event's revision.
const WITHOUT: &[&str] = &["_dd", "type", "date"];

/// Reads a batch. `deflate` is what the request's `dd-evp-encoding` says; a zlib stream is recognised without it, too.
///
/// A line that cannot be read is reported and the others are kept; so are the whole lines of a stream that ends early.
/// The error is for a body of which nothing can be read, or that is too large.
pub fn decode(
    body: &[u8],
    deflate: bool,
    context: &Context<'_>,
    enricher: &Enricher,
) -> Result<Decoded, IntakeError> {
    let (text, cut_short) = inflate(body, deflate, limits::INTAKE_DECODED_BYTES)?;
    let client = enricher.client(context);
    let mut batch = Batch::default();
    let mut report = Report::default();
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if cut_short {
        // The last line is not whole; if the cut was just after a line's end, it is empty.
        let last = lines.len() as u64;
        lines.pop();
        report.reject(last, "the compressed stream ends within this line");
    }
    for (number, line) in (1..).zip(lines) {
        let line = line.trim_ascii();
        if !line.is_empty() {
            take_line(number, line, &client, enricher, &mut batch, &mut report);
        }
    }
    report.rejected.sort_by_key(|rejection| rejection.line);
    Ok(Decoded { events: batch.take(), report })
}

fn take_line(
    number: u64,
    line: &[u8],
    client: &Client<'_>,
    enricher: &Enricher,
    batch: &mut Batch,
    report: &mut Report,
) {
    match read_head(line).and_then(|head| read_event(&head, line, client, enricher)) {
        Ok(Line::Event(event)) => batch.add(event, report),
        Ok(Line::NotStored(kind)) => report.skip(kind),
        Err(reason) => report.reject(number, reason),
    }
}

/// What became of a line that could be read.
pub(crate) enum Line {
    Event(Event),
    /// A type that is not kept, under the name by which it is counted.
    NotStored(&'static str),
}

/// What decides how a line is read; everything else is skipped over here.
#[derive(Deserialize)]
pub(crate) struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    /// Milliseconds since 1970; in a file's own rows it may be anything.
    date: Option<serde_json::Value>,
    timestamp: Option<serde::de::IgnoredAny>,
    #[serde(rename = "_dd")]
    dd: Option<Dd>,
}

#[derive(Deserialize)]
struct Dd {
    document_version: Option<u64>,
}

/// The name under which a type of event that is read and not kept is counted.
pub(crate) fn not_stored(name: &str) -> Option<&'static str> {
    match Kind::of(name)? {
        Kind::NotStored(name) => Some(name),
        _ => None,
    }
}

/// The types of the RUM intake.
enum Kind {
    View,
    ViewUpdate,
    Action,
    NotStored(&'static str),
}

impl Kind {
    fn of(name: &str) -> Option<Kind> {
        Some(match name {
            "view" => Kind::View,
            "view_update" => Kind::ViewUpdate,
            "action" => Kind::Action,
            "error" => Kind::NotStored("error"),
            "resource" => Kind::NotStored("resource"),
            "long_task" => Kind::NotStored("long_task"),
            "vital" => Kind::NotStored("vital"),
            "transition" => Kind::NotStored("transition"),
            "telemetry" => Kind::NotStored("telemetry"),
            _ => return None,
        })
    }
}

impl Head<'_> {
    /// Whether a line of a file is a RUM event and not a row of its own form.
    pub(crate) fn is_rum(&self) -> bool {
        self.date.is_some() && self.timestamp.is_none() && self.kind.as_deref().and_then(Kind::of).is_some()
    }
}

pub(crate) fn read_head(line: &[u8]) -> Result<Head<'_>, String> {
    if line.len() > limits::EVENT_BYTES {
        return Err(format!("the event is larger than {} bytes", limits::EVENT_BYTES));
    }
    if line.first() != Some(&b'{') {
        return Err("the line is not a JSON object".to_string());
    }
    serde_json::from_slice(line).map_err(json::describe)
}

pub(crate) fn read_event(
    head: &Head<'_>,
    line: &[u8],
    client: &Client<'_>,
    enricher: &Enricher,
) -> Result<Line, String> {
    let name =
        head.kind.as_deref().ok_or("`type` is missing; write view, action or another type of event")?;
    // Types that a later SDK may send are read and counted like those that are known and not kept.
    let (kind, partial) = match Kind::of(name).unwrap_or(Kind::NotStored("other")) {
        Kind::View => (EventType::View, false),
        Kind::ViewUpdate => (EventType::View, true),
        Kind::Action => (EventType::Action, false),
        Kind::NotStored(name) => return Ok(Line::NotStored(name)),
    };
    let version = head.dd.as_ref().and_then(|dd| dd.document_version);
    if partial && version.is_none() {
        return Err("`_dd.document_version` is missing; a view_update needs it".to_string());
    }
    let date_ms = head.date.as_ref().and_then(serde_json::Value::as_f64);
    let ts = instant(date_ms.ok_or("`date` is missing; write the epoch milliseconds of the event")?)?;
    let mut attributes = json::flatten(line, Reading { without: WITHOUT, partial })?;
    json::keep_reserved_names_apart(&mut attributes);
    add_tags(&mut attributes)?;
    let id = id(kind, &mut attributes)?;
    let revision = if kind == EventType::View { version.unwrap_or_default() } else { 0 };
    let mut event = Event { kind, id, ts, revision, attributes, revisions: None };
    enricher.enrich(&mut event, client, partial);
    Ok(Line::Event(if partial { revision::partial(event) } else { event }))
}

fn instant(date_ms: f64) -> Result<Instant, String> {
    in_range(Instant((date_ms * 1e3).round() as i64))
        .ok_or_else(|| format!("`date` is {date_ms}, which is not an instant in epoch milliseconds"))
}

/// Years 1970 to 9999: what calendars and tables can hold.
pub(crate) fn in_range(ts: Instant) -> Option<Instant> {
    (0..253_402_300_800_000_000).contains(&ts.0).then_some(ts)
}

/// The id, which also stays an attribute. Actions elsewhere carry lists of ids; the first one counts then.
fn id(kind: EventType, attributes: &mut Attributes) -> Result<String, String> {
    let path = if kind == EventType::View { VIEW_ID } else { "action.id" };
    let id = match attributes.get(path) {
        Some(Value::Text(id)) => id.clone(),
        Some(Value::List(ids)) => ids.first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    if id.is_empty() {
        return Err(format!("`{path}` is missing; it is what makes the {kind} one event"));
    }
    attributes.insert(path.to_string(), Value::Text(id.clone()));
    Ok(id)
}

/// Spreads `ddtags` (`env:prod,team:web`) into attributes of their own. Members of the event come first; a tag that is
/// there several times becomes a list; one without a value is present and empty.
fn add_tags(attributes: &mut Attributes) -> Result<(), String> {
    let Some(tags) = attributes.remove("ddtags") else { return Ok(()) };
    let mut found = Attributes::new();
    for tag in tags.as_text().split(',').map(str::trim) {
        let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
        if name.is_empty() || name.len() > limits::PATH_BYTES {
            continue;
        }
        match found.get_mut(name) {
            None => {
                found.insert(name.to_string(), Value::text(value));
            }
            Some(Value::List(values)) => values.push(value.to_string()),
            Some(first) => *first = Value::List(vec![first.as_text().into_owned(), value.to_string()]),
        }
    }
    json::keep_reserved_names_apart(&mut found);
    for (name, value) in found {
        attributes.entry(name).or_insert(value);
    }
    if attributes.len() > limits::EVENT_ATTRIBUTES {
        return Err(format!("the event has more than {} attributes", limits::EVENT_ATTRIBUTES));
    }
    Ok(())
}

/// By how much the text grows at a time.
const INFLATE_BYTES: usize = 64 * 1024;

/// The batch as text, and whether its compressed stream ended early. A stream with an error in it is refused whole.
fn inflate(body: &[u8], deflate: bool, limit_bytes: usize) -> Result<(Cow<'_, [u8]>, bool), IntakeError> {
    let too_large = || IntakeError::TooLarge { what: "the batch", limit_bytes };
    let starts_as_json = body.trim_ascii_start().starts_with(b"{");
    if starts_as_json || !(deflate || is_zlib(body)) {
        if body.len() > limit_bytes {
            return Err(too_large());
        }
        return Ok((Cow::Borrowed(body), false));
    }
    let damaged = |reason| IntakeError::Compression { what: "batch", encoding: "deflate (zlib)", reason };
    let mut text = Vec::new();
    let mut stream = Decompress::new(true);
    loop {
        text.reserve(INFLATE_BYTES);
        let rest = &body[stream.total_in() as usize..];
        let (read, written) = (stream.total_in(), stream.total_out());
        let status = match stream.decompress_vec(rest, &mut text, FlushDecompress::None) {
            Ok(status) => status,
            // Nobody said that it is compressed: it is text that happens to begin like a stream.
            Err(_) if !deflate => return Ok((Cow::Borrowed(body), false)),
            Err(error) => return Err(damaged(error.to_string())),
        };
        if text.len() > limit_bytes {
            return Err(too_large());
        }
        if status == Status::StreamEnd {
            return Ok((Cow::Owned(text), false));
        }
        // Neither more to read nor anything left to write: the rest of the stream never came.
        if (stream.total_in(), stream.total_out()) == (read, written) {
            return match text.is_empty() {
                false => Ok((Cow::Owned(text), true)),
                true if !deflate => Ok((Cow::Borrowed(body), false)),
                true => Err(damaged("the stream ends before its first byte".to_string())),
            };
        }
    }
}

/// A zlib header: method 8 and a header checksum that fits.
fn is_zlib(body: &[u8]) -> bool {
    match body {
        [first, second, ..] => first & 0x0f == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
