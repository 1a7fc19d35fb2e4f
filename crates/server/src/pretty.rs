//! Indented JSON: the same document with white space, fields in the order in which they are.

/// Indents compact JSON by two spaces as Go does: empty objects and lists stay closed.
pub(crate) fn indent(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 2);
    let mut depth = 0;
    let mut in_text = false;
    let mut escaped = false;
    let mut bytes = compact.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if in_text {
            in_text = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            out.push(byte);
            continue;
        }
        match byte {
            b'{' | b'[' => {
                out.push(byte);
                if bytes.peek().is_some_and(|next| matches!(next, b'}' | b']')) {
                    continue;
                }
                depth += 1;
                new_line(&mut out, depth);
            }
            b'}' | b']' => {
                if !matches!(out.last(), Some(b'{' | b'[')) {
                    depth -= 1;
                    new_line(&mut out, depth);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                new_line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => {
                in_text = byte == b'"';
                out.push(byte);
            }
        }
    }
    out
}

fn new_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(compact: &str, want: &str) {
        assert_eq!(String::from_utf8(indent(compact.as_bytes())).unwrap(), want);
    }

    #[test]
    fn indents_as_go_does() {
        check("{}", "{}");
        check(r#"{"a":[]}"#, "{\n  \"a\": []\n}");
        check(r#"{"z":1,"a":[1,{"b":"c"}]}"#, {
            "{\n  \"z\": 1,\n  \"a\": [\n    1,\n    {\n      \"b\": \"c\"\n    }\n  ]\n}"
        });
        check(r#"{"a":"{,:\"}\\"}"#, "{\n  \"a\": \"{,:\\\"}\\\\\"\n}");
    }
}
