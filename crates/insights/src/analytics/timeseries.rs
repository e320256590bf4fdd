//! A number per step of time and group.

use std::collections::HashMap;

use whodid_engine::Steps;
use whodid_model::{Instant, TimeRange, limits};

use super::request::{AnalyticsRequest, Compute};
use super::{Prepared, of_nothing};
use crate::InsightError;
use crate::insights::Insights;
use crate::meta::Meta;

#[derive(Clone, Debug)]
pub struct Timeseries {
    pub meta: Meta,
    /// The facets as the request wrote them.
    pub facets: Vec<String>,
    /// Where each step begins. The first may begin before the range, and holds only what lies in it. Empty if there
    /// is no series.
    pub times: Vec<Instant>,
    pub series: Vec<Series>,
    pub interval: StepInterval,
}

/// One group's numbers, one per step: none where nothing was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub values: Vec<Option<String>>,
    pub numbers: Vec<Option<f64>>,
}

/// How steps follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepInterval {
    /// Of the calendar, and so not all of one length.
    pub calendar: bool,
    /// The length of the first step.
    pub ms: i64,
}

impl Insights {
    /// Steps without events are 0 for what counts, and none for what measures. Where nothing happened in any group at
    /// all there is no series.
    ///
    /// Errors: `Invalid` with a pointer relative to the request's attributes, also for more than
    /// [`limits::SERIES_STEPS`] steps.
    pub async fn timeseries(&self, request: &AnalyticsRequest) -> Result<Timeseries, InsightError> {
        let prepared = self.prepare(request).await?;
        let boundaries = self.boundaries(&request.query.compute, prepared.range, "/query/compute")?;
        let series = self.series(&prepared, &boundaries).await?;
        let times = match series.is_empty() {
            true => Vec::new(),
            false => boundaries[..boundaries.len() - 1].to_vec(),
        };
        let ms =
            boundaries.get(1).zip(boundaries.first()).map_or(0, |(end, begin)| end.millis() - begin.millis());
        Ok(Timeseries {
            meta: prepared.asked.answered(prepared.snapshot.watermark(), None),
            facets: request.query.group_by.iter().map(|group| group.facet.clone()).collect(),
            times,
            series,
            interval: StepInterval { calendar: request.query.compute.interval.is_none(), ms },
        })
    }

    async fn series(&self, prepared: &Prepared, boundaries: &[Instant]) -> Result<Vec<Series>, InsightError> {
        let Prepared { snapshot, scan, groups, number, .. } = prepared;
        let shown = match groups.keys.is_empty() {
            true => vec![Vec::new()],
            false => {
                let shown = self.shown_groups(snapshot, scan, groups, &[]).await?;
                shown.into_iter().map(|group| group.values).collect()
            }
        };
        let places: HashMap<&[Option<String>], usize> =
            shown.iter().enumerate().map(|(place, values)| (values.as_slice(), place)).collect();
        let steps = Steps::new(boundaries);
        let mut numbers = vec![vec![of_nothing(number); steps.count()]; shown.len()];
        let mut scan = scan.clone();
        scan.grouping.keys = groups.keys.clone();
        scan.grouping.steps = Some(steps);
        let stepped = self.inner.engine.aggregate(snapshot, scan, std::slice::from_ref(number)).await?;
        if stepped.is_empty() {
            return Ok(Vec::new());
        }
        for group in stepped {
            let place = places.get(group.values.as_slice());
            if let Some(cell) = place.and_then(|place| numbers[*place].get_mut(group.step)) {
                *cell = group.numbers.first().copied().flatten();
            }
        }
        Ok(shown.into_iter().zip(numbers).map(|(values, numbers)| Series { values, numbers }).collect())
    }

    /// Where the steps of a range begin, and where the last one ends.
    pub(crate) fn boundaries(
        &self,
        compute: &Compute,
        range: TimeRange,
        pointer: &str,
    ) -> Result<Vec<Instant>, InsightError> {
        let interval_pointer = format!("{pointer}/interval");
        match (compute.interval, &compute.rollup) {
            (Some(interval_ms), _) => fixed(interval_ms, range, &interval_pointer),
            (None, Some(rollup)) => {
                let pointer = format!("{pointer}/rollup");
                rollup.read(&self.inner.timezone, &pointer)?.boundaries(range, &pointer)
            }
            (None, None) => Err(InsightError::Invalid {
                pointer: Some(interval_pointer),
                message: "a timeseries needs an interval".to_string(),
                hint: Some(
                    "write milliseconds, such as 86400000 for a day, or a rollup of the calendar".to_string(),
                ),
            }),
        }
    }
}

/// Multiples of an interval since 1970.
fn fixed(interval_ms: i64, range: TimeRange, pointer: &str) -> Result<Vec<Instant>, InsightError> {
    let refuse = |message: String, hint: &str| InsightError::Invalid {
        pointer: Some(pointer.to_string()),
        message,
        hint: Some(hint.to_string()),
    };
    if interval_ms < 1 {
        return Err(refuse(
            format!("an interval of {interval_ms} ms has no length"),
            "write 1 or more milliseconds",
        ));
    }
    let first = range.from.millis().div_euclid(interval_ms);
    let end_ms = range.to.minus(whodid_model::Span(1)).millis();
    let count = end_ms.div_euclid(interval_ms).saturating_sub(first).saturating_add(1);
    if count > limits::SERIES_STEPS as i64 {
        return Err(refuse(
            format!("the range has {count} steps, more than {}", limits::SERIES_STEPS),
            "choose a longer interval or a shorter range",
        ));
    }
    let boundary = |step: i64| Instant::from_millis(first.saturating_add(step).saturating_mul(interval_ms));
    Ok((0..=count).map(boundary).collect())
}
