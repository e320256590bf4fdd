//! A made-up online shop, so that there is something to ask about. Its visitors come and go over some weeks that end
//! now: they land on a product or the front page, browse departments, fill carts, abandon them or pay, sign up, start
//! trials and turn premium. Everything is a pure function of the seed, the number of visitors, the days and the end,
//! and comes out as what a browser would have sent, so that it is taken in like any other traffic.

pub(crate) mod fill;
mod people;
mod random;
mod rum;
mod segments;
mod visit;

use whodid_model::{Instant, Span};

use people::Visitor;
use random::Random;

use segments::ready_made;

/// The shop to make up.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) seed: u64,
    /// How many people ever visit; one more person changes nothing about the others.
    pub(crate) visitors: u32,
    pub(crate) days: u32,
    /// Nothing happens at or after this instant.
    pub(crate) end: Instant,
}

/// One visit as it would arrive.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Visit {
    pub(crate) user_agent: &'static str,
    /// RUM events, one JSON object a line, in the order they were sent.
    pub(crate) rum: String,
    /// What the shop's own server reported meanwhile, with the instant of each.
    pub(crate) server_events: Vec<(Instant, String)>,
}

impl Shop {
    pub(crate) const DEFAULT_SEED: u64 = 7;
    pub(crate) const DEFAULT_VISITORS: u32 = 20_000;
    pub(crate) const DEFAULT_DAYS: u32 = 28;

    /// All visits: person after person, each person's in time order.
    pub(crate) fn visits(&self) -> impl Iterator<Item = Visit> + Send + use<> {
        let shop = self.clone();
        (0..shop.visitors).flat_map(move |index| shop.visits_of(index))
    }

    fn visits_of(&self, index: u32) -> Vec<Visit> {
        let mut random = Random::new(self.seed, index);
        let mut visitor = Visitor::make_up(index, &mut random);
        let mut starts: Vec<Instant> =
            (0..visitor.visits).map(|_| self.start_of_visit(&visitor, &mut random)).collect();
        starts.sort();
        starts.into_iter().map(|start| visit::walk(&mut visitor, start, self.end, &mut random)).collect()
    }

    /// More visits towards the end (the shop grows), on weekends, and in the evening where the visitor lives.
    fn start_of_visit(&self, visitor: &Visitor, random: &mut Random) -> Instant {
        const MINUTE: Span = Span::from_seconds(60);
        let minutes = u64::from(self.days.max(1)) * 24 * 60;
        loop {
            let minute = random.below(minutes);
            let start = self.end.minus(Span(MINUTE.0 * (minutes - minute) as i64));
            let local_hours =
                start.millis().div_euclid(3_600_000) + i64::from(visitor.place.utc_offset_hours);
            let hour = local_hours.rem_euclid(24) as f64;
            // 1970-01-01 was a Thursday.
            let weekend = matches!((local_hours.div_euclid(24) + 3).rem_euclid(7), 5 | 6);
            let growth = 0.7 + 0.3 * minute as f64 / minutes as f64;
            let evening = 0.55 - 0.45 * ((hour - 8.0) * std::f64::consts::PI / 12.0).cos();
            let evening = if hour < 6.0 { 0.08 } else { evening };
            if random.chance(growth * evening * if weekend { 1.0 } else { 0.75 }) {
                return start;
            }
        }
    }
}

#[cfg(test)]
mod tests;
