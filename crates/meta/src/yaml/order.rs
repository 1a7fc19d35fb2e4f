//! The order in which `go-yaml` writes the keys of a mapping: letters last, numbers by their size.

use serde_json::{Map, Value};
use std::cmp::Ordering;

/// The fields of an object in the order of their keys: `a2` stands before `a10`.
pub(super) fn sorted(fields: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let mut spare = fields.clone();
    merge_sort(&mut fields, &mut spare);
    fields
}

/// Sorts, and copes with an order that contradicts itself, which this one may do for keys with
/// zeros in front of numbers: the sort of the standard library would be free to panic.
fn merge_sort<'a>(items: &mut [(&'a str, &'a Value)], spare: &mut [(&'a str, &'a Value)]) {
    if items.len() < 2 {
        return;
    }
    let middle = items.len() / 2;
    merge_sort(&mut items[..middle], &mut spare[..middle]);
    merge_sort(&mut items[middle..], &mut spare[middle..]);
    spare.copy_from_slice(items);
    let (mut left, mut right) =
        (spare[..middle].iter().peekable(), spare[middle..].iter().peekable());
    for item in items {
        let from_right = match (left.peek(), right.peek()) {
            (Some(left), Some(right)) => compare(left.0, right.0) == Ordering::Greater,
            (None, _) => true,
            (_, None) => false,
        };
        if let Some(next) = if from_right { right.next() } else { left.next() } {
            *item = *next;
        }
    }
}

/// Compares two keys at the first character in which they differ.
fn compare(left: &str, right: &str) -> Ordering {
    let differs = left.char_indices().zip(right.chars()).find(|((_, l), r)| l != r);
    let Some(((at, l), r)) = differs else {
        return left.len().cmp(&right.len());
    };
    match (l.is_alphabetic(), r.is_alphabetic()) {
        (true, true) => return l.cmp(&r),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // Behind a digit that is not zero, a zero is a digit like others; else it stands in front of a
    // number and does not count.
    let continues = (l == '0' || r == '0')
        && left[..at].bytes().rev().take_while(u8::is_ascii_digit).any(|digit| digit != b'0');
    let (left_size, left_length) = number(&left[at..], continues);
    let (right_size, right_length) = number(&right[at..], continues);
    left_size.cmp(&right_size).then(left_length.cmp(&right_length)).then(l.cmp(&r))
}

/// The number at the beginning of a text and its length; it wraps around as Go's does.
fn number(text: &str, continues: bool) -> (i64, usize) {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    digits.fold((i64::from(continues), 0), |(size, length), digit| {
        (size.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')), length + 1)
    })
}
