//! How `go-yaml` writes a text: plain where it can, else quoted or as a literal block.
//!
//! The rules are those of libyaml's emitter, on which `go-yaml` is built.

use super::resolve::{Resolved, is_base_60, plain};

/// The column beyond which a plain or quoted text is continued on the next line.
pub(super) const BEST_WIDTH: usize = 80;

/// How far an inner block is indented.
pub(super) const INDENT: usize = 2;

/// The longest key in bytes that is written without a `? ` in front of it.
const MAX_SIMPLE_KEY_LENGTH: usize = 128;

/// The text so far and where its end is, as far as that matters for what may follow.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) out: String,
    column: usize,
    /// Whether a separating space is not needed.
    pub(super) whitespace: bool,
    /// Whether there is nothing but indentation and indicators on this line yet.
    pub(super) indention: bool,
}

/// The forms a scalar may take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { out: String::new(), column: 0, whitespace: true, indention: true }
    }

    /// Ends the line unless it is empty, and indents the next one.
    pub(super) fn write_indent(&mut self, indent: usize) {
        let reached = self.column > indent || (self.column == indent && !self.whitespace);
        if !self.indention || reached {
            self.end_line();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    /// Writes one of `- ? : [ ] { } ' " |` and the like.
    pub(super) fn indicator(&mut self, indicator: &str, space_before: bool) {
        if space_before && !self.whitespace {
            self.put(' ');
        }
        indicator.chars().for_each(|c| self.put(c));
        self.whitespace = false;
        self.indention = false;
    }

    /// Writes an indicator behind which a block may begin on the same line.
    pub(super) fn block_indicator(&mut self, indicator: &str) {
        let indention = self.indention;
        self.indicator(indicator, true);
        self.indention = indention;
    }

    /// Writes a text as a key of a mapping; whether it needs no `? ` is for the caller to know.
    pub(super) fn key(&mut self, text: &str, simple: bool, indent: usize) {
        self.scalar(text, simple, indent);
    }

    /// Writes a text as a value; continued lines are indented as given.
    pub(super) fn text(&mut self, text: &str, indent: usize) {
        self.scalar(text, false, indent);
    }

    /// Writes what cannot be mistaken for a text: a number, a boolean or `null`.
    pub(super) fn literal(&mut self, text: &str) {
        self.indicator(text, true);
    }

    fn scalar(&mut self, text: &str, simple_key: bool, indent: usize) {
        let wrap = (!simple_key).then_some(indent);
        match style(text, simple_key) {
            Style::Plain => self.plain(text, wrap),
            Style::SingleQuoted => self.single_quoted(text, wrap),
            Style::DoubleQuoted => self.double_quoted(text, wrap),
            Style::Literal => self.block(text, indent),
        }
    }

    fn plain(&mut self, text: &str, wrap: Option<usize>) {
        if !self.whitespace {
            self.put(' ');
        }
        self.words(text, wrap, |_| false);
        self.whitespace = false;
        self.indention = false;
    }

    fn single_quoted(&mut self, text: &str, wrap: Option<usize>) {
        self.indicator("'", true);
        self.words(text, wrap, |c| c == '\'');
        self.indicator("'", false);
    }

    /// Writes the words of a plain or single-quoted text, and some characters twice.
    fn words(&mut self, text: &str, wrap: Option<usize>, twice: impl Fn(char) -> bool) {
        let (mut spaces, mut breaks) = (false, false);
        for (at, c) in text.char_indices() {
            let last = at + c.len_utf8() == text.len();
            if c == ' ' {
                let single = !spaces && !last && at > 0 && !text[at + 1..].starts_with(' ');
                match wrap {
                    Some(indent) if single && self.column > BEST_WIDTH => self.write_indent(indent),
                    _ => self.put(c),
                }
                spaces = true;
            } else if is_break(c) {
                self.put_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent(wrap.unwrap_or_default());
                }
                if twice(c) {
                    self.put(c);
                }
                self.put(c);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
        }
    }

    fn double_quoted(&mut self, text: &str, wrap: Option<usize>) {
        self.indicator("\"", true);
        // A byte order mark at the beginning makes libyaml escape everything behind it too.
        let escape_all = text.starts_with('\u{feff}');
        let mut spaces = false;
        for (at, c) in text.char_indices() {
            if escape_all || !is_printable(c) || is_break(c) || c == '"' || c == '\\' {
                self.escape(c);
                spaces = false;
            } else if c == ' ' {
                let inner = !spaces && at > 0 && at + 1 < text.len();
                match wrap {
                    Some(indent) if inner && self.column > BEST_WIDTH => {
                        self.write_indent(indent);
                        if text[at + 1..].starts_with(' ') {
                            self.put('\\');
                        }
                    }
                    _ => self.put(c),
                }
                spaces = true;
            } else {
                self.put(c);
                spaces = false;
            }
        }
        self.indicator("\"", false);
    }

    fn escape(&mut self, c: char) {
        let code = u32::from(c);
        let escaped = match c {
            '\0' => "\\0".to_owned(),
            '\x07' => "\\a".to_owned(),
            '\x08' => "\\b".to_owned(),
            '\t' => "\\t".to_owned(),
            '\n' => "\\n".to_owned(),
            '\x0b' => "\\v".to_owned(),
            '\x0c' => "\\f".to_owned(),
            '\r' => "\\r".to_owned(),
            '\x1b' => "\\e".to_owned(),
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\u{85}' => "\\N".to_owned(),
            '\u{a0}' => "\\_".to_owned(),
            '\u{2028}' => "\\L".to_owned(),
            '\u{2029}' => "\\P".to_owned(),
            _ if code <= 0xff => format!("\\x{code:02X}"),
            _ if code <= 0xffff => format!("\\u{code:04X}"),
            _ => format!("\\U{code:08X}"),
        };
        escaped.chars().for_each(|c| self.put(c));
    }

    /// Writes a literal block, `|` with its hints and the lines below it.
    fn block(&mut self, text: &str, indent: usize) {
        self.indicator("|", true);
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.indicator(&INDENT.to_string(), false);
        }
        let mut from_end = text.chars().rev();
        match (from_end.next().map(is_break), from_end.next().map(is_break)) {
            (Some(true), None | Some(true)) => self.indicator("+", false),
            (Some(true), Some(false)) => {}
            _ => self.indicator("-", false),
        }
        self.end_line();
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        for c in text.chars() {
            if is_break(c) {
                self.put_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent(indent);
                }
                self.put(c);
                self.indention = false;
                breaks = false;
            }
        }
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }

    fn end_line(&mut self) {
        self.put_break('\n');
    }
}

