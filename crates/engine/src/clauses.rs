//! Several clauses decided together for every entity of a bucket, in one pass over its entities.

use jiff::tz::TimeZone;
use roaring::RoaringBitmap;
use whodid_model::{EntityKind, Instant, TimeRange};
use whodid_query::definition::Condition;

use crate::entities::Population;
use crate::error::EngineError;
use crate::performed::{Clause, Prepared};
use crate::profile::ProfileTest;
use crate::stream::{Row, Streams};

pub(crate) struct Clauses<'a> {
    entity: EntityKind,
    tests: Vec<Test<'a>>,
}

enum Test<'a> {
    Performed(Clause<'a>),
    Profile(ProfileTest<'a>),
}

enum Ready<'a> {
    Performed(Prepared<'a>),
    Profile(&'a ProfileTest<'a>),
}

impl<'a> Clauses<'a> {
    /// Errors: [`EngineError::NotAClause`] for a condition that is neither `performed` nor `profile`.
    pub(crate) fn new(
        entity: EntityKind,
        at: Instant,
        timezone: &TimeZone,
        clauses: &'a [Condition],
        streams: &Streams<'_>,
    ) -> Result<Clauses<'a>, EngineError> {
        let seen = TimeRange { from: streams.first(), to: at };
        let test = |clause: &'a Condition| match clause {
            Condition::Performed(performed) => {
                Ok(Test::Performed(Clause::new(performed, at, timezone, seen)?))
            }
            Condition::Profile(query) => Ok(Test::Profile(ProfileTest::new(query, entity))),
            _ => Err(EngineError::NotAClause),
        };
        let tests = clauses.iter().map(test).collect::<Result<_, _>>()?;
        Ok(Clauses { entity, tests })
    }

    /// The users that hold each clause, and the rows read.
    pub(crate) fn users(&self, streams: &Streams<'_>) -> (Vec<RoaringBitmap>, usize) {
        let mut sets = Sets::new(self, streams);
        streams.for_each_user(|ordinal, id, rows| sets.decide(streams, ordinal, id, rows));
        sets.finish()
    }

    /// The accounts that hold each clause, and the rows read.
    pub(crate) fn accounts(
        &self,
        population: &Population,
        streams: &Streams<'_>,
    ) -> (Vec<RoaringBitmap>, usize) {
        let mut sets = Sets::new(self, streams);
        streams.for_each_account(population, |ordinal, id, rows| sets.decide(streams, ordinal, id, rows));
        sets.finish()
    }
}

struct Sets<'a> {
    entity: EntityKind,
    tests: Vec<(Ready<'a>, RoaringBitmap)>,
    rows: usize,
}

impl<'a> Sets<'a> {
    fn new(clauses: &'a Clauses<'_>, streams: &Streams<'a>) -> Sets<'a> {
        let ready = |test: &'a Test<'a>| match test {
            Test::Performed(clause) => Ready::Performed(clause.prepare(streams)),
            Test::Profile(test) => Ready::Profile(test),
        };
        let tests = clauses.tests.iter().map(|test| (ready(test), RoaringBitmap::new())).collect();
        Sets { entity: clauses.entity, tests, rows: 0 }
    }

    fn decide(&mut self, streams: &Streams<'_>, ordinal: u32, id: &str, rows: &[Row]) {
        self.rows += rows.len();
        for (test, set) in &mut self.tests {
            let holds = match test {
                Ready::Performed(prepared) => prepared.holds(self.entity, rows),
                Ready::Profile(test) => test.holds(streams, id, rows),
            };
            if holds {
                set.insert(ordinal);
            }
        }
    }

    fn finish(self) -> (Vec<RoaringBitmap>, usize) {
        (self.tests.into_iter().map(|(_, set)| set).collect(), self.rows)
    }
}
