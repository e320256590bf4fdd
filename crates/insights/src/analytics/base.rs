//! Which events a question is about: the parts that analytics, journeys and retention share.

use whodid_engine::Occurrences;
use whodid_model::{Instant, TimeRange};
use whodid_query::op::Op;
use whodid_query::search::{Dialect, Query, parse};

use super::request::BaseQuery;
use crate::InsightError;

pub(crate) const EVENTS: &str = "product_analytics";
pub(crate) const OCCURRENCES: &str = "product_analytics_occurrence";

/// A base query whose words are read.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) query: Query,
    /// Keep only the events of users who have this many of them in the range.
    pub(crate) occurrences: Option<Occurrences>,
}

impl Base {
    /// `pointer` is where the base query stands in the request.
    pub(crate) fn read(base: &BaseQuery, pointer: &str) -> Result<Base, InsightError> {
        let query = parse(&base.search.query, Dialect::Event)
            .map_err(|error| InsightError::search(&format!("{pointer}/search/query"), error))?;
        let refuse = |member: &str, message: String, hint: &str| InsightError::Invalid {
            pointer: Some(format!("{pointer}/{member}")),
            message,
            hint: Some(hint.to_string()),
        };
        let occurrences = match (base.data_source.as_str(), &base.search.occurrences) {
            (EVENTS, _) | (OCCURRENCES, None) => None,
            (OCCURRENCES, Some(filter)) => {
                let op = Op::parse(&filter.operator).ok_or_else(|| {
                    let message = format!("`{}` is not a comparison", filter.operator);
                    refuse("search/occurrences/operator", message, "write one of = >= <= > <")
                })?;
                let count = filter.value.trim().parse().map_err(|_| {
                    let message = format!("`{}` is not a number of occurrences", filter.value);
                    refuse("search/occurrences/value", message, "write a whole number as text, such as \"3\"")
                })?;
                Some(Occurrences { op, count })
            }
            (other, _) => {
                let message = format!("`{other}` is not a data source of this question");
                return Err(refuse("data_source", message, &format!("write {EVENTS} or {OCCURRENCES}")));
            }
        };
        Ok(Base { query, occurrences })
    }
}

/// `[from, to)` of a request, both epoch milliseconds.
pub(crate) fn time_range(from_ms: i64, to_ms: i64) -> Result<TimeRange, InsightError> {
    if from_ms >= to_ms {
        return Err(InsightError::Invalid {
            pointer: Some("/from".to_string()),
            message: format!("`from` ({from_ms}) is not before `to` ({to_ms})"),
            hint: Some("both are epoch milliseconds".to_string()),
        });
    }
    Ok(TimeRange { from: Instant::from_millis(from_ms), to: Instant::from_millis(to_ms) })
}

/// Facets are written with a leading `@`; the path is without.
pub(crate) fn path(facet: &str) -> &str {
    facet.strip_prefix('@').unwrap_or(facet)
}
