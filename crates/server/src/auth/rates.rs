//! How many requests a minute each caller has left.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use whodid_model::limits;

use crate::problem::Problem;

const PERIOD: Duration = Duration::from_secs(60);
/// Callers whose minute is over are forgotten when there are more than this many.
const REMEMBERED: usize = 10_000;

/// One count per caller and minute. Minutes are counted by a clock that never goes back.
pub(crate) struct Rates {
    /// Of who asks or changes and has no rate of its own.
    usual: AtomicU32,
    minutes: Mutex<HashMap<String, Minute>>,
}

struct Minute {
    since: Instant,
    taken: u32,
}

/// What a caller has left of its minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) per_minute: u32,
    pub(crate) remaining: u32,
    /// Until the next minute begins.
    pub(crate) reset_s: u64,
}

impl Default for Rates {
    fn default() -> Rates {
        Rates { usual: AtomicU32::new(limits::REQUESTS_PER_MINUTE), minutes: Mutex::default() }
    }
}

impl Rates {
    pub(crate) fn set_usual(&self, per_minute: u32) {
        self.usual.store(per_minute, Ordering::Relaxed);
    }

    pub(crate) fn usual(&self) -> u32 {
        self.usual.load(Ordering::Relaxed)
    }

    /// One request of a caller; a problem (429) when its minute is used up.
    pub(crate) fn take(&self, caller: &str, per_minute: u32) -> Result<Rate, Problem> {
        self.take_at(caller, per_minute, Instant::now()).map_err(|wait_s| {
            Problem::too_many(
                format!(
                    "more than {per_minute} requests in a minute; wait {wait_s} s, or ask for a higher rate"
                ),
                wait_s,
            )
        })
    }

    /// The seconds to wait when nothing is left.
    fn take_at(&self, caller: &str, per_minute: u32, now: Instant) -> Result<Rate, u64> {
        let mut minutes = self.minutes.lock();
        if minutes.len() > REMEMBERED {
            minutes.retain(|_, minute| now.duration_since(minute.since) < PERIOD);
        }
        if !minutes.contains_key(caller) {
            minutes.insert(caller.to_string(), Minute { since: now, taken: 0 });
        }
        let Some(minute) = minutes.get_mut(caller) else { return Err(PERIOD.as_secs()) };
        if now.duration_since(minute.since) >= PERIOD {
            *minute = Minute { since: now, taken: 0 };
        }
        let left = PERIOD - now.duration_since(minute.since);
        let reset_s = left.as_millis().div_ceil(1_000) as u64;
        if minute.taken >= per_minute {
            return Err(reset_s);
        }
        minute.taken += 1;
        Ok(Rate { per_minute, remaining: per_minute - minute.taken, reset_s })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_holds_so_many_and_then_another_begins() {
        let rates = Rates::default();
        let start = Instant::now();
        let take = |caller: &str, after_ms: u64| {
            let rate = rates.take_at(caller, 2, start + Duration::from_millis(after_ms));
            rate.map(|rate| (rate.remaining, rate.reset_s))
        };
        assert_eq!(take("a", 0), Ok((1, 60)));
        assert_eq!(take("a", 500), Ok((0, 60)));
        assert_eq!(take("a", 30_000), Err(30));
        assert_eq!(take("b", 30_000), Ok((1, 60)));
        assert_eq!(take("a", 59_999), Err(1));
        assert_eq!(take("a", 60_000), Ok((1, 60)));
    }
}
