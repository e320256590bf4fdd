//! What is computed of attempts.

use whodid_match::FunnelOrder;

use super::evaluate::Evaluated;
use super::plan::{Way, invalid};
use super::request::JourneyCompute;
use crate::InsightError;
use crate::analytics::path;

/// Times in whole milliseconds; zeros where nobody got there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ElapsedTime {
    pub min_ms: i64,
    pub max_ms: i64,
    pub avg_ms: i64,
}

pub(super) struct Elapsed;

impl Elapsed {
    pub(super) fn of(times_us: impl Iterator<Item = i64>) -> ElapsedTime {
        let (mut count, mut sum, mut min, mut max) = (0i128, 0i128, i64::MAX, i64::MIN);
        for time_us in times_us {
            count += 1;
            sum += i128::from(time_us);
            min = min.min(time_us);
            max = max.max(time_us);
        }
        if count == 0 {
            return ElapsedTime::default();
        }
        let avg_ms = (sum / count / 1_000) as i64;
        ElapsedTime { min_ms: min / 1_000, max_ms: max / 1_000, avg_ms }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Metric {
    /// `total` counts passes, otherwise entities.
    Conversion {
        total: bool,
    },
    Rate {
        total: bool,
    },
    DropOff {
        total: bool,
    },
    Time(Summary),
    Facet {
        path: String,
        of: FacetSummary,
    },
}

#[derive(Clone, Debug)]
pub(super) enum FacetSummary {
    Count,
    Cardinality,
    Numbers(Summary),
}

/// One number of several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Summary {
    Count,
    Sum,
    Average,
    Minimum,
    Maximum,
    /// From 0 to 1.
    Quantile(f64),
}

pub(super) fn unknown_aggregation(name: &str, known: &str) -> InsightError {
    let message = format!("`{name}` is not an aggregation of this question");
    invalid("/query/compute/aggregation", message, &format!("write {known}"))
}

impl Summary {
    fn read(name: &str) -> Result<Summary, InsightError> {
        let percentile = |name: &str| {
            let percent: f64 = name.strip_prefix("pc")?.parse().ok()?;
            (0.0..=100.0).contains(&percent).then_some(Summary::Quantile(percent / 100.0))
        };
        Ok(match name {
            "count" => Summary::Count,
            "sum" => Summary::Sum,
            "avg" => Summary::Average,
            "min" => Summary::Minimum,
            "max" => Summary::Maximum,
            "median" => Summary::Quantile(0.5),
            other => percentile(other).ok_or_else(|| {
                unknown_aggregation(
                    other,
                    "count, cardinality, sum, avg, min, max, median or pc and a number",
                )
            })?,
        })
    }

    fn of(self, mut numbers: Vec<f64>) -> Option<f64> {
        let sum = || numbers.iter().sum::<f64>();
        match self {
            Summary::Count => Some(numbers.len() as f64),
            _ if numbers.is_empty() => None,
            Summary::Sum => Some(sum()),
            Summary::Average => Some(sum() / numbers.len() as f64),
            Summary::Minimum => numbers.into_iter().reduce(f64::min),
            Summary::Maximum => numbers.into_iter().reduce(f64::max),
            Summary::Quantile(at) => {
                numbers.sort_by(f64::total_cmp);
                let place = at * (numbers.len() - 1) as f64;
                let (low, high) = (numbers[place.floor() as usize], numbers[place.ceil() as usize]);
                Some(low + (high - low) * place.fract())
            }
        }
    }
}

impl Metric {
    pub(super) fn read(compute: &JourneyCompute) -> Result<Metric, InsightError> {
        let aggregation = compute.aggregation.as_deref().unwrap_or("cardinality");
        let total = || match aggregation {
            "cardinality" => Ok(false),
            "count" => Ok(true),
            other => Err(unknown_aggregation(other, "cardinality or count")),
        };
        Ok(match compute.metric.as_deref() {
            None | Some("" | "__dd.conversion") => Metric::Conversion { total: total()? },
            Some("__dd.conversion_rate") => Metric::Rate { total: total()? },
            Some("__dd.dropoff_rate") => Metric::DropOff { total: total()? },
            Some("__dd.time_to_convert") => Metric::Time(match aggregation {
                "cardinality" => Summary::Average,
                other => Summary::read(other)?,
            }),
            Some(unknown) if unknown.starts_with("__dd.") => {
                let hint = "write __dd.conversion, __dd.conversion_rate, __dd.time_to_convert, \
                            __dd.dropoff_rate or a facet";
                return Err(invalid("/query/compute/metric", format!("`{unknown}` is not a metric"), hint));
            }
            Some(facet) => Metric::Facet {
                path: path(facet).to_string(),
                of: match aggregation {
                    "count" => FacetSummary::Count,
                    "cardinality" => FacetSummary::Cardinality,
                    other => FacetSummary::Numbers(Summary::read(other)?),
                },
            },
        })
    }

