//! Several clauses decided for every entity of some streams.

use jiff::tz::TimeZone;
use roaring::RoaringBitmap;
use whodid_model::{EntityKind, Instant, TimeRange};
use whodid_query::definition::Condition;

use crate::entities::Population;
use crate::error::EngineError;
use crate::performed::{Clause, Prepared, Scratch};
use crate::profile::ProfileTest;
use crate::stream::Streams;

pub(crate) struct Clauses<'a> {
    tests: Vec<Test<'a>>,
}

enum Test<'a> {
    Performed(Box<Clause<'a>>),
    Profile(ProfileTest<'a>),
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
                Ok(Test::Performed(Box::new(Clause::new(performed, at, timezone, seen)?)))
            }
            Condition::Profile(query) => Ok(Test::Profile(ProfileTest::new(query, entity))),
            _ => Err(EngineError::NotAClause),
        };
        let tests = clauses.iter().map(test).collect::<Result<_, _>>()?;
        Ok(Clauses { tests })
    }

    /// The users that hold each clause.
    pub(crate) fn users(&self, streams: &Streams<'_>) -> Vec<RoaringBitmap> {
        let members = |test: &Test<'_>| match test {
            Test::Performed(clause) => clause.prepare(streams).users(streams),
            Test::Profile(test) => {
                let mut members = RoaringBitmap::new();
                streams.for_each_user(|ordinal, id, rows| {
                    if test.holds(streams, id, rows) {
                        members.insert(ordinal);
                    }
                });
                members
            }
        };
        self.tests.iter().map(members).collect()
    }

    /// The accounts that hold each clause. An account's rows are gathered once for all clauses.
    pub(crate) fn accounts(&self, population: &Population, streams: &Streams<'_>) -> Vec<RoaringBitmap> {
        let prepared: Vec<Option<Prepared<'_>>> = self
            .tests
            .iter()
            .map(|test| match test {
                Test::Performed(clause) => Some(clause.prepare(streams)),
                Test::Profile(_) => None,
            })
            .collect();
        let mut scratch = Scratch::default();
        let mut members = vec![RoaringBitmap::new(); self.tests.len()];
        streams.for_each_account(population, |ordinal, id, rows| {
            for ((test, prepared), members) in self.tests.iter().zip(&prepared).zip(&mut members) {
                let holds = match (test, prepared) {
                    (Test::Profile(test), _) => test.holds(streams, id, rows),
                    (_, Some(prepared)) => prepared.holds(EntityKind::Account, rows, &mut scratch),
                    (_, None) => false,
                };
                if holds {
                    members.insert(ordinal);
                }
            }
        });
        members
    }
}
