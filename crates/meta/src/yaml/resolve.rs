//! What a plain scalar means: the types of YAML 1.1 as far as `go-yaml` version 2 knows them.

/// The type and value of a scalar that has no tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer that is too large for [`Resolved::Int`].
    Uint(u64),
    Float(f64),
    /// A date or time, which stays a string but is quoted when a string looks like it.
    Timestamp,
    Text,
}

impl Resolved {
    /// The tag of the type in its short form.
    fn tag(self) -> &'static str {
        match self {
            Self::Null => "!!null",
            Self::Bool(_) => "!!bool",
            Self::Int(_) | Self::Uint(_) => "!!int",
            Self::Float(_) => "!!float",
            // A date is recognised only where nothing else is asked for.
            Self::Timestamp | Self::Text => "!!str",
        }
    }
}

/// Resolves a scalar with a tag in its long form.
///
/// # Errors
/// Where the text is not of the type that the tag demands. Foreign tags make a text of anything.
pub(super) fn tagged(tag: &str, text: &str) -> Result<Resolved, String> {
    let tag = tag.strip_prefix("tag:yaml.org,2002:").unwrap_or_default();
    if !matches!(tag, "bool" | "int" | "float" | "null" | "timestamp") {
        return Ok(Resolved::Text);
    }
    let tag = format!("!!{tag}");
    match plain(text) {
        Resolved::Int(value) if tag == "!!float" => Ok(Resolved::Float(value as f64)),
        Resolved::Timestamp if tag == "!!timestamp" => Ok(Resolved::Timestamp),
        resolved if resolved.tag() == tag => Ok(resolved),
        other => Err(format!("cannot decode {} `{text}` as a {tag}", other.tag())),
    }
}

/// Resolves a scalar without tag and quotes.
pub(super) fn plain(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            return Resolved::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            return Resolved::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Resolved::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'.') => float(text).unwrap_or(Resolved::Text),
        Some(b'+' | b'-' | b'0'..=b'9') if is_timestamp(text) => Resolved::Timestamp,
        Some(b'+' | b'-' | b'0'..=b'9') => {
            let digits = text.replace('_', "");
            integer(&digits)
                .or_else(|| float(&digits))
                .or_else(|| signed_bits(&digits))
                .unwrap_or(Resolved::Text)
        }
        _ => Resolved::Text,
    }
}

/// An integer with Go's prefixes: `0x`, `0b`, `0o`, and `0` for octal too.
fn integer(text: &str) -> Option<Resolved> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (radix, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &unsigned[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &unsigned[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &unsigned[2..]),
        [b'0', _, ..] => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    if !digits.bytes().all(|digit| digit.is_ascii_alphanumeric()) {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    if text.starts_with('-') {
        return 0_i64.checked_sub_unsigned(size).map(Resolved::Int);
    }
    match i64::try_from(size) {
        Ok(value) => Some(Resolved::Int(value)),
        Err(_) if text.len() == unsigned.len() => Some(Resolved::Uint(size)),
        Err(_) => None,
    }
}

/// Binary digits with their sign behind the prefix, an oddity of `go-yaml`: `0b-11`.
fn signed_bits(text: &str) -> Option<Resolved> {
    i64::from_str_radix(text.strip_prefix("0b")?, 2).ok().map(Resolved::Int)
}

/// A decimal fraction, `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, that is not too large.
fn float(text: &str) -> Option<Resolved> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    let has_digits = !(whole.is_empty() && fraction.is_empty());
    if !(has_digits && digits(whole) && digits(fraction) && exponent_fits) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite()).map(Resolved::Float)
}

/// Whether a text looks like a number to base 60, which YAML 1.1 has and `go-yaml` does not read
/// but quotes for the sake of others: `12:30:45`.
pub(super) fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let Some((first, rest)) = unsigned.split_once(':') else {
        return false;
    };
    let digits_or_line = |c: u8| c.is_ascii_digit() || c == b'_';
    if !first.starts_with(|c: char| c.is_ascii_digit()) || !first.bytes().all(digits_or_line) {
        return false;
    }
    let (rest, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    fraction.bytes().all(digits_or_line)
        && rest
            .split(':')
            .all(|part| matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']))
}

/// Whether a text is one of the dates and times that `go-yaml` recognises.
fn is_timestamp(text: &str) -> bool {
    timestamp(text).is_some()
}

fn timestamp(text: &str) -> Option<()> {
    let (year, rest) = text.split_at_checked(4)?;
    let year: u32 = year.bytes().all(|c| c.is_ascii_digit()).then(|| year.parse().ok())??;
    let (month, rest) = one_or_two_digits(rest.strip_prefix('-')?)?;
    let (day, rest) = one_or_two_digits(rest.strip_prefix('-')?)?;
    if !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    if rest.is_empty() {
        return Some(());
    }
    let spaced = rest.starts_with(' ');
    let time = if spaced { rest.trim_start_matches(' ') } else { rest.strip_prefix(['T', 't'])? };
    let (hour, rest) = one_or_two_digits(time)?;
    let (minute, rest) = one_or_two_digits(rest.strip_prefix(':')?)?;
    let (second, rest) = one_or_two_digits(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let zone = match rest.strip_prefix(['.', ',']) {
        Some(fraction) if fraction.starts_with(|c: char| c.is_ascii_digit()) => {
            fraction.trim_start_matches(|c: char| c.is_ascii_digit())
        }
        _ => rest,
    };
    // With a space in the middle there is no zone, with a `T` there has to be one.
    let fits = if spaced { zone.is_empty() } else { is_zone(zone) };
    fits.then_some(())
}

fn one_or_two_digits(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, rest))
}

fn days_in(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// `Z` or `+01:30`, with the limits of Go's `time.Parse`.
fn is_zone(text: &str) -> bool {
    let number = |tens: u8, ones: u8| u32::from(tens - b'0') * 10 + u32::from(ones - b'0');
    match text.as_bytes() {
        [b'Z'] => true,
        [
            b'+' | b'-',
            h @ b'0'..=b'9',
            hh @ b'0'..=b'9',
            b':',
            m @ b'0'..=b'9',
            mm @ b'0'..=b'9',
        ] => number(*h, *hh) <= 24 && number(*m, *mm) <= 60,
        _ => false,
    }
}