/// Whether a key may stand without a `? ` in front of it.
pub(super) fn is_simple_key(text: &str) -> bool {
    text.len() <= MAX_SIMPLE_KEY_LENGTH && !text.contains(is_break)
}

fn style(text: &str, simple_key: bool) -> Style {
    let shape = Shape::of(text);
    if simple_key && shape.breaks {
        return Style::DoubleQuoted;
    }
    if text.contains('\n') {
        return if shape.block && !simple_key { Style::Literal } else { Style::DoubleQuoted };
    }
    match plain(text) {
        Resolved::Text if !is_base_60(text) => {}
        _ => return Style::DoubleQuoted,
    }
    match shape {
        Shape { plain: true, .. } => Style::Plain,
        Shape { single_quoted: true, .. } => Style::SingleQuoted,
        _ => Style::DoubleQuoted,
    }
}

/// What a text consists of, in terms of how it may be written.
#[derive(Clone, Copy)]
struct Shape {
    breaks: bool,
    plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let mut shape = Self { breaks: false, plain: true, single_quoted: true, block: true };
        shape.plain &= !(text.starts_with("---") || text.starts_with("..."));
        let mut previous = None;
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            shape.add(previous, c, rest.clone().next());
            previous = Some(c);
        }
        let at_edge = |c: char| c == ' ' || is_break(c);
        shape.plain &= !(shape.breaks || text.starts_with(at_edge) || text.ends_with(at_edge));
        shape.block &= !(text.is_empty() || text.ends_with(' '));
        shape
    }

    /// Takes a character into account, with those around it.
    fn add(&mut self, previous: Option<char>, c: char, next: Option<char>) {
        let ends_word = next.is_none_or(|next| matches!(next, ' ' | '\t'));
        let begins_word = previous
            .is_none_or(|previous| matches!(previous, ' ' | '\t' | '\0') || is_break(previous));
        let indicator = match c {
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
            | '`' => previous.is_none(),
            '?' | '-' => previous.is_none() && ends_word,
            ':' => ends_word,
            '#' => begins_word,
            _ => false,
        };
        self.plain &= !indicator;
        if !is_printable(c) || (is_break(c) && previous == Some(' ')) {
            self.plain = false;
            self.single_quoted = false;
            self.block = false;
        }
        if c == ' ' && previous.is_some_and(is_break) {
            self.plain = false;
            self.single_quoted = false;
        }
        self.breaks |= is_break(c);
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What libyaml takes for printable; among others it does not know of any character beyond U+FFFF.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && c != '\u{feff}'
}
