//! Addresses of mail as Go's `mail.ParseAddress` takes them: `a@b.c`, `Anne <a@b.c>`, a group of one.
//!
//! See [RFC 5322](https://www.rfc-editor.org/rfc/rfc5322#section-3.4).

use std::net::IpAddr;

/// Whether a text is one address.
pub(super) fn is_address(text: &str) -> bool {
    let mut rest = Rest(text);
    rest.address(true) == Some(1) && rest.comments() && rest.0.is_empty()
}

/// What of a text is still to be read. What a method cannot read it leaves, but where nothing could
/// be read instead.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// How many addresses there were: one, or as many as are in a group.
    fn address(&mut self, may_be_group: bool) -> Option<usize> {
        self.space();
        if self.bare() {
            self.space();
            return (!self.0.starts_with('(') || self.comment()).then_some(1);
        }
        if !self.0.starts_with('<') && !self.phrase() {
            return None;
        }
        self.space();
        if may_be_group && self.take(':') {
            return self.group();
        }
        (self.take('<') && self.bare() && self.take('>')).then_some(1)
    }

    fn group(&mut self) -> Option<usize> {
        let mut count = 0;
        self.space();
        if self.take(';') {
            return Some(count);
        }
        loop {
            count += self.address(false)?;
            if !self.comments() {
                return None;
            }
            if self.take(';') {
                return Some(count);
            }
            if !self.take(',') {
                return None;
            }
        }
    }

    /// `a@b.c`, and nothing around it.
    fn bare(&mut self) -> bool {
        let before = self.0;
        self.space();
        let local = match self.0.starts_with('"') {
            true => self.quoted().is_some_and(|size| size > 0),
            false => self.dotted(),
        };
        let done = local && self.take('@') && {
            self.space();
            if self.0.starts_with('[') { self.literal() } else { self.dotted() }
        };
        if !done {
            self.0 = before;
        }
        done
    }

    /// A name: words, and comments between them.
    fn phrase(&mut self) -> bool {
        let mut any = false;
        loop {
            if any && !self.comments() {
                return false;
            }
            self.space();
            let word = match self.0.starts_with('"') {
                true => self.quoted().is_some(),
                false => {
                    let atom = self.atom();
                    !atom.is_empty() && !is_foreign(atom)
                }
            };
            if !word {
                return any;
            }
            any = true;
        }
    }

    /// Characters of a word, with dots anywhere.
    fn atom(&mut self) -> &str {
        let special = |c: char| "()<>[]:;@\\,\"".contains(c) || !is_visible(c);
        let (atom, rest) = self.0.split_at(self.0.find(special).unwrap_or(self.0.len()));
        self.0 = rest;
        atom
    }

    /// Words with one dot between each two.
    fn dotted(&mut self) -> bool {
        self.atom().split('.').all(|word| !word.is_empty())
    }

    /// A text in quotes, of which it returns the size.
    fn quoted(&mut self) -> Option<usize> {
        let mut escaped = false;
        let mut size = 0;
        for (at, c) in self.0.char_indices().skip(1) {
            match c {
                '"' if !escaped => {
                    self.0 = &self.0[at + 1..];
                    return Some(size);
                }
                '\\' if !escaped => escaped = true,
                c if is_visible(c) || matches!(c, ' ' | '\t') => {
                    escaped = false;
                    size += 1;
                }
                _ => return None,
            }
        }
        None
    }

    /// An address of a machine in brackets.
    fn literal(&mut self) -> bool {
        let Some((inner, rest)) = self.0[1..].split_once(']') else { return false };
        let found = inner.parse::<IpAddr>().is_ok();
        if found {
            self.0 = rest;
        }
        found
    }

    fn comments(&mut self) -> bool {
        self.space();
        while self.0.starts_with('(') {
            if !self.comment() {
                return false;
            }
            self.space();
        }
        true
    }

    /// A comment, in which there may be others.
    fn comment(&mut self) -> bool {
        let mut depth = 0_usize;
        let mut escaped = false;
        for (at, b) in self.0.bytes().enumerate() {
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.0 = &self.0[at + 1..];
                return true;
            }
        }
        false
    }

    fn take(&mut self, c: char) -> bool {
        let rest = self.0.strip_prefix(c);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }
}

/// Whether a word is encoded, by RFC 2047, in a character set that Go does not know.
fn is_foreign(word: &str) -> bool {
    let inner = word.strip_prefix("=?").and_then(|rest| rest.strip_suffix("?="));
    let parts: Vec<&str> = inner.unwrap_or_default().split('?').collect();
    let [charset, "b" | "B" | "q" | "Q", _] = parts.as_slice() else { return false };
    let known = ["us-ascii", "utf-8", "iso-8859-1"];
    !charset.is_empty() && !known.iter().any(|known| charset.eq_ignore_ascii_case(known))
}

fn is_visible(c: char) -> bool {
    c.is_ascii_graphic() || !c.is_ascii()
}
