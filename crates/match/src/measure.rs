//! Numbers over the events that match.

use std::borrow::Cow;

use rustc_hash::FxHashSet;
use whodid_model::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    Sum,
    Avg,
    Min,
    Max,
    Cardinality,
}

/// The aggregate of the values that the matching events of one entity carry. `None` where there is no value to
/// compare: `avg`, `min` and `max` of no number. `sum` and `cardinality` of nothing are 0.
///
/// All but `cardinality` ignore what is not a number. `cardinality` compares values as text; a list holds as many
/// values as it has members.
pub fn measure(aggregation: Aggregation, values: &[&Value]) -> Option<f64> {
    let numbers = || values.iter().filter_map(|value| value.as_number());
    match aggregation {
        Aggregation::Sum => Some(sum(numbers()).0),
        Aggregation::Avg => match sum(numbers()) {
            (_, 0) => None,
            (sum, count) => Some(sum / count as f64),
        },
        Aggregation::Min => numbers().min_by(f64::total_cmp),
        Aggregation::Max => numbers().max_by(f64::total_cmp),
        Aggregation::Cardinality => Some(cardinality(values) as f64),
    }
}

/// The sum and how many there were. Added up in ascending order, so that the order of the events changes no digit.
fn sum(numbers: impl Iterator<Item = f64>) -> (f64, usize) {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_unstable_by(f64::total_cmp);
    // Begins at +0: the sum of nothing is 0, not -0.
    (numbers.iter().fold(0.0, |sum, number| sum + number), numbers.len())
}

fn cardinality(values: &[&Value]) -> usize {
    let mut distinct: FxHashSet<Cow<'_, str>> = FxHashSet::default();
    for value in values {
        match value {
            Value::Null => {}
            Value::List(items) => distinct.extend(items.iter().map(|item| Cow::Borrowed(item.as_str()))),
            scalar => {
                distinct.insert(scalar.as_text());
            }
        }
    }
    distinct.len()
}

#[cfg(test)]
mod tests;
