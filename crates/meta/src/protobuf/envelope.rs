//! The envelope of an object in protocol buffers: four bytes, kind and API version, the message.
//!
//! `runtime.Unknown` of Kubernetes. It is written from its parts, so that the bytes of an object
//! can be kept without it and shared by answers, lists and events.

use super::wire::{self, Error, Kind, Raw, put_bytes, put_nested, put_tag, put_varint};
use std::convert::Infallible;
use std::ops::Range;

/// What every object in this form begins with.
pub const MAGIC: &[u8; 4] = b"k8s\0";

/// Whether bytes are in this form.
#[must_use]
pub fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// An envelope that was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened<'a> {
    /// The API version, or nothing.
    pub api_version: String,
    /// The kind, or nothing.
    pub kind: String,
    /// The message.
    pub raw: &'a [u8],
}

/// Opens an envelope.
///
/// # Errors
/// Where the bytes are none, in the words of the Go library.
pub fn open(bytes: &[u8]) -> Result<Opened<'_>, Error> {
    if bytes.is_empty() {
        return Err(Error::new("empty data"));
    }
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
        return Err(Error::new(format!(
            "provided data does not appear to be a protobuf message, expected prefix [{} {} {} {}]",
            MAGIC[0], MAGIC[1], MAGIC[2], MAGIC[3]
        )));
    };
    if rest.is_empty() {
        return Err(Error::new("empty body"));
    }
    let mut opened = Opened::default();
    while let Some((number, raw)) = wire::next(&mut rest)? {
        match (number, raw) {
            (1, Raw::Length(type_meta)) => read_type(type_meta, &mut opened)?,
            (2, Raw::Length(raw)) => opened.raw = raw,
            (3 | 4, Raw::Length(_)) => {}
            (1..=4, raw) => {
                let names = ["TypeMeta", "Raw", "ContentEncoding", "ContentType"];
                return Err(wire::wrong(names[number as usize - 1], raw));
            }
            _ => {}
        }
    }
    Ok(opened)
}

fn read_type(mut bytes: &[u8], into: &mut Opened<'_>) -> Result<(), Error> {
    while let Some((number, raw)) = wire::next(&mut bytes)? {
        match (number, raw) {
            (1, Raw::Length(text)) => {
                into.api_version = String::from_utf8_lossy(text).into_owned();
            }
            (2, Raw::Length(text)) => into.kind = String::from_utf8_lossy(text).into_owned(),
            (1, raw) => return Err(wire::wrong("APIVersion", raw)),
            (2, raw) => return Err(wire::wrong("Kind", raw)),
            _ => {}
        }
    }
    Ok(())
}

/// Writes a message in its envelope.
pub fn write(api_version: &str, kind: &str, raw: &[u8], out: &mut Vec<u8>) {
    begin(api_version, kind, raw.len(), out);
    out.extend_from_slice(raw);
    end(out);
}

/// Writes what stands before a message of this length.
pub fn begin(api_version: &str, kind: &str, length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(MAGIC);
    let Ok(()) = put_nested(out, 1, |out| {
        put_bytes(out, 1, api_version.as_bytes());
        put_bytes(out, 2, kind.as_bytes());
        Ok::<(), Infallible>(())
    });
    put_length(2, length, out);
}

/// Writes what stands behind a message: neither an encoding nor a content type.
pub fn end(out: &mut Vec<u8>) {
    put_bytes(out, 3, b"");
    put_bytes(out, 4, b"");
}

/// How long an envelope is around a message of this length.
#[must_use]
pub fn length(api_version: &str, kind: &str, message: usize) -> usize {
    let text = |length: usize| 1 + wire::varint_length(length as u64) + length;
    MAGIC.len() + text(text(api_version.len()) + text(kind.len())) + text(message) + 4
}

/// Writes a message, or the field of one, as the field of this number of another.
pub fn put_field(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_bytes(out, number, bytes);
}

/// How long the field is that [`put_field`] writes.
#[must_use]
pub fn field_length(bytes: usize) -> usize {
    1 + wire::varint_length(bytes as u64) + bytes
}

/// Writes what stands before a field of this length.
pub fn put_length(number: u32, length: usize, out: &mut Vec<u8>) {
    put_tag(out, number, Kind::Length);
    put_varint(out, length as u64);
}

/// Where in a message the value of a field stands, if that comes first.
#[must_use]
pub fn field(message: &[u8], number: u32) -> Option<Range<usize>> {
    let mut rest = message;
    match wire::next(&mut rest) {
        Ok(Some((first, Raw::Length(value)))) if first == number => {
            let end = message.len() - rest.len();
            Some(end - value.len()..end)
        }
        _ => None,
    }
}

/// The values of a field that may be there several times; what is behind a fault is left out.
pub fn fields(message: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    let mut rest = message;
    let all = std::iter::from_fn(move || wire::next(&mut rest).ok().flatten());
    all.filter_map(move |(at, value)| match value {
        Raw::Length(value) if at == number => Some(value),
        _ => None,
    })
}

/// Where in a message the tag of a field stands.
#[must_use]
pub fn tag_of(message: &[u8], number: u32) -> Option<usize> {
    let mut rest = message;
    loop {
        let at = message.len() - rest.len();
        match wire::next(&mut rest) {
            Ok(Some((next, _))) if next == number => return Some(at),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Writes an event of a watch around an object in its envelope: the length in four bytes, then
/// `WatchEvent`. The object is what `write` writes, and `length` bytes long.
pub fn event(type_: &str, length: usize, write: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    let extension = field_length(length);
    let whole = field_length(type_.len()) + field_length(extension);
    let frame = u32::try_from(whole).unwrap_or(u32::MAX);
    out.extend_from_slice(&frame.to_be_bytes());
    put_bytes(out, 1, type_.as_bytes());
    put_length(2, extension, out);
    put_length(1, length, out);
    let start = out.len();
    write(out);
    debug_assert_eq!(out.len() - start, length, "the object is as long as announced");
}
