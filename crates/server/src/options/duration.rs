//! Durations as Go writes them: `300ms`, `1m30s`, `2h`; see
//! [time.ParseDuration](https://pkg.go.dev/time#ParseDuration).

use std::time::Duration;

/// The longest text that is read.
const CHARS_MAX: usize = 64;

/// Reads a duration that is not negative.
///
/// # Errors
/// Where the text is none, in Go's words.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() || text.len() > CHARS_MAX {
        return Err(invalid());
    }
    let mut rest = text;
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        rest = after;
        let unit: u128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "" => return Err(format!("time: missing unit in duration {text:?}")),
            _ => return Err(format!("time: unknown unit {unit:?} in duration {text:?}")),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let whole: u128 =
            if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        nanos = whole.checked_mul(unit).and_then(|n| n.checked_add(nanos)).ok_or_else(invalid)?;
        let mut digit_unit = unit;
        for digit in fraction.chars() {
            digit_unit /= 10;
            nanos += u128::from(digit.to_digit(10).ok_or_else(invalid)?) * digit_unit;
        }
    }
    // Go's durations end here too, after 292 years.
    let nanos = u64::try_from(nanos).ok().filter(|nanos| i64::try_from(*nanos).is_ok());
    nanos.map(Duration::from_nanos).ok_or_else(invalid)
}

/// Writes a duration as Go does.
pub(crate) fn text(time: Duration) -> String {
    let nanos = time.as_nanos();
    let (unit, name) = match nanos {
        0 => return "0s".to_owned(),
        1..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let (seconds, minutes) = (nanos / unit % 60, time.as_secs() / 60);
    let whole = if name == "s" { seconds } else { nanos / unit };
    let fraction = format!(".{:0width$}", nanos % unit, width = unit.ilog10() as usize);
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    let before = match (minutes / 60, minutes % 60) {
        (0, 0) => String::new(),
        (0, minutes) => format!("{minutes}m"),
        (hours, minutes) => format!("{hours}h{minutes}m"),
    };
    format!("{before}{whole}{fraction}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_in_go() {
        for (nanos, want) in [
            (0, "0s"),
            (7, "7ns"),
            (1_100, "1.1µs"),
            (612_345_000, "612.345ms"),
            (1_000_000_000, "1s"),
            (60_000_000_000, "1m0s"),
            (62_500_000_000, "1m2.5s"),
            (3_600_000_000_001, "1h0m0.000000001s"),
        ] {
            let time = Duration::from_nanos(nanos);
            assert_eq!(text(time), want);
            assert_eq!(parse(want), Ok(time));
        }
    }

    #[test]
    fn go_durations() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("2s", 2000),
            ("5m0s", 300_000),
            ("1h2m3.5s", 3_723_500),
            ("1500ms", 1500),
            (".5s", 500),
            ("1.s", 1000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("3µs2ns"), Ok(Duration::from_nanos(3002)));
        for (text, why) in [
            ("", "time: invalid duration \"\""),
            ("5", "time: missing unit in duration \"5\""),
            ("-1s", "time: unknown unit \"-\" in duration \"-1s\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("1..s", "time: invalid duration \"1..s\""),
            (".s", "time: invalid duration \".s\""),
            ("300000000h", "time: invalid duration \"300000000h\""),
        ] {
            assert_eq!(parse(text), Err(why.to_owned()), "{text}");
        }
    }
}
