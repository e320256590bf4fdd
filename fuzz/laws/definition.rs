//! What holds for every text that anybody can send as a definition.

use jiff::tz::TimeZone;
use whodid_model::Instant;
use whodid_query::definition::{Condition, Definition};
use whodid_query::echo::echo;

/// A definition is read or refused at a place that exists. One that is read has a canonical form
/// with the same meaning.
pub(crate) fn obeyed(text: &str) {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(text) else { return };
    let definition = match Definition::from_json(&json) {
        Ok(definition) => definition,
        Err(error) => {
            assert!(json.pointer(&error.pointer).is_some(), "{text}: {error:?}");
            return;
        }
    };
    let canonical = definition.to_json();
    assert_eq!(Definition::from_json(&canonical).as_ref(), Ok(&definition), "{text} became {canonical}");
    assert!(!echo(&definition, &|_| None).is_empty());
    definition.warnings();
    for (pointer, condition) in definition.leaves() {
        assert!(json.pointer(&pointer).is_some(), "{text}: {pointer}");
        if let Condition::Performed(clause) = condition {
            // A window may need years that no calendar has; then it says so.
            let _ = clause.during.resolve(Instant(1_790_000_000_000_000), &TimeZone::UTC);
        }
    }
    for (pointer, id) in definition.segments() {
        assert_eq!(json.pointer(&pointer).and_then(|json| json.as_str()), Some(id), "{text}");
    }
}