    pub(super) fn needs_passes(&self) -> bool {
        matches!(
            self,
            Metric::Conversion { total: true }
                | Metric::Rate { total: true }
                | Metric::DropOff { total: true }
        )
    }

    /// None where nothing was measured, and for a rate of nobody.
    pub(super) fn of(&self, evaluated: &Evaluated, rows: &[usize], way: Way) -> Option<f64> {
        let rate = |total: bool| {
            ratio(evaluated.reached(rows, way.end, total), evaluated.reached(rows, way.start, total))
        };
        let arrived = || rows.iter().copied().filter(|row| evaluated.depth(*row) > way.end);
        match self {
            Metric::Conversion { total } => Some(evaluated.reached(rows, way.end, *total) as f64),
            Metric::Rate { total } => rate(*total),
            Metric::DropOff { total } => rate(*total).map(|rate| 1.0 - rate),
            Metric::Time(summary) => {
                summary.of(evaluated.elapsed(rows, way).map(|time_us| time_us as f64 / 1_000.0).collect())
            }
            Metric::Facet { of: FacetSummary::Count, .. } => {
                Some(arrived().filter(|row| evaluated.extra(0).get(*row).is_some()).count() as f64)
            }
            Metric::Facet { of: FacetSummary::Cardinality, .. } => {
                let mut codes: Vec<u32> = arrived().filter_map(|row| evaluated.extra(0).codes[row]).collect();
                codes.sort_unstable();
                codes.dedup();
                Some(codes.len() as f64)
            }
            Metric::Facet { of: FacetSummary::Numbers(summary), .. } => {
                let number = |row: usize| evaluated.extra(0).get(row)?.as_number();
                summary.of(arrived().filter_map(number).collect())
            }
        }
    }
}

impl Evaluated {
    /// How many of these got to a step; with `total` how often.
    pub(super) fn reached(&self, rows: &[usize], step: usize, total: bool) -> u64 {
        let arrived = rows.iter().filter(|row| self.depth(**row) > step);
        if total { arrived.map(|row| self.attempts.passes[step][*row]).sum() } else { arrived.count() as u64 }
    }

    /// How long those took who went the whole way, in microseconds.
    pub(super) fn elapsed<'a>(&'a self, rows: &'a [usize], way: Way) -> impl Iterator<Item = i64> + 'a {
        let arrived = rows.iter().copied().filter(move |row| self.depth(*row) > way.end);
        arrived.filter_map(move |row| self.plan.elapsed_us(&self.attempts, row, way))
    }

    /// Zeros after the last step.
    pub(super) fn elapsed_to_next(&self, rows: &[usize], step: usize) -> ElapsedTime {
        if step == self.plan.last() {
            return ElapsedTime::default();
        }
        let start = if self.plan.rules.order == FunnelOrder::Any { 0 } else { step };
        Elapsed::of(self.elapsed(rows, Way { start, end: step + 1 }))
    }
}

/// None of nobody.
pub(crate) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A length of time that divides a range into some dozens.
pub(super) fn fitting_interval_ms(range_ms: i64) -> i64 {
    const STEPS: [i64; 8] =
        [60_000, 300_000, 900_000, 3_600_000, 14_400_000, 86_400_000, 604_800_000, 2_592_000_000];
    STEPS.into_iter().find(|step| range_ms / step <= 60).unwrap_or(STEPS[7])
}

/// A value as a search query reads it back.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
