//! The header `Content-Type`, as strictly as Go reads it.

use std::collections::HashSet;

/// The media type of a header in lower case, without its parameters; `None` where they are not formed
/// as [RFC 2045](https://www.rfc-editor.org/rfc/rfc2045#section-5.1) has them, or one is there twice.
pub(super) fn of_header(header: &str) -> Option<String> {
    let (media, parameters) = header.split_once(';').unwrap_or((header, ""));
    let mut rest = parameters.trim_start();
    let mut seen = HashSet::new();
    while !rest.is_empty() {
        let name = token(rest)?;
        let value = rest[name.len()..].strip_prefix('=')?;
        rest = match value.strip_prefix('"') {
            Some(quoted) => behind_quoted(quoted)?,
            None => &value[token(value)?.len()..],
        };
        if !seen.insert(name.to_ascii_lowercase()) {
            return None;
        }
        rest = rest.trim_start();
        if !rest.is_empty() {
            rest = rest.strip_prefix(';')?.trim_start();
        }
    }
    Some(media.trim().to_ascii_lowercase())
}

/// The characters of a token that a text begins with; at least one.
fn token(text: &str) -> Option<&str> {
    let is_token = |c: char| c.is_ascii_graphic() && !r#"()<>@,;:\"/[]?="#.contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    Some(&text[..end]).filter(|token| !token.is_empty())
}

/// What follows the closing quote.
fn behind_quoted(text: &str) -> Option<&str> {
    let mut escaped = false;
    let end = text.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some(&text[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_strictly() {
        for header in [
            "application/json",
            "APPLICATION/JSON",
            " application/json ;",
            "application/json; charset=utf-8",
            "application/json;charset=\"utf-8\"",
            "application/json; a=b; c=\"d;\\\"e\"; ",
        ] {
            assert_eq!(of_header(header).as_deref(), Some("application/json"), "{header}");
        }
        for header in [
            "application/json; x",
            "application/json;;",
            "application/json; a=b; c",
            "application/json; a=",
            "application/json; =b",
            "application/json; a=b c",
            "application/json; charset=x; Charset=y",
            "application/json; q=\"a",
        ] {
            assert_eq!(of_header(header), None, "{header}");
        }
    }
}
