//! Dates, times and durations.

use super::is_space;
use jiff::civil::Date;

/// A date of [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339#section-5.6).
pub(super) fn is_date(text: &str) -> bool {
    has_shape(text, "0000-00-00") && text.parse::<Date>().is_ok()
}

/// A date and a time, not quite of RFC 3339: any character may stand before a fraction, and what
/// comes behind another `t` is not looked at.
pub(super) fn is_date_time(text: &str) -> bool {
    let mut parts = text.split(['T', 't']);
    let (Some(date), Some(time)) = (parts.next(), parts.next()) else { return false };
    is_date(date) && is_time(time)
}

fn is_time(text: &str) -> bool {
    let Some((clock, rest)) = text.split_at_checked("00:00:00".len()) else { return false };
    let below = |at: usize, limit: &str| clock[at..at + 2] <= *limit;
    if !has_shape(clock, "00:00:00") || !below(0, "23") || !below(3, "59") || !below(6, "59") {
        return false;
    }
    is_zone(rest) || {
        let mut rest = rest.chars();
        let dot = rest.next();
        let zone = rest.as_str().trim_start_matches(|c: char| c.is_ascii_digit());
        dot.is_some_and(|c| c != '\n') && zone.len() < rest.as_str().len() && is_zone(zone)
    }
}

fn is_zone(text: &str) -> bool {
    matches!(text, "Z" | "z") || has_shape(text, "+00:00") || has_shape(text, "-00:00")
}

/// Whether a text is like another, in which a zero stands for any digit.
fn has_shape(text: &str, shape: &str) -> bool {
    let fits = |(b, like): (u8, u8)| if like == b'0' { b.is_ascii_digit() } else { b == like };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
}

/// Words for units, the last of each line also as the beginning of a longer word.
const UNITS: [(&[&str], i64); 8] = [
    (&["ns", "nano"], 1),
    (&["us", "µs", "micro"], 1_000),
    (&["ms", "milli"], 1_000_000),
    (&["s", "sec"], 1_000_000_000),
    (&["m", "min"], 60_000_000_000),
    (&["h", "hr", "hour"], 3_600_000_000_000),
    (&["d", "day"], 86_400_000_000_000),
    (&["w", "wk", "week"], 604_800_000_000_000),
];

/// A duration in nanoseconds, as Go writes it, for example `1h30m`, or with words as `2 days`.
pub(crate) fn duration(text: &str) -> Option<i64> {
    go_duration(text).or_else(|| words(text))
}

fn go_duration(text: &str) -> Option<i64> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        total += count(number, unit_of(unit)?)?;
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

fn unit_of(name: &str) -> Option<i64> {
    let name = if name == "μs" { "µs" } else { name };
    let found = UNITS.iter().take(6).find(|(names, _)| {
        // Go knows the short names only.
        names.iter().any(|known| *known == name && known.chars().count() <= 2 && *known != "hr")
    });
    found.map(|(_, nanoseconds)| *nanoseconds)
}

/// So many of a unit, of which the fraction of a nanosecond is dropped.
fn count(number: &str, unit: i64) -> Option<i128> {
    /// More digits of a fraction are below a nanosecond of the largest unit.
    const FRACTION_DIGITS_MAX: usize = 18;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let fraction = &fraction[..fraction.len().min(FRACTION_DIGITS_MAX)];
    let digits = |text: &str| if text.is_empty() { Ok(0) } else { text.parse::<u64>() };
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let unit = i128::from(unit);
    let whole = i128::from(digits(whole).ok()?) * unit;
    Some(whole + i128::from(digits(fraction).ok()?) * unit / scale)
}

/// A duration in words: all numbers with a unit behind them count, whatever else is there.
fn words(text: &str) -> Option<i64> {
    let mut total: Option<i64> = None;
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let from = &rest[start..];
        let digits = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (number, after) = from.split_at(digits);
        let after = after.trim_start_matches(is_space);
        let end = after.find(|c: char| !c.is_ascii_alphabetic() && c != 'µ');
        let (word, after) = after.split_at(end.unwrap_or(after.len()));
        rest = after;
        if word.is_empty() {
            continue;
        }
        let number: i64 = number.parse().ok()?;
        let word = word.to_lowercase();
        for (names, nanoseconds) in UNITS {
            let begins = names.last().is_some_and(|last| word.starts_with(last));
            if begins || names.contains(&word.as_str()) {
                // Too long a time goes around, as in Go.
                let more = number.wrapping_mul(nanoseconds);
                total = Some(total.unwrap_or(0).wrapping_add(more));
            }
        }
    }
    total
}
