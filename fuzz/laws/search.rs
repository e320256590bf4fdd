//! What holds for every text that anybody can type as a query.

use whodid_model::{FaultKind, Value};
use whodid_query::search::{self, Dialect, explain};

/// A query is read or refused at a place inside the text. One that is read prints as text with the same meaning, unless
/// spelling it out passes a limit.
pub(crate) fn obeyed(text: &str) {
    for dialect in [Dialect::Event, Dialect::Profile] {
        let query = match search::parse(text, dialect) {
            Ok(query) => query,
            Err(error) => {
                assert!(text.get(error.offset..error.offset + error.length).is_some(), "{text:?}: {error:?}");
                continue;
            }
        };
        let printed = query.to_string();
        match search::parse(&printed, dialect) {
            Ok(read) => {
                assert_eq!(read, query, "{text:?} printed as {printed:?}");
                assert_eq!(read.to_string(), printed, "{text:?}");
                let lookup = |path: &str| Some(Value::text(path));
                assert_eq!(read.expr.matches(&lookup), query.expr.matches(&lookup), "{text:?}");
            }
            Err(error) => {
                assert_eq!(error.kind(), FaultKind::TooLarge, "{text:?} printed as {printed:?}: {error}")
            }
        }
        explain(&query);
        query.warnings();
        query.facets();
    }
}
