//! What holds for every body that anybody can send to the intake.

use std::sync::OnceLock;

use whodid_intake::flat::{self, Format, Input, Mapping, Options};
use whodid_intake::{Context, Decoded, Enricher, IntakeError, rum};
use whodid_model::{Event, FaultKind, Instant};

/// Reading the databases takes longer than a thousand bodies.
fn enricher() -> &'static Enricher {
    static ENRICHER: OnceLock<Enricher> = OnceLock::new();
    ENRICHER.get_or_init(Enricher::new)
}

fn is_the_senders(error: &IntakeError) {
    assert!(matches!(error.kind(), FaultKind::Invalid | FaultKind::TooLarge), "{error}");
}

/// A body of RUM events is read or refused; no more events come out than lines were accepted; reading it again finds the
/// same.
pub(crate) fn rum_obeyed(body: &[u8]) {
    let context = Context { received_at: Instant(1_790_000_000_000_000), client_ip: None, user_agent: None };
    for deflate in [false, true] {
        let read = || rum::decode(body, deflate, &context, enricher());
        match (read(), read()) {
            (Ok(Decoded { events, report }), Ok(again)) => {
                assert!(events.len() as u64 <= report.accepted, "{report:?}");
                assert_eq!((events, report), (again.events, again.report));
            }
            (Err(error), Err(_)) => is_the_senders(&error),
            _ => panic!("the same body was read once and refused once"),
        }
    }
}

/// A CSV file is read or refused, and every row that it has is counted once.
pub(crate) fn csv_obeyed(body: &[u8]) {
    let mut events: Vec<Event> = Vec::new();
    let mut sink = |piece: Vec<Event>| -> Result<(), IntakeError> {
        events.extend(piece);
        Ok(())
    };
    let options = Options { format: Some(Format::Csv), mapping: Mapping::default(), ..Options::default() };
    let input = Input::Stream(Box::new(body));
    match flat::read(input, &options, enricher(), &mut sink) {
        Ok(report) => assert!(events.len() as u64 <= report.accepted, "{report:?}"),
        Err(error) => is_the_senders(&error),
    }
}
