//! The grammar at the top of the parent module, by recursive descent.

use std::ops::Range;

use whodid_model::limits;

use super::lex::{Cursor, Word};
use super::resolve::{self, Bound};
use super::{Expr, Facet, SearchError, Term, Test};
use crate::op::Op;

const EXAMPLE: &str = "write a term such as @view.name:/cart";

pub(super) fn expression(text: &str) -> Result<Expr, SearchError> {
    if text.len() > limits::QUERY_BYTES {
        return Err(SearchError::too_large(
            0..text.len(),
            format!("the query is longer than {} bytes", limits::QUERY_BYTES),
            "split it, or upload a long list of ids as a static segment",
        ));
    }
    let mut parser = Parser { cursor: Cursor::new(text), depth: 0, terms: 0 };
    parser.cursor.skip_blanks();
    if parser.cursor.peek().is_none() {
        return Ok(Expr::Everything);
    }
    let expr = parser.any(None)?;
    parser.cursor.skip_blanks();
    match parser.cursor.peek() {
        None => Ok(expr),
        Some(_) => Err(SearchError::new(
            parser.cursor.here(),
            "this parenthesis closes nothing",
            "remove it, or write \\) for the character itself",
        )),
    }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    depth: usize,
    terms: usize,
}

/// The facet whose value list is being read, or `None` among terms.
type Within<'f> = Option<&'f Facet>;

