//! Aggregations by their public names.

use whodid_engine::Aggregate;

use super::base::path;
use crate::InsightError;

/// Reads an aggregation and its metric; `pointer` is where they stand.
pub(crate) fn read_aggregation(
    aggregation: &str,
    metric: Option<&str>,
    pointer: &str,
) -> Result<Aggregate, InsightError> {
    let metric = || match metric.map(path) {
        Some(metric) if !metric.is_empty() => Ok(metric.to_string()),
        _ => Err(InsightError::Invalid {
            pointer: Some(format!("{pointer}/metric")),
            message: format!("`{aggregation}` needs a metric"),
            hint: Some("name a facet, such as @usr.id".to_string()),
        }),
    };
    Ok(match aggregation {
        "count" => Aggregate::Count,
        "cardinality" => Aggregate::Cardinality(metric()?),
        "sum" => Aggregate::Sum(metric()?),
        "avg" => Aggregate::Average(metric()?),
        "min" => Aggregate::Minimum(metric()?),
        "max" => Aggregate::Maximum(metric()?),
        "median" => Aggregate::Percentile(metric()?, 0.5),
        other => match percentile(other) {
            Some(share) => Aggregate::Percentile(metric()?, share),
            None => {
                return Err(InsightError::Invalid {
                    pointer: Some(format!("{pointer}/aggregation")),
                    message: format!("`{other}` is not an aggregation that can be computed"),
                    hint: Some(
                        "write count, cardinality, sum, avg, min, max, median, or pc and a percentage, such as pc95"
                            .to_string(),
                    ),
                });
            }
        },
    })
}

/// `pc95`, `pc99.9`: a share from 0 to 1.
fn percentile(name: &str) -> Option<f64> {
    let digits = name.strip_prefix("pc").filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))?;
    let percent: f64 = digits.parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

/// The facet that an aggregation looks at.
pub(crate) fn metric_of(aggregate: &Aggregate) -> Option<&str> {
    match aggregate {
        Aggregate::Count => None,
        Aggregate::Cardinality(path)
        | Aggregate::Sum(path)
        | Aggregate::Average(path)
        | Aggregate::Minimum(path)
        | Aggregate::Maximum(path)
        | Aggregate::Percentile(path, _) => Some(path),
    }
}

/// What an aggregation comes to where nothing happened: 0 for what counts, nothing for what measures.
pub(crate) fn of_nothing(aggregate: &Aggregate) -> Option<f64> {
    matches!(aggregate, Aggregate::Count | Aggregate::Cardinality(_)).then_some(0.0)
}
