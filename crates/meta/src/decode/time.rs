//! What Go says of a time that is none.

use crate::json::quote;
use serde_json::Value;

const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";
/// The parts of the layout, and how many digits each takes; none stand for themselves.
const PARTS: [(&str, usize); 11] = [
    ("2006", 4),
    ("-", 0),
    ("01", 2),
    ("-", 0),
    ("02", 2),
    ("T", 0),
    ("15", 2),
    (":", 0),
    ("04", 2),
    (":", 0),
    ("05", 2),
];

/// The first time in an object's metadata that cannot be read.
pub(super) fn first_problem(metadata: &Value) -> Option<String> {
    let entries = metadata["managedFields"].as_array().into_iter().flatten();
    let times = [&metadata["creationTimestamp"], &metadata["deletionTimestamp"]];
    let times = times.into_iter().chain(entries.map(|entry| &entry["time"]));
    times.filter_map(Value::as_str).find_map(problem)
}

fn problem(text: &str) -> Option<String> {
    let mut rest = text;
    let cannot = |rest: &str, part: &str| {
        let (text, layout, rest, part) = (quote(text), quote(LAYOUT), quote(rest), quote(part));
        Some(format!("parsing time {text} as {layout}: cannot parse {rest} as {part}"))
    };
    for (part, digits) in PARTS {
        let fits = match digits {
            0 => rest.starts_with(part),
            _ => rest.len() >= digits && rest.bytes().take(digits).all(|b| b.is_ascii_digit()),
        };
        if !fits {
            return cannot(rest, part);
        }
        rest = rest.get(part.len()..).unwrap_or_default();
    }
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    if zone.starts_with(['Z', '+', '-']) { None } else { cannot(zone, "Z07:00") }
}
