//! The wire of protocol buffers: tags, numbers, lengths.

use std::fmt;

/// Why bytes are not a message, or a value cannot be one. The words are those of Go's generated code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(pub(super) String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl Error {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    fn end() -> Self {
        Self::new("unexpected EOF")
    }
}

/// How the value of a field is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Varint = 0,
    Fixed64 = 1,
    Length = 2,
    /// What nobody writes any more.
    Group = 3,
    Fixed32 = 5,
}

/// The value of a field as it stands on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) enum Raw<'a> {
    Varint(u64),
    Fixed64(u64),
    Length(&'a [u8]),
    Fixed32(u32),
    /// What is in a group is passed over.
    Group,
}

impl Raw<'_> {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Varint(_) => Kind::Varint,
            Self::Fixed64(_) => Kind::Fixed64,
            Self::Length(_) => Kind::Length,
            Self::Fixed32(_) => Kind::Fixed32,
            Self::Group => Kind::Group,
        }
    }
}

pub(super) fn wrong(field: &str, raw: Raw<'_>) -> Error {
    Error::new(format!("proto: wrong wireType = {} for field {field}", raw.kind() as u8))
}

/// Takes the next field off the bytes; `None` at their end.
pub(super) fn next<'a>(bytes: &mut &'a [u8]) -> Result<Option<(u32, Raw<'a>)>, Error> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (number, kind) = tag(bytes)?;
    let raw = match kind {
        3 => {
            skip_group(bytes)?;
            Raw::Group
        }
        4 => return Err(Error::new("proto: wiretype end group for non-group")),
        _ => value(bytes, kind)?,
    };
    Ok(Some((number, raw)))
}

fn tag(bytes: &mut &[u8]) -> Result<(u32, u64), Error> {
    let tag = varint(bytes)?;
    let (number, kind) = (tag >> 3, tag & 7);
    match u32::try_from(number) {
        Ok(number) if (1..=0x1fff_ffff).contains(&number) => Ok((number, kind)),
        _ => Err(Error::new(format!("proto: illegal tag {number} (wire type {kind})"))),
    }
}

fn value<'a>(bytes: &mut &'a [u8], kind: u64) -> Result<Raw<'a>, Error> {
    Ok(match kind {
        0 => Raw::Varint(varint(bytes)?),
        1 => Raw::Fixed64(u64::from_le_bytes(fixed(bytes)?)),
        2 => Raw::Length(length(bytes)?),
        5 => Raw::Fixed32(u32::from_le_bytes(fixed(bytes)?)),
        other => return Err(Error::new(format!("proto: illegal wireType {other}"))),
    })
}

/// Passes over what is between the beginning of a group and its end.
fn skip_group(bytes: &mut &[u8]) -> Result<(), Error> {
    let mut depth = 1_usize;
    while depth > 0 {
        match tag(bytes)?.1 {
            3 => depth += 1,
            4 => depth -= 1,
            kind => drop(value(bytes, kind)?),
        }
    }
    Ok(())
}

pub(super) fn varint(bytes: &mut &[u8]) -> Result<u64, Error> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or_else(Error::end)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Error::new("proto: integer overflow"))
}

fn length<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Error> {
    let length = varint(bytes)?;
    if length > i64::MAX as u64 {
        return Err(Error::new("proto: negative length found during unmarshaling"));
    }
    let length = usize::try_from(length).map_err(|_| Error::end())?;
    let (value, rest) = bytes.split_at_checked(length).ok_or_else(Error::end)?;
    *bytes = rest;
    Ok(value)
}

fn fixed<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Error> {
    let (value, rest) = bytes.split_first_chunk().ok_or_else(Error::end)?;
    *bytes = rest;
    Ok(*value)
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(super) fn put_tag(out: &mut Vec<u8>, number: u32, kind: Kind) {
    put_varint(out, u64::from(number) << 3 | kind as u64);
}

pub(super) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_tag(out, number, Kind::Length);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Writes a field whose length is known once it is written.
pub(super) fn put_nested<E>(
    out: &mut Vec<u8>,
    number: u32,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    put_tag(out, number, Kind::Length);
    let start = out.len();
    write(out)?;
    let mut length = Vec::with_capacity(10);
    put_varint(&mut length, (out.len() - start) as u64);
    out.splice(start..start, length);
    Ok(())
}

/// How many bytes a number takes.
pub(super) fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}
