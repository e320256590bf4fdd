//! Events of one request or piece of a file, each once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use whodid_model::{Event, EventKey, revision};

use crate::Report;

/// Collects events and puts the versions of one event together.
#[derive(Default)]
pub(crate) struct Batch {
    events: Vec<Option<Event>>,
    known: HashMap<EventKey, Known>,
}

struct Known {
    at: usize,
    /// Versions seen so far; nearly always one.
    revisions: Vec<u64>,
}

impl Batch {
    /// Adds an event and counts it: a version seen before is a duplicate, any other is accepted.
    pub(crate) fn add(&mut self, event: Event, report: &mut Report) {
        match self.known.entry(event.key()) {
            Entry::Vacant(slot) => {
                slot.insert(Known { at: self.events.len(), revisions: vec![event.revision] });
                self.events.push(Some(event));
                report.accepted += 1;
            }
            Entry::Occupied(mut slot) => {
                let known = slot.get_mut();
                if known.revisions.contains(&event.revision) {
                    report.duplicates += 1;
                } else {
                    known.revisions.push(event.revision);
                    report.accepted += 1;
                }
                if let Some(held) = self.events.get_mut(known.at) {
                    *held = match held.take() {
                        Some(before) => Some(revision::merge(before, event)),
                        None => Some(event),
                    };
                }
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The events in the order in which each was first seen; the batch is empty afterwards.
    pub(crate) fn take(&mut self) -> Vec<Event> {
        self.known.clear();
        std::mem::take(&mut self.events).into_iter().flatten().collect()
    }
}
