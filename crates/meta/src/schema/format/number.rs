//! Numbers that say by themselves whether they are right, and other short codes.

use super::{is_digits, is_hex, is_space};

/// Base64 with its padding, of at least one byte.
pub(super) fn is_base64(text: &str) -> bool {
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let alphabet = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    !text.is_empty() && text.len().is_multiple_of(4) && digits.bytes().all(alphabet)
}

/// A UUID, each of whose hyphens may be left out.
pub(super) fn is_uuid(text: &str, version: Option<char>) -> bool {
    let mut rest = text;
    for (index, size) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix('-').unwrap_or(rest);
        }
        let Some((group, after)) = rest.split_at_checked(size) else { return false };
        let first = group.chars().next().map(|c| c.to_ascii_lowercase());
        let right = match (index, version) {
            (2, Some(_)) => first == version,
            (3, Some('4' | '5')) => matches!(first, Some('8' | '9' | 'a' | 'b')),
            _ => true,
        };
        if !right || !is_hex(group) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

/// An ISBN of ten digits, the last of which may be an `X`.
pub(super) fn is_isbn10(text: &str) -> bool {
    let text = isbn(text);
    let Some((digits, check)) = text.split_at_checked(9) else { return false };
    let check = match check {
        "X" => 10,
        other if other.len() == 1 && is_digits(other) => value(other.as_bytes()[0]),
        _ => return false,
    };
    let sum: u32 = (1..).zip(digits.bytes()).map(|(place, digit)| place * value(digit)).sum();
    is_digits(digits) && (sum + 10 * check).is_multiple_of(11)
}

/// An ISBN of thirteen digits.
pub(super) fn is_isbn13(text: &str) -> bool {
    let text = isbn(text);
    let sum = || {
        let weights = [1, 3].into_iter().cycle();
        weights.zip(text.bytes()).map(|(weight, digit)| weight * value(digit)).sum::<u32>()
    };
    text.len() == 13 && is_digits(&text) && sum().is_multiple_of(10)
}

fn isbn(text: &str) -> String {
    text.chars().filter(|c| !is_space(*c) && *c != '-').collect()
}

fn value(digit: u8) -> u32 {
    u32::from(digit.wrapping_sub(b'0'))
}

/// The number of a credit card of some issuer, whatever stands between its digits.
pub(super) fn is_credit_card(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let starts = |from: u32, to: u32| {
        let size = to.to_string().len();
        digits
            .get(..size)
            .and_then(|start| start.parse().ok())
            .is_some_and(|n| (from..=to).contains(&n))
    };
    let issued = match digits.len() {
        13 => starts(4, 4),
        14 => starts(300, 305) || starts(36, 36) || starts(38, 38),
        15 => starts(34, 34) || starts(37, 37) || starts(2131, 2131) || starts(1800, 1800),
        16 => {
            starts(4, 4) || starts(51, 55) || starts(6011, 6011) || starts(65, 65) || starts(35, 35)
        }
        _ => false,
    };
    // Every second digit from the end counts twice; of two digits that makes, their sum.
    let twice = |n: u32| n * 2 / 10 + n * 2 % 10;
    let sum: u32 = digits
        .bytes()
        .rev()
        .map(value)
        .enumerate()
        .map(|(place, n)| if place % 2 == 1 { twice(n) } else { n })
        .sum();
    issued && sum.is_multiple_of(10)
}

/// A social security number of the United States, in three groups.
pub(super) fn is_social_security_number(text: &str) -> bool {
    let groups: Vec<&str> = text.split(['-', ' ']).collect();
    let sizes: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    sizes == [3, 2, 4] && groups.into_iter().all(is_digits)
}

/// A colour as `rgb(255, 0, 16)`.
pub(super) fn is_rgb_color(text: &str) -> bool {
    let Some(inner) = text.strip_prefix("rgb(").and_then(|rest| rest.strip_suffix(')')) else {
        return false;
    };
    let part = |part: &str| {
        let part = part.trim_matches(is_space);
        is_digits(part) && (part == "0" || !part.starts_with('0')) && part.parse::<u8>().is_ok()
    };
    inner.split(',').count() == 3 && inner.split(',').all(part)
}
