//! Plans in which instants matter: for each step, when it was taken and when the match started.

use super::Reach;
use crate::pattern::{Plan, Positive, Scope, Watch};
use crate::tie::Tie;

/// One pool per positive step but the last.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    pools: Vec<Pool>,
}

/// The ways to stand at one step, in order of the instant at which it was taken.
#[derive(Debug, Default)]
pub(super) struct Pool {
    ways: Vec<Way>,
    /// Ways before this one lie too far back for the next step.
    head: usize,
}

#[derive(Clone, Copy, Debug)]
struct Way {
    taken_ts: i64,
    start: i64,
}

impl Pools {
    pub(super) fn of(&mut self, plan: &Plan) -> &mut [Pool] {
        let needed = plan.positives.len() - 1;
        if self.pools.len() < needed {
            self.pools.resize_with(needed, Pool::default);
        }
        &mut self.pools[..needed]
    }
}

impl Pool {
    fn clear(&mut self) {
        self.ways.clear();
        self.head = 0;
    }

    fn forget_before(&mut self, ts: i64) {
        let old = self.ways[self.head..].iter().take_while(|way| way.taken_ts < ts);
        self.head += old.count();
    }

    /// A negative event at `ts` ends the ways that are still watched.
    fn forget_watched(&mut self, watch: &Watch, ts: i64) {
        match watch.within_us {
            None => self.clear(),
            Some(within_us) => {
                let since = ts.saturating_sub(within_us);
                let keep = self.ways.iter().rposition(|way| way.taken_ts < since).map_or(0, |last| last + 1);
                self.ways.truncate(keep.max(self.head));
            }
        }
    }

    /// Unless a negative step may end recent ways and leave older ones, a later way that started no earlier makes an
    /// older one useless; then the latest start stands in front.
    fn push(&mut self, way: Way, positive: &Positive) {
        if !is_selective(positive) {
            let better = |kept: &Way| kept.start > way.start;
            let keep = self.ways[self.head..].iter().rposition(better).map_or(0, |last| last + 1);
            self.ways.truncate(self.head + keep);
        }
        self.ways.push(way);
    }

    /// The latest start among the ways taken in `[from, before)`.
    fn best_between(&self, from: i64, before: i64, latest: Latest) -> Option<i64> {
        let ways = &self.ways[self.head..];
        let begin = ways.partition_point(|way| way.taken_ts < from);
        let mut starts = ways[begin..].iter().take_while(|way| way.taken_ts < before).map(|way| way.start);
        match latest {
            Latest::InFront => starts.next(),
            Latest::Anywhere => starts.max(),
        }
    }
}

/// Where among its ways a pool has the one that started last.
#[derive(Clone, Copy)]
enum Latest {
    InFront,
    Anywhere,
}

impl Latest {
    fn at(plan: &Plan, step: usize) -> Latest {
        let starts_matter = matches!(plan.scope, Scope::Within(_));
        if starts_matter && is_selective(&plan.positives[step]) { Latest::Anywhere } else { Latest::InFront }
    }
}

fn is_selective(positive: &Positive) -> bool {
    positive.watches.iter().any(|watch| watch.within_us.is_some())
}

/// The earliest instant from which positive step `step` can be taken at `t`: what stands at the step before since
/// longer has started too early as well.
fn reaches_back_to(plan: &Plan, step: usize, t: i64) -> i64 {
    let span_us = match plan.scope {
        Scope::Within(span_us) => span_us,
        Scope::Entity | Scope::Session => i64::MAX,
    };
    match plan.positives[step].within_us.map_or(span_us, |within_us| within_us.min(span_us)) {
        i64::MAX => i64::MIN,
        back_us => t.saturating_sub(back_us),
    }
}

impl Reach for &mut [Pool] {
    fn clear(&mut self) {
        self.iter_mut().for_each(Pool::clear);
    }

    fn take(&mut self, plan: &Plan, t: i64, mask: u16, start: Option<i64>) -> Option<i64> {
        let positives = &plan.positives;
        let mut ended = None;
        // From the last step to the first, so that each looks at what stood before this event.
        for (step, positive) in positives.iter().enumerate().rev() {
            let start = match (mask & positive.bit != 0, step) {
                (false, _) => None,
                (true, 0) => start,
                (true, _) => {
                    let pool = &mut self[step - 1];
                    pool.forget_before(reaches_back_to(plan, step, t));
                    pool.best_between(i64::MIN, i64::MAX, Latest::at(plan, step - 1))
                }
            };
            let Some(pool) = self.get_mut(step) else {
                ended = start;
                continue;
            };
            for watch in positive.watches.iter().filter(|watch| mask & watch.bit != 0) {
                pool.forget_watched(watch, t);
            }
            if let Some(start) = start {
                pool.push(Way { taken_ts: t, start }, positive);
            }
        }
        ended
    }

    fn arrival(&self, plan: &Plan, step: usize, t: i64, mask: u16, tie: &Tie) -> Option<i64> {
        let broken = plan.positives[step - 1].watches.iter().filter(|w| !tie.accounts_for(w.bit, mask));
        let watched_since =
            broken.map(|w| w.within_us.map_or(i64::MIN, |within_us| t.saturating_sub(within_us)));
        let before = watched_since.min().unwrap_or(i64::MAX);
        let from = reaches_back_to(plan, step, t);
        self[step - 1].best_between(from, before, Latest::at(plan, step - 1))
    }

    fn leave(&mut self, plan: &Plan, t: i64, tie: &Tie, starts: &[Option<i64>]) {
        for (step, (pool, start)) in self.iter_mut().zip(starts).enumerate() {
            let positive = &plan.positives[step];
            for watch in positive.watches.iter().filter(|watch| tie.count(watch.bit) != 0) {
                pool.forget_watched(watch, t);
            }
            if let Some(start) = *start {
                pool.push(Way { taken_ts: t, start }, positive);
            }
        }
    }
}
