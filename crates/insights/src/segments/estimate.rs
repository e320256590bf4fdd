//! What some of the buckets say about all of them.

use serde::Serialize;
use whodid_engine::Part;
use whodid_store::BUCKETS;

use super::ClauseCount;

/// A count as far as it is known, with an interval that holds the true one 95 times in 100.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    pub count: u64,
    pub low: u64,
    pub high: u64,
    /// Which part of the entities has been looked at.
    pub fraction: f64,
    /// All known entities: exact.
    pub population: u64,
    /// Estimates, too.
    pub clauses: Vec<ClauseCount>,
}

/// Standard deviations to either side that hold 95 %.
const NORMAL_95: f64 = 1.96;
/// The same for a spread that is itself estimated from few buckets: (buckets, quantile of Student's t).
const STUDENT_95: [(usize, f64); 3] = [(8, 2.365), (16, 2.131), (32, 2.040)];

impl Estimate {
    /// `pointers` are those of the definition's leaves.
    pub(crate) fn of(part: Part, pointers: &[String]) -> Estimate {
        let (seen_members, seen) =
            part.buckets.iter().fold((0, 0), |(members, all), (m, n)| (members + m, all + n));
        let population = part.population;
        let scaled = |count: u64| match seen {
            0 => 0,
            _ => (count as f64 * population as f64 / seen as f64).round() as u64,
        };
        let count = scaled(seen_members);
        let (low, high) = interval(&part.buckets, seen_members, seen, population);
        // What has been counted stays: nobody seen leaves, and nobody seen outside comes in.
        let (least, most) = (seen_members, population - (seen - seen_members));
        let clauses = pointers.iter().zip(part.clauses).map(|(pointer, count)| ClauseCount {
            pointer: pointer.clone(),
            count: scaled(count),
            kept: None,
            steps: Vec::new(),
        });
        Estimate {
            count: count.clamp(least, most),
            low: (low.floor().max(0.0) as u64).clamp(least, most),
            high: (high.ceil().max(0.0) as u64).clamp(least, most),
            fraction: part.buckets.len() as f64 / BUCKETS as f64,
            population,
            clauses: clauses.collect(),
        }
    }
}

/// Wilson's interval for a share, narrowed as the sample becomes the whole; and where there are buckets enough to tell how
/// much they differ, no narrower than that.
fn interval(buckets: &[(u64, u64)], members: u64, seen: u64, population: u64) -> (f64, f64) {
    if seen == 0 {
        return (0.0, population as f64);
    }
    let (n, all) = (seen as f64, population as f64);
    let share = members as f64 / n;
    let unseen = 1.0 - (n / all).min(1.0);
    let z2 = NORMAL_95 * NORMAL_95 * unseen;
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = (z2 * (share * (1.0 - share) / n + z2 / (4.0 * n * n))).sqrt() / (1.0 + z2 / n);
    let (mut low, mut high) = (middle - half, middle + half);
    if let Some((_, t)) = STUDENT_95.iter().find(|(count, _)| *count == buckets.len()) {
        let k = buckets.len() as f64;
        let residual = |(m, size): &(u64, u64)| (*m as f64 - share * *size as f64).powi(2);
        let spread = buckets.iter().map(residual).sum::<f64>() / (k - 1.0);
        let deviation = (unseen * spread / k).sqrt() / (n / k);
        (low, high) = (low.min(share - t * deviation), high.max(share + t * deviation));
    }
    (low * all, high * all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator of evenly spread numbers below one.
    fn next(state: &mut u64) -> f64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as f64 / (1u64 << 31) as f64
    }

    #[test]
    fn intervals_hold_the_true_count_as_often_as_they_say() {
        for share in [0.002, 0.05, 0.5, 0.97] {
            for looked_at in [1, 4, 8, 32] {
                let (mut state, mut held) = (7, 0);
                for _ in 0..400 {
                    let buckets: Vec<(u64, u64)> = (0..BUCKETS)
                        .map(|_| ((0..300).filter(|_| next(&mut state) < share).count() as u64, 300))
                        .collect();
                    let truth: u64 = buckets.iter().map(|(members, _)| members).sum();
                    let part = Part {
                        buckets: buckets[..looked_at].to_vec(),
                        clauses: Vec::new(),
                        population: 300 * BUCKETS as u64,
                    };
                    let estimate = Estimate::of(part, &[]);
                    assert!(estimate.low <= estimate.count && estimate.count <= estimate.high);
                    held += usize::from((estimate.low..=estimate.high).contains(&truth));
                }
                assert!(held >= 370, "{held} of 400 at {share} in {looked_at} buckets");
            }
        }
    }

    #[test]
    fn nothing_seen_says_nothing() {
        let part = Part { buckets: vec![(0, 0)], clauses: vec![0], population: 12 };
        let estimate = Estimate::of(part, &["/where".to_string()]);
        assert_eq!((estimate.low, estimate.high, estimate.clauses[0].count), (0, 12, 0));
    }
}
