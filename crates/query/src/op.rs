//! The five comparisons.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    Greater,
    GreaterOrEqual,
    Equal,
    LessOrEqual,
    Less,
}

impl Op {
    pub const ALL: [Op; 5] = [Op::Greater, Op::GreaterOrEqual, Op::Equal, Op::LessOrEqual, Op::Less];

    pub fn symbol(self) -> &'static str {
        match self {
            Op::Greater => ">",
            Op::GreaterOrEqual => ">=",
            Op::Equal => "=",
            Op::LessOrEqual => "<=",
            Op::Less => "<",
        }
    }

    pub fn parse(symbol: &str) -> Option<Op> {
        Op::ALL.into_iter().find(|op| op.symbol() == symbol)
    }

    /// Whether `observed op bound` holds. Nothing holds for a value that cannot be compared (NaN).
    pub fn holds<T: PartialOrd>(self, observed: T, bound: T) -> bool {
        match self {
            Op::Greater => observed > bound,
            Op::GreaterOrEqual => observed >= bound,
            Op::Equal => observed == bound,
            Op::LessOrEqual => observed <= bound,
            Op::Less => observed < bound,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}
