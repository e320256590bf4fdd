//! Arithmetic over named numbers.
//!
//! ```text
//! sum     = product { ( "+" | "-" ) product }
//! product = factor { ( "*" | "/" ) factor }
//! factor  = "-" factor | number | name | "(" sum ")"
//! ```
//!
//! A name begins with a letter or `_` and goes on with those, digits and dots. Blanks may stand anywhere between.

use whodid_model::limits;

#[derive(Clone, Debug, PartialEq)]
pub enum Formula {
    Number(f64),
    Name(String),
    Negative(Box<Formula>),
    Binary(Box<Formula>, Operator, Box<Formula>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Plus,
    Minus,
    Times,
    Over,
}

/// `position` is in characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at position {position} of the formula")]
pub struct FormulaError {
    pub position: usize,
    pub message: String,
}

/// Reads a formula.
pub fn parse(text: &str) -> Result<Formula, FormulaError> {
    let mut reader = Reader { chars: text.chars().collect(), next: 0, depth: 0 };
    if reader.chars.len() > limits::QUERY_BYTES {
        return Err(reader.error(format!("the formula has more than {} characters", limits::QUERY_BYTES)));
    }
    let formula = reader.sum()?;
    match reader.peek() {
        None => Ok(formula),
        Some(other) => Err(reader.error(format!("`{other}` is one too many"))),
    }
}

impl Formula {
    /// Every name, sorted, each once.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.collect(&mut names);
        names.sort_unstable();
        names.dedup();
        names
    }

    fn collect<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Formula::Number(_) => {}
            Formula::Name(name) => names.push(name),
            Formula::Negative(inner) => inner.collect(names),
            Formula::Binary(left, _, right) => {
                left.collect(names);
                right.collect(names);
            }
        }
    }

    /// The value, once each name has one. None where a number is missing, and where a division by 0 leaves none.
    pub fn value(&self, of: &dyn Fn(&str) -> Option<f64>) -> Option<f64> {
        let value = match self {
            Formula::Number(number) => *number,
            Formula::Name(name) => of(name)?,
            Formula::Negative(inner) => -inner.value(of)?,
            Formula::Binary(left, operator, right) => {
                let (left, right) = (left.value(of)?, right.value(of)?);
                match operator {
                    Operator::Plus => left + right,
                    Operator::Minus => left - right,
                    Operator::Times => left * right,
                    Operator::Over => left / right,
                }
            }
        };
        value.is_finite().then_some(value)
    }
}

struct Reader {
    chars: Vec<char>,
    next: usize,
    depth: usize,
}

impl Reader {
    fn error(&self, message: impl Into<String>) -> FormulaError {
        FormulaError { position: self.next + 1, message: message.into() }
    }

    /// The next character that is not blank.
    fn peek(&mut self) -> Option<char> {
        while self.chars.get(self.next).is_some_and(|c| c.is_whitespace()) {
            self.next += 1;
        }
        self.chars.get(self.next).copied()
    }

    fn sum(&mut self) -> Result<Formula, FormulaError> {
        let mut formula = self.product()?;
        while let Some(operator) = self.operator([('+', Operator::Plus), ('-', Operator::Minus)]) {
            formula = Formula::Binary(Box::new(formula), operator, Box::new(self.product()?));
        }
        Ok(formula)
    }

    fn product(&mut self) -> Result<Formula, FormulaError> {
        let mut formula = self.factor()?;
        while let Some(operator) = self.operator([('*', Operator::Times), ('/', Operator::Over)]) {
            formula = Formula::Binary(Box::new(formula), operator, Box::new(self.factor()?));
        }
        Ok(formula)
    }

    fn operator(&mut self, known: [(char, Operator); 2]) -> Option<Operator> {
        let next = self.peek()?;
        let operator = known.into_iter().find(|(symbol, _)| *symbol == next)?.1;
        self.next += 1;
        Some(operator)
    }

    fn factor(&mut self) -> Result<Formula, FormulaError> {
        self.depth += 1;
        if self.depth > limits::NESTING_DEPTH {
            return Err(self.error(format!("the formula is nested deeper than {}", limits::NESTING_DEPTH)));
        }
        let factor = self.bare_factor();
        self.depth -= 1;
        factor
    }

    fn bare_factor(&mut self) -> Result<Formula, FormulaError> {
        match self.peek() {
            Some('-') => {
                self.next += 1;
                Ok(Formula::Negative(Box::new(self.factor()?)))
            }
            Some('(') => {
                self.next += 1;
                let inner = self.sum()?;
                match self.peek() {
                    Some(')') => {
                        self.next += 1;
                        Ok(inner)
                    }
                    _ => Err(self.error("a parenthesis is not closed")),
                }
            }
            Some(c) if c.is_ascii_digit() || c == '.' => {
                let text = self.run(|c| c.is_ascii_digit() || c == '.');
                text.parse().map(Formula::Number).map_err(|_| self.error(format!("`{text}` is not a number")))
            }
            Some(c) if c.is_alphabetic() || c == '_' => {
                let name = self.run(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
                match self.peek() {
                    Some('(') => Err(self.error(format!(
                        "`{name}` is used like a function; there are only + - * / and parentheses"
                    ))),
                    _ => Ok(Formula::Name(name)),
                }
            }
            Some(other) => Err(self.error(format!("a name or a number is missing before `{other}`"))),
            None => Err(self.error("a name or a number is missing")),
        }
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let from = self.next;
        while self.chars.get(self.next).is_some_and(|c| belongs(*c)) {
            self.next += 1;
        }
        self.chars[from..self.next].iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_computed() {
        let of = |name: &str| match name {
            "a" => Some(6.0),
            "b" => Some(2.0),
            "zero" => Some(0.0),
            _ => None,
        };
        let check = |text: &str, expected: Option<f64>| {
            assert_eq!(parse(text).unwrap().value(&of), expected, "{text}");
        };
        check("a", Some(6.0));
        check("a + b * 2", Some(10.0));
        check("(a + b) * 2", Some(16.0));
        check("a - b - 1", Some(3.0));
        check("a / b / 3", Some(1.0));
        check("-a*-b", Some(12.0));
        check("100*a/(a+b)", Some(75.0));
        check("a / zero", None);
        check("a + missing", None);
        assert_eq!(parse("b*(a+b)").unwrap().names(), ["a", "b"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let check = |text: &str, position: usize, word: &str| {
            let error = parse(text).unwrap_err();
            assert_eq!(error.position, position, "{error}");
            assert!(error.message.contains(word), "{error}");
        };
        check("", 1, "missing");
        check("a +", 4, "missing");
        check("(a", 3, "not closed");
        check("a b", 3, "too many");
        check("1.2.3", 6, "not a number");
        check("abs(a)", 4, "function");
        check(&"(".repeat(1000), 65, "nested");
    }
}
