//! The grammar of label selectors: words and symbols, and what they say.
//!
//! A requirement is `key`, `!key`, `key = value` or `key in (value, value)`, with the other
//! operators in the same places. Both keys and values may be the words `in` and `notin`.

use super::label::{Operator, Requirement, check_key};
use crate::FieldErrors;

/// Reads all requirements of a selector, in the order in which they are written.
pub(super) fn parse(selector: &str) -> Result<Vec<Requirement>, String> {
    Parser { tokens: scan(selector), position: 0 }.parse()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    End,
    Close,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    Greater,
    Identifier,
    In,
    Less,
    NotEquals,
    NotIn,
    Open,
}

type Scanned<'a> = (Token, &'a str);

/// Cuts the selector into tokens; the last one is always the end.
///
/// A NUL byte ends a word and, between words, the selector, as it does in Go.
fn scan(selector: &str) -> Vec<Scanned<'_>> {
    let bytes = selector.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        while bytes.get(at).is_some_and(|b| b" \t\r\n".contains(b)) {
            at += 1;
        }
        let (token, end, next) = match bytes.get(at) {
            None | Some(0) => break,
            Some(&first) if is_special(first) => {
                let (token, length) = symbol(first, bytes.get(at + 1) == Some(&b'='));
                (token, at + length, at + length)
            }
            Some(_) => {
                let ends = |b: &u8| *b == 0 || is_special(*b) || b" \t\r\n".contains(b);
                let length = bytes[at..].iter().position(ends).unwrap_or(bytes.len() - at);
                let end = at + length;
                let next = end + usize::from(bytes.get(end) == Some(&0));
                (word(&selector[at..end]), end, next)
            }
        };
        tokens.push((token, &selector[at..end]));
        at = next;
    }
    tokens.push((Token::End, ""));
    tokens
}

fn is_special(byte: u8) -> bool {
    b"=!(),><".contains(&byte)
}

fn symbol(first: u8, equals_follows: bool) -> (Token, usize) {
    match (first, equals_follows) {
        (b'=', true) => (Token::DoubleEquals, 2),
        (b'=', false) => (Token::Equals, 1),
        (b'!', true) => (Token::NotEquals, 2),
        (b'!', false) => (Token::Not, 1),
        (b'(', _) => (Token::Open, 1),
        (b')', _) => (Token::Close, 1),
        (b'>', _) => (Token::Greater, 1),
        (b'<', _) => (Token::Less, 1),
        _ => (Token::Comma, 1),
    }
}

fn word(text: &str) -> Token {
    match text {
        "in" => Token::In,
        "notin" => Token::NotIn,
        _ => Token::Identifier,
    }
}

/// Reads requirements off the tokens, by recursive descent without recursion.
struct Parser<'a> {
    tokens: Vec<Scanned<'a>>,
    position: usize,
}

impl<'a> Parser<'a> {
    fn parse(mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        loop {
            match self.peek() {
                (Token::End, _) => return Ok(requirements),
                (Token::Identifier | Token::Not, _) => {}
                (_, text) => {
                    return Err(format!(
                        "found '{text}', expected: !, identifier, or 'end of string'"
                    ));
                }
            }
            let requirement = self.requirement();
            requirements
                .push(requirement.map_err(|e| format!("unable to parse requirement: {e}"))?);
            match self.take() {
                (Token::End, _) => return Ok(requirements),
                (Token::Comma, _) => match self.peek() {
                    (Token::Identifier | Token::Not, _) => {}
                    (_, text) => {
                        return Err(format!("found '{text}', expected: identifier after ','"));
                    }
                },
                (_, text) => {
                    return Err(format!("found '{text}', expected: ',' or 'end of string'"));
                }
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let (mut token, mut key) = self.take();
        let negated = token == Token::Not;
        if negated {
            (token, key) = self.take();
        }
        if token != Token::Identifier {
            return Err(format!("found '{key}', expected: identifier"));
        }
        // The field path of the key is missing in Go, and prints as `<nil>`.
        let mut errors = FieldErrors::new();
        check_key(key, "<nil>", &mut errors);
        if !errors.is_empty() {
            return Err(errors.to_string());
        }
        if negated {
            return Requirement::new(key, Operator::DoesNotExist, Vec::new());
        }
        if matches!(self.peek().0, Token::End | Token::Comma) {
            return Requirement::new(key, Operator::Exists, Vec::new());
        }
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.set()?,
            _ => vec![self.exact_value()?],
        };
        Requirement::new(key, operator, values)
    }

    fn operator(&mut self) -> Result<Operator, String> {
        match self.take_raw() {
            (Token::In, _) => Ok(Operator::In),
            (Token::NotIn, _) => Ok(Operator::NotIn),
            (Token::Equals, _) => Ok(Operator::Equals),
            (Token::DoubleEquals, _) => Ok(Operator::DoubleEquals),
            (Token::NotEquals, _) => Ok(Operator::NotEquals),
            (Token::Greater, _) => Ok(Operator::GreaterThan),
            (Token::Less, _) => Ok(Operator::LessThan),
            (_, text) => Err(format!("found '{text}', expected: in, notin, =, ==, !=, gt, lt")),
        }
    }

    fn exact_value(&mut self) -> Result<String, String> {
        if matches!(self.peek().0, Token::End | Token::Comma) {
            return Ok(String::new());
        }
        match self.take() {
            (Token::Identifier, value) => Ok(value.to_owned()),
            (_, text) => Err(format!("found '{text}', expected: identifier")),
        }
    }

    /// `(a,b)`; an empty place, as in `(a,,b)`, is the empty value.
    fn set(&mut self) -> Result<Vec<String>, String> {
        let (token, text) = self.take();
        if token != Token::Open {
            return Err(format!("found '{text}' expected: '('"));
        }
        match self.peek() {
            (Token::Close, _) => {
                self.take();
                return Ok(vec![String::new()]);
            }
            (Token::Identifier | Token::Comma, _) => {}
            (_, text) => return Err(format!("found '{text}', expected: ',', ')' or identifier")),
        }
        let mut values: Vec<String> = Vec::new();
        loop {
            match self.take() {
                (Token::Identifier, value) => {
                    values.push(value.to_owned());
                    match self.peek() {
                        (Token::Comma, _) => {}
                        (Token::Close, _) => break,
                        (_, text) => return Err(format!("found '{text}', expected: ',' or ')'")),
                    }
                }
                (Token::Comma, _) => {
                    let next = self.peek().0;
                    if values.is_empty() || matches!(next, Token::Close | Token::Comma) {
                        values.push(String::new());
                    }
                    if next == Token::Close {
                        break;
                    }
                }
                (_, text) => {
                    return Err(format!("found '{text}', expected: ',', or identifier"));
                }
            }
        }
        self.take();
        Ok(values)
    }

    /// The next token where a key or a value is expected: there `in` and `notin` are just words.
    fn peek(&self) -> Scanned<'a> {
        match self.tokens.get(self.position) {
            Some(&(Token::In | Token::NotIn, text)) => (Token::Identifier, text),
            Some(&scanned) => scanned,
            None => (Token::End, ""),
        }
    }

    fn take(&mut self) -> Scanned<'a> {
        let scanned = self.peek();
        self.position += 1;
        scanned
    }

    /// The next token where an operator is expected.
    fn take_raw(&mut self) -> Scanned<'a> {
        let scanned = self.tokens.get(self.position).copied();
        self.position += 1;
        scanned.unwrap_or((Token::End, ""))
    }
}
