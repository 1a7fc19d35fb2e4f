//! What is wrong with a text that is not JSON, in the words of Go's scanner.
//!
//! Only texts that the fast reader has refused come here, so this one is written for its messages.

use super::{Error, MAX_DEPTH, quote};

/// What may stand next, between two tokens.
#[derive(Clone, Copy)]
enum Next {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    Separator,
    End,
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// The closing brackets that are still to come.
    open: Vec<u8>,
    /// The first number that is too large; it matters only if there is nothing else.
    too_large: Option<Error>,
}

/// Walks the text once and says what a Go server says of the first mistake.
///
/// # Errors
/// Where the text is not one JSON value, is nested too deeply or has a number that no `f64` holds.
pub(super) fn check(text: &[u8]) -> Result<(), Error> {
    let mut scanner = Scanner { text, at: 0, open: Vec::new(), too_large: None };
    let mut next = Next::Value;
    loop {
        scanner.skip_space();
        let Some(c) = scanner.peek() else {
            return match next {
                Next::End => scanner.too_large.map_or(Ok(()), Err),
                _ => Err(scanner.ended()),
            };
        };
        next = scanner.token(next, c)?;
    }
}

impl Scanner<'_> {
    fn token(&mut self, next: Next, c: u8) -> Result<Next, Error> {
        match (next, c) {
            (Next::ValueOrEnd, b']') | (Next::KeyOrEnd, b'}') => Ok(self.close()),
            (Next::Value | Next::ValueOrEnd, _) => self.value(c),
            (Next::Key | Next::KeyOrEnd, b'"') => self.string().map(|()| Next::Colon),
            (Next::Key | Next::KeyOrEnd, _) => {
                Err(self.unexpected("looking for beginning of object key string"))
            }
            (Next::Colon, b':') => Ok(self.skip_to(Next::Value)),
            (Next::Colon, _) => Err(self.unexpected("after object key")),
            (Next::Separator, b',') if self.open.last() == Some(&b'}') => {
                Ok(self.skip_to(Next::Key))
            }
            (Next::Separator, b',') => Ok(self.skip_to(Next::Value)),
            (Next::Separator, c) if self.open.last() == Some(&c) => Ok(self.close()),
            (Next::Separator, _) if self.open.last() == Some(&b'}') => {
                Err(self.unexpected("after object key:value pair"))
            }
            (Next::Separator, _) => Err(self.unexpected("after array element")),
            (Next::End, _) => Err(self.unexpected("after top-level value")),
        }
    }

    fn value(&mut self, c: u8) -> Result<Next, Error> {
        match c {
            b'{' => return self.open(b'}', Next::KeyOrEnd),
            b'[' => return self.open(b']', Next::ValueOrEnd),
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => return Err(self.unexpected("looking for beginning of value")),
        }
        Ok(self.after_value())
    }

    fn open(&mut self, closing: u8, next: Next) -> Result<Next, Error> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.unexpected("exceeded max depth"));
        }
        self.open.push(closing);
        Ok(self.skip_to(next))
    }

    fn close(&mut self) -> Next {
        self.open.pop();
        self.at += 1;
        self.after_value()
    }

    fn after_value(&self) -> Next {
        if self.open.is_empty() { Next::End } else { Next::Separator }
    }

    fn string(&mut self) -> Result<(), Error> {
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(self.ended()),
                Some(b'"') => break self.at += 1,
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return Err(self.unexpected("in string literal")),
                Some(_) => self.at += 1,
            }
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Error> {
        self.at += 1;
        match self.peek() {
            Some(b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    self.one(u8::is_ascii_hexdigit, "in \\u hexadecimal character escape")?;
                }
            }
            _ => return Err(self.unexpected("in string escape code")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Error> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let literal = String::from_utf8_lossy(&self.text[start..self.at]);
        if !literal.parse().is_ok_and(f64::is_finite) {
            let why =
                format!("json: cannot unmarshal number {literal} into Go value of type float64");
            self.too_large.get_or_insert(Error::new(why, self.at));
        }
        Ok(())
    }

    fn digits(&mut self, context: &str) -> Result<(), Error> {
        self.one(u8::is_ascii_digit, context)?;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Error> {
        for expected in word.bytes() {
            let context = format!("in literal {word} (expecting '{}')", char::from(expected));
            self.one(|c| *c == expected, &context)?;
        }
        Ok(())
    }

    fn one(&mut self, wanted: impl Fn(&u8) -> bool, context: &str) -> Result<(), Error> {
        if !self.peek().is_some_and(|c| wanted(&c)) {
            return Err(self.unexpected(context));
        }
        self.at += 1;
        Ok(())
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn skip_to(&mut self, next: Next) -> Next {
        self.at += 1;
        next
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn ended(&self) -> Error {
        Error::new("unexpected end of JSON input", self.text.len())
    }

    fn unexpected(&self, context: &str) -> Error {
        // Go's scanner takes the end of the text for a space where a token is not finished.
        let c = self.peek().unwrap_or(b' ');
        Error::new(format!("invalid character {} {context}", quote_char(c)), self.at + 1)
    }
}

/// A byte as Go quotes a character: single quotes, and what cannot be printed as an escape.
fn quote_char(c: u8) -> String {
    match c {
        b'\'' => r"'\''".to_owned(),
        b'"' => r#"'"'"#.to_owned(),
        c => {
            let quoted = quote(char::from(c).encode_utf8(&mut [0; 4]));
            format!("'{}'", quoted.trim_matches('"'))
        }
    }
}

/// Replaces what Go's reader tolerates in strings: each byte that is not UTF-8, and each escape of
/// half a surrogate pair, by U+FFFD.
///
/// The text must be JSON otherwise.
pub(super) fn repair(text: &[u8]) -> Vec<u8> {
    let valid = lossy(text);
    let mut repaired = Vec::with_capacity(valid.len());
    let mut rest = valid.as_bytes();
    while let Some(escape) = rest.iter().position(|c| *c == b'\\') {
        repaired.extend_from_slice(&rest[..escape]);
        rest = &rest[escape..];
        let taken = match (escaped_unit(rest), rest.get(6..).and_then(escaped_unit)) {
            (None, _) => 2.min(rest.len()),
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                repaired.extend_from_slice(br"\ufffd");
                rest = &rest[6..];
                continue;
            }
            (Some(_), _) => 6,
        };
        repaired.extend_from_slice(&rest[..taken]);
        rest = &rest[taken..];
    }
    repaired.extend_from_slice(rest);
    repaired
}

/// A text with U+FFFD for each byte that is not UTF-8, as Go's readers and writers have it.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// The UTF-16 unit of a `\uXXXX` at the beginning of the text.
fn escaped_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(br"\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
