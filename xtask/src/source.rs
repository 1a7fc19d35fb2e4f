//! Rust sources, read just as far as counting needs: without comments, strings and tests.

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Blank,
    Comment,
    Code,
    Test,
}

/// A function.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Where it begins, counted from 1.
    pub(crate) line: usize,
    /// From its signature to its last brace.
    pub(crate) lines: usize,
}

/// A source file.
#[derive(Debug)]
pub(crate) struct Source {
    /// The text with spaces for comments and quotes for strings: as many lines as before.
    pub(crate) code: String,
    /// What each line is.
    pub(crate) lines: Vec<Line>,
}

impl Source {
    /// Reads a file; `path` says whether all of it is a test.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let all_test = is_test(path);
        let tests = test_lines(&code);
        let kind = |(i, (text, code)): (usize, (&str, &str))| {
            if text.trim().is_empty() {
                Line::Blank
            } else if all_test || tests.contains(&i) {
                Line::Test
            } else if code.trim().is_empty() {
                Line::Comment
            } else {
                Line::Code
            }
        };
        let lines = text.lines().zip(code.lines()).enumerate().map(kind).collect();
        Self { code, lines }
    }

    /// How many lines are of a kind.
    pub(crate) fn count(&self, of: Line) -> usize {
        self.lines.iter().filter(|line| **line == of).count()
    }

    /// The functions, those within others too.
    pub(crate) fn functions(&self) -> Vec<Function> {
        words(&self.code)
            .filter(|(_, word)| *word == "fn")
            .filter_map(|(at, _)| self.function(at))
            .collect()
    }

    fn function(&self, at: usize) -> Option<Function> {
        let rest = &self.code[at + 2..];
        // The type of a pointer to a function has no name.
        let (_, name) = words(rest).next().filter(|(at, _)| rest[..*at].trim().is_empty())?;
        let open = rest.find(['{', ';']).filter(|open| rest[*open..].starts_with('{'))?;
        let end = matching_brace(rest, open)?;
        let count = |text: &str| text.matches('\n').count();
        Some(Function {
            name: name.to_owned(),
            line: count(&self.code[..at]) + 1,
            lines: count(&rest[..end]) + 1,
        })
    }
}

/// Whether a whole file is a test.
pub(crate) fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The words of a text with their places.
pub(crate) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(is_word)?;
        let length = text[start..].find(|c| !is_word(c)).unwrap_or(text.len() - start);
        at = start + length;
        Some((start, &text[start..at]))
    })
}

fn matching_brace(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(open + at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The lines of modules and functions under `#[cfg(test)]`.
fn test_lines(code: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    for (at, mark) in code.match_indices("#[cfg(test)]") {
        let rest = &code[at + mark.len()..];
        let end = match rest.find(['{', ';']) {
            Some(open) if rest[open..].starts_with('{') => matching_brace(rest, open),
            other => other,
        };
        let line = |at: usize| code[..at].matches('\n').count();
        lines.extend(line(at)..=line(at + mark.len() + end.unwrap_or_default()));
    }
    lines
}

/// Puts spaces in the place of comments, and quotes in the place of strings.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_word = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            'r' | 'b' | 'c' if !after_word => prefixed(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            // What is quoted is code still: it must not look like an empty line.
            let fill = if first == '/' { ' ' } else { '"' };
            out.extend(rest[..length].chars().map(|c| if c == '\n' { c } else { fill }));
            rest = &rest[length..];
        }
    }
    out
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a string with escapes.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `b'…'`, `c"…"`; zero where it is none of them.
fn prefixed(text: &str) -> usize {
    let prefix = text.find(|c| !matches!(c, 'r' | 'b' | 'c')).unwrap_or(text.len());
    let rest = &text[prefix..];
    if prefix > 2 {
        return 0;
    }
    if !text[..prefix].contains('r') {
        return match rest.chars().next() {
            Some('"') => prefix + string(rest),
            Some('\'') => match character(rest) {
                0 => 0,
                length => prefix + length,
            },
            _ => 0,
        };
    }
    let hashes = rest.find(|c| c != '#').unwrap_or(rest.len());
    if !rest[hashes..].starts_with('"') {
        return 0;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let body = prefix + hashes + 1;
    text[body..].find(&close).map_or(text.len(), |at| body + at + close.len())
}

/// The length of a character in quotes; zero where the quote begins a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let from = at + escaped.len_utf8();
            text[from..].find('\'').map_or(0, |end| from + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blank() {
        let check = |text: &str, want: &str| assert_eq!(blank(text), want, "{text}");
        check("a // b\nc", "a     \nc");
        check("a /* /* { */ } */ b", &format!("a{:17}b", ""));
        check(r#"f("}\"{", x)"#, r#"f("""""", x)"#);
        check(r##"r#"}""# + b'{' + '\'' + 'a'"##, r#"""""""" + """" + """" + """"#);
        check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
        check("for r in b", "for r in b");
    }

    #[test]
    fn lines_have_kinds() {
        let text = "//! Doc.\n\nfn a() {}\n#[cfg(test)]\nmod tests {\n    // c\n}\nfn b() {}\n";
        let source = Source::new("src/a.rs", text);
        let want = [
            Line::Comment,
            Line::Blank,
            Line::Code,
            Line::Test,
            Line::Test,
            Line::Test,
            Line::Test,
            Line::Code,
        ];
        assert_eq!(source.lines, want);
        assert_eq!(Source::new("src/a/tests.rs", text).count(Line::Test), 7);
    }

    #[test]
    fn functions_have_lengths() {
        let text = "fn a() {\n    fn b() -> fn(u8) { \"}\" }\n}\ntrait T { fn c(); }\n";
        let found = Source::new("src/a.rs", text).functions();
        let want =
            [("a", 1, 3), ("b", 2, 1)].map(|(name, line, lines)| (name.to_owned(), line, lines));
        assert_eq!(found.into_iter().map(|f| (f.name, f.line, f.lines)).collect::<Vec<_>>(), want);
    }
}
