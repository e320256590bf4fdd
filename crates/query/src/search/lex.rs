//! Words: runs of characters with quotes and backslashes taken away and remembered.

use std::ops::Range;

use super::SearchError;

#[derive(Clone, Copy, Debug)]
pub(super) struct Glyph {
    pub(super) ch: char,
    /// From quotes or behind a backslash: stands for itself.
    pub(super) literal: bool,
    /// Byte offset in the query's text.
    pub(super) at: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) glyphs: Vec<Glyph>,
    /// Bytes of the query's text, quotes and backslashes included.
    pub(super) span: Range<usize>,
}

impl Word {
    /// No characters and no quotes either; `""` is a value.
    pub(super) fn is_absent(&self) -> bool {
        self.span.is_empty()
    }

    pub(super) fn is(&self, keyword: &str) -> bool {
        self.glyphs.iter().all(|glyph| !glyph.literal) && self.glyphs.iter().map(|g| g.ch).eq(keyword.chars())
    }

    /// One `*` or more, and nothing else.
    pub(super) fn is_star(&self) -> bool {
        !self.glyphs.is_empty() && self.glyphs.iter().all(|glyph| glyph.ch == '*' && !glyph.literal)
    }

    /// The first character, unless quoted or escaped.
    pub(super) fn lead(&self) -> Option<char> {
        self.glyphs.first().filter(|glyph| !glyph.literal).map(|glyph| glyph.ch)
    }

    pub(super) fn text(&self) -> String {
        self.glyphs.iter().map(|glyph| glyph.ch).collect()
    }
}

/// A place in the query's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        self.rest().starts_with(text)
    }

    fn bump(&mut self) -> Option<char> {
        let ch = self.peek()?;
        self.at += ch.len_utf8();
        Some(ch)
    }

    pub(super) fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    pub(super) fn eat(&mut self, expected: char) -> bool {
        let eaten = self.peek() == Some(expected);
        if eaten {
            self.bump();
        }
        eaten
    }

    /// Skips blanks and takes a keyword that stands by itself; takes nothing else.
    pub(super) fn eat_keyword(&mut self, keyword: &str) -> bool {
        let mut ahead = *self;
        ahead.skip_blanks();
        if !ahead.starts_with(keyword) {
            return false;
        }
        ahead.at += keyword.len();
        let alone = ahead.peek().is_none_or(|ch| ch.is_whitespace() || ch == '(' || ch == ')');
        if alone {
            *self = ahead;
        }
        alone
    }

    /// From here to the next character, for errors.
    pub(super) fn here(&self) -> Range<usize> {
        self.at..self.at + self.peek().map_or(0, char::len_utf8)
    }

    /// A word, possibly empty: up to a blank, or to a character for which `ends` holds, outside quotes and not escaped.
    pub(super) fn word(&mut self, ends: impl Fn(char) -> bool) -> Result<Word, SearchError> {
        let start = self.at;
        let mut glyphs = Vec::new();
        while let Some(ch) = self.peek() {
            let at = self.at;
            match ch {
                '"' => self.quoted(&mut glyphs)?,
                '\\' => {
                    self.bump();
                    let ch = self.bump().ok_or_else(|| escape_at_end(at))?;
                    glyphs.push(Glyph { ch, literal: true, at });
                }
                ch if ch.is_whitespace() || ends(ch) => break,
                ch => {
                    self.bump();
                    glyphs.push(Glyph { ch, literal: false, at });
                }
            }
        }
        Ok(Word { glyphs, span: start..self.at })
    }

    fn quoted(&mut self, glyphs: &mut Vec<Glyph>) -> Result<(), SearchError> {
        let start = self.at;
        self.bump();
        loop {
            let at = self.at;
            let ch = match self.bump() {
                Some('"') => return Ok(()),
                Some('\\') => self.bump().ok_or_else(|| escape_at_end(at))?,
                Some(ch) => ch,
                None => {
                    return Err(SearchError::new(
                        start..self.at,
                        "the quote is never closed",
                        "close it with \" or write \\\" for the character itself",
                    ));
                }
            };
            glyphs.push(Glyph { ch, literal: true, at });
        }
    }
}

fn escape_at_end(at: usize) -> SearchError {
    SearchError::new(at..at + 1, "nothing follows the backslash", "write \\\\ for the character itself")
}