impl Parser<'_> {
    fn any(&mut self, within: Within) -> Result<Expr, SearchError> {
        let mut parts = vec![self.all(within)?];
        while self.cursor.eat_keyword("OR") {
            parts.push(self.all(within)?);
        }
        Ok(Expr::or(parts))
    }

    fn all(&mut self, within: Within) -> Result<Expr, SearchError> {
        let mut parts = vec![self.unary(within)?];
        while self.cursor.eat_keyword("AND") || self.at_operand() {
            parts.push(self.unary(within)?);
        }
        Ok(Expr::and(parts))
    }

    /// Whether another operand follows without a keyword.
    fn at_operand(&mut self) -> bool {
        self.cursor.skip_blanks();
        let mut ahead = self.cursor;
        !matches!(ahead.peek(), None | Some(')')) && !ahead.eat_keyword("OR")
    }

    fn unary(&mut self, within: Within) -> Result<Expr, SearchError> {
        self.cursor.skip_blanks();
        let start = self.cursor.at();
        if !(self.cursor.eat_keyword("NOT") || self.cursor.eat('-')) {
            return self.primary(within);
        }
        if start + 1 == self.cursor.at() && self.cursor.peek().is_none_or(char::is_whitespace) {
            return Err(SearchError::new(
                start..start + 1,
                "nothing follows the minus",
                "write -term without a blank, or \\- for the character itself",
            ));
        }
        self.deeper(start)?;
        let inner = self.unary(within)?;
        self.depth -= 1;
        Ok(Expr::Not(Box::new(inner)))
    }

    fn deeper(&mut self, start: usize) -> Result<(), SearchError> {
        self.depth += 1;
        if self.depth <= limits::NESTING_DEPTH {
            return Ok(());
        }
        Err(SearchError::too_large(
            start..start + 1,
            format!("groups and negations are nested deeper than {}", limits::NESTING_DEPTH),
            "write the query with fewer parentheses",
        ))
    }

    fn primary(&mut self, within: Within) -> Result<Expr, SearchError> {
        self.refuse_what_is_no_operand()?;
        if self.cursor.peek() == Some('(') {
            return self.group(within);
        }
        match within {
            Some(facet) => {
                let start = self.cursor.at();
                self.test(facet, start)
            }
            None => self.term(),
        }
    }

    fn refuse_what_is_no_operand(&self) -> Result<(), SearchError> {
        let mut ahead = self.cursor;
        let start = ahead.at();
        let keyword = ["AND", "OR"].into_iter().find(|keyword| ahead.eat_keyword(keyword));
        let (span, message, hint) = match (keyword, self.cursor.peek()) {
            (Some(keyword), _) => {
                let message = format!("{keyword} has nothing before it");
                (start..ahead.at(), message, format!("remove it, or write \"{keyword}\" for the word itself"))
            }
            (None, None) => (start..start, "the query ends too early".to_string(), EXAMPLE.to_string()),
            (None, Some(')')) => (
                self.cursor.here(),
                "a term is missing before this parenthesis".to_string(),
                format!("{EXAMPLE}, or \\) for the character itself"),
            ),
            _ => return Ok(()),
        };
        Err(SearchError::new(span, message, hint))
    }

    fn group(&mut self, within: Within) -> Result<Expr, SearchError> {
        let start = self.cursor.at();
        self.deeper(start)?;
        self.cursor.eat('(');
        let inner = self.any(within)?;
        self.close_parenthesis(start)?;
        self.depth -= 1;
        Ok(inner)
    }

    fn close_parenthesis(&mut self, start: usize) -> Result<(), SearchError> {
        self.cursor.skip_blanks();
        if self.cursor.eat(')') {
            return Ok(());
        }
        Err(SearchError::new(
            start..start + 1,
            "this parenthesis is never closed",
            "close it with ) or write \\( for the character itself",
        ))
    }

    fn term(&mut self) -> Result<Expr, SearchError> {
        let start = self.cursor.at();
        let head = self.cursor.word(|ch| matches!(ch, '(' | ')' | ':'))?;
        if self.cursor.eat(':') {
            let facet = resolve::facet(&head)?;
            return self.test(&facet, start);
        }
        if self.cursor.peek() == Some('(') {
            if head.is("CIDR") {
                return self.cidr(start);
            }
            return Err(parenthesis_in_word(self.cursor.here()));
        }
        if let Some(list) = self.in_list(&head)? {
            return Ok(list);
        }
        if head.is_star() {
            return Ok(Expr::Everything);
        }
        refuse_as_free_text(&head)?;
        let pattern = resolve::pattern(&head)?.anywhere();
        self.finish(&Facet::AnyText, Test::Contains(pattern), start)
    }

    /// What follows `facet:`, or one entry of its value list.
    fn test(&mut self, facet: &Facet, start: usize) -> Result<Expr, SearchError> {
        match self.cursor.peek() {
            Some('(') => self.group(Some(facet)),
            Some('[') => self.range(facet, start),
            Some('>' | '<') => self.comparison(facet, start),
            Some(lead @ ('=' | '{')) => Err(SearchError::new(
                self.cursor.here(),
                format!("a value cannot begin with a bare {lead}"),
                match lead {
                    '=' => "write @facet:value for equality, or \\= for the character itself",
                    _ => "ranges are inclusive and written [3 TO 10]; write \\{ for the character itself",
                },
            )),
            _ => self.value(facet, start),
        }
    }

    fn value(&mut self, facet: &Facet, start: usize) -> Result<Expr, SearchError> {
        let word = self.cursor.word(|ch| matches!(ch, '(' | ')'))?;
        if word.is_absent() {
            return Err(SearchError::new(
                start..self.cursor.at(),
                "no value follows the colon",
                "write the value right after it, \"\" for an empty text, or * for any value",
            ));
        }
        if self.cursor.peek() == Some('(') {
            return Err(parenthesis_in_word(self.cursor.here()));
        }
        if let Some(comma) = word.glyphs.last().filter(|last| last.ch == ',' && !last.literal) {
            return Err(SearchError::new(
                comma.at..comma.at + 1,
                "a value cannot end with a bare comma",
                "write a list as @facet:(x OR y) or @facet IN (x, y); write \\, for the character itself",
            ));
        }
        let test = match facet {
            Facet::AnyText if word.is_star() => return Ok(Expr::Everything),
            Facet::AnyText => Test::Contains(resolve::pattern(&word)?.anywhere()),
            Facet::Path(_) if word.is_star() => Test::Exists,
            Facet::Path(_) => Test::Text(resolve::pattern(&word)?),
        };
        self.finish(facet, test, start)
    }

    fn comparison(&mut self, facet: &Facet, start: usize) -> Result<Expr, SearchError> {
        let greater = self.cursor.eat('>') || !self.cursor.eat('<');
        let op = match (greater, self.cursor.eat('=')) {
            (true, true) => Op::GreaterOrEqual,
            (true, false) => Op::Greater,
            (false, true) => Op::LessOrEqual,
            (false, false) => Op::Less,
        };
        self.refuse_free_text(facet, start)?;
        self.cursor.skip_blanks();
        let word = self.cursor.word(|ch| matches!(ch, '(' | ')'))?;
        let test = match resolve::bound(&word)? {
            Bound::Number(number) => Test::Compare { op, number },
            Bound::Instant(instant) => Test::When { op, instant },
        };
        self.finish(facet, test, start)
    }

    fn range(&mut self, facet: &Facet, start: usize) -> Result<Expr, SearchError> {
        let open = self.cursor.at();
        self.refuse_free_text(facet, start)?;
        self.cursor.eat('[');
        let from = self.range_end()?;
        let to = if self.cursor.eat_keyword("TO") { Some(self.range_end()?) } else { None };
        self.cursor.skip_blanks();
        let to = to.filter(|_| self.cursor.eat(']'));
        let refuse = |message: &str, hint: &str| Err(SearchError::new(open..self.cursor.at(), message, hint));
        let Some(to) = to else {
            return refuse("this range is not complete", "write [3 TO 10], or [3 TO *] for an open end");
        };
        let backwards = match (from, to) {
            (Some(Bound::Number(from)), Some(Bound::Number(to))) => from > to,
            (Some(Bound::Instant(from)), Some(Bound::Instant(to))) => from > to,
            (Some(_), Some(_)) => {
                return refuse(
                    "one bound of this range is a number and the other an instant",
                    "write both alike",
                );
            }
            _ => false,
        };
        if backwards {
            return refuse("this range ends before it begins", "write the smaller bound first");
        }
        self.range_test(facet, start, from, to)
    }

    /// A range in time is two tests, as there is one for each end.
    fn range_test(
        &mut self,
        facet: &Facet,
        start: usize,
        from: Option<Bound>,
        to: Option<Bound>,
    ) -> Result<Expr, SearchError> {
        let mut ends = Vec::new();
        for (op, bound) in [(Op::GreaterOrEqual, from), (Op::LessOrEqual, to)] {
            if let Some(Bound::Instant(instant)) = bound {
                ends.push(self.finish(facet, Test::When { op, instant }, start)?);
            }
        }
        if !ends.is_empty() {
            return Ok(Expr::and(ends));
        }
        let number = |bound: Option<Bound>, open: f64| match bound {
            Some(Bound::Number(number)) => number,
            _ => open,
        };
        let test = Test::Range { from: number(from, f64::NEG_INFINITY), to: number(to, f64::INFINITY) };
        self.finish(facet, test, start)
    }

    /// One bound of a range; `None` for `*`.
    fn range_end(&mut self) -> Result<Option<Bound>, SearchError> {
        self.cursor.skip_blanks();
        let word = self.cursor.word(|ch| ch == ']')?;
        if word.is_star() { Ok(None) } else { resolve::bound(&word).map(Some) }
    }

    fn refuse_free_text(&self, facet: &Facet, start: usize) -> Result<(), SearchError> {
        match facet {
            Facet::Path(_) => Ok(()),
            Facet::AnyText => Err(SearchError::new(
                start..self.cursor.at(),
                "a comparison needs a facet",
                "write one before the colon, such as @view.time_spent:>1s",
            )),
        }
    }

    /// `IN (x, y)` or `NOT IN (x, y)` after a facet; takes nothing when something else follows.
    fn in_list(&mut self, head: &Word) -> Result<Option<Expr>, SearchError> {
        let mut ahead = self.cursor;
        let negated = ahead.eat_keyword("NOT");
        if !ahead.eat_keyword("IN") {
            return Ok(None);
        }
        ahead.skip_blanks();
        let open = ahead.at();
        if !ahead.eat('(') {
            return Ok(None);
        }
        self.cursor = ahead;
        let facet = resolve::facet(head)?;
        let mut parts = Vec::new();
        for word in self.comma_separated(open, "values, such as IN (x, y)")? {
            let test = match facet {
                Facet::Path(_) => Test::Text(resolve::pattern(&word)?),
                Facet::AnyText => Test::Contains(resolve::pattern(&word)?.anywhere()),
            };
            parts.push(self.finish(&facet, test, word.span.start)?);
        }
        let list = Expr::or(parts);
        Ok(Some(if negated { Expr::Not(Box::new(list)) } else { list }))
    }

    fn cidr(&mut self, start: usize) -> Result<Expr, SearchError> {
        let open = self.cursor.at();
        self.cursor.eat('(');
        let words = self.comma_separated(open, "a facet and networks, such as CIDR(@ip, 10.0.0.0/8)")?;
        let incomplete = || {
            SearchError::new(
                start..self.cursor.at(),
                "this test names no network",
                "write a facet and networks, such as CIDR(@ip, 10.0.0.0/8)",
            )
        };
        let (head, words) = words.split_first().ok_or_else(incomplete)?;
        if words.is_empty() {
            return Err(incomplete());
        }
        let facet = resolve::facet(head)?;
        self.refuse_free_text(&facet, start)?;
        let networks = words.iter().map(resolve::network).collect::<Result<_, _>>()?;
        self.finish(&facet, Test::Cidr(networks), start)
    }

    /// At least one word, up to and with the closing parenthesis.
    fn comma_separated(&mut self, open: usize, content: &str) -> Result<Vec<Word>, SearchError> {
        let mut words = Vec::new();
        loop {
            self.cursor.skip_blanks();
            let word = self.cursor.word(|ch| matches!(ch, ',' | '(' | ')'))?;
            if word.is_absent() {
                return Err(SearchError::new(
                    self.cursor.here(),
                    "an entry of this list is missing",
                    format!("write {content}"),
                ));
            }
            words.push(word);
            self.cursor.skip_blanks();
            if self.cursor.eat(',') {
                continue;
            }
            if matches!(self.cursor.peek(), None | Some(')')) {
                self.close_parenthesis(open)?;
                return Ok(words);
            }
            return Err(SearchError::new(
                self.cursor.here(),
                "a comma is missing in this list",
                format!("write {content}; put a value with blanks or parentheses in quotes"),
            ));
        }
    }

    fn finish(&mut self, facet: &Facet, test: Test, start: usize) -> Result<Expr, SearchError> {
        let span: Range<usize> = start..self.cursor.at();
        self.terms += 1;
        if self.terms > limits::QUERY_TERMS {
            return Err(SearchError::too_large(
                span,
                format!("the query has more than {} terms", limits::QUERY_TERMS),
                "upload a long list of ids as a static segment",
            ));
        }
        Ok(Expr::Term(Term { facet: facet.clone(), test, span }))
    }
}

fn parenthesis_in_word(span: Range<usize>) -> SearchError {
    SearchError::new(
        span,
        "a parenthesis inside a value is ambiguous",
        "write \\( and \\) for the characters themselves, put the value in quotes, or set a group apart with a blank",
    )
}

fn refuse_as_free_text(word: &Word) -> Result<(), SearchError> {
    let text = word.text();
    let hint = match word.lead() {
        Some('@') => format!("write {text}:value, or {text}:* for any value"),
        Some('>' | '<') => "write a facet before it, such as @view.time_spent:>1s".to_string(),
        Some('=') => "write @facet:value for equality".to_string(),
        Some('!') => "write -term or NOT term for negation".to_string(),
        Some('[' | '{') => "write a facet before it, such as @view.time_spent:[1s TO 3s]".to_string(),
        Some('&') if text.starts_with("&&") => "write AND, or just a blank".to_string(),
        Some('|') if text.starts_with("||") => "write OR".to_string(),
        _ => return Ok(()),
    };
    Err(SearchError::new(word.span.clone(), format!("`{text}` is not a term"), hint))
}
