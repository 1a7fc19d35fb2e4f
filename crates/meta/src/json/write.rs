//! Values to JSON with the escapes and numbers of Go's `encoding/json`.

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::fmt::Write as _;
use std::io::{self, Write};

/// A `serde_json` formatter that writes what Go's `json.Marshal` writes.
///
/// `<`, `>`, `&`, U+2028 and U+2029 are escaped, and a number with fraction is written without it
/// where it is zero (`1`, not `1.0`) and with an exponent only where it is very large or small.
#[derive(Clone, Debug, Default)]
pub struct GoFormatter {
    _private: (),
}

impl Formatter for GoFormatter {
    fn write_f64<W: ?Sized + Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        write_float(out, value)
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        write_fragment(out, text)
    }
}

/// Go's `json.MarshalIndent` with two spaces.
struct GoPretty<'a>(PrettyFormatter<'a>);

/// Passes the places at which there is something to indent on to the inner formatter.
macro_rules! delegate {
    ($($name:ident($($first:ident)?),)*) => { $(
        fn $name<W: ?Sized + Write>(&mut self, out: &mut W $(, $first: bool)?) -> io::Result<()> {
            self.0.$name(out $(, $first)?)
        }
    )* };
}

impl Formatter for GoPretty<'_> {
    delegate! {
        begin_array(),
        end_array(),
        begin_array_value(first),
        end_array_value(),
        begin_object(),
        end_object(),
        begin_object_key(first),
        begin_object_value(),
        end_object_value(),
    }

    fn write_f64<W: ?Sized + Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        write_float(out, value)
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        write_fragment(out, text)
    }
}

/// Writes a value as Go's `json.Marshal` does, without a line feed behind it.
///
/// # Errors
/// Where the value's own `Serialize` fails or uses keys that are not strings.
///
/// ```
/// # use pintle_meta::json;
/// assert_eq!(json::to_vec(&serde_json::json!({"a": "<b>", "n": 1.0}))?, br#"{"a":"\u003cb\u003e","n":1}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn to_vec(value: &(impl Serialize + ?Sized)) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::new();
    write(&mut out, value)?;
    Ok(out)
}

/// Writes a value as Go's `json.MarshalIndent` does with two spaces.
///
/// # Errors
/// As [`to_vec`].
pub fn to_vec_pretty(value: &(impl Serialize + ?Sized)) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::new();
    let formatter = GoPretty(PrettyFormatter::with_indent(b"  "));
    value.serialize(&mut Serializer::with_formatter(&mut out, formatter))?;
    Ok(out)
}

/// Appends a value as [`to_vec`] writes it; on an error, what was written so far stays.
///
/// # Errors
/// As [`to_vec`].
pub fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, GoFormatter::default()))
}

/// A text as Go's `strconv.Quote` shows it.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        // Writing to a string cannot fail.
        let _ = match c {
            '"' => quoted.write_str("\\\""),
            '\\' => quoted.write_str("\\\\"),
            '\x07' => quoted.write_str("\\a"),
            '\x08' => quoted.write_str("\\b"),
            '\x0c' => quoted.write_str("\\f"),
            '\n' => quoted.write_str("\\n"),
            '\r' => quoted.write_str("\\r"),
            '\t' => quoted.write_str("\\t"),
            '\x0b' => quoted.write_str("\\v"),
            '\0'..='\x1f' | '\x7f' => write!(quoted, "\\x{:02x}", u32::from(c)),
            c if is_printable(c) => quoted.write_char(c),
            c if u32::from(c) < 0x1_0000 => write!(quoted, "\\u{:04x}", u32::from(c)),
            c => write!(quoted, "\\U{:08x}", u32::from(c)),
        };
    }
    quoted.push('"');
    quoted
}

/// Go's `unicode.IsPrint`, by way of what Rust would leave unescaped within a text.
fn is_printable(c: char) -> bool {
    // Combining marks count as printable; Rust escapes them at the beginning of a text only.
    let mut text = String::from("a");
    text.push(c);
    c.is_ascii_graphic() || c == ' ' || c == '\'' || text.escape_debug().nth(1) == Some(c)
}

/// Fixed notation between 1e-6 and 1e21, as ECMAScript and Go have it.
fn write_float<W: ?Sized + Write>(out: &mut W, value: f64) -> io::Result<()> {
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return write!(out, "{value}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => {
            write!(out, "{digits}e+{exponent}")
        }
        _ => out.write_all(text.as_bytes()),
    }
}

fn write_fragment<W: ?Sized + Write>(out: &mut W, text: &str) -> io::Result<()> {
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let (length, escaped) = match byte {
            b'<' => (1, "\\u003c"),
            b'>' => (1, "\\u003e"),
            b'&' => (1, "\\u0026"),
            0xe2 if bytes[at..].starts_with("\u{2028}".as_bytes()) => (3, "\\u2028"),
            0xe2 if bytes[at..].starts_with("\u{2029}".as_bytes()) => (3, "\\u2029"),
            _ => continue,
        };
        out.write_all(&bytes[written..at])?;
        out.write_all(escaped.as_bytes())?;
        written = at + length;
    }
    out.write_all(&bytes[written..])
}
